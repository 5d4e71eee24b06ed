#pragma once
// a = W s for a W with few numbers in a row, kept in slices (core/stream_ops.hpp).
//
//   one series:       a register of rows at a time: their k-th numbers lie side by side, the units they hear are gathered
//   several (lanes):  a few rows at a time: every number is broadcast over the series of the unit it hears
//
// What the processor gathers in a cycle is the limit of the first, what the first cache holds of s that of the second. Rows list their columns
// ascending, so that the first sixteenth of all rows hears about the first sixteenth of the units: with many units the lanes go over all rows once
// for each such part, and a holds the sums meanwhile.

#include "../core/stream_ops.hpp"
#include "lanes.hpp"

namespace pushforward {
namespace {

#if defined(__AVX2__)
[[gnu::always_inline]] inline __m128i columns_128(const std::int32_t* c) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(c)); }
[[gnu::always_inline]] inline __m128i columns_128(const std::uint16_t* c) {
  return _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(c)));
}
[[gnu::always_inline]] inline __m256i columns_256(const std::int32_t* c) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(c)); }
[[gnu::always_inline]] inline __m256i columns_256(const std::uint16_t* c) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(c)));
}
#endif
#if PUSHFORWARD_VECTOR_BYTES == 64
[[gnu::always_inline]] inline __m512i columns_512(const std::int32_t* c) { return _mm512_loadu_si512(c); }
[[gnu::always_inline]] inline __m512i columns_512(const std::uint16_t* c) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(c)));
}
#endif

// s[c[0]], s[c[1]], … of one register. Masked from zero: an unmasked gather may wait for whatever its register held before.
template <typename Scalar, typename Column>
[[gnu::always_inline]] inline V<Scalar> gather(const Scalar* s, const Column* c) {
#if PUSHFORWARD_VECTOR_BYTES == 64
  if constexpr (sizeof(Scalar) == 4) return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xFFFF, columns_512(c), s, 4);
  else return _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xFF, columns_256(c), s, 8);
#elif PUSHFORWARD_VECTOR_BYTES == 32
  const __m256i all = _mm256_set1_epi32(-1);
  if constexpr (sizeof(Scalar) == 4) return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), s, columns_256(c), _mm256_castsi256_ps(all), 4);
  else return _mm256_mask_i32gather_pd(_mm256_setzero_pd(), s, columns_128(c), _mm256_castsi256_pd(all), 8);
#else
  V<Scalar> v;
  for (Index l = 0; l < lanes<Scalar>; ++l) v[l] = s[c[l]];
  return v;
#endif
}

// s_parts 1: one plane. With two, W may be real (w_parts 1) or complex.
template <int s_parts, int w_parts, typename Scalar, typename Column>
void multiply_alone(const SparseSlices<Scalar>& W, const Column* column, const Scalar* s, Index plane_s, Scalar* a, Index plane_a) {
  constexpr Index L = lanes<Scalar>;
  constexpr int width = static_cast<int>(slice_rows / L);
  constexpr Index ahead = 1024;  // bytes: the second cache gives the stream of W a little late otherwise
  for (Index i = 0; i < W.n_slices; ++i) {
    V<Scalar> sum[s_parts][width] = {};
    for (Index k = W.first[i]; k < W.first[i + 1]; ++k) {
      const Index at = k * slice_rows;
      for (Index line = 0; line < slice_rows * static_cast<Index>(sizeof(Scalar)); line += static_cast<Index>(cache_line))
        __builtin_prefetch(reinterpret_cast<const char*>(W.value + at) + ahead + line);
      __builtin_prefetch(reinterpret_cast<const char*>(column + at) + ahead);
#pragma GCC unroll 8
      for (int j = 0; j < width; ++j) {
        const V<Scalar> w = load(W.value + at + j * L), s_re = gather(s, column + at + j * L);
        sum[0][j] = sum[0][j] + w * s_re;
        if constexpr (s_parts == 2) {
          const V<Scalar> s_im = gather(s + plane_s, column + at + j * L);
          sum[1][j] = sum[1][j] + w * s_im;
          if constexpr (w_parts == 2) {
            const V<Scalar> w_im = load(W.imaginary + at + j * L);
            sum[0][j] = sum[0][j] - w_im * s_im;
            sum[1][j] = sum[1][j] + w_im * s_re;
          }
        }
      }
    }
#pragma GCC unroll 2
    for (int part = 0; part < s_parts; ++part)
#pragma GCC unroll 8
      for (int j = 0; j < width; ++j) {
        const Index row = i * slice_rows + j * L, left = W.n_rows - row;
        if (left >= L) store(a + part * plane_a + row, sum[part][j]);
        else if (left > 0) store_part(a + part * plane_a + row, sum[part][j], left);
      }
  }
}

// Into how many parts the numbers of a row are cut, so that the units which a part hears stay in the first cache.
template <typename Scalar>
Index parts_of_rows(const SparseSlices<Scalar>& W, Index bytes_of_unit) {
  constexpr Index cached = 32 * 1024, fewest = 12;  // bytes; numbers a row, below which loading and storing the sums would cost more
  const Index wanted = (W.n_columns * bytes_of_unit + cached - 1) / cached, most = W.first[W.n_slices] / (W.n_slices * fewest);
  return wanted < most ? wanted : most > 1 ? most : 1;
}

