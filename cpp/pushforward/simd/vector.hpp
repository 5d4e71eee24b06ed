#pragma once
// The element-wise loops: one pass over the data, the equation of each beside it.

#include "../core/ops.hpp"
#include "math.hpp"

namespace pushforward {
namespace {

// y = f(x), register by register; f takes and returns V<Scalar>
template <typename Scalar, typename Function>
[[gnu::always_inline]] inline void map(Index n, const Scalar* x, Scalar* y, const Function& f) {
  each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) { io.store(y + i, f(io.load(x + i))); });
}

template <typename Scalar>
void axpy(Index n, Scalar alpha, const Scalar* x, Scalar* y) {
  each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) { io.store(y + i, io.load(y + i) + alpha * io.load(x + i)); });
}

template <typename Scalar>
void multiply(Index n, const Scalar* x, const Scalar* y, Scalar* z, bool accumulate) {
  if (accumulate)
    each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) {
      io.store(z + i, io.load(z + i) + io.load(x + i) * io.load(y + i));
    });
  else
    each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) { io.store(z + i, io.load(x + i) * io.load(y + i)); });
}

template <typename Scalar>
void scale_rows(Index m, Index n, const Scalar* d, const Scalar* X, Index ldx, Scalar* Y, Index ldy) {
  for (Index r = 0; r < m; ++r, X += ldx, Y += ldy) map(n, X, Y, [s = d[r]](V<Scalar> x) __attribute__((always_inline)) { return s * x; });
}

template <typename Scalar>
void exponential(Index n, const Scalar* x, Scalar* y) {
  map(n, x, y, [](V<Scalar> v) __attribute__((always_inline)) { return exp_of<Scalar>(v); });
}

template <typename Scalar>
void expm1(Index n, const Scalar* x, Scalar* y) {
  map(n, x, y, [](V<Scalar> v) __attribute__((always_inline)) { return expm1_of<Scalar>(v); });
}

// s = σ(a), slope = σ'(s)
template <typename Scalar, typename Function, typename Slope>
[[gnu::always_inline]] inline void map_with_slope(Index n, const Scalar* a, Scalar* s, Scalar* slope, const Function& f, const Slope& f_slope) {
  if (!slope) return map(n, a, s, f);
  each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) {
    const V<Scalar> value = f(io.load(a + i));
    io.store(s + i, value);
    io.store(slope + i, f_slope(value));
  });
}

template <typename Scalar>
void activate(Activation activation, Index n, const Scalar* a, Scalar* s, Scalar* slope) {
  using R = V<Scalar>;
  constexpr Scalar one = 1;
  switch (activation) {
    case Activation::identity:
      return map_with_slope(n, a, s, slope, [](R x) { return x; }, [](R) { return broadcast(one); });
    case Activation::relu:  // a NaN stays one: the comparison is false for it
      return map_with_slope(n, a, s, slope, [](R x) { return x < 0 ? R{} : x; }, [](R y) { return y > 0 ? broadcast(one) : R{}; });
    case Activation::tanh:
      return map_with_slope(n, a, s, slope, [](R x) { return tanh_of<Scalar>(x); }, [](R y) { return one - y * y; });
    case Activation::sigmoid:
      return map_with_slope(n, a, s, slope, [](R x) { return sigmoid_of<Scalar>(x); }, [](R y) { return y * (one - y); });
    case Activation::elu:
      return map_with_slope(n, a, s, slope, [](R x) { return x > 0 ? x : expm1_of<Scalar>(x); }, [](R y) { return y > 0 ? broadcast(one) : one + y; });
  }
}

// w = c tanh(θ / c), slope = 1 − (w / c)²
template <typename Scalar>
void bound(Index n, Scalar c, const Scalar* theta, Scalar* w, Scalar* slope) {
  each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) {
    const V<Scalar> t = tanh_of<Scalar>(io.load(theta + i) / c);
    io.store(w + i, c * t);
    if (slope) io.store(slope + i, Scalar(1) - t * t);
  });
}

// x · 0 is 0 for a finite x and NaN otherwise
template <typename Scalar>
bool all_finite(Index n, const Scalar* x) {
  V<Scalar> sum[4] = {};
  Index i = 0;
  constexpr Index L = lanes<Scalar>;
  for (; i + 4 * L <= n; i += 4 * L)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] += load(x + i + j * L) * Scalar(0);
  each_register<Scalar>(n - i, [&](Index k, auto io) __attribute__((always_inline)) { sum[0] += io.load(x + i + k) * Scalar(0); });
  Scalar last[L];
  store(last, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  bool finite = true;
  for (Index l = 0; l < L; ++l) finite &= last[l] == 0;
  return finite;
}

// 16 running sums whatever the register, so that the order is a matter of n alone
template <typename Scalar>
double squared_norm(Index n, const Scalar* x) {
  double sum[16] = {};
  Index i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; ++j) sum[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
  for (int j = 0; i < n; ++i, ++j) sum[j] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (int half = 8; half > 0; half /= 2)
    for (int j = 0; j < half; ++j) sum[j] += sum[j + half];
  return sum[0];
}

// 2 · lanes · sums · n_rounds flop. More sums than the latency of a multiply-add times the units that do it, all in registers.
template <typename Scalar>
[[gnu::noinline]] double fma_probe(Index n_rounds) {
  constexpr int sums = vector_bytes == 64 ? 24 : 12;
  V<Scalar> sum[sums];
  for (int j = 0; j < sums; ++j) sum[j] = broadcast(Scalar(j));
  const V<Scalar> a = broadcast(Scalar(0.999)), b = broadcast(Scalar(0.001));
  for (Index i = 0; i < n_rounds; ++i)
#pragma GCC unroll 24
    for (int j = 0; j < sums; ++j) sum[j] = sum[j] * a + b;
  Scalar total = 0;
  for (int j = 0; j < sums; ++j) total += sum[j][0];
  const double flop = 2.0 * static_cast<double>(lanes<Scalar> * sums) * static_cast<double>(n_rounds);
  return total >= 0 ? flop : -flop;  // the sums stay positive: this only ties the result to them
}

}  // namespace
}  // namespace pushforward
