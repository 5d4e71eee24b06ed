#pragma once
// Features of a sampled layer, rows of data in, rows of features out:
//
//   out[t, j] = σ(b[j] + Σ_k W[j, k] X[t, k])          X (n_rows, n_inputs), W (n_units, n_inputs), b (n_units), out (n_rows, n_units)
//
// Units are the lanes: W lies transposed in panels of two registers of units, b before the n_inputs rows of a panel, zero beyond the last unit.
// A panel passes over several rows at a time, so that a number of W is loaded once for as many products; all rows pass before the next panel
// comes. Every sum runs over k in order from b, whatever the tile: a row of features does not depend on the rows beside it.

#include "../core/koopman_ops.hpp"
#include "math.hpp"
#include "tanh.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
constexpr Index lift_panel = 2 * lanes<Scalar>;                // units of a panel
constexpr int lift_rows_of_tile = vector_bytes == 64 ? 8 : 4;  // two registers a row: half of what there are

template <typename Scalar>
Index lift_packed_size(Index n_units, Index n_inputs) {
  return (n_units + lift_panel<Scalar> - 1) / lift_panel<Scalar> * lift_panel<Scalar> * (n_inputs + 1);
}

template <typename Scalar>
void lift_pack(Index n_units, Index n_inputs, const Scalar* W, const Scalar* b, Scalar* packed) {
  constexpr Index P = lift_panel<Scalar>;
  for (Index j0 = 0; j0 < n_units; j0 += P, packed += P * (n_inputs + 1))
    for (Index j = j0; j < j0 + P; ++j) {
      packed[j - j0] = j < n_units ? b[j] : Scalar(0);
      for (Index k = 0; k < n_inputs; ++k) packed[(k + 1) * P + j - j0] = j < n_units ? W[j * n_inputs + k] : Scalar(0);
    }
}

// n_rows rows of one panel, the first `count` units of it
template <typename Scalar, int n_rows, typename Function>
[[gnu::always_inline]] inline void lift_tile(const LiftRows<Scalar>& r, const Scalar* panel, const Scalar* x, Scalar* out, Index count,
                                             const Function& f) {
  constexpr Index L = lanes<Scalar>, P = lift_panel<Scalar>;
  V<Scalar> a[n_rows][2];
#pragma GCC unroll 8
  for (int i = 0; i < n_rows; ++i) {
    a[i][0] = load(panel);
    a[i][1] = load(panel + L);
  }
  for (Index k = 0; k < r.n_inputs; ++k) {
    panel += P;
    const V<Scalar> w0 = load(panel), w1 = load(panel + L);
#pragma GCC unroll 8
    for (int i = 0; i < n_rows; ++i) {
      const V<Scalar> xk = broadcast(x[i * r.ldx + k]);
      a[i][0] += w0 * xk;
      a[i][1] += w1 * xk;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < n_rows; ++i, out += r.ldo) {
    const V<Scalar> s0 = f(a[i][0]), s1 = f(a[i][1]);
    if (count < L) {
      store_part(out, s0, count);
      continue;
    }
    store(out, s0);
    if (count == P) store(out + L, s1);
    else if (count > L) store_part(out + L, s1, count - L);
  }
}

template <typename Scalar, typename Function>
[[gnu::noinline]] void lift_rows(const LiftRows<Scalar>& r, const Function& f) {
  constexpr Index P = lift_panel<Scalar>;
  constexpr int T = lift_rows_of_tile;
  const Scalar* panel = r.packed;
  for (Index j = 0; j < r.n_units; j += P, panel += P * (r.n_inputs + 1)) {
    const Index count = r.n_units - j < P ? r.n_units - j : P;
    Index t = 0;
    for (; t + T <= r.n_rows; t += T) lift_tile<Scalar, T>(r, panel, r.X + t * r.ldx, r.out + t * r.ldo + j, count, f);
    if constexpr (T > 4)  // the series of a roll-out come four at a time
      for (; t + 4 <= r.n_rows; t += 4) lift_tile<Scalar, 4>(r, panel, r.X + t * r.ldx, r.out + t * r.ldo + j, count, f);
    for (; t < r.n_rows; ++t) lift_tile<Scalar, 1>(r, panel, r.X + t * r.ldx, r.out + t * r.ldo + j, count, f);
  }
}

template <typename Scalar>
void lift(const LiftRows<Scalar>& rows) {
  using R = V<Scalar>;
  switch (rows.activation) {
    case Activation::identity: return lift_rows(rows, [](R x) { return x; });
    case Activation::relu: return lift_rows(rows, [](R x) { return x < 0 ? R{} : x; });
    case Activation::tanh: return lift_rows(rows, [](R x) { return table_tanh<Scalar>(x); });
    case Activation::sigmoid: return lift_rows(rows, [](R x) { return sigmoid_of<Scalar>(x); });
    case Activation::elu: return lift_rows(rows, [](R x) { return x > 0 ? x : expm1_of<Scalar>(x); });
  }
}

}  // namespace
}  // namespace pushforward
