#pragma once
// A layer of echo state units (Jaeger 2001; leaky: Jaeger et al. 2007; gain and shift: intrinsic plasticity; O: ES²N, Ceni and Gallicchio 2024)
//
//   s[t] = (1 − a) ∘ (O s[t−1]) + a ∘ σ(g ∘ (W_rec s[t−1] + W_in x[t] + bias + W_feedback y[t]) + shift + noise ξ[t])
//
// A series alone: what is heard from outside in a whole block of steps is one product (drive.hpp), the units lie side by side. Several: the series
// lie side by side (lanes), sixteen in a group, and one pass over W_rec serves them all.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "../core/buffer.hpp"
#include "../core/denormals.hpp"
#include "../core/ops.hpp"
#include "../core/random.hpp"
#include "../core/stream_ops.hpp"
#include "../core/threads.hpp"
#include "drive.hpp"
#include "layer.hpp"
#include "plasticity.hpp"
#include "recurrence.hpp"

namespace pushforward {

template <typename Scalar>
struct EchoStateSettings {
  Index n_units = 0, n_inputs = 0, n_feedback = 0, n_parts = 1;
  std::unique_ptr<Recurrence<Scalar>> recurrence, skip;  // skip null: O = I
  const Scalar* W_in = nullptr;        // (n_units, n_inputs, n_parts)
  const Scalar* bias = nullptr;        // (n_units, n_parts)
  const Scalar* W_feedback = nullptr;  // (n_units, n_feedback, n_parts)
  const Scalar* leak_rate = nullptr;   // (n_units)
  const Scalar* gain = nullptr;        // (n_units)
  const Scalar* shift = nullptr;       // (n_units), added to both parts
  Activation activation = Activation::tanh;
  double noise = 0;                    // standard deviation; of complex units, of both parts together
  std::int64_t seed = 0;
};

template <typename Scalar>
class EchoState final : public Layer<Scalar> {
 public:
  static constexpr Index lanes = 16;    // series in a group
  static constexpr Index worth_it = Index{1} << 16;  // numbers of the state to be made, above which threads are woken
  static constexpr Index drive_numbers = 8192;  // that one product makes, at most: they are read while they are in the first caches

  EchoState(EchoStateSettings<Scalar> settings, Index n_series)
      : n_(settings.n_units), n_inputs_(settings.n_inputs), n_feedback_(settings.n_feedback), n_parts_(settings.n_parts),
        n_lanes_(n_series < 4 ? 1 : lanes), plane_(padded<Scalar>(n_ * n_lanes_)),
        block_(n_lanes_ == 1 ? std::clamp<Index>(drive_numbers / (n_parts_ * plane_), 1, 64) : 1), recurrence_(std::move(settings.recurrence)),
        skip_(std::move(settings.skip)), order_(recurrence_->order()), activation_(settings.activation), noise_(settings.noise), seed_(settings.seed),
        U_(n_, n_inputs_, n_feedback_, n_parts_, settings.W_in, settings.bias, settings.W_feedback, order_, n_lanes_ == 1),
        ticks_(static_cast<std::size_t>(n_series)) {
    if (order_) {
      place_ = Buffer<Index>(n_);
      for (Index i = 0; i < n_; ++i) place_[order_[i]] = i;
    }
    keep(settings.leak_rate, Scalar(1), leak_);
    keep(settings.gain, Scalar(1), gain_);
    keep(settings.shift, Scalar(0), shift_);
    groups_.resize(static_cast<std::size_t>((n_series + n_lanes_ - 1) / n_lanes_));
    for (Group& g : groups_) g = Group(*this);
  }

  Index n_units() const override { return n_; }
  Index n_inputs() const override { return n_inputs_; }
  Index n_feedback() const override { return n_feedback_; }

  bool run(Index n_steps, Signal<const Scalar> inputs, Signal<const Scalar> feedback, Signal<Scalar> out, int n_threads) override {
    const auto n_groups = static_cast<Index>(groups_.size());
    auto body = [&](Index g) {
      const FlushDenormals scope;  // of the thread that does it
      for (Index t = 0; t < n_steps; t += block_) {
        const Index count = std::min(block_, n_steps - t);
        Signal<const Scalar> y = feedback.data ? feedback.from(t) : feedback;
        if (n_lanes_ == 1) alone(g, count, inputs.from(t), y, out.from(t));
        else together(g, inputs.from(t), y, out.from(t));
      }
    };
    if (n_groups == 1) body(0);
    else parallel_for(n_steps * static_cast<Index>(ticks_.size()) * n_ * n_parts_ >= worth_it ? n_threads : 1, n_groups, body);
    bool finite = true;
    for (Group& g : groups_) finite &= std::exchange(g.finite, true);
    return finite;
  }

