// What a cell says about a step in several ways must be the same: its reverse, D_t, D_t v, what units do to themselves, the pattern of D_t, and
// central differences of the step itself.

#include "arrays.hpp"
#include "pushforward/train/make_cell.hpp"

static CellSettings settings(const char* name, Index n_units, Sources sources = {}) {
  CellSettings s;
  s.name = name;
  s.n_inputs = 3;
  s.n_units = n_units;
  s.leak_rate = 0.3;
  s.sources = std::move(sources);
  return s;
}

// Each unit hears itself and the next one; the last but one nobody.
static Sources ring(Index n) {
  Sources sources;
  for (Index i = 0; i < n; ++i)
    for (const Index j : {i, (i + 1) % n}) sources.push_back(n > 2 && i == n - 2 ? -1 : j);
  return sources;
}

static std::vector<CellSettings> all_cells(Index n) {
  std::vector<CellSettings> cells;
  for (const char* name : {"elman", "linear", "leaky", "gru", "lstm"}) {
    cells.push_back(settings(name, n));
    if (n > 1) cells.push_back(settings(name, n, ring(n)));
  }
  for (const char* name : {"diagonal", "lru", "elstm"}) cells.push_back(settings(name, n));
  CellSettings ode = settings("neural_ode", n);
  ode.dt = 0.3;
  for (const char* decay : {"diagonal", "dense", "gram"}) {
    ode.decay = decay;
    cells.push_back(ode);
  }
  cells.push_back(settings("linear", n));
  cells.back().dt = 0.3;
  cells.push_back(settings("leaky", n));
  cells.back().learn_leak = true;
  for (const bool sparse : {false, n > 1}) {
    cells.push_back(settings("gru", n, sparse ? ring(n) : Sources()));
    cells.back().reset = "before";
  }
  for (const char* name : {"diagonal", "lru", "elstm"}) cells.push_back(settings(name, n));
  for (const char* decay : {"diagonal", "dense", "gram"})
    for (const bool sparse : {false, n > 1}) {
      cells.push_back(settings("neural_ode", n, sparse ? ring(n) : Sources()));
      cells.back().decay = decay;
      cells.back().dt = 0.3;
    }
  return cells;
}

template <typename Scalar>
static bool near(Scalar a, Scalar b, Wide tolerance) {
  return std::abs(Wide(a) - Wide(b)) <= tolerance * (1 + std::abs(Wide(b)));
}

