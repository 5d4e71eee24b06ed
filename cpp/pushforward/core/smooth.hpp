#pragma once
// The smooth non-linearities of wide diagonal networks. Unlike those of activation.hpp they have two bounded derivatives each, and the slope of
// the last is no function of the output:
//
//   tanh      sigmoid 1 / (1 + e⁻ᵃ)      softplus log(1 + eᵃ)      gelu a Φ(a), Φ the normal distribution

#include <array>
#include <string>
#include <string_view>

#include "check.hpp"

namespace pushforward {

enum class SmoothActivation : int { tanh, sigmoid, softplus, gelu };

inline constexpr std::array<std::string_view, 4> smooth_activation_names = {"tanh", "sigmoid", "softplus", "gelu"};

inline SmoothActivation smooth_activation_from(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < smooth_activation_names.size(); ++i) {
    if (smooth_activation_names[i] == name) return static_cast<SmoothActivation>(i);
    known += (i ? ", " : "") + std::string(smooth_activation_names[i]);
  }
  throw std::invalid_argument("activation must be one of " + known + ", got '" + std::string(name) + "'");
}

}  // namespace pushforward
