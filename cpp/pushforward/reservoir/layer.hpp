#pragma once
// A layer of fixed dynamics: what a network is made of. One virtual call a block of steps.
//
// At this interface complex numbers are interleaved (n_parts 2, the imaginary part after the real one), as NumPy keeps them; inside, a layer
// may keep planes. Every layer holds the state of n_series series; time steps of different series have nothing to do with each other.

#include "../core/types.hpp"

namespace pushforward {

// Rows of numbers in time, of several series: step t of series b begins at data + b * series_stride + t * step_stride.
template <typename T>
struct Signal {
  T* data = nullptr;
  Index series_stride = 0, step_stride = 0;
  T* at(Index series, Index step) const { return data + series * series_stride + step * step_stride; }
  Signal from(Index step, Index column = 0) const { return {data + step * step_stride + column, series_stride, step_stride}; }
  operator Signal<const T>() const { return {data, series_stride, step_stride}; }
};

template <typename Scalar>
class Layer {
 public:
  virtual ~Layer() = default;
  virtual Index n_units() const = 0;
  virtual Index n_inputs() const = 0;
  virtual Index n_feedback() const = 0;  // numbers fed back into each step; 0: none

  // All series, n_steps steps: inputs (n_inputs · n_parts a step), feedback (n_feedback · n_parts; data null: zeros), out (n_units · n_parts).
  // True when all that was written is known to be finite; false: look.
  virtual bool run(Index n_steps, Signal<const Scalar> inputs, Signal<const Scalar> feedback, Signal<Scalar> out, int n_threads) = 0;

  virtual void state(Index series, Scalar* out) const = 0;  // (n_units · n_parts)
  virtual void set_state(Index series, const Scalar* from) = 0;
  virtual std::int64_t tick(Index series) const = 0;  // steps taken since the start: where its noise stands
  virtual void set_tick(Index series, std::int64_t tick) = 0;
};

}  // namespace pushforward
