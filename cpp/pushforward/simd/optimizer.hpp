#pragma once
// One update of the weights, in PyTorch's conventions. First g ← gradient_scale · g, then, but for AdamW, g ← g + weight_decay · w.
//
//   sgd        w ← w − η g
//   momentum   m ← β₁ m + g                             w ← w − η m
//   rmsprop    v ← β₂ v + (1 − β₂) g²                   w ← w − η g / (√v + ε)
//   adam       m ← β₁ m + (1 − β₁) g, v as above        w ← w − η (m / bias₁) / (√(v / bias₂) + ε)
//   adamw      w ← w − η weight_decay w, then as adam
//
// g, w (n)   m1 holds m, m2 holds v

#include <limits>

#include "../core/ops.hpp"
#include "lanes.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
void optimizer_update(const OptimizerStep& step, Index n, const Scalar* g, Scalar* w, Scalar* m1, Scalar* m2) {
  using R = V<Scalar>;
  const bool decoupled = step.kind == OptimizerStep::adamw;
  const auto rate = static_cast<Scalar>(step.learning_rate), scale = static_cast<Scalar>(step.gradient_scale);
  const auto decay = static_cast<Scalar>(decoupled ? 0.0 : step.weight_decay);
  const auto beta1 = static_cast<Scalar>(step.beta1), beta2 = static_cast<Scalar>(step.beta2), least = std::numeric_limits<Scalar>::min();
  const Scalar epsilon = static_cast<Scalar>(step.epsilon) > least ? static_cast<Scalar>(step.epsilon) : least;  // never 0 / 0
  const auto rest1 = static_cast<Scalar>(1 - step.beta1), rest2 = static_cast<Scalar>(1 - step.beta2);
  const auto each = [&](const auto& update) __attribute__((always_inline)) {
    each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) {
      const R weight = io.load(w + i);
      io.store(w + i, update(i, io, weight, io.load(g + i) * scale + decay * weight));
    });
  };
  switch (step.kind) {
    case OptimizerStep::sgd:
      return each([&](Index, auto, R weight, R gradient) __attribute__((always_inline)) { return weight - rate * gradient; });
    case OptimizerStep::momentum:
      return each([&](Index i, auto io, R weight, R gradient) __attribute__((always_inline)) {
        const R m = beta1 * io.load(m1 + i) + gradient;
        io.store(m1 + i, m);
        return weight - rate * m;
      });
    case OptimizerStep::rmsprop:
      return each([&](Index i, auto io, R weight, R gradient) __attribute__((always_inline)) {
        const R v = beta2 * io.load(m2 + i) + rest2 * (gradient * gradient);
        io.store(m2 + i, v);
        return weight - rate * (gradient / (root<Scalar>(v) + epsilon));
      });
    case OptimizerStep::adam:
    case OptimizerStep::adamw: {
      const auto kept = static_cast<Scalar>(decoupled ? 1 - step.learning_rate * step.weight_decay : 1.0);
      const auto adam_rate = static_cast<Scalar>(step.learning_rate / step.bias1);
      const auto root_scale = static_cast<Scalar>(1 / __builtin_sqrt(step.bias2));
      return each([&](Index i, auto io, R weight, R gradient) __attribute__((always_inline)) {
        const R m = beta1 * io.load(m1 + i) + rest1 * gradient;
        const R v = beta2 * io.load(m2 + i) + rest2 * (gradient * gradient);
        io.store(m1 + i, m);
        io.store(m2 + i, v);
        return kept * weight - adam_rate * (m / (root<Scalar>(v) * root_scale + epsilon));
      });
    }
  }
}

}  // namespace
}  // namespace pushforward
