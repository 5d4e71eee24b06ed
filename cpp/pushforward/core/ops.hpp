#pragma once
// The hot loops, as a table of functions. One table per instruction set and precision is compiled (simd/kernels.cpp); one is chosen
// at the first use. Everything above this line of the house (cells, carries, learners) is compiled once and calls through it.
//
// All matrices are row-major. "ld" is the distance between rows in numbers. Rows marked *padded* begin on a cache line, are padded with zeros to
// a multiple of 64 bytes and may be read and written up to the padding.

#include <string_view>
#include <vector>

#include "activation.hpp"
#include "types.hpp"

namespace pushforward {

// The exact carry's work on the influence of one group of units (see carry/exact.hpp):
//
//   G[i] += λᵀ J[i]                                             (read, before the move; when lambda is given)
//   J[i]  ← Φ J[i] + Σ_s E[s, i]ᵀ U[s]      i = first … last−1   (move; Φ = identity when Phi_packed is null)
//
// J[i] (n_state, n_cols) padded rows, ld = n_cols     E[s, i] (n_state,)     U[s] (n_cols,) padded     λ (n_state,)     G[i] (n_cols,) padded
template <typename Scalar>
struct InfluenceMove {
  Index n_state = 0, n_cols = 0;            // n_cols: padded
  Index first_unit = 0, last_unit = 0;
  Scalar* J = nullptr;                      // (n_units, n_state, n_cols): unit i begins at i * n_state * n_cols
  const Scalar* Phi_packed = nullptr;       // from pack(); null: Φ is the identity
  const Index* lone_column = nullptr;       // (n_state): one more column, beyond the extent that pack() was told, of row r; −1: none. null: none has
  const Scalar* lone_value = nullptr;       // (n_state): what stands there
  Index n_steps = 0;                        // steps s in the sum; 0: no sum
  const Scalar* E = nullptr;                // E[s, i] begins at s * E_step_stride + i * E_unit_stride
  Index E_step_stride = 0, E_unit_stride = 0;
  const Scalar* U = nullptr;                // U[s] begins at s * U_step_stride + i * U_unit_stride  (U_unit_stride 0: shared by all units)
  Index U_step_stride = 0, U_unit_stride = 0;
  Index zero_first = 0, zero_last = 0;      // U is known to be zero in these columns (token inputs, added by the caller): skip their sum
  const Scalar* lambda = nullptr;           // null: no read
  Scalar* G = nullptr;                      // (n_units, n_cols): unit i at i * n_cols
  Scalar* scratch = nullptr;                // influence_scratch(n_state, n_steps) numbers, one per thread, on a cache line
};

// The same for an influence on the unit's own states only (see carry/elementwise.hpp), b = n_own states of each of n_rows units:
//
//   G[i]   += Σ_l λ[l, i] J[i, l] + Σ_s A[s, i] U[s]            (read, before the move; when G is given)
//   J[i, k] ← Σ_l Φ[(k, l), i] J[i, l] + Σ_s E[s, k, i] U[s]    (move; when Phi is given)
//
// J (n_rows, b, n_cols) and G (n_rows, n_cols) padded rows     U[s] (n_cols) padded     of Φ, λ, A, E the units lie side by side
template <typename Scalar>
struct OwnMove {
  Index n_rows = 0, n_own = 1, n_cols = 0;  // n_own: 1 or 2; n_cols: padded
  Scalar* J = nullptr;
  Scalar* G = nullptr;                      // null: no read
  const Scalar* Phi = nullptr;              // null: no move; (k, l) begins at (k * n_own + l) * unit_stride
  const Scalar* lambda = nullptr;           // l begins at l * unit_stride
  Index unit_stride = 0;
  Index n_steps = 0;
  const Scalar* U = nullptr;                // U[s] begins at s * U_step_stride
  Index U_step_stride = 0;
  const Scalar* A = nullptr;                // A[s] begins at s * A_step_stride
  Index A_step_stride = 0;
  const Scalar* E = nullptr;                // E[s, k] begins at s * E_step_stride + k * E_state_stride
  Index E_step_stride = 0, E_state_stride = 0;
};

struct OptimizerStep {
  enum Kind : int { sgd, momentum, rmsprop, adam, adamw } kind = sgd;
  double learning_rate = 0;   // of this update, after the schedule
  double beta1 = 0;           // momentum; Adam's first moment
  double beta2 = 0;           // RMSprop's and Adam's second moment
  double epsilon = 0;
  double weight_decay = 0;    // added to the gradient (AdamW: taken from the weight directly, times the rate)
  double gradient_scale = 1;  // clipping and averaging
  double bias1 = 1, bias2 = 1;  // Adam: 1 − beta^t
};

template <typename Scalar>
struct Ops {
  // y = A x                      A (m, n) ld, x (n), y (m).  No padding assumed.
  void (*matvec)(Index m, Index n, const Scalar* A, Index ld, const Scalar* x, Scalar* y);
  // y = Aᵀ x  (or y += …)        A (m, n) ld, x (m), y (n).
  void (*matvec_transposed)(Index m, Index n, const Scalar* A, Index ld, const Scalar* x, Scalar* y, bool accumulate);
  // C = A B   (or C += …)        A (m, k), B (k, n), C (m, n).
  void (*matmul)(Index m, Index n, Index k, const Scalar* A, Index lda, const Scalar* B, Index ldb, Scalar* C, Index ldc, bool accumulate);
  // C = Aᵀ B  (or C += …)        A (k, m), B (k, n), C (m, n).
  void (*matmul_transposed)(Index m, Index n, Index k, const Scalar* A, Index lda, const Scalar* B, Index ldb, Scalar* C, Index ldc, bool accumulate);
  // y += α x
  void (*axpy)(Index n, Scalar alpha, const Scalar* x, Scalar* y);
  // z = x ∘ y;   z += x ∘ y when accumulate
  void (*multiply)(Index n, const Scalar* x, const Scalar* y, Scalar* z, bool accumulate);
  // rows of Y = diag(d) X         X, Y (m, n), d (m); X and Y may be the same
  void (*scale_rows)(Index m, Index n, const Scalar* d, const Scalar* X, Index ldx, Scalar* Y, Index ldy);
  // s = σ(a), slope = σ'(a) from the output; slope may be null; s may be a
  void (*activate)(Activation activation, Index n, const Scalar* a, Scalar* s, Scalar* slope);
  // w = c tanh(θ / c), slope = 1 − (w / c)²
  void (*bound)(Index n, Scalar c, const Scalar* theta, Scalar* w, Scalar* slope);
  void (*exponential)(Index n, const Scalar* x, Scalar* y);   // y = exp(x)
  void (*expm1)(Index n, const Scalar* x, Scalar* y);         // y = exp(x) − 1
  // true when no x is NaN or infinite
  bool (*all_finite)(Index n, const Scalar* x);
  // Σ x² in double, in an order that depends on n alone
  double (*squared_norm)(Index n, const Scalar* x);
  // one optimiser update of w (n) by gradient g; m1, m2 are its moments (null where the kind has none)
  void (*optimizer_update)(const OptimizerStep& step, Index n, const Scalar* g, Scalar* w, Scalar* m1, Scalar* m2);

