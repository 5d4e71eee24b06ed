#pragma once
// Optimisers of a flat parameter vector. The learning rate of update t = 0, 1, … follows a schedule:
//
//   constant       rate
//   inverse_time   rate / (1 + a t)^b          Robbins and Monro's conditions hold for ½ < b ≤ 1
//   exponential    rate · a^t
//   step           rate · b^⌊t / a⌋
//
// The update rules (as in PyTorch) stand with the loop that applies them: OptimizerStep in core/ops.hpp, simd/.

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "../core/archive.hpp"
#include "../core/buffer.hpp"
#include "../core/check.hpp"
#include "../core/ops.hpp"

namespace pushforward {

struct OptimizerSettings {
  enum class Schedule { constant, inverse_time, exponential, step };
  OptimizerStep::Kind kind = OptimizerStep::sgd;
  double learning_rate = 1e-2, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  double clip_norm = 0;  // 0: no clipping
  Schedule schedule = Schedule::constant;
  double schedule_a = 0, schedule_b = 0;

  double rate(std::int64_t t) const {
    const double x = static_cast<double>(t);
    switch (schedule) {
      case Schedule::inverse_time: return learning_rate / std::pow(1 + schedule_a * x, schedule_b);
      case Schedule::exponential: return learning_rate * std::pow(schedule_a, x);
      case Schedule::step: return learning_rate * std::pow(schedule_b, std::floor(x / schedule_a));
      default: return learning_rate;
    }
  }
};

inline OptimizerStep::Kind optimizer_kind_from(std::string_view name) {
  if (name == "sgd") return OptimizerStep::sgd;
  if (name == "momentum") return OptimizerStep::momentum;
  if (name == "rmsprop") return OptimizerStep::rmsprop;
  if (name == "adam") return OptimizerStep::adam;
  if (name == "adamw") return OptimizerStep::adamw;
  throw std::invalid_argument("optimizer kind must be one of sgd, momentum, rmsprop, adam, adamw, got '" + std::string(name) + "'");
}

inline OptimizerSettings::Schedule schedule_from(std::string_view name) {
  using Schedule = OptimizerSettings::Schedule;
  if (name == "constant") return Schedule::constant;
  if (name == "inverse_time") return Schedule::inverse_time;
  if (name == "exponential") return Schedule::exponential;
  if (name == "step") return Schedule::step;
  throw std::invalid_argument("schedule must be one of constant, inverse_time, exponential, step, got '" + std::string(name) + "'");
}

template <typename Scalar>
class Optimizer {
 public:
  Optimizer(const OptimizerSettings& settings, Index n)
      : settings_(settings), n_(n), moment1_(keeps_first() ? n : 0), moment2_(keeps_second() ? n : 0) {}

  // One update of w (n) by `scale` times the gradient g (n).
  void update(const Scalar* g, double scale, Scalar* w) {
    OptimizerStep step;
    step.kind = settings_.kind;
    step.learning_rate = settings_.rate(updates_);
    step.beta1 = settings_.beta1;
    step.beta2 = settings_.beta2;
    step.epsilon = settings_.epsilon;
    step.weight_decay = settings_.weight_decay;
    step.gradient_scale = scale;
    ++updates_;
    if (settings_.kind == OptimizerStep::adam || settings_.kind == OptimizerStep::adamw) {
      step.bias1 = 1 - std::pow(settings_.beta1, static_cast<double>(updates_));
      step.bias2 = 1 - std::pow(settings_.beta2, static_cast<double>(updates_));
    }
    if (settings_.clip_norm > 0) {
      const double norm = std::sqrt(ops<Scalar>().squared_norm(n_, g)) * scale;
      if (norm > settings_.clip_norm) step.gradient_scale *= settings_.clip_norm / norm;
    }
    ops<Scalar>().optimizer_update(step, n_, g, w, moment1_.data(), moment2_.data());
  }

  std::int64_t updates() const { return updates_; }
  double rate() const { return settings_.rate(updates_); }

  void visit(Archive<Scalar>& archive) {
    archive.integers("optimizer.updates", &updates_, 1, {Range{}});
    archive.numbers("optimizer.moment1", moment1_.data(), moment1_.size());
    archive.numbers("optimizer.moment2", moment2_.data(), moment2_.size());
  }

 private:
  bool keeps_first() const {
    return settings_.kind == OptimizerStep::momentum || settings_.kind == OptimizerStep::adam || settings_.kind == OptimizerStep::adamw;
  }
  bool keeps_second() const { return settings_.kind != OptimizerStep::sgd && settings_.kind != OptimizerStep::momentum; }

  OptimizerSettings settings_;
  Index n_;
  std::int64_t updates_ = 0;
  Buffer<Scalar> moment1_, moment2_;
};

}  // namespace pushforward
