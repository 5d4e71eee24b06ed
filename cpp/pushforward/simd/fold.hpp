#pragma once
// Rows through a triangular solve into a Gram matrix (core/koopman_ops.hpp has the layout).
//
//   z_j = (x_j − Σ_{i<j} z_i R_ij) / R_jj         lanes are rows: the substitution stays in registers, no triangle is ever inverted
//   H_ab += Σ_r z_ra z_rb                         lanes are columns b; the terms of one row are a line of every strip
//
// Both are sums of outer products in a tile of registers: 24 sums on 32 registers, 8 on 16.

#include "../core/koopman_ops.hpp"
#include "transpose.hpp"

namespace pushforward {
namespace {

#if PUSHFORWARD_VECTOR_BYTES == 64
constexpr Index solve_columns = 8, solve_registers = 3, gram_rows = 8, gram_strips = 3;
#elif PUSHFORWARD_VECTOR_BYTES == 32
constexpr Index solve_columns = 4, solve_registers = 3, gram_rows = 4, gram_strips = 1;
#elif defined(__aarch64__)
constexpr Index solve_columns = 8, solve_registers = 3, gram_rows = 4, gram_strips = 1;
#else
constexpr Index solve_columns = 4, solve_registers = 2, gram_rows = 2, gram_strips = 1;
#endif

constexpr Index solve_group = 8, solve_depth = 64;  // strips solved together, columns subtracted at a time
constexpr Index gram_depth = 288 / gram_strips;     // rows summed at a time: of a group of strips they stay in the first level cache

// lanes<Scalar> numbers of a row of `n` from c on; zero beyond its end.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> part_of(const Scalar* row, Index c, Index n) {
  return c + lanes<Scalar> <= n ? load(row + c) : c < n ? load_part(row + c, n - c) : V<Scalar>{};
}

// Rows of n numbers into columns of fold_rows; what is beyond is zero.
template <typename Scalar>
void to_columns(Index n_rows, Index n, const Scalar* from, Index ld, const Scalar* scale, Scalar* columns) {
  constexpr Index L = lanes<Scalar>;
  const Index width = fold_strips<Scalar>(n) * fold_strip<Scalar>;
  for (Index r = 0; r < fold_rows; r += L)
    for (Index c = 0; c < width; c += L) {
      V<Scalar> v[L];
#pragma GCC unroll 16
      for (Index i = 0; i < L; ++i) {
        v[i] = r + i < n_rows ? part_of(from + (r + i) * ld, c, n) : V<Scalar>{};
        if (scale && r + i < n_rows) v[i] *= broadcast(scale[r + i]);
      }
      transpose<Scalar>(v);
#pragma GCC unroll 16
      for (Index i = 0; i < L; ++i) store(columns + (c + i) * fold_rows + r, v[i]);
    }
}

// A strip from columns to lines, and the sums of the squares of its columns.
template <typename Scalar>
void to_lines(const Scalar* columns, Scalar* lines, Scalar* sums) {
  constexpr Index strip = fold_strip<Scalar>, L = lanes<Scalar>;
  for (Index c = 0; c < strip; c += L) {
    V<Scalar> sum{};
    for (Index r = 0; r < fold_rows; r += L) {
      V<Scalar> v[L];
#pragma GCC unroll 16
      for (Index i = 0; i < L; ++i) v[i] = load(columns + (c + i) * fold_rows + r);
      transpose<Scalar>(v);
#pragma GCC unroll 16
      for (Index i = 0; i < L; ++i) {
        store(lines + (r + i) * strip + c, v[i]);
        sum += v[i] * v[i];
      }
    }
    store(sums + c, sum);
  }
}

// Rows straight to lines: nothing is solved.
template <typename Scalar>
void copy_lines(Index n_rows, Index n, const Scalar* from, Index ld, const Scalar* scale, Scalar* lines, Index strip_stride) {
  constexpr Index strip = fold_strip<Scalar>, L = lanes<Scalar>;
  for (Index r = 0; r < n_rows; ++r, from += ld, lines += strip) {
    const V<Scalar> s = broadcast(scale ? scale[r] : Scalar(1));
    for (Index j = 0; j < fold_strips<Scalar>(n); ++j)
#pragma GCC unroll 4
      for (Index c = 0; c < strip; c += L) store(lines + j * strip_stride + c, s * part_of(from, j * strip + c, n));
  }
}

// Columns first … first + solve_columns − 1 of the rows in `solve_registers` registers: less the products with the `n` columns before.
// T: the lines of their strip at the first of them. triangle: null when more is to be subtracted, and for columns of Y.
// Memory from `fetch` on is asked for, a line a term: the strips of a large T lie far apart.
template <typename Scalar>
[[gnu::always_inline]] inline void solve_tile(Index n, const Scalar* T, const Scalar* before, const Scalar* triangle, Scalar* own,
                                              const Scalar* fetch) {
  constexpr Index strip = fold_strip<Scalar>, L = lanes<Scalar>, F = solve_columns, V_ = solve_registers;
  V<Scalar> z[F][V_];
#pragma GCC unroll 8
  for (Index f = 0; f < F; ++f)
#pragma GCC unroll 3
    for (Index v = 0; v < V_; ++v) z[f][v] = load(own + f * fold_rows + v * L);
  for (Index i = 0; i < n; ++i, T += strip, before += fold_rows, fetch += strip) {
    __builtin_prefetch(fetch);
    V<Scalar> b[V_];
#pragma GCC unroll 3
    for (Index v = 0; v < V_; ++v) b[v] = load(before + v * L);
#pragma GCC unroll 8
    for (Index f = 0; f < F; ++f) {
      const V<Scalar> t = broadcast(T[f]);
#pragma GCC unroll 3
      for (Index v = 0; v < V_; ++v) z[f][v] -= t * b[v];
    }
  }
  if (triangle) {
#pragma GCC unroll 8
    for (Index f = 0; f < F; ++f) {
      const V<Scalar> reciprocal = broadcast(triangle[f * strip + f]);
#pragma GCC unroll 3
      for (Index v = 0; v < V_; ++v) z[f][v] *= reciprocal;
#pragma GCC unroll 8
      for (Index g = f + 1; g < F; ++g) {
        const V<Scalar> t = broadcast(triangle[f * strip + g]);
#pragma GCC unroll 3
        for (Index v = 0; v < V_; ++v) z[g][v] -= t * z[f][v];
      }
    }
  }
#pragma GCC unroll 8
  for (Index f = 0; f < F; ++f)
#pragma GCC unroll 3
    for (Index v = 0; v < V_; ++v) store(own + f * fold_rows + v * L, z[f][v]);
}

template <typename Scalar>
void fold_panel(const FoldPanel<Scalar>& p) {
  constexpr Index strip = fold_strip<Scalar>, width = solve_registers * lanes<Scalar>, size = strip * fold_rows;
  static_assert(fold_rows % width == 0 && fold_rows % lanes<Scalar> == 0 && strip % solve_columns == 0);
  const Index n_left = fold_strips<Scalar>(p.n), n_right = fold_strips<Scalar>(p.k);
  if (!p.T) {
    copy_lines(p.n_rows, p.n, p.X, p.ldx, p.scale, p.strips, p.strip_stride);
    copy_lines(p.n_rows, p.k, p.Y, p.ldy, p.scale, p.strips + n_left * p.strip_stride, p.strip_stride);
    return;
  }
  to_columns(p.n_rows, p.n, p.X, p.ldx, p.scale, p.columns);
  to_columns(p.n_rows, p.k, p.Y, p.ldy, p.scale, p.columns + n_left * size);
  const auto solve = [&](Index j, Index first, Index count, bool triangle) {  // columns first … first + count − 1 of Z, out of strip j
    const Scalar *const T = p.T + fold_place<Scalar>(j, n_left), *const next = p.T + fold_place<Scalar>(j + 1 < n_left + n_right ? j + 1 : j, n_left);
    for (Index f = 0; f < strip; f += solve_columns) {
      const Index n = triangle ? j * strip + f - first : count;
      for (Index r = 0; r < p.n_rows; r += width)
        solve_tile(n, T + first * strip + f, p.columns + first * fold_rows + r, triangle ? T + (first + n) * strip + f : nullptr,
                   p.columns + j * size + f * fold_rows + r, next + first * strip);
    }
  };
  for (Index group = 0; group < n_left + n_right; group += solve_group) {  // so that what is subtracted stays in the first level cache
    const Index end = group + solve_group < n_left + n_right ? group + solve_group : n_left + n_right;
    const Index known = (group < n_left ? group : n_left) * strip;
    for (Index first = 0; first < known; first += solve_depth)
      for (Index j = group; j < end; ++j) solve(j, first, known - first < solve_depth ? known - first : solve_depth, false);
    for (Index j = group; j < end; ++j) {
      if (j < n_left) solve(j, known, 0, true);
      else solve(j, known, n_left * strip - known, false);
      to_lines(p.columns + j * size, p.strips + j * p.strip_stride, p.sums + j * strip);
    }
  }
}

// gram_rows columns of strip a (from line + first on) times `n` strips from b on.
template <Index n_strips, typename Scalar>
void gram_tile(Index n_rows, const Scalar* a, const Scalar* b, Index strip_stride, Scalar* H, Index ldh) {
  constexpr Index strip = fold_strip<Scalar>, L = lanes<Scalar>, W = strip / L, F = gram_rows;
#pragma GCC unroll 8
  for (Index f = 0; f < F; ++f)
    for (Index s = 0; s < n_strips; ++s) __builtin_prefetch(H + f * ldh + s * strip, 1);
  V<Scalar> c[F][n_strips * W] = {};
  const Scalar* fetch = a + strip_stride;  // of the next tile
  for (Index r = 0; r < n_rows; ++r, a += strip, b += strip, fetch += strip) {
    __builtin_prefetch(fetch);
    V<Scalar> x[n_strips * W];
#pragma GCC unroll 4
    for (Index s = 0; s < n_strips; ++s)
#pragma GCC unroll 4
      for (Index w = 0; w < W; ++w) x[s * W + w] = load(b + s * strip_stride + w * L);
#pragma GCC unroll 8
    for (Index f = 0; f < F; ++f) {
      const V<Scalar> y = broadcast(a[f]);
#pragma GCC unroll 12
      for (Index v = 0; v < n_strips * W; ++v) c[f][v] += y * x[v];
    }
  }
#pragma GCC unroll 8
  for (Index f = 0; f < F; ++f)
#pragma GCC unroll 12
    for (Index v = 0; v < n_strips * W; ++v) store(H + f * ldh + v * L, load(H + f * ldh + v * L) + c[f][v]);
}

template <typename Scalar>
void fold_tiles(const FoldTiles<Scalar>& t, Index task) {
  constexpr Index strip = fold_strip<Scalar>;
  const Index n_strips = t.n_left + t.n_right, columns = t.right ? n_strips : t.n_left, groups = (columns + gram_strips - 1) / gram_strips;
  const Index first = task % groups * gram_strips, block = task / groups * t.block;
  const Index begin = first < block ? block : first, end = block + t.block < n_strips ? block + t.block : n_strips;
  const Index count = columns - first < gram_strips ? columns - first : gram_strips;
  for (Index part = 0, parts = (t.n_rows + gram_depth - 1) / gram_depth; part < parts; ++part) {
    const Index row = part * t.n_rows / parts, n_rows = (part + 1) * t.n_rows / parts - row;
    const Scalar* const b = t.strips + first * t.strip_stride + row * strip;
    for (Index s = begin; s < end; ++s)
      for (Index f = 0; f < strip; f += gram_rows) {
        const Scalar* const a = (s < t.n_left ? t.strips + s * t.strip_stride : t.right_strips + (s - t.n_left) * t.strip_stride) + row * strip + f;
        Scalar* const H = t.H + (s * strip + f) * t.ldh + first * strip;
        if (count == gram_strips) gram_tile<gram_strips>(n_rows, a, b, t.strip_stride, H, t.ldh);
        else
          for (Index i = 0; i < count; ++i) gram_tile<1>(n_rows, a, b + i * t.strip_stride, t.strip_stride, H + i * strip, t.ldh);
      }
  }
}

}  // namespace
}  // namespace pushforward
