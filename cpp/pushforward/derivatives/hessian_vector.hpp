#pragma once
// The Hessian of the sum of a series' losses times a vector, and the gradient with it.
//
//   L(p) = Σ_t L_t,   p = [θ | W_out | b_out]        H v = d/dε ∇L(p + ε v) at ε = 0
//
// ∇L by a reverse sweep over the steps (carry/sweep.hpp), all of it in dual numbers p + ε v: the tangent of the gradient is H v, without any
// difference (Pearlmutter 1994). The cells, their adjoints, the bounds φ and λ bring their second derivatives along as tangents of their slopes.
//
// The records of `stretch` steps are kept, and the state at the beginning of each stretch. The sweep begins in the last stretch; each one before is
// run again from its state. Cost: four gradients (a product is four ordinary ones, see dual_ops.hpp), and four forward runs more where there are
// stretches; memory O(stretch + T / stretch). The same numbers for any stretch, up to the order of sums.

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "dual_ops.hpp"  // before all that computes in them

#include "../carry/sweep.hpp"
#include "../core/denormals.hpp"
#include "../core/status.hpp"
#include "../train/learner.hpp"

namespace pushforward {

struct HessianSettings {
  Index n_outputs = 1;
  Loss loss = Loss::squared_error;
  double weight_bound = 0, readout_bound = 0;  // 0: not bounded
  Index n_steps = 1;
  Index stretch = 0;  // steps whose records are kept; 0: as many as a budget allows
  int n_threads = 1;
};

template <typename T>
class HessianVector {
 public:
  using Number = Dual<T>;

  HessianVector(std::unique_ptr<Cell<Number>> cell, const HessianSettings& s)
      : cell_(std::move(cell)), settings_(s), stretch_(std::min(s.n_steps, s.stretch > 0 ? s.stretch : stretch_for(*cell_, s))),
        parameters_(*cell_, s.n_outputs, s.readout_bound), weights_(*cell_, s.weight_bound, 1), window_(*cell_, s.n_outputs, stretch_),
        sweep_(*cell_, stretch_), n_state_(cell_->n_state()), starts_((s.n_steps + stretch_ - 1) / stretch_ * n_state_), state_(n_state_),
        next_(n_state_), x_(cell_->n_inputs()), output_(s.n_outputs), plane_(2 * s.n_outputs), G_(parameters_.size()) {}

  const Cell<Number>& cell() const { return *cell_; }
  Parameters<Number>& parameters() { return parameters_; }  // p + ε v: to be filled in before run()
  Number* gradient() { return G_.data(); }                  // ∇L + ε H v afterwards, laid out as the parameters

  // state (n_state): s_0, which does not depend on p. stop() is asked before every stretch; once it says yes there is no product, and nothing else.
  template <typename Stop>
  Outcome run(const Stream<T>& stream, const T* state, Stop&& stop) {
    const FlushDenormals scope;
    dual::n_threads() = settings_.n_threads;
    parameters_.changed();
    weights_.commit(parameters_.values());
    for (Index k = 0; k < n_state_; ++k) state_[k] = Number(state[k]);
    Outcome outcome;
    const Index n_stretches = starts_.size() / n_state_;
    for (Index i = 0; i < n_stretches; ++i) {
      if (stop()) return outcome;
      std::copy_n(state_.data(), n_state_, starts_.data() + i * n_state_);
      if (outcome.status = forward(stream, i, &outcome); outcome.status != Status::ok) return outcome;
    }
    for (Index i = n_stretches; i-- > 0;) {
      if (stop()) return outcome;
      const bool newest = i + 1 == n_stretches;
      if (!newest) {
        std::copy_n(starts_.data() + i * n_state_, n_state_, state_.data());
        forward(stream, i, nullptr);
      }
      sweep_.losses(weights_, window_, parameters_.readout(), !newest);
      sweep_.accumulate(weights_, window_, 0, G_.data());
    }
    parameters_.finish_gradient(G_.data());
    outcome.step = stream.n_steps - 1;
    outcome.status = finite(G_.size(), G_.data(), Status::gradient_not_finite);
    return outcome;
  }