  // Φ (n, n) packed for influence_move: element (r, k) is read at A[r * row_stride + k * col_stride]. Of row r only the columns before
  // row_extent[r] differ from zero (and one more, if the move has a lone_column); null: all may.
  Index (*packed_size)(Index n);
  void (*pack)(Index n, const Scalar* A, Index row_stride, Index col_stride, const Index* row_extent, Scalar* packed);
  // G[i] += λᵀ J[i] for units first … last−1; J, G as in InfluenceMove.
  void (*influence_read)(Index n_state, Index n_cols, Index first_unit, Index last_unit, const Scalar* J, const Scalar* lambda, Scalar* G);
  Index (*influence_scratch)(Index n_state, Index n_steps);
  void (*influence_move)(const InfluenceMove<Scalar>& move);
  void (*own_move)(const OwnMove<Scalar>& move);

  // a loop of independent fused multiply-adds in registers: returns the number of flop done (for measuring the peak)
  double (*fma_probe)(Index n_rounds);
};

// The table in use. Chosen once (best level the processor has), lowered by set_isa. Safe to call from any thread.
template <typename Scalar>
const Ops<Scalar>& ops();

std::string_view isa();                       // level in use: "x86-64-v4", "x86-64-v3", "x86-64-v2" or "base"
std::vector<std::string_view> usable_isas();  // what this processor can run, best first
void set_isa(std::string_view level);         // throws std::invalid_argument when the level is unknown or not usable here

}  // namespace pushforward
