#pragma once
// Losses of one step, and their derivative with respect to the output ŷ:
//
//   squared_error    ½ ‖ŷ − y‖²                     δ = ŷ − y
//   cross_entropy    log Σ_c exp ŷ_c − ŷ_y          δ = softmax(ŷ) − e_y        (shifted by max ŷ: stable for any logits)
//
// ŷ, y, δ (n_outputs)     y an integer class for cross_entropy

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "../core/check.hpp"
#include "../core/ops.hpp"

namespace pushforward {

enum class Loss { squared_error, cross_entropy };

inline Loss loss_from(std::string_view name) {
  if (name == "squared_error") return Loss::squared_error;
  if (name == "cross_entropy") return Loss::cross_entropy;
  throw std::invalid_argument("loss must be one of squared_error, cross_entropy, got '" + std::string(name) + "'");
}

template <typename Scalar>
double squared_error(Index n, const Scalar* output, const Scalar* target, Scalar* delta) {
  double loss = 0;
  for (Index i = 0; i < n; ++i) {
    delta[i] = output[i] - target[i];
    loss += 0.5 * static_cast<double>(delta[i]) * static_cast<double>(delta[i]);
  }
  return loss;
}

template <typename Scalar>
double cross_entropy(Index n, const Scalar* output, std::int64_t label, Scalar* delta) {
  Scalar highest = output[0];
  for (Index i = 1; i < n; ++i) highest = output[i] > highest ? output[i] : highest;
  for (Index i = 0; i < n; ++i) delta[i] = output[i] - highest;
  const double shifted = static_cast<double>(delta[label]);
  ops<Scalar>().exponential(n, delta, delta);
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(delta[i]);
  const Scalar scale = static_cast<Scalar>(1 / sum);
  for (Index i = 0; i < n; ++i) delta[i] *= scale;
  delta[label] -= Scalar(1);
  return std::log(sum) - shifted;
}

}  // namespace pushforward