 private:
  static Index stretch_for(const Cell<Number>& cell, const HessianSettings& s) {
    constexpr Index budget = Index{1} << 26;  // bytes of records
    const Index step = cell.n_presynaptic() + padded<Number>(cell.n_slopes()) + padded<Number>(cell.n_gates()) + padded<Number>(s.n_outputs);
    const auto root = static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(s.n_steps))));
    return std::max(root, budget / (step * static_cast<Index>(sizeof(Number))));
  }

  // The steps of one stretch, from state_, into the window. The first time the losses are added up, and the read-out's part of the gradient: outcome.
  Status forward(const Stream<T>& stream, Index number, Outcome* outcome) {
    const Index n_inputs = cell_->n_inputs(), n_outputs = settings_.n_outputs;
    window_.clear();
    for (Index t = number * stretch_; t < std::min(stream.n_steps, (number + 1) * stretch_); ++t) {
      if (outcome) outcome->step = t;
      for (Index j = 0; stream.X && j < n_inputs; ++j) x_[j] = Number(stream.X[t * n_inputs + j]);
      const Input<Number> x{stream.X ? x_.data() : nullptr, stream.tokens ? stream.tokens[t] : -1, t, 0};
      const Index p = window_.push(weights_.version(), x.token);
      cell_->forward(weights_.current(), state_.data(), x, next_.data(), window_.u(p), window_.slopes(p));
      if (const Status s = finite(n_state_, next_.data(), Status::state_not_finite); s != Status::ok) return s;
      std::swap(state_, next_);
      if (stream.mask && !stream.mask[t]) continue;
      parameters_.output(state_.data(), output_.data());
      const double value = differentiate(stream.Y ? stream.Y + t * n_outputs : nullptr, stream.labels ? stream.labels[t] : -1, window_.delta(p));
      if (!std::isfinite(value)) return Status::loss_not_finite;
      window_.pending(p) = 1;
      if (!outcome) continue;
      outcome->loss_sum += value;
      ++outcome->n_terms;
      parameters_.add_gradient(window_.delta(p), state_.data(), G_.data());
    }
    return Status::ok;
  }

  // The loss, and δ = ∂loss/∂ŷ with its tangent: ŷ' or, with π = softmax ŷ, π ∘ (ŷ' − ⟨π, ŷ'⟩).
  double differentiate(const T* target, std::int64_t label, Number* delta) {
    const Index n = settings_.n_outputs;
    T *values = plane_.data(), *slopes = values + n;
    for (Index i = 0; i < n; ++i) values[i] = output_[i].value;
    if (settings_.loss == Loss::squared_error) {
      const double loss = squared_error(n, values, target, slopes);
      for (Index i = 0; i < n; ++i) delta[i] = {slopes[i], output_[i].tangent};
      return loss;
    }
    const double loss = cross_entropy(n, values, label, slopes);
    double mean = 0;
    const auto probability = [&](Index i) { return static_cast<double>(slopes[i]) + (i == label ? 1 : 0); };
    for (Index i = 0; i < n; ++i) mean += probability(i) * static_cast<double>(output_[i].tangent);
    for (Index i = 0; i < n; ++i)
      delta[i] = {slopes[i], static_cast<T>(probability(i) * (static_cast<double>(output_[i].tangent) - mean))};
    return loss;
  }

  // Which of the two left the numbers first: the values, or their derivatives?
  static Status finite(Index n, const Number* numbers, Status otherwise) {
    if (ops<Number>().all_finite(n, numbers)) return Status::ok;
    return std::all_of(numbers, numbers + n, [](const Number& a) { return std::isfinite(a.value); }) ? Status::product_not_finite : otherwise;
  }

  std::unique_ptr<Cell<Number>> cell_;
  HessianSettings settings_;
  Index stretch_;
  Parameters<Number> parameters_;
  WeightHistory<Number> weights_;
  Window<Number> window_;
  Sweep<Number> sweep_;
  Index n_state_;
  Buffer<Number> starts_, state_, next_, x_, output_;  // starts_: one state a stretch
  Buffer<T> plane_;
  Buffer<Number> G_;
};

}  // namespace pushforward
