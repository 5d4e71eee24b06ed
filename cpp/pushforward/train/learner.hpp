#pragma once
// The loop over time: one model, one or several series of equal length, one optimiser update every K = `update_every` steps.
//
//   every step, each series:   forward, loss, carry.settle()                       (series.hpp, carry/)
//   every K steps:             g = Σ_series G / (number of losses since the last update),   θ ← optimiser(θ, g)
//
// Series are independent between two updates: they are what the threads share; a single series gives the threads to its carry.
// A number that is not finite stops the run before the update that would use it; the series it began in starts afresh, the weights stay.

#include <vector>

#include "../core/denormals.hpp"
#include "../core/threads.hpp"
#include "optimizer.hpp"
#include "series.hpp"

namespace pushforward {

// What run() is given, C order, one row per series: X (n_series, n_steps, n_inputs) or tokens (n_series, n_steps); Y (n_series, n_steps, n_outputs) or
// labels (n_series, n_steps), or neither; mask (n_series, n_steps), zero where a step has no loss; states: filled when not null.
template <typename Scalar>
struct Stream {
  Index n_steps = 0;           // length of the arrays' time axis
  Index first = 0, last = -1;  // the steps to take: first … last−1; −1: to the end
  const Scalar* X = nullptr;
  const std::int64_t* tokens = nullptr;
  const Scalar* Y = nullptr;
  const std::int64_t* labels = nullptr;
  const bool* mask = nullptr;
  Scalar* states = nullptr;   // (n_series, n_steps, n_state)
};

struct Outcome {
  Status status = Status::ok;
  Index step = 0;    // where it began, counted from the start of this call
  Index series = 0;
  double loss_sum = 0;  // of the stream from its step 0, added up in one order however many calls it takes
  std::int64_t n_terms = 0;
};

struct LearnerSettings {
  Index n_outputs = 1;
  Index update_every = 1;
  int n_threads = 1;
  Loss loss = Loss::squared_error;
  double weight_bound = 0, readout_bound = 0;  // 0: not bounded
  OptimizerSettings optimizer;
};

template <typename Scalar>
class Learner {
 public:
  // carries: one per series. n_versions: how many updates back a stored step may lie, plus two.
  Learner(const Learner&) = delete;  // series refer to its members
  Learner& operator=(const Learner&) = delete;
  Learner(std::unique_ptr<Cell<Scalar>> cell, const LearnerSettings& settings, std::vector<std::unique_ptr<Carry<Scalar>>> carries,
          Index n_versions)
      : cell_(std::move(cell)), settings_(settings), parameters_(*cell_, settings.n_outputs, settings.readout_bound),
        weights_(*cell_, settings.weight_bound, n_versions), optimizer_(settings.optimizer, parameters_.size()) {
    series_.reserve(carries.size());
    for (auto& carry : carries) series_.emplace_back(*cell_, parameters_, std::move(carry), n_series());
    outcomes_.resize(series_.size());
    parameters_changed();
  }

  // Learns `stream` from where the last call ended.
  Outcome run(const Stream<Scalar>& stream) { return go(stream, true); }

  // The gradient of the sum of the stream's losses, weights as they are; nothing is learnt. Read it with gradient().
  Outcome gather(const Stream<Scalar>& stream) { return go(stream, false); }

  // One step without a target yet: x (n_series, n_inputs) or tokens (n_series). The outputs are in output(i).
  Outcome step(const Scalar* x, const std::int64_t* tokens) {
    const FlushDenormals scope;
    if (Outcome o = close(); o.status != Status::ok) return o;
    each_series([&](Index i) {
      const Input<Scalar> input{x ? x + i * cell_->n_inputs() : nullptr, tokens ? tokens[i] : -1};
      return series(i).forward(weights_, input);
    });
    ++steps_;
    if (const Outcome* failed = first_failure()) {
      for (std::size_t i = 0; i < series_.size(); ++i)
        if (outcomes_[i].status == Status::ok) series_[i].settle(weights_, false);  // these have taken the step
      return stop(*failed);
    }
    open_ = 1;
    return {};
  }
  bool awaits_feedback() const { return open_ != 0; }
  // d_outputs (n_series, n_outputs): the derivative of the step's loss with respect to its output.
  Outcome feedback(const Scalar* d_outputs) {
    const FlushDenormals scope;
    for (std::size_t i = 0; i < series_.size(); ++i) series_[i].add_feedback(d_outputs + static_cast<Index>(i) * settings_.n_outputs);
    return close();
  }

