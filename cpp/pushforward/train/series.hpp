#pragma once
// One series being learnt: its state, its carry (window and influence), and the gradient gathered since the last update.
//
// step:  s_t = cell(s_{t−1}, x_t),   ŷ_t = λ(W_out) s_t + λ(b_out),   loss and δ_t,   then carry.settle()
// A value that is not finite stops the step before anything is added to the gradient.

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "../carry/carry.hpp"
#include "../core/status.hpp"
#include "loss.hpp"
#include "parameters.hpp"

namespace pushforward {

// A step's target: an array (squared error), a class (cross-entropy), or nothing.
template <typename Scalar>
struct Target {
  const Scalar* dense = nullptr;
  std::int64_t label = -1;
  bool given() const { return dense || label >= 0; }
};

template <typename Scalar>
class Series {
 public:
  Series(const Cell<Scalar>& cell, const Parameters<Scalar>& parameters, std::unique_ptr<Carry<Scalar>> carry, std::int64_t number)
      : cell_(cell), parameters_(parameters), carry_(std::move(carry)), state_(padded<Scalar>(cell.n_state())),
        next_(padded<Scalar>(cell.n_state())), output_(padded<Scalar>(parameters.n_outputs())), G_(parameters.size()), number_(number) {}

  // The state and the output of the next step; its record is in the window.
  Status forward(const WeightHistory<Scalar>& weights, Input<Scalar> x) {
    Window<Scalar>& window = carry_->window();
    const Index p = window.push(weights.version(), x.token);
    x.tick = tick_++;
    x.stream = number_;
    cell_.forward(weights.current(), state_.data(), x, next_.data(), window.u(p), window.slopes(p));
    if (!ops<Scalar>().all_finite(cell_.n_state(), next_.data())) return Status::state_not_finite;
    std::swap(state_, next_);
    parameters_.output(state_.data(), output_.data());
    return Status::ok;
  }

  // The loss of the newest step becomes pending.
  Status add_loss(Loss loss, Target<Scalar> target) {
    Window<Scalar>& window = carry_->window();
    const Index n = parameters_.n_outputs();
    Scalar* delta = window.delta(window.last());
    const double value = loss == Loss::squared_error ? squared_error(n, output_.data(), target.dense, delta)
                                                     : cross_entropy(n, output_.data(), target.label, delta);
    if (!std::isfinite(value)) return Status::loss_not_finite;
    loss_sum_ += value;
    pend(delta);
    return Status::ok;
  }
  // The same for a loss known only by its derivative with respect to the output.
  void add_feedback(const Scalar* d_output) {
    Window<Scalar>& window = carry_->window();
    if (window.count() == 0) return;  // the series was reset since: it has no step to learn
    Scalar* delta = window.delta(window.last());
    std::copy_n(d_output, parameters_.n_outputs(), delta);
    pend(delta);
  }

  Status settle(const WeightHistory<Scalar>& weights, bool gradient_due) {
    carry_->settle(weights, parameters_.readout(), gradient_due, G_.data());
    // Its square must be finite too: it goes into the optimisers' moments, where infinity would stay for good.
    constexpr double highest = static_cast<double>(std::numeric_limits<Scalar>::max());
    return !gradient_due || terms_ == 0 || ops<Scalar>().squared_norm(G_.size(), G_.data()) <= highest ? Status::ok : Status::gradient_not_finite;
  }

  // State and past are zero again; losses already in the gradient stay (settle with a gradient due before).
  void restart() {
    state_.clear();
    carry_->reset();
  }
  void clear_gradient() {
    G_.clear();
    terms_ = 0;
  }
  // Forgets the losses that no gradient has counted yet.
  void drop_pending() {
    Window<Scalar>& window = carry_->window();
    for (Index p = 0; p < window.count(); ++p) window.pending(p) = 0;
    clear_gradient();
  }

  Scalar* state() { return state_.data(); }
  const Scalar* output() const { return output_.data(); }
  Scalar* gradient() { return G_.data(); }
  std::int64_t terms() const { return terms_; }  // losses in the gradient
  double loss_sum() const { return loss_sum_; }  // since clear_loss(), added up step by step
  void clear_loss() { loss_sum_ = 0; }
  Carry<Scalar>& carry() { return *carry_; }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) {
    archive.numbers(name + ".state", state_.data(), state_.size());
    archive.numbers(name + ".gradient", G_.data(), G_.size());
    archive.integers(name + ".terms", &terms_, 1, {Range{}});
    archive.integers(name + ".tick", &tick_, 1, {Range{}});
    carry_->visit(archive, name, n_versions);
  }

 private:
  void pend(const Scalar* delta) {
    Window<Scalar>& window = carry_->window();
    window.pending(window.last()) = 1;
    parameters_.add_gradient(delta, state_.data(), G_.data());
    ++terms_;
  }

  const Cell<Scalar>& cell_;
  const Parameters<Scalar>& parameters_;
  std::unique_ptr<Carry<Scalar>> carry_;   // evolving, with state, gradient, terms and tick
  Buffer<Scalar> state_, next_, output_, G_;
  std::int64_t terms_ = 0;
  std::int64_t number_, tick_ = 0;  // which series, and its steps so far (resets included): cells with noise draw by them
  double loss_sum_ = 0;
};

}  // namespace pushforward
