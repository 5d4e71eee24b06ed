#pragma once
// exp, expm1, tanh and the logistic function of a register, for every argument: ±0, infinities, NaN and denormals included.
//
//   x = k ln 2 + r + c          k the nearest integer to x / ln 2, |r| ≤ ln 2 / 2, c what rounding took from r
//   p(r) = eʳ − 1 = r + r² q(r)
//   exp x   = 2ᵏ (1 + p)        2ᵏ in two factors, so that the result may be denormal or infinite
//   expm1 x = 2ᵏ p + (2ᵏ − 1)
//   tanh x  = sign(x) m / (m + 2)              m = expm1(2 |x|)
//   σ(x)    = 1 / (1 + e) or e / (1 + e)       e = exp(−|x|), x ≥ 0 or x < 0: neither overflows
//
// What rounding takes from m, e and the denominators is carried along and put back after the division, to first order.
// ln 2 is held as hi + lo, hi with so few bits that k·hi is exact: no fused multiply-add is needed for the error bound, which is 2 units in
// the last place or less (tests/cpp/test_ops.cpp). q is the minimax polynomial of (eʳ − 1 − r) / r² on |r| ≤ 1.004 ln 2 / 2, from a Remez
// exchange weighted to the relative error of p. Comparisons are written so that a NaN falls through to the arithmetic.

#include <type_traits>

#include "lanes.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
struct Exponent;

template <>
struct Exponent<float> {
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr std::int32_t sign = INT32_MIN;
  static constexpr float log2_e = 1.44269504089f, ln2_hi = 0.693359375f, ln2_lo = -2.12194440055e-4f;
  static constexpr float round = 12582912.0f;                   // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
  static constexpr float highest = 88.8f, lowest = -104.5f;     // exp and expm1 are inf above, exp is 0 below
  static constexpr float minus_one = -18.0f;                    // expm1 is −1 below
  static constexpr float tanh_one = 20.0f;                      // tanh is 1 where 2 |x| is above
  static constexpr float linear = 0x1p-13f;                     // tanh x = x below; expm1 x = x below its square
  static constexpr float q[] = {0.50000000451946128136f,   0.16666666363463199204f,   0.04166635614948199249f,
                                0.0083333902521969812447f, 0.0013941029931074151928f, 0.00019845910490454294914f};
};

template <>
struct Exponent<double> {
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr std::int64_t sign = INT64_MIN;
  static constexpr double log2_e = 1.4426950408889634, ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
  static constexpr double round = 6755399441055744.0;
  static constexpr double highest = 709.9, lowest = -746.5;
  static constexpr double minus_one = -38.0;
  static constexpr double tanh_one = 44.0;
  static constexpr double linear = 0x1p-28;
  static constexpr double q[] = {0.50000000000000000089,     0.16666666666666676898,     0.041666666666666502514,   0.0083333333333213237264,
                                 0.0013888888888964695983,   0.00019841269887021169138,  0.000024801587169485863046, 2.7557243200309863791e-6,
                                 2.7557403955601841983e-7,   2.5109423309300352643e-8,   2.0875317447359253962e-9};
};

// 2ᵏ from t = k + round: the low bits of t hold k, and shifting them into the exponent drops the rest.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> power_of_two(V<Scalar> t) {
  using E = Exponent<Scalar>;
  using Word = std::make_unsigned_t<std::remove_cv_t<decltype(E::sign)>>;
  constexpr Word one = static_cast<Word>(E::bias) << E::mantissa_bits;
  return (V<Scalar>)(((Bits<Scalar>)t << E::mantissa_bits) + one);
}

template <typename Scalar>
struct Reduced {
  V<Scalar> t, k, r, rest;  // t = k + round, rest = c + r² q(r)
};

template <typename Scalar>
[[gnu::always_inline]] inline Reduced<Scalar> reduce(V<Scalar> x) {
  using E = Exponent<Scalar>;
  Reduced<Scalar> f;
  f.t = x * E::log2_e + E::round;
  f.k = f.t - E::round;
  const V<Scalar> h = x - f.k * E::ln2_hi;
  f.r = h - f.k * E::ln2_lo;
  const V<Scalar> c = (h - f.r) - f.k * E::ln2_lo;
  constexpr int degree = sizeof(E::q) / sizeof(Scalar) - 1;
  V<Scalar> q = broadcast(E::q[degree]);
#pragma GCC unroll 10
  for (int i = degree - 1; i >= 0; --i) q = q * f.r + E::q[i];
  f.rest = (f.r * f.r) * q + c;
  return f;
}