  // Outputs (n_series, n_steps, n_outputs) from the given states (n_series, n_state), which end as the last ones. Learns nothing.
  Status predict(const Stream<Scalar>& stream, Index n_series, Scalar* states, Scalar* outputs) const;

  // ∂s/∂θ (n_state, n_params) as it stands, out and in; false when the carry keeps none. Both end the series' block: later round-off may differ.
  bool influence(Index i, Scalar* dense) {
    const FlushDenormals scope;
    series(i).settle(weights_, true);
    return series(i).carry().read_influence(weights_, dense);
  }
  bool set_influence(Index i, const Scalar* dense) {
    const FlushDenormals scope;
    series(i).settle(weights_, true);
    return series(i).carry().write_influence(dense);
  }

  // State and influence of one series are zero again; what it has given to the gradient since the last update stays.
  void reset(Index i) {
    const FlushDenormals scope;
    if (series(i).settle(weights_, true) != Status::ok) series(i).clear_gradient();
    series(i).restart();
  }
  // No stored step refers to the weights: they may be replaced.
  bool at_block_start() {
    for (Series<Scalar>& s : series_)
      if (s.carry().window().count() > 0) return false;
    return true;
  }
  void parameters_changed() {
    parameters_.changed();
    weights_.commit(parameters_.values());
  }

  const Cell<Scalar>& cell() const { return *cell_; }
  Parameters<Scalar>& parameters() { return parameters_; }
  Series<Scalar>& series(Index i) { return series_[static_cast<std::size_t>(i)]; }
  Index n_series() const { return static_cast<Index>(series_.size()); }
  const WeightHistory<Scalar>& weights() const { return weights_; }
  const Optimizer<Scalar>& optimizer() const { return optimizer_; }
  const LearnerSettings& settings() const { return settings_; }
  std::int64_t steps() const { return steps_; }  // taken in so far
  Outcome close();                               // ends an open step() that got no feedback

  void visit(Archive<Scalar>& archive) {
    archive.numbers("parameters", parameters_.values(), parameters_.size());
    archive.integers("learner.steps", &steps_, 1, {Range{}});
    archive.integers("learner.phase", &phase_, 1, {{0, settings_.update_every - 1}});
    archive.integers("learner.open", &open_, 1, {{0, 1}});
    optimizer_.visit(archive);
    weights_.visit(archive);
    for (std::size_t i = 0; i < series_.size(); ++i) series_[i].visit(archive, "series" + std::to_string(i), weights_.n_versions());
  }
  void loaded() {  // after an archive has written into this object
    parameters_.changed();
    weights_.show(parameters_.values());
  }

 private:
  // outcomes_[i] = body(i), the threads sharing the series.
  template <typename Body>
  void each_series(Body&& body) {
    parallel_for(n_series() > 1 ? settings_.n_threads : 1, n_series(), [&](Index i) {
      outcomes_[static_cast<std::size_t>(i)] = {};
      outcomes_[static_cast<std::size_t>(i)].status = body(i);
      outcomes_[static_cast<std::size_t>(i)].series = i;
    });
  }
  Outcome go(const Stream<Scalar>& stream, bool learn);
  Outcome advance(Series<Scalar>& series, Index i, const Stream<Scalar>& stream, Index from, Index to, bool gradient_due);
  const Outcome* first_failure() const;
  Outcome stop(Outcome outcome);
  void update();

  std::unique_ptr<Cell<Scalar>> cell_;
  LearnerSettings settings_;
  Parameters<Scalar> parameters_;       // evolving, with weights, optimizer, series, phase, open
  WeightHistory<Scalar> weights_;
  Optimizer<Scalar> optimizer_;
  std::vector<Series<Scalar>> series_;
  std::vector<Outcome> outcomes_;       // scratch, one per series
  std::int64_t steps_ = 0;
  std::int64_t phase_ = 0;              // steps since the last update was due
  std::int64_t open_ = 0;               // a step() whose feedback has not come
};

}  // namespace pushforward

#include "learner_loop.hpp"