// `width` registers of lanes, from s and a on
template <int width, int parts, typename Scalar, typename Column>
void multiply_lanes(const SparseSlices<Scalar>& W, const Column* column, const Scalar* s, Index plane_s, Index n_lanes, Scalar* a, Index plane_a) {
  constexpr Index L = lanes<Scalar>;
  constexpr int rows = (vector_bytes == 64 ? 16 : 8) / (width * parts);  // their sums take half of the registers
  const Index n_cuts = parts_of_rows(W, parts * width * vector_bytes);
  for (Index cut = 0; cut < n_cuts; ++cut)
    for (Index i = 0; i < W.n_slices; ++i) {
      const Index count = W.first[i + 1] - W.first[i], begin = W.first[i] + count * cut / n_cuts, end = W.first[i] + count * (cut + 1) / n_cuts;
      for (Index r = 0; r < slice_rows && i * slice_rows + r < W.n_rows; r += rows) {
        const Index left = W.n_rows - i * slice_rows - r;
        Scalar* to = a + (i * slice_rows + r) * n_lanes;
        V<Scalar> sum[parts][rows][width] = {};
        const auto each_sum = [&](const auto& body) __attribute__((always_inline)) {
#pragma GCC unroll 2
          for (int part = 0; part < parts; ++part)
#pragma GCC unroll 16
            for (int j = 0; j < rows; ++j)
#pragma GCC unroll 4
              for (int v = 0; v < width; ++v)
                if (j < left) body(sum[part][j][v], to + part * plane_a + j * n_lanes + v * L);
        };
        if (cut) each_sum([](V<Scalar>& x, const Scalar* at) __attribute__((always_inline)) { x = load(at); });
        for (Index k = begin; k < end; ++k) {
          const Index at = k * slice_rows + r;
#pragma GCC unroll 16
          for (int j = 0; j < rows; ++j) {
            const Scalar* unit = s + static_cast<Index>(column[at + j]) * n_lanes;
            const V<Scalar> w = broadcast(W.value[at + j]);
#pragma GCC unroll 4
            for (int v = 0; v < width; ++v) sum[0][j][v] = sum[0][j][v] + w * load(unit + v * L);
            if constexpr (parts == 2) {
              const V<Scalar> w_im = broadcast(W.imaginary[at + j]);
#pragma GCC unroll 4
              for (int v = 0; v < width; ++v) {
                const V<Scalar> s_im = load(unit + plane_s + v * L);
                sum[0][j][v] = sum[0][j][v] - w_im * s_im;
                sum[1][j][v] = sum[1][j][v] + w * s_im;
                sum[1][j][v] = sum[1][j][v] + w_im * load(unit + v * L);
              }
            }
          }
        }
        each_sum([](const V<Scalar>& x, Scalar* at) __attribute__((always_inline)) { store(at, x); });
      }
    }
}

template <int parts, typename Scalar, typename Column>
void multiply_together(const SparseSlices<Scalar>& W, const Column* column, const Scalar* s, Index plane_s, Index n_lanes, Scalar* a, Index plane_a) {
  constexpr Index L = lanes<Scalar>;
  Index l = 0;
  for (; l + 4 * L <= n_lanes; l += 4 * L) multiply_lanes<4, parts>(W, column, s + l, plane_s, n_lanes, a + l, plane_a);
  for (; l + 2 * L <= n_lanes; l += 2 * L) multiply_lanes<2, parts>(W, column, s + l, plane_s, n_lanes, a + l, plane_a);
  for (; l + L <= n_lanes; l += L) multiply_lanes<1, parts>(W, column, s + l, plane_s, n_lanes, a + l, plane_a);
}

template <typename Scalar, typename Column>
void multiply_slices(const SparseSlices<Scalar>& W, const Column* column, Index n_parts, const Scalar* s, Index plane_s, Index n_lanes, Scalar* a,
                     Index plane_a) {
  if (n_lanes == 1) {
    if (n_parts == 1) multiply_alone<1, 1>(W, column, s, plane_s, a, plane_a);
    else if (!W.imaginary) multiply_alone<2, 1>(W, column, s, plane_s, a, plane_a);
    else multiply_alone<2, 2>(W, column, s, plane_s, a, plane_a);
  } else if (n_parts == 2 && W.imaginary) {
    multiply_together<2>(W, column, s, plane_s, n_lanes, a, plane_a);
  } else {
    for (Index part = 0; part < n_parts; ++part)
      multiply_together<1>(W, column, s + part * plane_s, plane_s, n_lanes, a + part * plane_a, plane_a);
  }
}

template <typename Scalar>
void sparse_multiply(const SparseSlices<Scalar>& W, Index n_parts, const Scalar* s, Index plane_s, Index n_lanes, Scalar* a, Index plane_a) {
  if (W.n_slices == 0) return;
  if (W.column_16) multiply_slices(W, W.column_16, n_parts, s, plane_s, n_lanes, a, plane_a);
  else multiply_slices(W, W.column_32, n_parts, s, plane_s, n_lanes, a, plane_a);
}

template <typename Scalar>
void complex_scale(Index n, Scalar w_re, Scalar w_im, const Scalar* s, Scalar* a, Index plane, bool accumulate) {
  each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) {
    const V<Scalar> s_re = io.load(s + i), s_im = io.load(s + plane + i);
    V<Scalar> re = w_re * s_re, im = w_re * s_im;
    if (accumulate) re = re + io.load(a + i), im = im + io.load(a + plane + i);
    io.store(a + i, re - w_im * s_im);
    io.store(a + plane + i, im + w_im * s_re);
  });
}

}  // namespace
}  // namespace pushforward
