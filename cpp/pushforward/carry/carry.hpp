#pragma once
// What an algorithm has to say: how much of the past it keeps as records, and what it puts in place of everything before.
//
// A carry owns the window of its series. After each step the learner calls settle(); on the way the carry may add to G the gradient of the
// losses pending in the window (it must, when it is asked to, or when it is about to forget them).
//
// No carry knows which cell it trains (it sees cell.hpp's products only); no cell knows its carry.

#include <utility>

#include "sweep.hpp"

namespace pushforward {

template <typename Scalar>
class Carry {
 public:
  virtual ~Carry() = default;

  Window<Scalar>& window() { return window_; }

  // The newest step is recorded and its loss, if any, is pending. gradient_due: G must hold the gradient of all pending losses on return.
  virtual void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool gradient_due, Scalar* G) = 0;

  virtual void reset() { window_.wipe(); }
  // n_versions: of the weights that stored steps may refer to
  virtual void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) { window_.visit(archive, name + ".window", n_versions); }

  // Dense influence ∂s/∂W (n_state, n_params), unpadded. False: this carry keeps none.
  virtual bool read_influence(const WeightHistory<Scalar>&, Scalar*) { return false; }
  virtual bool write_influence(const Scalar*) { return false; }

 protected:
  // sweeps: it makes use of sweep_, over the whole window
  Carry(const Cell<Scalar>& cell, Index n_outputs, Index capacity, bool sweeps = true)
      : cell_(cell), window_(cell, n_outputs, capacity), sweep_(cell, sweeps ? capacity : 0) {}

  bool any_pending() const {
    for (Index p = 0; p < window_.count(); ++p)
      if (std::as_const(window_).pending(p)) return true;
    return false;
  }

  const Cell<Scalar>& cell_;
  Window<Scalar> window_;
  Sweep<Scalar> sweep_;
};

}  // namespace pushforward
