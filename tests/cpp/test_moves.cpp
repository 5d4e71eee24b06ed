// The moves of an influence, at every level this processor can run, in both precisions, against plain loops in long double.

#include "arrays.hpp"

// Where Φ may differ from zero: row r in the columns before extent[r] and in lone[r].
struct Pattern {
  std::vector<Index> extent, lone;  // empty: Φ is full; there are none
  bool holds(Index r, Index k) const {
    const auto row = static_cast<std::size_t>(r);
    return extent.empty() || k < extent[row] || (!lone.empty() && k == lone[row]);
  }
};

// Layers of 5, 6, 7, … states: every row reaches the end of its own.
static Pattern layers(Index n) {
  Pattern p;
  for (Index end = 5, size = 6; static_cast<Index>(p.extent.size()) < n; end += size++)
    while (static_cast<Index>(p.extent.size()) < std::min(end, n)) p.extent.push_back(std::min(end, n));
  return p;
}

// [h; c]: the columns of h are full, and each row has one more in the column of its c.
static Pattern two_halves(Index n) {
  Pattern p;
  const Index half = n / 2;
  for (Index r = 0; r < n; ++r) p.extent.push_back(half), p.lone.push_back(half + r % (n - half));
  return p;
}

// Rows of every kind side by side, so that blocks of rows straddle them: the diagonal alone, nothing, some columns and the last one, all.
static Pattern mixed(Index n) {
  Pattern p;
  for (Index r = 0; r < n; ++r) {
    const Index kind = (r / 3) % 4, some = std::min<Index>(2 * r % 7 + 1, n - 1);
    p.extent.push_back(kind == 2 ? some : kind == 3 ? n : 0);
    p.lone.push_back(kind == 0 ? r : kind == 2 ? n - 1 : -1);
  }
  return p;
}

