#pragma once
// A layer of units that hear themselves alone, each with its pole:
//
//   s[t] = σ(β ∘ s[t−1] + W_in x[t] + b)      σ acts on the real and on the imaginary part
//
// In a real network complex poles come in conjugate pairs, β = a + ib of number k and a − ib of number k + 1 of the state:
//
//   s_k ← σ(a s_k − b s_{k+1} + …)      s_{k+1} ← σ(a s_{k+1} + b s_k + …)
//
// which is one complex number that hears real inputs. Two real poles share such a slot just as well; the last may stand alone in its.

#include "../core/buffer.hpp"
#include "../core/check.hpp"
#include "../core/denormals.hpp"
#include "../core/stream_ops.hpp"
#include "../core/threads.hpp"
#include "layer.hpp"

#include <string>
#include <vector>

namespace pushforward {

template <typename Scalar>
struct FixedPolesSettings {
  Index n_units = 0, n_inputs = 0, n_parts = 1;
  Index pole_parts = 1;            // n_parts; or 2 in a real network: conjugate pairs, see above
  const Scalar* poles = nullptr;   // (n_units, pole_parts)
  const Scalar* W_in = nullptr;    // (n_units, n_inputs, n_parts)
  const Scalar* bias = nullptr;    // (n_units, n_parts)
  Activation activation = Activation::identity;
};

template <typename Scalar>
class FixedPoles final : public Layer<Scalar> {
 public:
  FixedPoles(const FixedPolesSettings<Scalar>& s, Index n_series)
      : n_(s.n_units), n_inputs_(s.n_inputs), n_parts_(s.n_parts), parts_(s.pole_parts), n_slots_((n_ * n_parts_ + parts_ - 1) / parts_),
        plane_(padded<Scalar>(n_slots_)), activation_(s.activation), poles_(3 * plane_), W_in_(n_inputs_ * parts_ * plane_), bias_(parts_ * plane_),
        state_(n_series * parts_ * plane_), ticks_(static_cast<std::size_t>(n_series)) {
    for (Index k = 0; k < n_; k += parts_ / n_parts_)
      if (parts_ == 1) set_pole(k, s.poles[k]);
      else if (n_parts_ == 2) set_pole(k, s.poles[2 * k], s.poles[2 * k + 1]);
      else set_slot(s.poles, k);
    for (Index k = 0; k < n_ * n_parts_; ++k) {
      bias_[at(k)] = s.bias[k];
      for (Index i = 0; i < n_inputs_; ++i) W_in_[i * parts_ * plane_ + at(k)] = s.W_in[((k / n_parts_) * n_inputs_ + i) * n_parts_ + k % n_parts_];
    }
  }

  Index n_units() const override { return n_; }
  Index n_inputs() const override { return n_inputs_; }
  Index n_feedback() const override { return 0; }

  bool run(Index n_steps, Signal<const Scalar> inputs, Signal<const Scalar>, Signal<Scalar> out, int n_threads) override {
    const auto n_series = static_cast<Index>(ticks_.size());
    constexpr Index worth_it = Index{1} << 16;  // numbers of the state to be made, above which threads are woken
    auto body = [&](Index b) {
      const FlushDenormals scope;  // of the thread that does it
      stream_ops<Scalar>().pole_steps(steps(n_steps, inputs, out, b));
      ticks_[static_cast<std::size_t>(b)] += n_steps;
    };
    parallel_for(n_series > 1 && n_series * n_steps * n_ * n_parts_ >= worth_it ? n_threads : 1, n_series, body);
    return false;  // not looked at
  }

  void state(Index series, Scalar* out) const override {
    for (Index k = 0; k < n_ * n_parts_; ++k) out[k] = state_[series * parts_ * plane_ + at(k)];
  }
  void set_state(Index series, const Scalar* from) override {
    for (Index k = 0; k < n_ * n_parts_; ++k) state_[series * parts_ * plane_ + at(k)] = from[k];
  }
  std::int64_t tick(Index series) const override { return ticks_[static_cast<std::size_t>(series)]; }
  void set_tick(Index series, std::int64_t tick) override { ticks_[static_cast<std::size_t>(series)] = tick; }

  // For what learns the poles: planes, plane() apart. Poles: their real parts, imaginary parts and real parts again.
  Index plane() const { return plane_; }
  Activation activation() const { return activation_; }
  const Scalar* poles() const { return poles_.data(); }
  Scalar* input_weights() { return W_in_.data(); }  // (n_inputs, n_parts, plane)
  Scalar* state_planes() { return state_.data(); }  // of the first series
  void set_pole(Index unit, Scalar re, Scalar im) {
    poles_[unit] = poles_[2 * plane_ + unit] = re;
    poles_[plane_ + unit] = im;
  }
  void set_pole(Index unit, Scalar re) { poles_[unit] = re; }

 private:
  // Where number k of a row lies among the planes.
  Index at(Index k) const { return k % parts_ * plane_ + k / parts_; }

  // numbers k and k + 1 of a real network
  void set_slot(const Scalar* poles, Index k) {
    const bool lone = k + 1 == n_;
    const Scalar re = poles[2 * k], im = poles[2 * k + 1], re_next = lone ? Scalar(0) : poles[2 * k + 2], im_next = lone ? Scalar(0) : poles[2 * k + 3];
    if (im_next != -im || (im != 0 && re_next != re))
      throw std::invalid_argument("poles: in a real network complex ones must stand beside their conjugates, at 2 k and 2 k + 1; that at " +
                                  std::to_string(k) + " does not");
    set_pole(k / 2, re, im);
    poles_[2 * plane_ + k / 2] = re_next;
  }

  PoleSteps<Scalar> steps(Index n_steps, Signal<const Scalar> inputs, Signal<Scalar> out, Index series) {
    PoleSteps<Scalar> p;
    p.n_units = n_slots_;
    p.n_parts = parts_;
    p.n_inputs = n_inputs_;
    p.n_steps = n_steps;
    p.input_parts = n_parts_;
    p.plane = plane_;
    p.poles = poles_.data();
    p.W_in = W_in_.data();
    p.bias = bias_.data();
    p.inputs = inputs.at(series, 0);
    p.input_stride = inputs.step_stride;
    p.activation = activation_;
    p.state = state_.data() + series * parts_ * plane_;
    p.out = out.data ? out.at(series, 0) : nullptr;
    p.n_out = n_ * n_parts_;
    p.out_stride = out.step_stride;
    return p;
  }

  Index n_, n_inputs_, n_parts_, parts_, n_slots_, plane_;
  Activation activation_;
  Buffer<Scalar> poles_, W_in_, bias_, state_;
  std::vector<std::int64_t> ticks_;
};

}  // namespace pushforward
