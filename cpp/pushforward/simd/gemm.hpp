#pragma once
// The product of two matrices, as register tiles of tile_rows rows by tile_width registers.
//
//   C[r, :] (+)= Σ_k a(r, k) B[k, :]          one broadcast of a and tile_width loads of B per row and k; C is written once
//
// A tile fills the register file (24 sums of 32 registers; 12 or 8 of 16). Rows and columns are cut into blocks of nearly equal size, so that
// 50 rows are 8 + 7·6 and 5 registers are 3 + 2: a tile of one row or one register would wait for loads.

#include <utility>

#include "panels.hpp"

namespace pushforward {
namespace {

// One sum over k: a(r, k) = A[r * row_stride + k * A_step], B[k] begins at B + k * B_step.
template <typename Scalar>
struct Sum {
  Index n = 0;
  const Scalar* A = nullptr;
  Index A_step = 0;
  const Scalar* B = nullptr;
  Index B_step = 0;
};

// `contiguous`: the rows of a tile lie side by side in A (row_stride 1).
// `fetches`: memory from `fetch` on is asked for, fetch_step bytes a term: a burst of requests would hold up the loads of the sum itself.
template <int rows, int width, bool contiguous, bool fetches, typename Scalar>
[[gnu::always_inline]] inline void add_sum(const Sum<Scalar>& sum, Index row_stride, V<Scalar> (&c)[rows][width], const char* fetch,
                                           Index fetch_step) {
  const Scalar* a = sum.A;
  const Scalar* b = sum.B;
  for (Index k = sum.n; k > 0; --k, a += sum.A_step, b += sum.B_step) {
    if constexpr (fetches) {
      __builtin_prefetch(fetch);
      fetch += fetch_step;
    }
    V<Scalar> bk[width];
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) bk[v] = load(b + v * lanes<Scalar>);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const V<Scalar> ar = broadcast(a[contiguous ? r : r * row_stride]);
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) c[r][v] += ar * bk[v];
    }
  }
}

template <int rows, int width, bool contiguous, typename Scalar>
[[gnu::always_inline]] inline void set_term(const Sum<Scalar>& sum, Index row_stride, V<Scalar> (&c)[rows][width]) {
  V<Scalar> b[width];
#pragma GCC unroll 3
  for (int v = 0; v < width; ++v) b[v] = load(sum.B + v * lanes<Scalar>);
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) c[r][v] = broadcast(sum.A[contiguous ? r : r * row_stride]) * b[v];
}

// C (rows, width registers) = first + second, added to C when `accumulate`. Of the last register only `last` lanes belong to C.
// `lone`: row r starts from lone_value[r] · B[lone[r]], one more term of its first sum, at a k of its own; it has none when lone[r] < first.n.
template <typename Scalar>
struct Tile {
  Sum<Scalar> first, second;
  const Index* lone = nullptr;
  const Scalar* lone_value = nullptr;
  Index row_stride = 1;
  Scalar* C = nullptr;
  Index ldc = 0, last = lanes<Scalar>;
  bool accumulate = false;
  const char* fetch = nullptr;
  Index fetch_step = 0;
};

template <int rows, int width, typename Scalar>
[[gnu::always_inline]] inline void set_lone(const Tile<Scalar>& tile, V<Scalar> (&c)[rows][width]) {
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
    const Scalar* b = tile.first.B + tile.lone[r] * tile.first.B_step;
    const bool exists = tile.lone[r] >= tile.first.n;
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) c[r][v] = exists ? tile.lone_value[r] * load(b + v * lanes<Scalar>) : V<Scalar>{};
  }
}

template <int rows, int width, bool contiguous, typename Scalar>
void compute(const Tile<Scalar>& tile) {
  constexpr Index L = lanes<Scalar>;
  if (tile.accumulate && tile.first.n >= 32)  // a C in memory arrives while the sum is made
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) __builtin_prefetch(tile.C + r * tile.ldc + v * L);
  V<Scalar> c[rows][width];
  Sum<Scalar> second = tile.second;
  if (tile.lone) {
    set_lone<rows, width, Scalar>(tile, c);
  } else if (second.n) {  // its first term takes the place of zeros: a single term costs next to nothing
    set_term<rows, width, contiguous, Scalar>(second, tile.row_stride, c);
    second.A += second.A_step;
    second.B += second.B_step;
    --second.n;
  } else {
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) c[r][v] = V<Scalar>{};
  }
  if (tile.fetch_step) add_sum<rows, width, contiguous, true, Scalar>(tile.first, tile.row_stride, c, tile.fetch, tile.fetch_step);
  else add_sum<rows, width, contiguous, false, Scalar>(tile.first, tile.row_stride, c, nullptr, 0);
  if (second.n) add_sum<rows, width, contiguous, false, Scalar>(second, tile.row_stride, c, nullptr, 0);
  const bool whole = tile.last == L, accumulate = tile.accumulate;
  Scalar* C = tile.C;
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r, C += tile.ldc) {
#pragma GCC unroll 3
    for (int v = 0; v + 1 < width; ++v) store(C + v * L, accumulate ? load(C + v * L) + c[r][v] : c[r][v]);
    Scalar* end = C + (width - 1) * L;
    if (whole) store(end, accumulate ? load(end) + c[r][width - 1] : c[r][width - 1]);
    else store_part(end, accumulate ? load_part(end, tile.last) + c[r][width - 1] : c[r][width - 1], tile.last);
  }
}

