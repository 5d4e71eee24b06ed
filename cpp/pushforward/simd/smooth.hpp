#pragma once
// The functions of core/smooth.hpp and their slopes, of a register: for every argument, infinities and NaN included.
//
//   softplus a = max(a, 0) + log(1 + e)         e = exp(−|a|),  log(1 + e) = 2 artanh s,  s = e / (2 + e) ≤ 1/3,  artanh s = s + s³ p(s²)
//   Φ(−z)      = exp(−z²/2) q(y) / (1 + z)      z = |a|,  y = (z − K) / (z + K)
//   gelu a     = a Φ(a),   slope  Φ(a) + a exp(−z²/2) / √(2π)
//
// p and q are minimax polynomials for the relative error of log(1 + e) and of Φ(−z). Errors are 4 units in the last place or less, but that of Φ(−z)
// where z > 2: there it is z² units, from the rounding of z². Slopes are as good beside 1, their largest value, not where they are small: those of
// tanh and the logistic function come from the output, and are 0 once it has rounded to ±1 (tests/test_diagonal_network.py).

#include "../core/smooth.hpp"
#include "tanh.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
struct SmoothFit;

template <>
struct SmoothFit<float> {
  static constexpr float p[] = {0.33333206579072f, 0.20010849047636f, 0.13999571803987f, 0.14012249586535f};
  static constexpr float K = 2.75f, highest = 14.5f;  // Φ(−highest) is 0
  static constexpr float q[] = {0.4902177573f,    -0.09465498918f, -0.02661224932f, 0.04672067137f,   -0.01648023023f,
                                -0.003043957837f, 0.002713483329f, 0.0005867046507f, -0.0003778775646f, -0.0001475500205f};
};

template <>
struct SmoothFit<double> {
  static constexpr double p[] = {0.33333333333333151904,  0.20000000000078621114, 0.14285714273926915595, 0.11111111984869690025,
                                 0.090908719622625075835, 0.076932799665213089248, 0.066504867219857351157, 0.060530437147354526013,
                                 0.041700481227681204405, 0.08509292600729792242};
  static constexpr double K = 4.5, highest = 39;
  static constexpr double q[] = {0.466418656592901933,     -0.0944567588881870133,   0.0238429647691131954,    0.0189226566627289082,
                                 -0.0303768909655065592,   0.0226163104468094823,    -0.0105910853422772562,   0.00271124610535605343,
                                 0.000119255748348316851,  -0.000353001810686466281, 0.0000709517714579605918, 0.0000338351484629018558,
                                 -0.0000148947272779874662, -3.58598484678072438e-6, 2.54735171891711363e-6,   5.25768396231519944e-7,
                                 -4.22071057220281271e-7,  -1.06355764525610755e-7,  6.32117724188747052e-8,   2.19196506047131818e-8,
                                 -6.13712994702916111e-9,  -2.8098556471454591e-9};
};

template <typename Scalar, std::size_t n>
[[gnu::always_inline]] inline V<Scalar> polynomial(const Scalar (&c)[n], V<Scalar> x) {
  V<Scalar> sum = broadcast(c[n - 1]);
#pragma GCC unroll 24
  for (std::size_t k = n - 1; k > 0; --k) sum = sum * x + c[k - 1];
  return sum;
}

template <typename Scalar>
struct Smooth {
  V<Scalar> value, slope;
};

template <typename Scalar>
[[gnu::always_inline]] inline Smooth<Scalar> softplus_of(V<Scalar> a) {
  constexpr Scalar one = 1, two = 2;
  const V<Scalar> e = exp_of<Scalar>((V<Scalar>)((I<Scalar>)a | Exponent<Scalar>::sign));
  const V<Scalar> s = e / (two + e), u = s * s, twice = s + s;
  const V<Scalar> log = twice + twice * (u * polynomial(SmoothFit<Scalar>::p, u));
  return {(a > 0 ? a : V<Scalar>{}) + log, (a < 0 ? e : broadcast(one)) / (one + e)};
}

template <typename Scalar>
[[gnu::always_inline]] inline Smooth<Scalar> gelu_of(V<Scalar> a) {
  using F = SmoothFit<Scalar>;
  constexpr Scalar one = 1, half = Scalar(0.5), density = Scalar(0.398942280401432677940);  // 1 / √(2π)
  const V<Scalar> size = (V<Scalar>)((I<Scalar>)a & ~Exponent<Scalar>::sign);
  const V<Scalar> z = size > F::highest ? broadcast(F::highest) : size, x = a < -F::highest ? broadcast(-F::highest) : a;
  const V<Scalar> r = one / ((z + F::K) * (one + z));
  const V<Scalar> y = (z - F::K) * ((one + z) * r), e = exp_of<Scalar>(z * z * -half);
  const V<Scalar> tail = e * (polynomial(F::q, y) * ((z + F::K) * r)), below = a < 0 ? tail : one - tail;
  const V<Scalar> rise = z < F::highest ? x * (e * density) : V<Scalar>{};  // not ∞ · 0
  return {x * below, below + rise};
}

template <SmoothActivation activation, typename Scalar>
[[gnu::always_inline]] inline Smooth<Scalar> smooth_of(V<Scalar> a) {
  constexpr Scalar one = 1;
  if constexpr (activation == SmoothActivation::tanh) {
    const V<Scalar> t = table_tanh<Scalar>(a);
    return {t, one - t * t};
  } else if constexpr (activation == SmoothActivation::sigmoid) {
    const V<Scalar> s = sigmoid_of<Scalar>(a);
    return {s, s * (one - s)};
  } else if constexpr (activation == SmoothActivation::softplus) {
    return softplus_of<Scalar>(a);
  } else {
    return gelu_of<Scalar>(a);
  }
}

template <SmoothActivation activation>
using Fixed = std::integral_constant<SmoothActivation, activation>;

// body(Fixed<activation>): one loop for each of them, in which it is a constant
template <typename Body>
[[gnu::always_inline]] inline void with_activation(SmoothActivation activation, const Body& body) {
  switch (activation) {
    case SmoothActivation::tanh: return body(Fixed<SmoothActivation::tanh>{});
    case SmoothActivation::sigmoid: return body(Fixed<SmoothActivation::sigmoid>{});
    case SmoothActivation::softplus: return body(Fixed<SmoothActivation::softplus>{});
    case SmoothActivation::gelu: return body(Fixed<SmoothActivation::gelu>{});
  }
}

// Of one register, where the choice in every call does not matter.
template <typename Scalar>
[[gnu::always_inline]] inline Smooth<Scalar> smooth(SmoothActivation activation, V<Scalar> a) {
  switch (activation) {
    case SmoothActivation::tanh: return smooth_of<SmoothActivation::tanh, Scalar>(a);
    case SmoothActivation::sigmoid: return smooth_of<SmoothActivation::sigmoid, Scalar>(a);
    case SmoothActivation::softplus: return smooth_of<SmoothActivation::softplus, Scalar>(a);
    default: return smooth_of<SmoothActivation::gelu, Scalar>(a);
  }
}

}  // namespace
}  // namespace pushforward
