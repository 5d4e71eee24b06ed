#pragma once
// The element-wise non-linearities σ a cell may use. Their slope is a function of the output s = σ(a) alone:
//
//   identity 1    relu [s > 0]    tanh 1 − s²    sigmoid s (1 − s)    elu  s > 0 ? 1 : 1 + s

#include <array>
#include <string>
#include <string_view>

#include "check.hpp"

namespace pushforward {

enum class Activation : int { identity, relu, tanh, sigmoid, elu };

inline constexpr std::array<std::string_view, 5> activation_names = {"identity", "relu", "tanh", "sigmoid", "elu"};

inline Activation activation_from(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < activation_names.size(); ++i) {
    if (activation_names[i] == name) return static_cast<Activation>(i);
    known += (i ? ", " : "") + std::string(activation_names[i]);
  }
  throw std::invalid_argument("activation must be one of " + known + ", got '" + std::string(name) + "'");
}

}  // namespace pushforward
