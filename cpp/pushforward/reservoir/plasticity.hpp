#pragma once
// Intrinsic plasticity: every unit fits gain g and shift b of its own σ, so that its output y = σ(g u + b) gets the distribution asked for.
//
//   gaussian (tanh; Schrauwen et al. 2008):      Δb = −η (−μ / σ² + y (2 σ² + 1 − y² + μ y) / σ²)      Δg = η / g + Δb u
//   exponential (sigmoid; Triesch 2005):         Δb =  η (1 − (2 + 1 / μ) y + y² / μ)                   Δg = η / g + Δb u

#include <string_view>

#include "../core/check.hpp"
#include "../core/types.hpp"

namespace pushforward {

struct Plasticity {
  enum class Rule { gaussian, exponential } rule = Rule::gaussian;
  double learning_rate = 0, mean = 0, deviation = 1;  // deviation: of the gaussian
};

inline Plasticity::Rule plasticity_rule_from(std::string_view name) {
  require(name == "gaussian" || name == "exponential", "intrinsic_plasticity must be gaussian or exponential, got '" + std::string(name) + "'");
  return name == "gaussian" ? Plasticity::Rule::gaussian : Plasticity::Rule::exponential;
}

// u: what a unit hears, y: what it answered
template <typename Scalar>
void adapt_unit(const Plasticity& p, Scalar u, Scalar y, Scalar& gain, Scalar& shift) {
  const double eta = p.learning_rate, mu = p.mean, variance = p.deviation * p.deviation, out = static_cast<double>(y);
  const double step = p.rule == Plasticity::Rule::gaussian ? -eta * (-mu / variance + out / variance * (2 * variance + 1 - out * out + mu * out))
                                                           : eta * (1 - (2 + 1 / mu) * out + out * out / mu);
  gain = static_cast<Scalar>(static_cast<double>(gain) + eta / static_cast<double>(gain) + step * static_cast<double>(u));
  shift = static_cast<Scalar>(static_cast<double>(shift) + step);
}

}  // namespace pushforward