  // The state goes on as in run(), gain and shift change at every step. One series, real numbers, nothing fed back; out: gain and shift (2, n_units).
  void adapt(const Plasticity& plasticity, Index n_steps, Signal<const Scalar> inputs, Scalar* out) {
    Group& g = groups_.front();
    if (!gain_.size()) std::fill_n((gain_ = Buffer<Scalar>(plane_)).data(), plane_, Scalar(1));
    if (!shift_.size()) shift_ = Buffer<Scalar>(plane_);
    Buffer<Scalar> heard(plane_), answer(plane_);
    for (Index t = 0; t < n_steps; ++t) {
      U_.gather(inputs.at(0, t), nullptr, g.v.data(), 1, 0);
      U_.of_steps(1, g.v.data(), 0, g.drive.data(), plane_, 0);
      update(g, g.drive.data(), plane_, 0);
      std::copy_n(g.a.data(), n_, heard.data());  // W_rec s[t−1]
      ops<Scalar>().axpy(n_, Scalar(1), g.drive.data(), heard.data());
      for (Index i = 0; i < n_; ++i) answer[i] = gain_[i] * heard[i] + shift_[i];
      ops<Scalar>().activate(activation_, n_, answer.data(), answer.data(), nullptr);
      for (Index i = 0; i < n_; ++i) adapt_unit(plasticity, heard[i], answer[i], gain_[i], shift_[i]);
    }
    for (Index i = 0; i < n_; ++i) {
      out[unit_at(i)] = gain_[i];
      out[n_ + unit_at(i)] = shift_[i];
    }
  }

  void state(Index series, Scalar* out) const override {
    const Scalar* s = groups_[static_cast<std::size_t>(series / n_lanes_)].s.data() + series % n_lanes_;
    for (Index i = 0; i < n_; ++i)
      for (Index part = 0; part < n_parts_; ++part) out[unit_at(i) * n_parts_ + part] = s[part * plane_ + i * n_lanes_];
  }
  void set_state(Index series, const Scalar* from) override {
    Scalar* s = groups_[static_cast<std::size_t>(series / n_lanes_)].s.data() + series % n_lanes_;
    for (Index i = 0; i < n_; ++i)
      for (Index part = 0; part < n_parts_; ++part) s[part * plane_ + i * n_lanes_] = from[unit_at(i) * n_parts_ + part];
  }
  std::int64_t tick(Index series) const override { return ticks_[static_cast<std::size_t>(series)]; }
  void set_tick(Index series, std::int64_t tick) override { ticks_[static_cast<std::size_t>(series)] = tick; }

 private:
  struct Group {
    Group() = default;
    explicit Group(const EchoState& layer) {
      const Index planes = layer.n_parts_ * layer.plane_, steps = layer.block_;
      s = Buffer<Scalar>(planes);
      a = Buffer<Scalar>(planes);
      if (layer.skip_) kept = Buffer<Scalar>(planes);
      if (layer.noise_ > 0) shift = Buffer<Scalar>(planes);
      v = Buffer<Scalar>(layer.U_.size(std::max(steps, layer.n_lanes_)));
      drive = Buffer<Scalar>(layer.n_parts_ * steps * layer.plane_);
    }
    Buffer<Scalar> s, a, kept, shift;
    Buffer<Scalar> v;      // (n_parts, steps, depth) or (n_parts, depth, lanes)
    Buffer<Scalar> drive;  // (n_parts, steps, plane)
    bool finite = true;
  };

  Index unit_at(Index place) const { return order_ ? order_[place] : place; }

  // One number a unit, repeated for every lane and part; nothing when all are the usual one.
  void keep(const Scalar* values, Scalar usual, Buffer<Scalar>& to) const {
    if (!values || std::all_of(values, values + n_, [&](Scalar v) { return v == usual; })) return;
    to = Buffer<Scalar>(n_parts_ * plane_);
    for (Index part = 0; part < n_parts_; ++part)
      for (Index i = 0; i < n_; ++i) std::fill_n(to.data() + part * plane_ + i * n_lanes_, n_lanes_, values[unit_at(i)]);
  }

  void alone(Index series, Index n_steps, Signal<const Scalar> inputs, Signal<const Scalar> feedback, Signal<Scalar> out) {
    Group& g = groups_[static_cast<std::size_t>(series)];
    const Index depth = U_.depth(), v_plane = block_ * depth, drive_plane = block_ * plane_;
    for (Index t = 0; t < n_steps; ++t)
      U_.gather(inputs.at(series, t), feedback.data ? feedback.at(series, t) : nullptr, g.v.data() + t * depth, 1, v_plane);
    U_.of_steps(n_steps, g.v.data(), v_plane, g.drive.data(), plane_, drive_plane);
    for (Index t = 0; t < n_steps; ++t) {
      update(g, g.drive.data() + t * plane_, drive_plane, series);
      write(g.s.data(), 1, out.at(series, t));
    }
  }

