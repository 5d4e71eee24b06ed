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
    constexpr Index stride = (deep + 1) * strip;  // one line more: strips must not meet in the same sets of the cache
    const KoopmanOps<Scalar>& ops = koopman_ops<Scalar>();
    const Index n_left = fold_strips<Scalar>(n), n_strips = n_left + fold_strips<Scalar>(k), width = n_strips * strip;
    Buffer<Scalar> lines(n_strips * stride), columns(T ? panels * width * fold_rows : 0), sums(T ? panels * width : 0);
    const Index columns_of_H = right ? n_strips : n_left, tasks = (columns_of_H + ops.fold_group - 1) / ops.fold_group;
    for (Index first = 0; first < n_rows; first += deep) {
      const Index count = std::min(deep, n_rows - first), used = (count + fold_rows - 1) / fold_rows;
      parallel_for(n_threads, used, [&](Index task) {
        const Index row = first + task * fold_rows;
        FoldPanel<Scalar> panel;
        panel.n = n, panel.k = k, panel.n_rows = std::min(fold_rows, first + count - row);
        panel.X = X + row * ldx, panel.ldx = ldx, panel.Y = Y + row * ldy, panel.ldy = ldy;
        panel.scale = scale ? scale + row : nullptr;
        panel.T = T;
        panel.columns = columns.data() + task * width * fold_rows;
        panel.strips = lines.data() + task * fold_rows * strip, panel.strip_stride = stride;
        panel.sums = sums.data() + task * width;
        ops.fold_panel(panel);
      });
      if (T && !bearable(used, width, sums.data())) return first;
      FoldTiles<Scalar> tiles;
      tiles.n_left = n_left, tiles.n_right = n_strips - n_left, tiles.n_rows = count, tiles.right = right;
      tiles.strips = lines.data(), tiles.strip_stride = stride;
      tiles.H = H, tiles.ldh = width;
      parallel_for(n_threads, tasks, [&](Index task) { ops.fold_tiles(tiles, task); });
    }
    return n_rows;
  }

 private:
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
