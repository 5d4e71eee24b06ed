#pragma once
// What a cell has to say about one time step, and nothing about how it is trained.
//
//   s_t   = cell(s_{t-1}, x_t; W)                              (n_state)
//   a^g_t = W^g u^g_t           one group g per gate           (n_units of the group)
//   D_t   = ∂s_t/∂s_{t-1}                                      (n_state, n_state)
//   M^g_t = ∂s_t/∂a^g_t                                        (n_state, n_units of the group)
//
// A step leaves a record from which its derivatives can be had later: the presynaptic vectors u^g_t and the `slopes` (whatever else the cell
// needs). Together with the recurrent weights of that step they give D_t and M_t; a cell offers only products with their transposes, for m
// columns at once (m = 1: a gradient; m = n_state: the carry's block), and D_t itself.
//
// Weights W (and θ, gradients, moments, the columns of the influence) are stored group by group, unit by unit, as padded rows over u^g.

#include <memory>
#include <vector>

#include "../core/ops.hpp"
#include "../core/types.hpp"

namespace pushforward {

// Pre-activations that share a presynaptic vector: a^g = W^g u^g, W^g (n_units, n_presynaptic) in padded rows of `width`.
struct Group {
  Index n_units = 0;
  Index n_presynaptic = 0;
  Index width = 0;
  Index input_column = -1;        // where x stands in u^g; −1: not in it
  Index first_gate = 0;           // first row among all groups' pre-activations
  Index weight_offset = 0;        // of W^g in W
  Index presynaptic_offset = 0;   // of u^g in u
};

// One step's input: a vector, or the index of its single 1 (a token; the one-hot vector is never built).
template <typename Scalar>
struct Input {
  const Scalar* dense = nullptr;
  Index token = -1;
};

template <typename Scalar>
class Cell {
 public:
  virtual ~Cell() = default;

  Index n_inputs() const { return n_inputs_; }
  Index n_units() const { return n_units_; }   // the read-out sees the first n_units of the state
  Index n_state() const { return n_state_; }
  const std::vector<Group>& groups() const { return groups_; }
  Index n_gates() const { return n_gates_; }              // Σ_g n_units
  Index n_weights() const { return n_weights_; }          // padded
  Index n_presynaptic() const { return n_presynaptic_; }  // Σ_g width
  Index n_slopes() const { return n_slopes_; }
  Index n_recurrent() const { return n_recurrent_; }      // numbers of W that D_t depends on, as recurrent_weights() lays them out

  // Unpadded length of θ: the rows of W one after the other.
  Index n_params() const {
    Index n = 0;
    for (const Group& g : groups_) n += g.n_units * g.n_presynaptic;
    return n;
  }

  // next (n_state), u (n_presynaptic), slopes (n_slopes) ← state (n_state), x. Padding of u is zero and stays so.
  virtual void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const = 0;

  // The weights in D_t, copied out so that a later update does not change what this step was.
  virtual void recurrent_weights(const Scalar* W, Scalar* recurrent) const = 0;

  // E = M_tᵀ V             V (n_state, m), E (n_gates, m)
  virtual void gates_adjoint(const Scalar* slopes, Index m, const Scalar* V, Index ldv, Scalar* E, Index lde) const = 0;

  // V_before = D_tᵀ V      given E = M_tᵀ V;  V_before (n_state, m) is not V
  virtual void state_adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, const Scalar* V, Index ldv, const Scalar* E,
                             Index lde, Scalar* V_before, Index ldb) const = 0;

  // D_t (n_state, n_state) in rows of ld
  virtual void dynamics_jacobian(const Scalar* recurrent, const Scalar* slopes, Scalar* D, Index ld) const = 0;

 protected:
  Cell(Index n_inputs, Index n_units, Index n_state) : n_inputs_(n_inputs), n_units_(n_units), n_state_(n_state) {}

  Group& add_group(Index n_units, Index n_presynaptic, Index input_column) {
    Group g;
    g.n_units = n_units;
    g.n_presynaptic = n_presynaptic;
    g.width = padded<Scalar>(n_presynaptic);
    g.input_column = input_column;
    g.first_gate = n_gates_;
    g.weight_offset = n_weights_;
    g.presynaptic_offset = n_presynaptic_;
    n_gates_ += n_units;
    n_weights_ += n_units * g.width;
    n_presynaptic_ += g.width;
    groups_.push_back(g);
    return groups_.back();
  }

  Index n_slopes_ = 0, n_recurrent_ = 0;

 private:
  Index n_inputs_, n_units_, n_state_;
  Index n_gates_ = 0, n_weights_ = 0, n_presynaptic_ = 0;
  std::vector<Group> groups_;
};

}  // namespace pushforward
