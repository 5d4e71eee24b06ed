#pragma once
// tanh of a register from its addition theorem, for every argument: ±0, infinities, NaN and denormals included. About half the time of tanh_of.
//
//   |x| = c + d,  c = i · step,  i = 0 … 15,  |d| ≤ step / 2
//   t = tanh d = d + d³ p(d²)
//   tanh |x| = T + w t / (1 + T t)        T = tanh c, w = 1 − T²
//
// T and w come from tables of 16, which two registers of AVX-512 hold; there is no exponential. i · step is exact, and step is chosen so that T and
// w of i = 1, where their rounding counts most, are numbers of the type to within a tenth of a unit in the last place. From 15 · step on tanh is 1 to
// the last place. p is the minimax polynomial for the relative error of t. The error is 2 units in the last place or less (tests/test_rollout.py).

#include "math.hpp"
#include "matvec.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
struct TanhTable;

template <>
struct TanhTable<float> {
  static constexpr float step = 0x1.33c84p-1f, per_step = 1 / step;
  static constexpr float p[] = {
      -0.333333283662796f, 0.13332925736904144f, -0.05383095517754555f, 0.02002665586769581f};
  alignas(cache_line) static constexpr float T[16] = {
      0, 0.537858248f, 0.83434701f, 0.947158158f, 0.983821511f, 0.995110512f, 0.998528123f, 0.999557495f, 0.999867022f, 0.999960005f, 0.99998796f,
      0.999996364f, 0.999998927f, 0.999999702f, 0.999999881f, 1};
  alignas(cache_line) static constexpr float w[16] = {
      1, 0.710708499f, 0.303865075f, 0.102891415f, 0.0320952497f, 0.00975502562f, 0.00294153439f, 0.000884871173f, 0.000265994953f, 7.9941572e-05f,
      2.40239115e-05f, 7.21948618e-06f, 2.16953299e-06f, 6.51966843e-07f, 1.95922581e-07f, 5.88766937e-08f};
};

template <>
struct TanhTable<double> {
  static constexpr double step = 0x1.456fe9f2ed8a0p+0, per_step = 1 / step;
  static constexpr double p[] = {
      -0.33333333333333304, 0.13333333333328323, -0.05396825396529028, 0.021869488448044073, -0.008863233990712092, 0.0035921108583465496,
      -0.0014557059168037437, 0.0005893670718283472, -0.00023677605726008828, 9.114416973739721e-05, -2.9770187870585646e-05, 5.859251294782044e-06};
  alignas(cache_line) static constexpr double T[16] = {
      0, 0.85413308213085704, 0.98769781741913376, 0.99902665613382091, 0.99992339149719167, 0.99999397290266212, 0.99999952583956253,
      0.99999996269721014, 0.99999999706534382, 0.99999999976912701, 0.99999999998183697, 0.99999999999857114, 0.99999999999988753,
      0.99999999999999112, 0.99999999999999933, 1};
  alignas(cache_line) static constexpr double w[16] = {
      1, 0.27045667800964263, 0.024453021465479504, 0.0019457403340763697, 0.00015321113675387547, 1.2054158349913362e-05, 9.4832065008834123e-07,
      7.4605578285139471e-08, 5.8693123159220181e-09, 4.6174598150519193e-10, 3.6326121260694845e-11, 2.8578204000531434e-12, 2.2482822705519341e-13,
      1.7687511671405356e-14, 1.3914981816285432e-15, 1.0947086427119128e-16};
};

// table[i mod 16], lane by lane
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> look_up(const Scalar (&table)[16], I<Scalar> i) {
  constexpr Index L = lanes<Scalar>;
#if PUSHFORWARD_VECTOR_BYTES == 64
  if constexpr (L == 16) return _mm512_maskz_permutexvar_ps(0xFFFF, (__m512i)i, load(table));
#endif
  if constexpr (L == 16 || L == 8) {
    return shuffle<Scalar>(load(table), load(table + 16 - L), i & (I<Scalar>{} + 15));
  } else {
    V<Scalar> v;
#pragma GCC unroll 4
    for (Index l = 0; l < L; ++l) v[l] = table[i[l] & 15];
    return v;
  }
}

// The smaller of two numbers, b where one of them is NaN.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> least(V<Scalar> a, V<Scalar> b) {
#if PUSHFORWARD_VECTOR_BYTES == 64
  if constexpr (sizeof(Scalar) == 4) return _mm512_maskz_min_ps(0xFFFF, a, b);
  else return _mm512_maskz_min_pd(0xFF, a, b);
#else
  return a < b ? a : b;
#endif
}

// a / b for b from 1 to 2. Of AVX-512 in single precision by a step of Newton's from the processor's reciprocal, in a quarter of the time.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> quotient(V<Scalar> a, V<Scalar> b) {
#if PUSHFORWARD_VECTOR_BYTES == 64
  if constexpr (sizeof(Scalar) == 4) {
    const V<Scalar> r = _mm512_maskz_rcp14_ps(0xFFFF, b), q = a * r;
    return q + r * (a - b * q);
  }
#endif
  return a / b;
}

template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> table_tanh(V<Scalar> x) {
  using E = Exponent<Scalar>;
  using F = TanhTable<Scalar>;
  constexpr Scalar most = 15 * F::step, one = 1;
  const I<Scalar> sign = (I<Scalar>)x & E::sign;
  const V<Scalar> size = (V<Scalar>)((I<Scalar>)x ^ sign), y = least<Scalar>(broadcast(most), size);
  const V<Scalar> place = y * F::per_step + E::round;  // its low bits hold i
  const V<Scalar> d = y - (place - E::round) * F::step, u = d * d, u2 = u * u, u4 = u2 * u2;
  const auto four = [&](const Scalar* p) __attribute__((always_inline)) { return (p[0] + p[1] * u) + (p[2] + p[3] * u) * u2; };
  constexpr int n = sizeof(F::p) / sizeof(Scalar);
  static_assert(n % 4 == 0);
  V<Scalar> p = four(F::p + n - 4);
#pragma GCC unroll 4
  for (int k = n - 8; k >= 0; k -= 4) p = four(F::p + k) + u4 * p;
  const V<Scalar> t = (d * u) * p + d, T = look_up<Scalar>(F::T, (I<Scalar>)place), w = look_up<Scalar>(F::w, (I<Scalar>)place);
  const V<Scalar> value = T + quotient<Scalar>(w * t, one + T * t);
  return (V<Scalar>)((I<Scalar>)value | sign);
}

}  // namespace
}  // namespace pushforward
