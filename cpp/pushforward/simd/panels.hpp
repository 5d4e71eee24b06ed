#pragma once
// Operands of the register tiles, copied into the order in which they are read.
//
//   a strip    tile_width registers of columns, all rows deep
//   a panel    the rows of one block, k-major: the numbers that one k needs lie side by side

#include "blocks.hpp"
#include "lanes.hpp"

namespace pushforward {
namespace {

#if PUSHFORWARD_VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr Index tile_rows = 8, tile_width = 3;
#elif PUSHFORWARD_VECTOR_BYTES == 32
constexpr Index tile_rows = 4, tile_width = 3;
#else
constexpr Index tile_rows = 4, tile_width = 2;
#endif

// n rows of `width` registers at distance ld, side by side in `packed`; the lanes beyond `last` of the last register are zero.
template <typename Scalar>
[[gnu::always_inline]] inline void pack_strip(Index n, Index width, Index last, const Scalar* B, Index ld, Scalar* packed) {
  constexpr Index L = lanes<Scalar>;
  for (Index k = 0; k < n; ++k, B += ld, packed += width * L) {
    for (Index v = 0; v + 1 < width; ++v) store(packed + v * L, load(B + v * L));
    store(packed + (width - 1) * L, last == L ? load(B + (width - 1) * L) : load_part(B + (width - 1) * L, last));
  }
}

// n rows of `count` ≤ most numbers, at distance `step`, side by side.
template <Index most, typename Scalar>
void copy_rows(Index count, Index n, const Scalar* from, Index step, Scalar* to) {
  if constexpr (most > 0) {
    if (count < most) return copy_rows<most - 1>(count, n, from, step, to);
    for (Index s = 0; s < n; ++s, to += most, from += step) __builtin_memcpy(to, from, most * sizeof(Scalar));
  }
}

// One panel of `count` rows: element (r, k) is read at A[r * row_stride + k * step].
template <typename Scalar>
void pack_panel(Index count, Index n, const Scalar* A, Index row_stride, Index step, Scalar* packed) {
  if (row_stride == 1) return copy_rows<tile_rows>(count, n, A, step, packed);
  for (Index k = 0; k < n; ++k)
    for (Index r = 0; r < count; ++r) packed[k * count + r] = A[k * step + r * row_stride];
}

template <typename Scalar>
void pack_panels(const Split& rows, Index n, const Scalar* A, Index row_stride, Index step, Scalar* packed) {
  for (Index b = 0; b < rows.n_blocks; ++b) {
    const Index r = rows.first(b);
    pack_panel(rows.count(b), n, A + r * row_stride, row_stride, step, packed + r * n);
  }
}

// Φ packed: the panels of its row blocks, one behind the other, each as deep as the row that needs most; and from n² on their depths.
inline Index packed_size(Index n) { return n * n + Split(n, tile_rows).n_blocks; }

template <typename Scalar>
void pack(Index n, const Scalar* A, Index row_stride, Index col_stride, const Index* row_extent, Scalar* packed) {
  const Split rows(n, tile_rows);
  Scalar* depths = packed + n * n;
  for (Index b = 0; b < rows.n_blocks; ++b) {
    const Index r = rows.first(b), count = rows.count(b);
    Index depth = row_extent ? 0 : n;
    for (Index j = r; row_extent && j < r + count; ++j) depth = row_extent[j] > depth ? row_extent[j] : depth;
    pack_panel(count, depth, A + r * row_stride, row_stride, col_stride, packed);
    depths[b] = static_cast<Scalar>(depth);
    packed += depth * count;
  }
}

// Steps first … last−1 of E (n_steps, n_state), steps at distance `step`, into the panels of pack().
template <typename Scalar>
void pack_steps(const Split& rows, Index n_steps, Index first, Index last, const Scalar* E, Index step, Scalar* packed) {
  for (Index b = 0; b < rows.n_blocks; ++b) {
    const Index r = rows.first(b), count = rows.count(b);
    copy_rows<tile_rows>(count, last - first, E + first * step + r, step, packed + r * n_steps + first * count);
  }
}

}  // namespace
}  // namespace pushforward
