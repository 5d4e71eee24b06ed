#pragma once
// Least squares from rows in chunks: the part of the work that grows with the number of rows.
//
//   [X | Y] with the factor so far, Rᵀ R = the Gram matrix of all earlier rows, C = Qᵀ Y, S = Yᵀ (I − Q Qᵀ) Y:
//
//   Z = X R⁻¹,  W = Y − Z C                          what is new, measured by what is known
//   I + Zᵀ Z = L Lᵀ                                  well conditioned whatever R is, as long as Z is of moderate size
//   R ← Lᵀ R,   C ← Lᵀ C + P,   S ← S + Wᵀ W − Pᵀ P,   P = L⁻¹ Zᵀ W
//
// X (n_rows, n), Y (n_rows, k). Here H = [Z | W]ᵀ [Z | W] is summed over as many rows as go with one R; the caller does the rest. The sum ends before a
// block whose rows would make Zᵀ Z larger than `limit` on its diagonal: R knows too little of them.

#include <algorithm>
#include <atomic>
#include <limits>

#include "../core/buffer.hpp"
#include "../core/check.hpp"
#include "../core/denormals.hpp"
#include "../core/koopman_ops.hpp"
#include "../core/threads.hpp"

namespace pushforward {

// T of core/koopman_ops.hpp from R (n, n) and C (n, k), both row-major.
template <typename Scalar>
void pack_fold(Index n, Index k, const Scalar* R, const Scalar* C, Scalar* T) {
  constexpr Index strip = fold_strip<Scalar>;
  const Index n_left = fold_strips<Scalar>(n), n_right = fold_strips<Scalar>(k);
  for (Index j = 0; j < n_left; ++j) {
    Scalar* to = T + fold_place<Scalar>(j, n_left);
    for (Index i = 0; i < (j + 1) * strip; ++i)
      for (Index c = 0; c < strip; ++c) {
        const Index column = j * strip + c;
        const Scalar value = i < n && column < n && i <= column ? R[i * n + column] : Scalar(i == column);
        *to++ = i == column ? Scalar(1) / value : value;
      }
  }
  for (Index j = 0; j < n_right; ++j) {
    Scalar* to = T + fold_place<Scalar>(n_left + j, n_left);
    for (Index i = 0; i < n_left * strip; ++i)
      for (Index c = 0; c < strip; ++c) *to++ = i < n && j * strip + c < k ? C[i * k + j * strip + c] : Scalar(0);
  }
}

template <typename Scalar>
struct Fold {
  Index n = 0, k = 0, n_rows = 0;
  const Scalar* X = nullptr;
  Index ldx = 0;
  const Scalar* Y = nullptr;
  Index ldy = 0;
  const Scalar* scale = nullptr;  // (n_rows) or null: ones
  const Scalar* T = nullptr;      // packed, or null: Z = X and W = Y
  bool right = true;              // Wᵀ W too
  Scalar limit = 0;               // of H[i, i], i < n
  Scalar* H = nullptr;            // (strips of n and k) fold_strip, square

  // Rows that went into H: all, or those of the whole blocks before the one that H would not bear.
  Index run(int n_threads) const {
    const FlushDenormals scope;  // as the threads of the pool do: results must not depend on who takes a panel
    constexpr Index strip = fold_strip<Scalar>, panels = 6, deep = panels * fold_rows;
    constexpr Index stride = (deep + 1) * strip;  // one line more: `shifted` needs it, and strips must not meet in one set of the cache
    const KoopmanOps<Scalar>& ops = koopman_ops<Scalar>();
    const Index n_left = fold_strips<Scalar>(n), n_strips = n_left + fold_strips<Scalar>(k), width = n_strips * strip;
    const bool shifted = !T && !right && !scale && n == k && ldy == ldx && Y == X + ldx;  // one trajectory: of Y only the last row is not in X
    const Index n_lines = (shifted ? n_left : n_strips) * stride, panel_size = T ? width * fold_rows : 0;
    const Index takers = std::min<Index>(n_threads, panels);  // of panels: what one works in stays in its cache from panel to panel
    Scalar* const lines = room(n_lines + takers * panel_size + (T ? panels * width : 0));
    Scalar *const columns = lines + n_lines, *const sums = columns + takers * panel_size;
    FoldTiles<Scalar> tiles;
    tiles.n_left = n_left, tiles.n_right = n_strips - n_left, tiles.right = right;
    tiles.strips = lines, tiles.right_strips = shifted ? lines + strip : lines + n_left * stride, tiles.strip_stride = stride;
    tiles.block = 32;  // they stay in the second level cache while the groups of columns pass
    tiles.H = H, tiles.ldh = width;
    const Index groups = ((right ? n_strips : n_left) + ops.fold_group - 1) / ops.fold_group, blocks = (n_strips + tiles.block - 1) / tiles.block;
    for (Index first = 0; first < n_rows; first += deep) {
      const Index count = std::min(deep, n_rows - first), used = (count + fold_rows - 1) / fold_rows;
      std::atomic<Index> next{0};
      parallel_for(n_threads, std::min(takers, used), [&](Index taker) {
        for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < used;) {
          const Index row = first + i * fold_rows;
          FoldPanel<Scalar> panel;
          panel.n = n, panel.k = shifted ? 0 : k;
          panel.n_rows = std::min(fold_rows, first + count - row) + (shifted && i + 1 == used);
          panel.X = X + row * ldx, panel.ldx = ldx, panel.Y = Y + row * ldy, panel.ldy = ldy;
          panel.scale = scale ? scale + row : nullptr;
          panel.T = T;
          panel.columns = columns + taker * panel_size;
          panel.strips = lines + i * fold_rows * strip, panel.strip_stride = stride;
          panel.sums = sums + i * width;
          ops.fold_panel(panel);
        }
      });
      if (T && !bearable(used, width, sums)) return first;
      tiles.n_rows = count;
      parallel_for(n_threads, groups * blocks, [&](Index task) { ops.fold_tiles(tiles, task); });
    }
    return n_rows;
  }

 private:
  // Room for the rows of a pass, one for each thread that calls. It is kept: a chunk is often one pass, and would ask for new pages each time.
  // What is not small has huge pages (Buffer gives them from `large` on): on others its strips, far apart, miss the TLB.
  static Scalar* room(Index size) {
    constexpr Index large = (Index{1} << 23) / static_cast<Index>(sizeof(Scalar));
    thread_local Buffer<Scalar> kept;
    if (kept.size() < size) kept = Buffer<Scalar>(size < large / 16 ? size : std::max(size, large));
    return kept.data();
  }

  // Z within the limit, W finite.
  bool bearable(Index panels, Index width, const Scalar* sums) const {
    for (Index c = 0; c < width; ++c) {
      Scalar sum = H[c * (width + 1)];
      for (Index p = 0; p < panels; ++p) sum += sums[p * width + c];
      if (!(sum <= (c < n ? limit : std::numeric_limits<Scalar>::max()))) return false;
    }
    return true;
  }
};

}  // namespace pushforward
