#pragma once
// Layers one above the other, their features, and the loops over time that need no Python: driven, closed, and learning as it goes.
//
//   f[t] = [s¹[t] | … | s^L[t] | x[t]]      (x only with include_inputs)      layer l + 1 hears s^l[t]; every layer may hear the feedback
//   y[t] = W_out f[t] + b_out

#include <memory>
#include <vector>

#include "../core/buffer.hpp"
#include "../core/denormals.hpp"
#include "../core/ops.hpp"
#include "../core/status.hpp"
#include "../core/threads.hpp"
#include "../linalg/online_readout.hpp"
#include "layer.hpp"

namespace pushforward {

struct RunStatus {
  Status status = Status::ok;
  Index step = 0, series = 0;
};

struct NetworkSettings {
  Index n_inputs = 0, n_outputs = 0, n_parts = 1, n_series = 1;  // n_outputs: width of the feedback, and of what simulate() makes
  bool include_inputs = false;
};

template <typename Scalar>
class Network {
 public:
  static constexpr Index block = 64;  // steps that go through all layers before the next: they stay in the cache

  Network(std::vector<std::unique_ptr<Layer<Scalar>>> layers, const NetworkSettings& settings)
      : layers_(std::move(layers)), settings_(settings) {
    for (const auto& layer : layers_) n_state_ += layer->n_units();
    n_features_ = n_state_ + (settings.include_inputs ? settings.n_inputs : 0);
    row_ = Buffer<Scalar>(settings.n_series * width(n_features_));
    learnt_ = Buffer<Scalar>(block * width(n_features_));
  }

  const NetworkSettings& settings() const { return settings_; }
  Index n_state() const { return n_state_; }
  Index n_features() const { return n_features_; }
  std::vector<std::unique_ptr<Layer<Scalar>>>& layers() { return layers_; }
  const std::vector<std::unique_ptr<Layer<Scalar>>>& layers() const { return layers_; }

  // features ← those of n_steps driven steps of every series
  RunStatus run(Index n_steps, Signal<const Scalar> inputs, Signal<const Scalar> feedback, Signal<Scalar> features) {
    const FlushDenormals scope;
    const int n_threads = default_threads();  // asked once: it may go to the system for it
    for (Index t = 0; t < n_steps; t += block) {
      const Index count = std::min(block, n_steps - t);
      const bool finite = advance(count, inputs.from(t), feedback.data ? feedback.from(t) : feedback, features.from(t), n_threads);
      const RunStatus found = finite ? RunStatus{} : check(count, features.from(t), t);
      if (found.status != Status::ok) return found;
    }
    return {};
  }

  // The loop is closed: x[t] = y[t−1] where no inputs are given, else y[t−1] is the feedback. W_out (n_outputs · n_parts, n_features · n_parts), b_out and
  // last, y[−1] of every series (n_series, n_outputs · n_parts): real numbers, a complex product written out. outputs may be anything but last.
  RunStatus simulate(Index n_steps, const Scalar* W_out, const Scalar* b_out, Signal<const Scalar> last, Signal<const Scalar> inputs,
                     Signal<Scalar> outputs) {
    const FlushDenormals scope;
    const Index m = width(settings_.n_outputs), f = width(n_features_);
    const Signal<Scalar> row{row_.data(), f, 0};
    const int n_threads = default_threads();
    for (Index t = 0; t < n_steps; ++t) {
      const Signal<const Scalar> before = t ? Signal<const Scalar>(outputs).from(t - 1) : last;
      const bool finite = inputs.data ? advance(1, inputs.from(t), before, row, n_threads) : advance(1, before, {}, row, n_threads);
      for (Index b = 0; b < settings_.n_series; ++b) {
        Scalar* y = outputs.at(b, t);
        ops<Scalar>().matvec(m, f, W_out, f, row.at(b, 0), y);
        for (Index i = 0; i < m; ++i) y[i] += b_out[i];
        if (!ops<Scalar>().all_finite(m, y) || !(finite || ops<Scalar>().all_finite(f, row.at(b, 0)))) return {Status::state_not_finite, t, b};
      }
    }
    return {};
  }

  enum class Feedback { none, targets, outputs };  // what a step hears of the one before it

  // One series: reservoir step, then read-out step. predictions (n_steps, n_outputs): before each update. last: what is fed back into the first step,
  // and afterwards into the next.
  RunStatus learn(OnlineReadout<Scalar>& readout, Index n_steps, const Scalar* X, const Scalar* Y, Feedback feedback, Scalar* last,
                  Scalar* predictions) {
    const FlushDenormals scope;
    const Index p = width(settings_.n_inputs), m = width(readout.n_outputs()), f = width(n_features_);
    const Index most = feedback == Feedback::outputs ? 1 : block;
    for (Index t = 0; t < n_steps;) {
      Index count = std::min(most, n_steps - t);
      if (feedback == Feedback::targets && t == 0) count = 1;  // only the first hears `last`
      const Scalar* heard = feedback == Feedback::targets && t > 0 ? Y + (t - 1) * m : last;
      const Signal<const Scalar> y = feedback == Feedback::none ? Signal<const Scalar>{} : Signal<const Scalar>{heard, 0, m};
      const bool finite = advance(count, {X + t * p, 0, p}, y, {learnt_.data(), 0, f}, 1);
      const RunStatus found = finite ? RunStatus{} : check(count, {learnt_.data(), 0, f}, t);
      if (found.status != Status::ok) return found;
      for (Index i = 0; i < count; ++i) {
        const Status status = readout.step(learnt_.data() + i * f, Y + (t + i) * m, predictions + (t + i) * m);
        if (status != Status::ok) return {status, t + i, 0};
      }
      t += count;
      if (feedback != Feedback::none) std::copy_n((feedback == Feedback::outputs ? predictions : Y) + (t - 1) * m, m, last);
    }
    return {};
  }

 private:
  Index width(Index n) const { return n * settings_.n_parts; }

  bool advance(Index n_steps, Signal<const Scalar> inputs, Signal<const Scalar> feedback, Signal<Scalar> features, int n_threads) {
    Signal<const Scalar> heard = inputs;
    Index column = 0;
    bool finite = true;
    for (const auto& layer : layers_) {
      const Signal<Scalar> out = features.from(0, column);
      finite &= layer->run(n_steps, heard, layer->n_feedback() ? feedback : Signal<const Scalar>{}, out, n_threads);
      heard = out;
      column += width(layer->n_units());
    }
    if (!settings_.include_inputs) return finite;
    for (Index b = 0; b < settings_.n_series; ++b)
      for (Index t = 0; t < n_steps; ++t) std::copy_n(inputs.at(b, t), width(settings_.n_inputs), features.at(b, t) + column);
    return finite;
  }

  RunStatus check(Index n_steps, Signal<const Scalar> features, Index first) const {
    const Index n = width(n_state_);
    for (Index t = 0; t < n_steps; ++t)
      for (Index b = 0; b < settings_.n_series; ++b)
        if (!ops<Scalar>().all_finite(n, features.at(b, t))) return {Status::state_not_finite, first + t, b};
    return {};
  }

  std::vector<std::unique_ptr<Layer<Scalar>>> layers_;
  NetworkSettings settings_;
  Index n_state_ = 0, n_features_ = 0;
  Buffer<Scalar> row_, learnt_;
};

}  // namespace pushforward
