#pragma once
// The hot loops of sampled networks and of least squares in chunks: a third table of functions beside ops.hpp and stream_ops.hpp.

#include "activation.hpp"
#include "types.hpp"

namespace pushforward {

// Rows [X | Y] on their way into the triangular factor of all rows so far (koopman/fold.hpp has the mathematics):
//
//   [Z | W] = [X | Y] T⁻¹ ,   T = [R C; 0 I]        fold_panel: fold_rows rows at a time
//   H += [Z | W]ᵀ [Z | W]                            fold_tiles: the lower triangle, once the panels of a block are there
//
// X has n columns, R (n, n) is upper triangular; Y has k. Columns come in strips, a cache line wide: n and k are rounded up to whole ones, the rest is
// zero (and T the identity there). Of T, strip j holds rows 0 … of its columns, one line a row, down to its triangle, on the diagonal of which stand
// reciprocals; a strip of Y ends with the last row of C. Of [Z | W], strip j holds a line a row.
template <typename Scalar>
inline constexpr Index fold_strip = static_cast<Index>(cache_line / sizeof(Scalar));
inline constexpr Index fold_rows = 48;

template <typename Scalar>
constexpr Index fold_strips(Index n) { return (n + fold_strip<Scalar> - 1) / fold_strip<Scalar>; }

// Where strip j of T begins; n_left strips belong to X.
template <typename Scalar>
constexpr Index fold_place(Index j, Index n_left) {
  constexpr Index line = fold_strip<Scalar> * fold_strip<Scalar>;
  return j <= n_left ? line * (j * (j + 1) / 2) : line * (n_left * (n_left + 1) / 2 + (j - n_left) * n_left);
}

template <typename Scalar>
struct FoldPanel {
  Index n = 0, k = 0, n_rows = 0;               // n_rows ≤ fold_rows, without T one more
  const Scalar* X = nullptr;                    // rows at distance ldx
  Index ldx = 0;
  const Scalar* Y = nullptr;                    // rows at distance ldy
  Index ldy = 0;
  const Scalar* scale = nullptr;                // (n_rows), of every row; null: ones
  const Scalar* T = nullptr;                    // null: the identity
  Scalar* columns = nullptr;                    // work: (strips of X and Y, fold_strip, fold_rows)
  Scalar* strips = nullptr;                     // out: lines of these rows, with T of fold_rows rows; strips at distance strip_stride
  Index strip_stride = 0;
  Scalar* sums = nullptr;                       // out, with T: sums of the squares of each column
};

template <typename Scalar>
struct FoldTiles {
  Index n_left = 0, n_right = 0, n_rows = 0;    // strips of X and Y
  bool right = true;                            // also Wᵀ W
  const Scalar* strips = nullptr;               // of X
  const Scalar* right_strips = nullptr;         // of Y; with `right` they follow those of X
  Index strip_stride = 0;
  Index block = 1;                              // rows of H, in strips, that are one task
  Scalar* H = nullptr;                          // (n_left + n_right) fold_strip rows at distance ldh
  Index ldh = 0;
};

// Features of a sampled layer, out[t, j] = σ(b[j] + Σ_k W[j, k] X[t, k]); W and b packed by lift_pack of the same table.
template <typename Scalar>
struct LiftRows {
  Activation activation = Activation::tanh;
  Index n_rows = 0, n_inputs = 0, n_units = 0;
  const Scalar* X = nullptr;                    // (n_rows, n_inputs), rows at distance ldx
  Index ldx = 0;
  const Scalar* packed = nullptr;
  Scalar* out = nullptr;                        // (n_rows, n_units), rows at distance ldo
  Index ldo = 0;
};

// Y[s, i] = Σ_c A[i, c] X[s, c] (simd/rollout.hpp); n is a whole number of cache lines.
template <typename Scalar>
struct RowsProduct {
  Index m = 0, n = 0, n_rows = 0;
  const Scalar* A = nullptr;                    // (m, n), rows at distance lda
  Index lda = 0;
  const Scalar* X = nullptr;                    // (n_rows, n), rows at distance ldx
  Index ldx = 0;
  Scalar* Y = nullptr;                          // (n_rows, m), rows at distance ldy
  Index ldy = 0;
};

// Many small problems x = argmin ‖A x − Y‖² + ridge ‖x‖² (simd/batched.hpp): A (m, k) and Y (m, p) in rows side by side, x (k, p).
template <typename Scalar>
struct LstsqBatch {
  Index m = 0, k = 0, p = 0, n_problems = 0, n_ridges = 1;
  const Scalar* A = nullptr;                    // problems at distance A_stride, which may be anything: windows, or one A for all
  Index A_stride = 0;
  const Scalar* Y = nullptr;
  Index Y_stride = 0;
  const Scalar* ridge = nullptr;                // (n_ridges, n_problems)
  Scalar rcond = 0;                             // singular values up to rcond times the largest are cut off …
  bool always_cut = false;                      // … also where the ridge makes that unnecessary
  Scalar* X = nullptr;                          // out: (n_ridges, n_problems, k, p)
  std::int64_t* rank = nullptr;                 // out: (n_problems), or null
};

template <typename Scalar>
struct KoopmanOps {
  void (*fold_panel)(const FoldPanel<Scalar>& panel);
  // `block` strips of rows of H times fold_group of columns, all groups of the first block first: what is on or below the diagonal.
  void (*fold_tiles)(const FoldTiles<Scalar>& tiles, Index task);
  Index fold_group;
  Index (*lift_packed_size)(Index n_units, Index n_inputs);
  void (*lift_pack)(Index n_units, Index n_inputs, const Scalar* W, const Scalar* b, Scalar* packed);
  void (*lift)(const LiftRows<Scalar>& rows);
  void (*rows_product)(const RowsProduct<Scalar>& product);
  // Problems first … first + count − 1; returns one that is not finite, or −1. work: lstsq_work numbers.
  Index (*lstsq)(const LstsqBatch<Scalar>& batch, Index first, Index count, Scalar* work);
  Index (*lstsq_work)(Index k, Index p);
  // A row z into and out of T (n, ld) = [R | C] (simd/givens.hpp); a (n) = R⁻ᵀ x.
  void (*insert_row)(Index n, Index ld, Scalar* T, Scalar* z);
  void (*eliminate_row)(Index n, Index ld, const Scalar* T, Scalar* z, Scalar* a);
  void (*remove_row)(Index n, Index ld, Scalar alpha, const Scalar* a, Scalar* T, Scalar* z);
};

// Of the same level as ops().
template <typename Scalar>
const KoopmanOps<Scalar>& koopman_ops();

}  // namespace pushforward
