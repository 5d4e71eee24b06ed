#pragma once
// Everything that evolves is shown to an archive by name, in a fixed order: one walk serves saving, loading and counting.

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include "types.hpp"

namespace pushforward {

// What an integer may be: an index read back from a file must not lead out of its array.
struct Range {
  std::int64_t low = 0, high = std::numeric_limits<std::int64_t>::max();
};

template <typename Scalar>
class Archive {
 public:
  virtual ~Archive() = default;
  virtual void numbers(const std::string& name, Scalar* data, Index size) = 0;
  // ranges: of data[0], data[1], …, again and again
  virtual void integers(const std::string& name, std::int64_t* data, Index size, std::initializer_list<Range> ranges) = 0;
};

}  // namespace pushforward
