#pragma once
// The hot loops of wide diagonal networks and of second derivatives: a fourth table of functions beside ops.hpp.

#include "smooth.hpp"
#include "types.hpp"

namespace pushforward {

// Second derivatives S_t[k, pq] = d²s_t[k]/dθ_p dθ_q carried over a block of steps (derivatives/forward_hessian.hpp), for the rows
// p = first_param … last_param − 1 and one strip of columns q ≤ p. With i the unit of p:
//
//   S[:, pq] ← D_t S[:, pq] + κ_t[p] ∘ Z_t[:, q]                 κ_t[p] = σ''_t ∘ D_p z_t,   Z_t[:, q] = D_q z_t
//   S[i, pq] += μ_t[p] J_{t−1}[l, q]   when p is W_rec[i, l]     μ_t[p] = σ'_t[i] φ'(θ_p)
//   S[i', pq] += μ_t[q] J_{t−1}[l, p]  when q is W_rec[i', l]
//   S[i, pp] += own_t[p]
struct SecondRun {  // columns of a strip that are neighbours in a row of W_rec
  Index unit = 0, column = 0, source = 0, n = 0;
};

template <typename Scalar>
struct SecondMove {
  Index n_state = 0, n_params = 0, n_steps = 0;
  Index first_param = 0, last_param = 0;
  Index first_column = 0;          // of the strip; none of the rows lies before it
  const Scalar* D = nullptr;       // D_t from second_pack(), D_step apart; of a sparse one n_terms numbers a row
  Index D_step = 0;
  const Index* columns = nullptr;  // (n_state, n_terms) of a sparse D_t; null: it is dense
  Index n_terms = 0;
  const Scalar* Z = nullptr;       // this strip: (n_state, second_strip) a step, strip_step apart; J_{t−1} likewise
  const Scalar* J = nullptr;
  Index strip_step = 0;
  const Scalar* kappa = nullptr;   // of step t and row p at t row_step + p row; null: σ'' is zero
  const Scalar* J_rows = nullptr;  // J_{t−1} transposed, laid out like kappa
  Index row = 0, row_step = 0;
  const Scalar* mixed = nullptr;   // μ (n_params) a step, param_step apart: zero but for recurrent weights
  const Scalar* own = nullptr;     // like mixed; null: zero
  Index param_step = 0;
  const Index* unit = nullptr;     // (n_params): i of p
  const Index* source = nullptr;   // (n_params): l of p, −1 where p is no recurrent weight
  const SecondRun* runs = nullptr; // of the strip, in order of their columns
  Index n_runs = 0;
  bool fresh = false;              // S is zero before the block; what stands there is not read
  Scalar* S = nullptr;             // (n_state, n_params (n_params + 1) / 2), rows of the lower triangle
  Scalar* scratch = nullptr;       // 2 (last_param − first_param) n_state second_strip numbers, on a cache line
};

// Some components of the tangent features of up to ntk_lanes neurons along one series (simd/ntk.hpp).
inline constexpr Index ntk_components = 32;    // at most so many in one call

template <typename Scalar>
struct NtkRows {
  SmoothActivation activation = SmoothActivation::tanh;
  Index n_steps = 0, n_inputs = 0, n_units = 0;
  Index first = 0, last = 0;                    // components: 0 is w, 1 + k is u_k
  const Scalar* X = nullptr;                    // (n_steps, n_inputs)
  const Scalar* w = nullptr;                    // (n_units)
  const Scalar* U = nullptr;                    // (n_inputs, ntk_lanes), on a cache line
  const Scalar* scale = nullptr;                // (n_units), of all that is written
  Scalar* out = nullptr;                        // component `first` of the first neuron at the first step
  Index unit_stride = 0, component_stride = 0, step_stride = 0;
};

// A tile of the units of a diagonal network through a block of steps, and back (simd/diagonal_net.hpp has the equations).
template <typename Scalar>
inline constexpr Index net_tile = 8 * padded<Scalar>(1);  // units; all arrays of a tile begin on a cache line

template <typename Scalar>
struct NetSteps {
  SmoothActivation activation = SmoothActivation::tanh;
  Index n_steps = 0;
  const Scalar* w = nullptr;      // (net_tile)
  const Scalar* c = nullptr;      // (net_tile)
  Scalar* H = nullptr;            // (1 + n_steps, net_tile): H_0 and ⟨u, x_t⟩ come in, H_t goes out
  Scalar* slope = nullptr;        // (n_steps, net_tile): σ'_t goes out where it is no function of H_t; null: it is not asked for
  Scalar* F = nullptr;            // (n_steps, padded(1)): Σ c H_t is added, in lanes
};

template <typename Scalar>
struct NetSweep {
  SmoothActivation activation = SmoothActivation::tanh;
  Index n_steps = 0;
  const Scalar* w = nullptr;      // (net_tile)
  const Scalar* residual = nullptr;  // (n_steps): r_t
  Scalar* H = nullptr;            // (1 + n_steps, net_tile): H_t comes in, δ_t goes out (t > 0)
  const Scalar* slope = nullptr;  // from NetSteps
  Scalar* kappa = nullptr;        // (n_steps, net_tile): κ_t goes out; null: nothing comes after the block, and J_w stays
  Scalar* g_w = nullptr;          // (net_tile): added to
  Scalar* J_w = nullptr;          // (net_tile): ∂H/∂w before the block; after it
  Scalar* adjoint = nullptr;      // (net_tile): w δ_1 goes out
  Scalar* transport = nullptr;    // (net_tile): w κ_1 goes out, with kappa
};

template <typename Scalar>
struct WideOps {
  void (*net_forward)(const NetSteps<Scalar>& steps);
  void (*net_backward)(const NetSweep<Scalar>& sweep);
  void (*ntk_rows)(const NtkRows<Scalar>& rows);
  Index ntk_lanes;  // neurons of a call
  Index second_strip;  // columns of a strip
  // D (n, n) in rows of ld → n² numbers
  void (*second_pack)(Index n, const Scalar* D, Index ld, Scalar* packed);
  void (*second_move)(const SecondMove<Scalar>& move);
};

// Of the same level as ops().
template <typename Scalar>
const WideOps<Scalar>& wide_ops();

}  // namespace pushforward