template <typename Scalar>
static void test_cell(const CellSettings& s) {
  const auto cell = make_cell<Scalar>(s);
  const Index n = cell->n_state(), n_gates = cell->n_gates(), n_units = cell->n_units(), ld = padded<Scalar>(n), b = n / n_units;
  const Wide eps = 200 * std::numeric_limits<Scalar>::epsilon();
  const auto name = [&] { return (s.name + (s.sources.empty() ? " " : " sparse ") + s.reset + " " + s.decay + " " + std::to_string(n_units)); };
  Buffer<Scalar> W(cell->n_weights()), recurrent(cell->n_recurrent()), zeros(cell->n_recurrent());
  Buffer<Scalar> u(cell->n_presynaptic()), slopes(cell->n_slopes() + 1);
  each_run(cell->groups(), [&](const Group& g, Index row, Index column, Index, Index count) {
    const auto w = random<Scalar>(count);
    std::copy(w.begin(), w.end(), W.data() + g.weight_offset + row * g.width + column);
  });
  for (const Group& g : cell->groups())  // a group that is the transpose of another
    for (Index i = 0; g.mirror >= 0 && i < g.n_units; ++i)
      for (Index j = 0; j < g.n_presynaptic; ++j) {
        const Group& original = cell->groups()[static_cast<std::size_t>(g.mirror)];
        W[g.weight_offset + i * g.width + j] = W[original.weight_offset + j * original.width + i];
      }
  for (const Group& g : cell->groups())
    if (g.mirror >= 0) {
      const Group& original = cell->groups()[static_cast<std::size_t>(g.mirror)];
      for (Index i = 0; i < g.n_units; ++i)
        for (Index j = 0; j < g.n_presynaptic; ++j) W[g.weight_offset + i * g.width + j] = W[original.weight_offset + j * original.width + i];
    }
  const auto x = random<Scalar>(s.n_inputs), v = random<Scalar>(n);
  auto state = random<Scalar>(n);
  std::vector<Scalar> next(state.size());
  const Input<Scalar> input{x.data()};
  cell->forward(W.data(), state.data(), input, next.data(), u.data(), slopes.data());
  cell->recurrent_weights(W.data(), recurrent.data());

  // by adjoint: column k of V is the k-th unit vector, so that V_before = Dᵀ and E = Mᵀ
  Buffer<Scalar> V(n * ld), E(n_gates * ld), E_again(n_gates * ld), Dt(n * ld), D(n * ld);
  const auto unit_vectors = [&] {
    V.clear();
    for (Index k = 0; k < n; ++k) V[k * ld + k] = 1;
  };
  unit_vectors();
  cell->adjoint(recurrent.data(), slopes.data(), n, n, V.data(), ld, E.data(), ld, Dt.data(), ld);
  unit_vectors();
  cell->adjoint(recurrent.data(), slopes.data(), n, n, V.data(), ld, E_again.data(), ld, nullptr, 0);
  for (Index i = 0; i < E.size(); ++i) CHECK(E[i] == E_again[i], "%s: E with and without V_before", name().data());

  std::vector<Scalar> one = v, e(static_cast<std::size_t>(n_gates)), before(v.size());
  cell->adjoint(recurrent.data(), slopes.data(), 1, n, one.data(), 1, e.data(), 1, before.data(), 1);
  const auto product = [&](const Buffer<Scalar>& A, Index row) {
    Wide sum = 0;
    for (Index k = 0; k < n; ++k) sum += Wide(A[row * ld + k]) * v[static_cast<std::size_t>(k)];
    return static_cast<Scalar>(sum);
  };
  for (Index i = 0; i < n_gates; ++i) CHECK(near(e[static_cast<std::size_t>(i)], product(E, i), eps), "%s: E of a vector", name().data());
  for (Index i = 0; i < n; ++i) CHECK(near(before[static_cast<std::size_t>(i)], product(Dt, i), eps), "%s: V_before of a vector", name().data());

  std::fill(D.begin(), D.end(), guard<Scalar>);
  if (cell->dynamics_jacobian(recurrent.data(), slopes.data(), D.data(), ld))
    for (Index r = 0; r < n; ++r)
      for (Index c = 0; c < n; ++c) CHECK(near(D[r * ld + c], Dt[c * ld + r], eps), "%s: D at %td %td", name().data(), r, c);
  std::vector<Scalar> Dv(v.size());
  if (cell->tangent(recurrent.data(), slopes.data(), v.data(), Dv.data()))
    for (Index r = 0; r < n; ++r) {
      Wide sum = 0;
      for (Index c = 0; c < n; ++c) sum += Wide(Dt[c * ld + r]) * v[static_cast<std::size_t>(c)];
      CHECK(near(Dv[static_cast<std::size_t>(r)], static_cast<Scalar>(sum), eps), "%s: D v", name().data());
    }

  for (Index r = 0; r < n; ++r)
    for (Index c = 0; c < n; ++c) {
      const RowPattern p = cell->row_pattern(r);
      CHECK(c < p.dense || c == p.lone || Dt[c * ld + r] == 0, "%s: pattern of D at %td %td", name().data(), r, c);
      CHECK(cell->coupling() != Coupling::none || r % n_units == c % n_units || Dt[c * ld + r] == 0, "%s: uncoupled states", name().data());
    }
  if (cell->coupling() != Coupling::full) {
    std::vector<Scalar> D_own(static_cast<std::size_t>(b * n)), M_own(static_cast<std::size_t>(b * n_gates));
    std::vector<Scalar> leak(D_own.size()), without(D_own.size());
    cell->own_jacobians(recurrent.data(), slopes.data(), D_own.data(), M_own.data());
    for (Index k = 0; k < b; ++k)
      for (Index i = 0; i < n_units; ++i) {
        for (Index l = 0; l < b; ++l)
          CHECK(near(D_own[static_cast<std::size_t>((k * b + l) * n_units + i)], Dt[(l * n_units + i) * ld + k * n_units + i], eps), "%s: D_own",
                name().data());
        for (Index g = 0; g < n_gates; ++g) {
          const Scalar m = E[g * ld + k * n_units + i];
          if (g % n_units == i)
            CHECK(near(M_own[static_cast<std::size_t>(k * n_gates + g)], m, eps), "%s: M_own", name().data());
          else
            CHECK(m == 0, "%s: gate %td moves another unit", name().data(), g);
        }
      }
    cell->own_jacobians(nullptr, slopes.data(), leak.data(), M_own.data());
    cell->own_jacobians(zeros.data(), slopes.data(), without.data(), M_own.data());
    for (std::size_t i = 0; i < leak.size() && cell->coupling() == Coupling::recurrent && s.name != "neural_ode"; ++i)  // its decay is a leak
      CHECK(leak[i] == without[i], "%s: D_own without recurrent weights", name().data());
  }

  if (sizeof(Scalar) < 8) return;  // central differences: of the state, and of one weight of every gate
  const auto difference = [&](Scalar& number, auto&& compare) {
    constexpr Scalar h = Scalar(1e-5);
    const Scalar was = number;
    Buffer<Scalar> scratch(cell->n_presynaptic() + cell->n_slopes() + 1);
    std::vector<Scalar> high(state.size()), low(state.size());
    for (std::vector<Scalar>* side : {&high, &low}) {
      number = side == &high ? was + h : was - h;
      cell->forward(W.data(), state.data(), input, side->data(), scratch.data(), scratch.data() + cell->n_presynaptic());
    }
    number = was;
    for (Index r = 0; r < n; ++r) compare(r, (high[static_cast<std::size_t>(r)] - low[static_cast<std::size_t>(r)]) / (2 * h));
  };
  for (Index c = 0; c < n; ++c)
    difference(state[static_cast<std::size_t>(c)], [&](Index r, Scalar slope) {
      CHECK(near(Dt[c * ld + r], slope, 1e-8L), "%s: ∂s[%td]/∂s[%td] by differences", name().data(), r, c);
    });
  each_run(cell->groups(), [&](const Group& g, Index row, Index column, Index, Index count) {
    const Index unit = g.column ? 0 : row, at = column + count - 1;  // the last number of the run
    Buffer<Scalar> numbers(g.width);
    if (!g.column) presynaptic_row(g, unit, u.data(), numbers.data());
    const Scalar pre = g.column ? presynaptic_number(g, at, u.data()) : numbers[at];
    const Index gate = g.first_gate + (g.column ? at : unit);
    difference(W[g.weight_offset + row * g.width + at], [&](Index r, Scalar slope) {
      CHECK(near(E[gate * ld + r] * pre, slope, 1e-8L), "%s: ∂s[%td]/∂a[%td] by differences", name().data(), r, gate);
    });
  });
}

int main() {
  at_every_isa([] {
    for (const Index n : {1, 2, 5, 16, 70})  // 70: more than a stretch of units, no multiple of a register
      for (const CellSettings& s : all_cells(n)) {
        test_cell<float>(s);
        test_cell<double>(s);
      }
  });
  return verdict();
}
