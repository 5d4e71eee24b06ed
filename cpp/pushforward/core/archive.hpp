#pragma once
// Everything that evolves is shown to an archive by name, in a fixed order: one walk serves saving, loading and counting.

#include <cstdint>
#include <string>

#include "types.hpp"

namespace pushforward {

template <typename Scalar>
class Archive {
 public:
  virtual ~Archive() = default;
  virtual void numbers(const std::string& name, Scalar* data, Index size) = 0;
  virtual void integers(const std::string& name, std::int64_t* data, Index size) = 0;
};

}  // namespace pushforward
