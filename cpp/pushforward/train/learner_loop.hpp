#pragma once
// Learner's loops (declared and explained in learner.hpp).

#include "learner.hpp"

namespace pushforward {

template <typename Scalar>
Outcome Learner<Scalar>::advance(Series<Scalar>& series, Index i, const Stream<Scalar>& stream, Index from, Index to, bool gradient_due) {
  const Index n_inputs = cell_->n_inputs(), n_outputs = settings_.n_outputs, row = i * stream.n_steps;
  for (Index t = from; t < to; ++t) {
    const Index at = row + t;
    const Input<Scalar> x{stream.X ? stream.X + at * n_inputs : nullptr, stream.tokens ? stream.tokens[at] : -1};
    if (const Status s = series.forward(weights_, x); s != Status::ok) return {s, t, i};
    if (stream.states) std::copy_n(series.state(), cell_->n_state(), stream.states + at * cell_->n_state());
    const Target<Scalar> target{stream.Y ? stream.Y + at * n_outputs : nullptr, stream.labels ? stream.labels[at] : -1};
    if (target.given() && (!stream.mask || stream.mask[at]))
      if (const Status s = series.add_loss(settings_.loss, target); s != Status::ok) return {s, t, i};
    if (const Status s = series.settle(weights_, gradient_due && t + 1 == to); s != Status::ok) return {s, t, i};
  }
  return {};
}

template <typename Scalar>
Outcome Learner<Scalar>::go(const Stream<Scalar>& stream, bool learn) {
  const FlushDenormals scope;
  if (Outcome o = close(); o.status != Status::ok) return o;
  Outcome total;
  if (stream.first == 0)
    for (Series<Scalar>& s : series_) s.clear_loss();
  const Index last = stream.last < 0 ? stream.n_steps : stream.last;
  for (Index t = stream.first; t < last;) {
    const Index until = learn ? t + std::min<Index>(last - t, settings_.update_every - phase_) : last;
    const bool due = !learn || phase_ + (until - t) == settings_.update_every;
    std::int64_t before = 0, after = 0;
    for (const Series<Scalar>& s : series_) before += s.terms();
    parallel_for(n_series() > 1 ? settings_.n_threads : 1, n_series(), [&](Index i) {
      outcomes_[static_cast<std::size_t>(i)] = advance(series_[static_cast<std::size_t>(i)], i, stream, t, until, due);
    });
    const Outcome* first = first_failure();
    steps_ += (first ? first->step + 1 : until) - t;
    if (first) return stop(*first);
    for (const Series<Scalar>& s : series_) after += s.terms();
    total.n_terms += after - before;
    if (learn) {
      phase_ = due ? 0 : phase_ + until - t;
      if (due) update();
    }
    t = until;
  }
  for (const Series<Scalar>& s : series_) total.loss_sum += s.loss_sum();
  return total;
}

template <typename Scalar>
void Learner<Scalar>::update() {
  std::int64_t terms = 0;
  for (const Series<Scalar>& s : series_) terms += s.terms();
  if (terms == 0) return;  // no loss since the last update: nothing to follow
  Scalar* G = series_[0].gradient();
  if (n_series() > 1) {
    constexpr Index block = 1 << 14;
    const Index n_blocks = (parameters_.size() + block - 1) / block;
    parallel_for(parameters_.size() * n_series() > (1 << 20) ? settings_.n_threads : 1, n_blocks, [&](Index b) {
      const Index first = b * block, n = std::min(block, parameters_.size() - first);
      for (std::size_t i = 1; i < series_.size(); ++i) ops<Scalar>().axpy(n, Scalar(1), series_[i].gradient() + first, G + first);
    });
  }
  parameters_.finish_gradient(G);
  optimizer_.update(G, 1.0 / static_cast<double>(terms), parameters_.values());
  parameters_changed();
  for (Series<Scalar>& s : series_) s.clear_gradient();
}

template <typename Scalar>
Outcome Learner<Scalar>::close() {
  if (!open_) return {};
  const FlushDenormals scope;
  open_ = 0;
  const bool due = phase_ + 1 == settings_.update_every;
  each_series([&](Index i) { return series(i).settle(weights_, due); });
  if (const Outcome* failed = first_failure()) return stop(*failed);
  phase_ = due ? 0 : phase_ + 1;
  if (due) update();
  return {};
}

template <typename Scalar>
const Outcome* Learner<Scalar>::first_failure() const {
  const Outcome* first = nullptr;
  for (const Outcome& o : outcomes_)
    if (o.status != Status::ok && (!first || o.step < first->step)) first = &o;
  return first;
}

// What the failed period had gathered is dropped, everywhere; the series that failed start afresh.
template <typename Scalar>
Outcome Learner<Scalar>::stop(Outcome outcome) {
  for (Series<Scalar>& s : series_) s.drop_pending();
  for (const Outcome& o : outcomes_)
    if (o.status != Status::ok) series(o.series).restart();
  std::fill(outcomes_.begin(), outcomes_.end(), Outcome{});
  phase_ = 0;
  open_ = 0;
  return outcome;
}

template <typename Scalar>
Status Learner<Scalar>::predict(const Stream<Scalar>& stream, Index n_series, Scalar* states, Scalar* outputs) const {
  const FlushDenormals scope;
  const Index n_state = cell_->n_state(), n_inputs = cell_->n_inputs(), n_outputs = settings_.n_outputs;
  const Index row = padded<Scalar>(n_state) + cell_->n_presynaptic() + padded<Scalar>(cell_->n_slopes());
  Buffer<Scalar> scratch(n_series * row);
  parallel_for(settings_.n_threads, n_series, [&](Index i) {
    Scalar* next = scratch.data() + i * row;
    Scalar* u = next + padded<Scalar>(n_state);
    Scalar* state = states + i * n_state;
    for (Index t = 0; t < stream.n_steps; ++t) {
      const Index at = i * stream.n_steps + t;
      const Input<Scalar> x{stream.X ? stream.X + at * n_inputs : nullptr, stream.tokens ? stream.tokens[at] : -1};
      cell_->forward(weights_.current(), state, x, next, u, u + cell_->n_presynaptic());
      std::copy_n(next, n_state, state);
      parameters_.output(state, outputs + at * n_outputs);
    }
  });
  return ops<Scalar>().all_finite(n_series * stream.n_steps * n_outputs, outputs) ? Status::ok : Status::state_not_finite;
}

}  // namespace pushforward
