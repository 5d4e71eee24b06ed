#pragma once
// What a cell has to say about one time step, and nothing about how it is trained.
//
//   s_t   = cell(s_{t-1}, x_t; W)                              (n_state)
//   a^g_t = W^g u^g_t           one group g per set of pre-activations that share u^g    (n_units of the group)
//   D_t   = ∂s_t/∂s_{t-1}                                      (n_state, n_state)
//   M^g_t = ∂s_t/∂a^g_t                                        (n_state, n_units of the group)
//
// A step leaves a record from which its derivatives can be had later: the presynaptic vectors u^g_t and the `slopes` (whatever else the cell
// needs). Together with the recurrent weights of that step they give D_t and M_t; a cell offers products with their transposes, for m columns at
// once (m = 1: a gradient; m = n_state: a block of the past), and where it has cheaper ways D_t itself, D_t v, and what units do to themselves.
//
// Weights W (and θ, gradients, moments, the columns of the influence) are stored group by group, see group.hpp.

#include <memory>
#include <vector>

#include "../core/ops.hpp"
#include "../core/types.hpp"
#include "group.hpp"

namespace pushforward {

// One step's input: a vector, or the index of its single 1 (a token; the one-hot vector is never built).
template <typename Scalar>
struct Input {
  const Scalar* dense = nullptr;
  std::int64_t token = -1;
  std::int64_t tick = -1;   // counts the steps of a series, for cells with noise; −1: no noise
  std::int64_t stream = 0;  // the series
};

// Which states a gate moves within its step, and which states the last state moves.
enum class Coupling {
  none,       // a unit's gates and states move its own states only: D and M are diagonal, unit by unit
  recurrent,  // a unit's gates move its own states; D is dense
  full,       // gates move other units' states as well
};

// Where row r of D_t may differ from zero: columns 0 … dense − 1, and in one more, `lone` (−1: none).
struct RowPattern {
  Index dense = 0, lone = -1;
};

template <typename Scalar>
class Cell {
 public:
  virtual ~Cell() = default;

  Index n_inputs() const { return n_inputs_; }
  Index n_units() const { return n_units_; }
  Index n_state() const { return n_state_; }
  Index first_feature() const { return first_feature_; }  // the read-out sees the states first_feature … first_feature + n_features − 1
  Index n_features() const { return n_features_; }
  const std::vector<Group>& groups() const { return groups_; }
  Index n_gates() const { return n_gates_; }              // Σ_g n_units
  Index n_weights() const { return n_weights_; }          // padded
  Index n_presynaptic() const { return n_presynaptic_; }  // numbers in a step's u
  Index n_slopes() const { return n_slopes_; }
  Index n_recurrent() const { return n_recurrent_; }      // numbers of W that D_t and M_t depend on, as recurrent_weights() lays them out
  const std::vector<Index>& blocks() const { return blocks_; }  // ends of D's diagonal blocks: above them D is zero (layers)

  Index n_params() const { return count_params(groups_); }  // length of θ: only what exists, without padding

  // next (n_state), u (n_presynaptic), slopes (n_slopes) ← state (n_state), x. Padding of u is zero and stays so.
  virtual void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const = 0;

  // The weights in D_t and M_t, copied out so that a later update does not change what this step was.
  virtual void recurrent_weights(const Scalar* W, Scalar* recurrent) const = 0;

  // E = M_tᵀ V,  V_before = D_tᵀ V          V (n_state, m) is used up; E (n_gates, m); V_before (n_state, m), null: not wanted
  //
  // Rows of V from `reach` (one of blocks()) on are zero: they are not looked at, nor are rows of E and V_before written that are zero for that.
  virtual void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index reach, Scalar* V, Index ldv, Scalar* E, Index lde,
                       Scalar* V_before, Index ldb) const = 0;

  // D_t (n_state, n_state) in rows of ld, where that is cheaper than by adjoint(); false: it is not, nothing was written.
  virtual bool dynamics_jacobian(const Scalar* /*recurrent*/, const Scalar* /*slopes*/, Scalar* /*D*/, Index /*ld*/) const { return false; }

  // Dv = D_t v (n_state), where the cell can; false: nothing was written.
  virtual bool tangent(const Scalar* /*recurrent*/, const Scalar* /*slopes*/, const Scalar* /*v*/, Scalar* /*Dv*/) const { return false; }

  virtual Coupling coupling() const { return Coupling::full; }

  // What units do to themselves, when coupling() is not full: unit i has the states i, n + i, … (b = n_state / n of them), its gates are gate % n = i.
  //
  //   D_own[(k, l), i] = ∂s_t[k n + i] / ∂s_{t−1}[l n + i]   (b, b, n)        M_own[k, gate] = ∂s_t[k n + i] / ∂a[gate]   (b, n_gates)
  //
  // recurrent null: as if the recurrent weights were zero (a unit's own leak only).
  virtual void own_jacobians(const Scalar* /*recurrent*/, const Scalar* /*slopes*/, Scalar* /*D_own*/, Scalar* /*M_own*/) const {}

  virtual RowPattern row_pattern(Index /*r*/) const { return {n_state_, -1}; }

 protected:
  Cell(Index n_inputs, Index n_units, Index n_state) : n_inputs_(n_inputs), n_units_(n_units), n_state_(n_state) {
    n_features_ = n_units;
    blocks_ = {n_state};
  }

  // Lays a group out behind those there are; its fields n_units, n_presynaptic, n_own, column are set. Returns its number.
  Index add_group(Group g) {
    g.width = g.column ? padded<Scalar>(g.n_units) : padded<Scalar>(g.n_presynaptic);
    g.first_gate = n_gates_;
    g.weight_offset = n_weights_;
    g.presynaptic_offset = n_presynaptic_;
    n_gates_ += g.n_units;
    n_weights_ += g.size();
    n_presynaptic_ += padded<Scalar>(g.n_presynaptic);
    groups_.push_back(std::move(g));
    return static_cast<Index>(groups_.size()) - 1;
  }
  // Room in u for a vector that groups look their own presynaptic numbers up in; returns its offset.
  Index add_base(Index n) {
    const Index offset = n_presynaptic_;
    n_presynaptic_ += padded<Scalar>(n);
    return offset;
  }

  Index n_slopes_ = 0, n_recurrent_ = 0, first_feature_ = 0, n_features_ = 0;
  Index n_inputs_, n_units_, n_state_;
  Index n_gates_ = 0, n_weights_ = 0, n_presynaptic_ = 0;
  std::vector<Group> groups_;
  std::vector<Index> blocks_;
};

}  // namespace pushforward
