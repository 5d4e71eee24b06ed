#pragma once
// Elman's cell with a leak:
//
//   s_t = (1 − α) ∘ s_{t-1} + α ∘ σ(a)       a = W_rec s_{t-1} + W_in x_t + b        D = diag(1 − α) + diag(α σ') W_rec        ∂s_t/∂a = diag(α σ')
//
// α is one given rate, or learnt unit by unit as α = 1 / (1 + exp(−ℓ)):     ∂s_t/∂ℓ = diag((σ(a) − s_{t-1}) ∘ α (1 − α))

#include "gated.hpp"

namespace pushforward {

template <typename Scalar>
class Leaky final : public DirectGates<Scalar> {
 public:
  Leaky(Index n_inputs, Index n_units, Activation activation, double leak_rate, bool learn_leak, const Sources& sources = {})
      : DirectGates<Scalar>(n_inputs, n_units, 1), activation_(activation), rate_(static_cast<Scalar>(leak_rate)), learnt_(learn_leak) {
    this->add_affine(n_units, n_units, true, true, sources);
    if (learn_leak) this->add_column(n_units);
    this->n_slopes_ = this->n_gates() + n_units;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    const Index n = this->n_units();
    Scalar *slope = slopes, *leak = slopes + n, *keep = slopes + this->n_gates();
    this->affine(this->group(0), W, state, n, x, u, next);
    ops<Scalar>().activate(activation_, n, next, next, slope);
    if (learnt_) {
      const Group& column = this->group(1);
      u[column.presynaptic_offset] = Scalar(1);
      ops<Scalar>().activate(Activation::sigmoid, n, W + column.weight_offset, keep, leak);  // α, and α (1 − α)
    } else {
      std::fill_n(keep, n, rate_);
    }
    for (Index i = 0; i < n; ++i) {
      const Scalar away = next[i] - state[i];
      slope[i] *= keep[i];
      if (learnt_) leak[i] *= away;
      next[i] = state[i] + keep[i] * away;
      keep[i] = Scalar(1) - keep[i];
    }
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    this->recurrent_rows(this->group(0), W, this->n_units(), recurrent);
  }

 private:
  Activation activation_;
  Scalar rate_;
  bool learnt_;
};

}  // namespace pushforward