template <typename Scalar>
using Compute = void (*)(const Tile<Scalar>&);

template <typename Scalar>
struct Tiles {
  Compute<Scalar> of[tile_rows * tile_width];
  Compute<Scalar> operator()(Index rows, Index width) const { return of[(rows - 1) * tile_width + width - 1]; }
};

template <bool contiguous, typename Scalar, std::size_t... i>
constexpr Tiles<Scalar> all_tiles(std::index_sequence<i...>) {
  return {{&compute<i / tile_width + 1, i % tile_width + 1, contiguous, Scalar>...}};
}

template <bool contiguous, typename Scalar>
constexpr Tiles<Scalar> tiles = all_tiles<contiguous, Scalar>(std::make_index_sequence<tile_rows * tile_width>{});

// C (m, n) (+)= a B, a(r, k) = A[r * row_stride + k * A_step], B (k, n). The strip of B in use is packed on the stack, at most B_bytes of it.
// A is read where it is, a block at a time that stays in the second level cache; when packs_A it is packed on the stack too, A_bytes at a time.
template <bool contiguous, bool packs_A, typename Scalar>
[[gnu::noinline]] void product(Index m, Index n, Index k, const Scalar* A, Index row_stride, Index A_step, const Scalar* B, Index ldb, Scalar* C,
                               Index ldc, bool accumulate) {
  constexpr Index L = lanes<Scalar>, size = sizeof(Scalar);
  constexpr Index B_bytes = (packs_A ? 18 : 48) * 1024, A_bytes = packs_A ? 44 * 1024 : 0;
  constexpr Index most_k = B_bytes / (tile_width * vector_bytes);
  constexpr Index most_m = (packs_A ? A_bytes : 512 * 1024) / (most_k * size) / tile_rows * tile_rows;
  alignas(cache_line) Scalar B_packed[B_bytes / size];
  alignas(cache_line) Scalar A_packed[packs_A ? A_bytes / size : 1];
  const Split strips((n + L - 1) / L, tile_width), depths(k > 0 ? k : 1, most_k), heights(m, most_m);
  for (Index d = 0; d < depths.n_blocks; ++d)
    for (Index h = 0; h < heights.n_blocks; ++h) {
      const Index k_first = depths.first(d), k_count = k > 0 ? depths.count(d) : 0, m_first = heights.first(h);
      const Split rows(heights.count(h), tile_rows);
      const bool reused = rows.n_blocks > 2;  // packing costs a pass over B: not for a matrix of few rows
      const Scalar* const A_block = A + m_first * row_stride + k_first * A_step;
      if constexpr (packs_A) pack_panels(rows, k_count, A_block, row_stride, A_step, A_packed);
      for (Index s = 0; s < strips.n_blocks; ++s) {
        const Index width = strips.count(s), column = strips.first(s) * L;
        Tile<Scalar> tile;
        tile.row_stride = row_stride;
        tile.ldc = ldc;
        tile.last = n - column < width * L ? n - column - (width - 1) * L : L;
        tile.accumulate = accumulate || d > 0;
        tile.first = {k_count, nullptr, A_step, B + k_first * ldb + column, ldb};
        if (reused || tile.last < L) {
          pack_strip(k_count, width, tile.last, tile.first.B, ldb, B_packed);
          tile.first.B = B_packed;
          tile.first.B_step = width * L;
        }
        for (Index b = 0; b < rows.n_blocks; ++b) {
          const Index r = rows.first(b), count = rows.count(b);
          tile.first.A = packs_A ? A_packed + r * k_count : A_block + r * row_stride;
          if (packs_A) tile.first.A_step = count;
          tile.C = C + (m_first + r) * ldc + column;
          tiles<contiguous || packs_A, Scalar>(count, width)(tile);
        }
      }
    }
}

// Bytes of A from which on packing it pays: rows far apart share few sets of the cache and few pages of the TLB.
constexpr Index A_in_place = 1536 * 1024;

template <typename Scalar>
void matmul(Index m, Index n, Index k, const Scalar* A, Index lda, const Scalar* B, Index ldb, Scalar* C, Index ldc, bool accumulate) {
  product<false, false>(m, n, k, A, lda, 1, B, ldb, C, ldc, accumulate);
}

template <typename Scalar>
void matmul_transposed(Index m, Index n, Index k, const Scalar* A, Index lda, const Scalar* B, Index ldb, Scalar* C, Index ldc, bool accumulate) {
  const bool large = k * lda * static_cast<Index>(sizeof(Scalar)) > A_in_place;
  (large ? product<true, true, Scalar> : product<true, false, Scalar>)(m, n, k, A, 1, lda, B, ldb, C, ldc, accumulate);
}

}  // namespace
}  // namespace pushforward
