#pragma once
// No carry: truncated back-propagation through time. Approximate: everything older than `truncation` steps is taken as given.
//
//   at an update, every K steps:   reverse sweep from the newest step over the last τ = truncation ≥ K stored steps,
//                                  with the losses since the last update
//
// τ = K: chunks. τ > K: a sliding window. Each step is differentiated with the weights it was made with.

#include "carry.hpp"

namespace pushforward {

template <typename Scalar>
class NoCarry final : public Carry<Scalar> {
 public:
  NoCarry(const Cell<Scalar>& cell, Index n_outputs, Index truncation) : Carry<Scalar>(cell, n_outputs, truncation) {}

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool gradient_due, Scalar* G) override {
    if (!gradient_due || !this->any_pending()) return;
    this->sweep_.losses(weights, this->window_, readout);
    this->sweep_.accumulate(weights, this->window_, 0, G);
  }
};

}  // namespace pushforward