  void together(Index group, Signal<const Scalar> inputs, Signal<const Scalar> feedback, Signal<Scalar> out) {
    Group& g = groups_[static_cast<std::size_t>(group)];
    const Index first = group * lanes, count = std::min(lanes, static_cast<Index>(ticks_.size()) - first), v_plane = U_.depth() * lanes;
    for (Index l = 0; l < count; ++l)
      U_.gather(inputs.at(first + l, 0), feedback.data ? feedback.at(first + l, 0) : nullptr, g.v.data() + l, lanes, v_plane);
    U_.of_lanes(lanes, g.v.data(), v_plane, g.drive.data(), plane_);
    update(g, g.drive.data(), plane_, first);
    Scalar* rows[lanes];
    for (Index l = 0; l < count; ++l) rows[l] = out.at(first + l, 0);
    if (n_parts_ == 1) stream_ops<Scalar>().unlace(n_, lanes, g.s.data(), place_.size() ? place_.data() : nullptr, count, rows);
    else for (Index l = 0; l < count; ++l) write(g.s.data() + l, lanes, rows[l]);
  }

  void update(Group& g, const Scalar* drive, Index drive_plane, Index first_series) {
    recurrence_->apply(g.s.data(), g.a.data(), n_lanes_);
    if (skip_) skip_->apply(g.s.data(), g.kept.data(), n_lanes_);
    if (noise_ > 0) draw(g, first_series);
    const Index last_series = std::min(first_series + n_lanes_, static_cast<Index>(ticks_.size()));
    for (Index b = first_series; b < last_series; ++b) ++ticks_[static_cast<std::size_t>(b)];
    EchoUpdate<Scalar> u;
    u.n = n_ * n_lanes_;
    u.activation = activation_;
    for (Index part = 0; part < n_parts_; ++part) {
      const Index at = part * plane_;
      u.a = g.a.data() + at;
      u.drive = drive + part * drive_plane;
      u.gain = gain_.size() ? gain_.data() + at : nullptr;
      u.shift = noise_ > 0 ? g.shift.data() + at : shift_.size() ? shift_.data() + at : nullptr;
      u.leak = leak_.size() ? leak_.data() + at : nullptr;
      u.kept = (skip_ ? g.kept.data() : g.s.data()) + at;
      u.s = g.s.data() + at;
      g.finite &= stream_ops<Scalar>().echo_update(u);
    }
  }

  // shift + noise ξ: number unit · n_parts + part of the tick of its series
  void draw(Group& g, Index first_series) {
    const double deviation = n_parts_ == 2 ? noise_ / std::sqrt(2.0) : noise_;
    const Index count = std::min(n_lanes_, static_cast<Index>(ticks_.size()) - first_series);
    for (Index l = 0; l < count; ++l) {
      const Random random(seed_, first_series + l, ticks_[static_cast<std::size_t>(first_series + l)]);
      for (Index i = 0; i < n_; ++i)
        for (Index part = 0; part < n_parts_; ++part) {
          const Index at = part * plane_ + i * n_lanes_ + l;
          g.shift[at] = static_cast<Scalar>(deviation * random.normal(unit_at(i) * n_parts_ + part)) + (shift_.size() ? shift_[at] : Scalar(0));
        }
    }
  }

  // the state of one series, interleaved, in the caller's order
  void write(const Scalar* s, Index stride, Scalar* out) const {
    if (n_parts_ == 1 && !order_) {
      std::copy_n(s, n_, out);
      return;
    }
    if (n_parts_ == 1) {
      for (Index i = 0; i < n_; ++i) out[i] = s[place_[i]];
      return;
    }
    if (stride == 1 && !order_) return stream_ops<Scalar>().interleave(n_, s, s + plane_, out);
    for (Index i = 0; i < n_; ++i) {
      out[2 * unit_at(i)] = s[i * stride];
      out[2 * unit_at(i) + 1] = s[plane_ + i * stride];
    }
  }

  Index n_, n_inputs_, n_feedback_, n_parts_, n_lanes_, plane_, block_;
  std::unique_ptr<Recurrence<Scalar>> recurrence_, skip_;
  const Index* order_;
  Buffer<Index> place_;  // of each unit
  Activation activation_;
  double noise_;
  std::int64_t seed_;
  Drive<Scalar> U_;
  Buffer<Scalar> leak_, gain_, shift_;
  std::vector<Group> groups_;
  std::vector<std::int64_t> ticks_;
};

}  // namespace pushforward
