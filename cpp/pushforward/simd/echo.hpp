#pragma once
// What happens to all units of an echo state layer once W_rec s is known (core/stream_ops.hpp).

#include "../core/stream_ops.hpp"
#include "math.hpp"
#include "matvec.hpp"

namespace pushforward {
namespace {

// 1 / d for a normal d, to about an ulp: an estimate and Newton's r ← r (2 − d r), which costs a third of a division.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> inverse_of(V<Scalar> d) {
#if PUSHFORWARD_VECTOR_BYTES == 64
  V<Scalar> r;
  if constexpr (sizeof(Scalar) == 4) r = _mm512_maskz_rcp14_ps(0xFFFF, d);
  else r = _mm512_maskz_rcp14_pd(0xFF, d);
  r *= Scalar(2) - d * r;  // 14 bits, 28
  if constexpr (sizeof(Scalar) == 8) r *= Scalar(2) - d * r;
  return r;
#else
  return Scalar(1) / d;
#endif
}

// tanh_of of math.hpp without its last corrections: m / (m + 2), m = exp(2 |x|) − 1, to a few ulp. A reservoir takes millions of them.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> quick_tanh(V<Scalar> x) {
  using E = Exponent<Scalar>;
  const I<Scalar> sign = (I<Scalar>)x & E::sign;
  const V<Scalar> size = (V<Scalar>)((I<Scalar>)x ^ sign);
  V<Scalar> y = size + size;
  y = y > E::tanh_one ? broadcast(E::tanh_one) : y;
  const Reduced<Scalar> f = reduce<Scalar>(y);
  const V<Scalar> power = power_of_two<Scalar>(f.t);
  const V<Scalar> m = power * f.rest + (power * f.r + (power - Scalar(1)));
  const V<Scalar> ratio = m * inverse_of<Scalar>(m + Scalar(2)), value = ratio > 1 ? broadcast(Scalar(1)) : ratio;  // a NaN stays one
  return (V<Scalar>)((I<Scalar>)(size < E::linear ? size : value) | sign);
}

// False when a new s is not finite: x · 0 is 0 for a finite x and NaN otherwise.
template <typename Scalar, typename Function>
[[gnu::always_inline]] inline bool echo_loop(const EchoUpdate<Scalar>& u, const Function& f) {
  V<Scalar> spoilt = {};
  each_register<Scalar>(u.n, [&](Index i, auto io) __attribute__((always_inline)) {
    V<Scalar> a = io.load(u.a + i) + io.load(u.drive + i);
    if (u.gain) a *= io.load(u.gain + i);
    if (u.shift) a += io.load(u.shift + i);
    V<Scalar> s = f(a);
    if (u.leak) {
      const V<Scalar> leak = io.load(u.leak + i);
      s = leak * s + (Scalar(1) - leak) * io.load(u.kept + i);
    }
    io.store(u.s + i, s);
    spoilt += s * Scalar(0);
  });
  return sum_lanes<Scalar>(spoilt) == 0;
}

template <typename Scalar>
bool echo_update(const EchoUpdate<Scalar>& u) {
  using R = V<Scalar>;
  switch (u.activation) {
    case Activation::identity: return echo_loop(u, [](R x) { return x; });
    case Activation::relu: return echo_loop(u, [](R x) { return x < 0 ? R{} : x; });  // a NaN stays one
    case Activation::tanh: return echo_loop(u, [](R x) { return quick_tanh<Scalar>(x); });
    case Activation::sigmoid: return echo_loop(u, [](R x) { return sigmoid_of<Scalar>(x); });
    case Activation::elu: return echo_loop(u, [](R x) { return x > 0 ? x : expm1_of<Scalar>(x); });
  }
  return false;
}

}  // namespace
}  // namespace pushforward