// The sum of two numbers, and what rounding took from it: |a| ≥ |b|.
template <typename Scalar>
struct Pair {
  V<Scalar> value, rest;
};

template <typename Scalar>
[[gnu::always_inline]] inline Pair<Scalar> sum_of(V<Scalar> a, V<Scalar> b) {
  const V<Scalar> value = a + b;
  return {value, b - (value - a)};
}

template <typename Scalar>
[[gnu::always_inline]] inline Pair<Scalar> exp_pair(V<Scalar> x) {
  using E = Exponent<Scalar>;
  x = x > E::highest ? broadcast(E::highest) : x;
  x = x < E::lowest ? broadcast(E::lowest) : x;
  const Reduced<Scalar> f = reduce<Scalar>(x);
  const V<Scalar> t1 = f.k * Scalar(0.5) + E::round;
  const V<Scalar> t2 = (f.k - (t1 - E::round)) + E::round;
  const V<Scalar> s1 = power_of_two<Scalar>(t1), s2 = power_of_two<Scalar>(t2);
  const V<Scalar> value = Scalar(1) + (f.r + f.rest), rest = (f.r - (value - Scalar(1))) + f.rest;
  return {(value * s1) * s2, (rest * s1) * s2};
}

template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> exp_of(V<Scalar> x) {
  return exp_pair<Scalar>(x).value;
}

// Half of everything, twice at the end: 2ᵏ itself overflows just before the result does.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> expm1_of(V<Scalar> x) {
  using E = Exponent<Scalar>;
  V<Scalar> y = x > E::highest ? broadcast(E::highest) : x;
  y = y < E::minus_one ? broadcast(E::minus_one) : y;
  const Reduced<Scalar> f = reduce<Scalar>(y);
  const V<Scalar> half = power_of_two<Scalar>(f.t - Scalar(1));  // 2ᵏ⁻¹
  const V<Scalar> value = half * f.rest + (half * f.r + (half - Scalar(0.5)));
  const V<Scalar> size = x < 0 ? -x : x;
  return size < E::linear * E::linear ? x : value + value;
}

// With m + μ for m, d + δ for m + 2 and t = m / d:   tanh = t + (μ − t (δ + μ)) / d,   1 / d = (1 − t) / 2
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> tanh_of(V<Scalar> x) {
  using E = Exponent<Scalar>;
  const I<Scalar> sign = (I<Scalar>)x & E::sign;
  const V<Scalar> size = (V<Scalar>)((I<Scalar>)x ^ sign);
  V<Scalar> y = size + size;
  y = y > E::tanh_one ? broadcast(E::tanh_one) : y;
  const Reduced<Scalar> f = reduce<Scalar>(y);
  const V<Scalar> power = power_of_two<Scalar>(f.t), whole = power - Scalar(1);
  const V<Scalar> a = power * f.r + whole, a_rest = power * f.r - (a - whole);
  const V<Scalar> m = power * f.rest + a, mu = (power * f.rest - (m - a)) + a_rest;
  const V<Scalar> two = broadcast(Scalar(2)), larger = m > two ? m : two, smaller = m > two ? two : m;
  const Pair<Scalar> d = sum_of<Scalar>(larger, smaller);
  const V<Scalar> t = m / d.value, u = Scalar(1) - t;
  const V<Scalar> value = t + (Scalar(0.5) * u) * (mu * u - t * d.rest);
  return (V<Scalar>)((I<Scalar>)(size < E::linear ? size : value) | sign);
}

// With n = e or 1, n + ν for n, e + ε for e, d + δ for 1 + e and s = n / d:   σ = s + (ν − s (δ + ε)) / d,   1 / d = 1 − s or s
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> sigmoid_of(V<Scalar> x) {
  const V<Scalar> one = broadcast(Scalar(1));
  const Pair<Scalar> e = exp_pair<Scalar>((V<Scalar>)((I<Scalar>)x | Exponent<Scalar>::sign));
  const Pair<Scalar> d = sum_of<Scalar>(one, e.value);
  const V<Scalar> s = (x < 0 ? e.value : one) / d.value;
  const V<Scalar> inverse = x < 0 ? one - s : s;
  return s + inverse * ((x < 0 ? e.rest : V<Scalar>{}) - s * (d.rest + e.rest));
}

}  // namespace
}  // namespace pushforward
