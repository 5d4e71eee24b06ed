#pragma once
// One vector register of the instruction set being compiled, through the GCC / Clang vector extensions.
//
// A register holds lanes<Scalar> numbers; V<Scalar> is its type, I<Scalar> and Bits<Scalar> the integers of the same width, with and without
// a sign. load, store and broadcast are the only ways in and out. The last, incomplete register of a row goes through load_part and
// store_part, which touch nothing beyond it.
//
// Everything in simd/ lives in an anonymous namespace: the same names are compiled once per instruction set, and a weak symbol shared between
// two of them would be merged by the linker into code that the processor may not have.

#include "../core/types.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pushforward {
namespace {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define PUSHFORWARD_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define PUSHFORWARD_VECTOR_BYTES 32
#else
#define PUSHFORWARD_VECTOR_BYTES 16
#endif

constexpr Index vector_bytes = PUSHFORWARD_VECTOR_BYTES;

template <typename Scalar>
struct Register;

template <>
struct Register<float> {
  typedef float V __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES)));
  typedef float Loose __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES), aligned(4), may_alias));
  typedef std::int32_t I __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES)));
  typedef std::uint32_t Bits __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES)));
};

template <>
struct Register<double> {
  typedef double V __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES)));
  typedef double Loose __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES), aligned(8), may_alias));
  typedef std::int64_t I __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES)));
  typedef std::uint64_t Bits __attribute__((vector_size(PUSHFORWARD_VECTOR_BYTES)));
};

template <typename Scalar>
using V = typename Register<Scalar>::V;
template <typename Scalar>
using I = typename Register<Scalar>::I;
template <typename Scalar>
using Bits = typename Register<Scalar>::Bits;
template <typename Scalar>
constexpr Index lanes = vector_bytes / static_cast<Index>(sizeof(Scalar));

template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> load(const Scalar* p) {
  return *reinterpret_cast<const typename Register<Scalar>::Loose*>(p);
}

template <typename Scalar>
[[gnu::always_inline]] inline void store(Scalar* p, V<Scalar> v) {
  *reinterpret_cast<typename Register<Scalar>::Loose*>(p) = v;
}

template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> broadcast(Scalar s) {
  return s - V<Scalar>{};  // s − 0 keeps the sign of a zero, s + 0 would not
}

// The first `count` lanes, 0 < count < lanes; the others read as zero and are not written.
#if PUSHFORWARD_VECTOR_BYTES == 64
[[gnu::always_inline]] inline V<float> load_part(const float* p, Index count) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
}
[[gnu::always_inline]] inline V<double> load_part(const double* p, Index count) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
}
[[gnu::always_inline]] inline void store_part(float* p, V<float> v, Index count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
}
[[gnu::always_inline]] inline void store_part(double* p, V<double> v, Index count) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), v);
}
#elif PUSHFORWARD_VECTOR_BYTES == 32
alignas(64) constexpr std::int32_t mask_f32[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
alignas(64) constexpr std::int64_t mask_f64[8] = {-1, -1, -1, -1, 0, 0, 0, 0};

[[gnu::always_inline]] inline __m256i mask_of(const float*, Index count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask_f32 + 8 - count));
}
[[gnu::always_inline]] inline __m256i mask_of(const double*, Index count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask_f64 + 4 - count));
}
[[gnu::always_inline]] inline V<float> load_part(const float* p, Index count) { return _mm256_maskload_ps(p, mask_of(p, count)); }
[[gnu::always_inline]] inline V<double> load_part(const double* p, Index count) { return _mm256_maskload_pd(p, mask_of(p, count)); }
[[gnu::always_inline]] inline void store_part(float* p, V<float> v, Index count) { _mm256_maskstore_ps(p, mask_of(p, count), v); }
[[gnu::always_inline]] inline void store_part(double* p, V<double> v, Index count) { _mm256_maskstore_pd(p, mask_of(p, count), v); }
#else
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> load_part(const Scalar* p, Index count) {
  V<Scalar> v{};
  for (Index l = 0; l < count; ++l) v[l] = p[l];
  return v;
}
template <typename Scalar>
[[gnu::always_inline]] inline void store_part(Scalar* p, V<Scalar> v, Index count) {
  for (Index l = 0; l < count; ++l) p[l] = v[l];
}
#endif

template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> root(V<Scalar> x) {
#if PUSHFORWARD_VECTOR_BYTES == 64
  if constexpr (sizeof(Scalar) == 4) return _mm512_maskz_sqrt_ps(0xFFFF, x);  // without a mask GCC 12 warns about its own header
  else return _mm512_maskz_sqrt_pd(0xFF, x);
#elif PUSHFORWARD_VECTOR_BYTES == 32
  if constexpr (sizeof(Scalar) == 4) return _mm256_sqrt_ps(x);
  else return _mm256_sqrt_pd(x);
#elif defined(__x86_64__)
  if constexpr (sizeof(Scalar) == 4) return _mm_sqrt_ps(x);
  else return _mm_sqrt_pd(x);
#else
  for (Index l = 0; l < lanes<Scalar>; ++l) x[l] = sizeof(Scalar) == 4 ? __builtin_sqrtf(x[l]) : __builtin_sqrt(x[l]);
  return x;
#endif
}

// Calls body(i, io) for every register of n numbers; io.load and io.store take or leave the whole register, or its first lanes at the end.
template <typename Scalar>
struct Whole {
  [[gnu::always_inline]] V<Scalar> load(const Scalar* p) const { return pushforward::load<Scalar>(p); }
  [[gnu::always_inline]] void store(Scalar* p, V<Scalar> v) const { pushforward::store<Scalar>(p, v); }
};
template <typename Scalar>
struct Part {
  Index count;
  [[gnu::always_inline]] V<Scalar> load(const Scalar* p) const { return load_part(p, count); }
  [[gnu::always_inline]] void store(Scalar* p, V<Scalar> v) const { store_part(p, v, count); }
};

template <typename Scalar, typename Body>
[[gnu::always_inline]] inline void each_register(Index n, const Body& body) {
  Index i = 0;
  for (; i + lanes<Scalar> <= n; i += lanes<Scalar>) body(i, Whole<Scalar>{});
  if (i < n) body(i, Part<Scalar>{n - i});
}

}  // namespace
}  // namespace pushforward
