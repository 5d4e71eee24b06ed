#pragma once
// A caller's mistake: checked once, at the entry, and thrown with the argument's name, what was expected and what came.

#include <stdexcept>
#include <string>

namespace pushforward {

inline void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

inline void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

}  // namespace pushforward
