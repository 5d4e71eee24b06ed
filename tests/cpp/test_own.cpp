// The move of an influence on the unit's own states, at every level this processor can run, in both precisions, against plain loops in long double.

#include "arrays.hpp"

template <typename Scalar>
struct Problem {
  Index n_rows, b, width, n_steps, unit_stride, E_state, E_step, A_step, U_step;
  std::vector<Scalar> Phi, lambda, A, E;
  Buffer<Scalar> J, G, U;

  Problem(Index rows, Index n_own, Index n_cols, Index steps)
      : n_rows(rows), b(n_own), width(padded<Scalar>(n_cols)), n_steps(steps), unit_stride(rows + 1), E_state(rows + 2), E_step(n_own * E_state + 1),
        A_step(rows + 5), U_step(width + padded<Scalar>(1)), Phi(random<Scalar>((b * b - 1) * unit_stride + rows)),
        // the last of each ends with its last number: a read beyond it shows under the address sanitizer
        lambda(random<Scalar>((b - 1) * unit_stride + rows)), A(random<Scalar>(steps > 0 ? (steps - 1) * A_step + rows : 0)),
        E(random<Scalar>(steps > 0 ? (steps - 1) * E_step + (b - 1) * E_state + rows : 0)), J(rows * b * width + 16), G(rows * width + 16),
        U(steps * U_step) {
    for (Buffer<Scalar>* buffer : {&J, &G, &U}) {
      const auto x = random<Scalar>(buffer->size());
      std::copy(x.begin(), x.end(), buffer->begin());
    }
    std::fill(J.end() - 16, J.end(), guard<Scalar>), std::fill(G.end() - 16, G.end(), guard<Scalar>);
  }

  void move(bool reads, bool moves) {
    OwnMove<Scalar> m;
    m.n_rows = n_rows, m.n_own = b, m.n_cols = width, m.n_steps = n_steps;
    m.J = J.data(), m.G = reads ? G.data() : nullptr;
    m.Phi = moves ? Phi.data() : nullptr, m.lambda = reads ? lambda.data() : nullptr, m.unit_stride = unit_stride;
    m.U = U.data(), m.U_step_stride = U_step;
    m.A = reads ? A.data() : nullptr, m.A_step_stride = A_step;
    m.E = moves ? E.data() : nullptr, m.E_step_stride = E_step, m.E_state_stride = E_state;
    ops<Scalar>().own_move(m);
  }
};

template <typename Scalar>
static void test_own_move(Index n_rows, Index b, Index n_cols, Index n_steps, bool reads, bool moves) {
  Problem<Scalar> p(n_rows, b, n_cols, n_steps);
  const std::vector<Scalar> J0(p.J.begin(), p.J.end()), G0(p.G.begin(), p.G.end());
  p.move(reads, moves);
  const auto before = [&](Index i, Index l, Index c) { return Wide(J0[static_cast<std::size_t>((i * b + l) * p.width + c)]); };
  for (Index i = 0; i < n_rows; ++i)
    for (Index c = 0; c < p.width; ++c) {
      Wide g = G0[static_cast<std::size_t>(i * p.width + c)], size = std::abs(g);
      const auto add = [&](Wide& sum, Wide x, Wide y) { sum += x * y, size += std::abs(x * y); };
      for (Index l = 0; reads && l < b; ++l) add(g, p.lambda[static_cast<std::size_t>(l * p.unit_stride + i)], before(i, l, c));
      for (Index s = 0; reads && s < n_steps; ++s) add(g, p.A[static_cast<std::size_t>(s * p.A_step + i)], p.U[s * p.U_step + c]);
      CHECK(std::abs(p.G[i * p.width + c] - g) <= tolerance<Scalar>(b + n_steps, size),
            "own_move's read %td x %td b %td steps %td moves %d at %td %td", n_rows, n_cols, b, n_steps, moves, i, c);
      for (Index k = 0; k < b; ++k) {
        Wide j = moves ? 0 : before(i, k, c);
        size = std::abs(j);
        for (Index l = 0; moves && l < b; ++l) add(j, p.Phi[static_cast<std::size_t>((k * b + l) * p.unit_stride + i)], before(i, l, c));
        for (Index s = 0; moves && s < n_steps; ++s)
          add(j, p.E[static_cast<std::size_t>(s * p.E_step + k * p.E_state + i)], p.U[s * p.U_step + c]);
        CHECK(std::abs(p.J[(i * b + k) * p.width + c] - j) <= tolerance<Scalar>(b + n_steps, size),
              "own_move %td x %td b %td steps %td reads %d at %td %td %td", n_rows, n_cols, b, n_steps, reads, i, k, c);
      }
    }
  for (Index k = 1; k <= 16; ++k)
    CHECK(p.J.end()[-k] == guard<Scalar> && p.G.end()[-k] == guard<Scalar>, "own_move %td x %td keeps to its rows", n_rows, n_cols);
}

// A unit's numbers do not depend on which other units are moved along with it: chunks and threads change no bit.
template <typename Scalar>
static void test_own_move_in_pieces(Index b, Index n_cols) {
  Problem<Scalar> p(37, b, n_cols, 5);
  const std::vector<Scalar> J0(p.J.begin(), p.J.end()), G0(p.G.begin(), p.G.end());
  p.move(true, true);
  const std::vector<Scalar> J1(p.J.begin(), p.J.end()), G1(p.G.begin(), p.G.end());
  std::copy(J0.begin(), J0.end(), p.J.begin()), std::copy(G0.begin(), G0.end(), p.G.begin());
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 3}, {3, 1}, {4, 20}, {24, 13}}) {
    OwnMove<Scalar> m;
    m.n_rows = count, m.n_own = b, m.n_cols = p.width, m.n_steps = p.n_steps;
    m.J = p.J.data() + first * b * p.width, m.G = p.G.data() + first * p.width;
    m.Phi = p.Phi.data() + first, m.lambda = p.lambda.data() + first, m.unit_stride = p.unit_stride;
    m.U = p.U.data(), m.U_step_stride = p.U_step;
    m.A = p.A.data() + first, m.A_step_stride = p.A_step;
    m.E = p.E.data() + first, m.E_step_stride = p.E_step, m.E_state_stride = p.E_state;
    ops<Scalar>().own_move(m);
  }
  const bool same = std::equal(J1.begin(), J1.end(), p.J.begin()) && std::equal(G1.begin(), G1.end(), p.G.begin());
  CHECK(same, "own_move in pieces, b %td, %td columns", b, n_cols);
}

template <typename Scalar>
static void test_all() {
  for (const Index b : {1, 2})
    for (const Index n_cols : {1, 16, 17, 40, 64, 75, 300}) {
      for (const Index n_rows : {0, 1, 3, 7, 8, 9, 16, 31, 32, 33, 101})
        for (const Index n_steps : {0, 1, 2, 5, 33})
          for (const int choice : {1, 2, 3}) test_own_move<Scalar>(n_rows, b, n_cols, n_steps, choice & 1, choice & 2);
      test_own_move_in_pieces<Scalar>(b, n_cols);
    }
}

int main() {
  at_every_isa([] {
    test_all<float>();
    test_all<double>();
  });
  return verdict();
}