template <typename Scalar>
static void test_influence(Index n, Index n_steps, bool with_phi, bool with_read, bool shared, const Pattern& pattern = {}) {
  const Index n_cols = padded<Scalar>(n + 11), n_units = 3, first = 1, last = 3, lane = padded<Scalar>(1);
  const Index E_unit = n + 1, E_step = n_units * E_unit, U_unit = shared ? 0 : n_cols, U_step = shared ? n_cols : n_units * n_cols;
  const Index zero_first = lane, zero_last = n_cols - lane > lane ? n_cols - lane : lane;
  const auto& o = ops<Scalar>();
  Buffer<Scalar> J(n_units * n * n_cols), G(n_units * n_cols), U(n_steps * U_step), packed(o.packed_size(n));
  // sized for more steps than are moved, as a learner does
  const Index n_scratch = o.influence_scratch(n, n_steps + (shared ? 3 : 0));
  Buffer<Scalar> scratch(n_scratch + 64);
  std::fill(scratch.begin() + n_scratch, scratch.end(), guard<Scalar>);
  const auto fill = [](Buffer<Scalar>& b) {
    const auto x = random<Scalar>(b.size());
    std::copy(x.begin(), x.end(), b.begin());
  };
  fill(J), fill(G), fill(U);
  for (Index s = 0; s < n_steps; ++s)
    for (Index i = 0; i < (shared ? 1 : n_units); ++i)
      for (Index c = zero_first; c < zero_last; ++c) U[s * U_step + i * U_unit + c] = 0;
  auto Phi = random<Scalar>(n * n), lone_value = random<Scalar>(n);
  for (Index r = 0; r < n; ++r)
    for (Index k = 0; k < n; ++k)
      if (!pattern.holds(r, k)) Phi[k * n + r] = 0;
  for (Index r = 0; r < n && !pattern.lone.empty(); ++r)
    if (pattern.lone[r] >= 0) lone_value[r] = Phi[pattern.lone[r] * n + r];
  const auto E = random<Scalar>(n_steps * E_step + 1), lambda = random<Scalar>(n);
  const std::vector<Scalar> J0(J.begin(), J.end()), G0(G.begin(), G.end());
  o.pack(n, Phi.data(), 1, n, pattern.extent.empty() ? nullptr : pattern.extent.data(), packed.data());  // Phi is read transposed
  InfluenceMove<Scalar> move;
  move.n_state = n, move.n_cols = n_cols, move.first_unit = first, move.last_unit = last, move.J = J.data();
  move.Phi_packed = with_phi ? packed.data() : nullptr;
  if (!pattern.lone.empty()) move.lone_column = pattern.lone.data(), move.lone_value = lone_value.data();
  move.n_steps = n_steps, move.E = E.data(), move.E_step_stride = E_step, move.E_unit_stride = E_unit;
  move.U = U.data(), move.U_step_stride = U_step, move.U_unit_stride = U_unit, move.zero_first = zero_first, move.zero_last = zero_last;
  move.lambda = with_read ? lambda.data() : nullptr, move.G = with_read ? G.data() : nullptr, move.scratch = scratch.data();
  o.influence_move(move);
  for (Index k = n_scratch; k < scratch.size(); ++k) CHECK(scratch[k] == guard<Scalar>, "move n %td steps %td keeps to its scratch", n, n_steps);
  for (Index i = 0; i < n_units; ++i)
    for (Index c = 0; c < n_cols; ++c) {
      const bool mine = i >= first && i < last;
      Wide g = G0[i * n_cols + c], size = std::abs(g);
      for (Index r = 0; mine && with_read && r < n; ++r) g += Wide(lambda[r]) * J0[(i * n + r) * n_cols + c], size += 1;
      CHECK(std::abs(G[i * n_cols + c] - g) <= tolerance<Scalar>(n, size), "move's read n %td steps %td", n, n_steps);
      for (Index r = 0; r < n; ++r) {
        const Wide old = J0[(i * n + r) * n_cols + c];
        Wide sum = !mine || !with_phi ? old : 0, terms = std::abs(old) + 1;
        for (Index k = 0; mine && with_phi && k < n; ++k) sum += Wide(Phi[k * n + r]) * J0[(i * n + k) * n_cols + c], terms += 1;
        for (Index s = 0; mine && s < n_steps; ++s) sum += Wide(E[s * E_step + i * E_unit + r]) * U[s * U_step + i * U_unit + c], terms += 1;
        CHECK(std::abs(J[(i * n + r) * n_cols + c] - sum) <= tolerance<Scalar>(n + n_steps, terms),
              "move n %td steps %td phi %d unit %td at %td %td", n, n_steps, with_phi, i, r, c);
      }
    }
  const std::vector<Scalar> J1(J.begin(), J.end()), G1(G.begin(), G.end());
  o.influence_read(n, n_cols, first, last, J.data(), lambda.data(), G.data());
  for (Index i = first; i < last; ++i)
    for (Index c = 0; c < n_cols; ++c) {
      Wide g = G1[i * n_cols + c], size = std::abs(g);
      for (Index r = 0; r < n; ++r) {
        const Wide term = Wide(lambda[r]) * J1[(i * n + r) * n_cols + c];
        g += term, size += std::abs(term);
      }
      CHECK(std::abs(G[i * n_cols + c] - g) <= tolerance<Scalar>(n, size), "read n %td", n);
    }
}

template <typename Scalar>
static void test_all() {
  for (const Index n : sizes)
    for (const Index n_steps : {0, 1, 4, 5, 16, 19})
      for (const int choice : {0, 1, 2, 3, 4, 5, 6, 7})
        if (n <= 33 || n_steps == 5 || choice == 3) test_influence<Scalar>(n, n_steps, choice & 1, choice & 2, choice & 4);
  for (const Index n : {2, 3, 8, 9, 17, 23, 24, 40, 70})
    for (const Index n_steps : {0, 1, 4, 19})
      for (const bool with_read : {false, true})
        for (const Pattern& pattern : {layers(n), two_halves(n), mixed(n)})
          test_influence<Scalar>(n, n_steps, true, with_read, n_steps != 4, pattern);
  test_influence<Scalar>(450, 7, true, true, true, layers(450)), test_influence<Scalar>(450, 1, true, true, true, mixed(450));
  test_influence<Scalar>(500, 7, true, true, true), test_influence<Scalar>(700, 300, true, false, true);
  test_influence<Scalar>(300, 300, true, true, false);
}

int main() {
  at_every_isa([] {
    test_all<float>();
    test_all<double>();
  });
  return verdict();
}
