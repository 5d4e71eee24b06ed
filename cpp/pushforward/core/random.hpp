#pragma once
// Random numbers that are a function of where they are drawn, and of nothing else:
//
//   bits(seed, stream, tick, index) = h(h(h(h(0, seed), stream), tick), index)       h(s, k) = mix(s + (k + 1) γ)
//
// h(s, ·) is splitmix64 started at s (Steele, Lea and Flood 2014; mix: Stafford's variant 13). A series that is saved needs to keep its tick only,
// threads share nothing, one seed must not serve two purposes (a cell's noise and an algorithm's signs), and the numbers do not depend on the machine (normal ones: up to the last bit of its log and cos).

#include <cmath>
#include <cstdint>
#include <numbers>

#include "types.hpp"

namespace pushforward {

inline std::uint64_t splitmix64(std::uint64_t start, std::uint64_t k) {
  std::uint64_t z = start + (k + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// What is drawn at one tick of one stream.
class Random {
 public:
  Random(std::int64_t seed, std::int64_t stream, std::int64_t tick) {
    for (const std::int64_t k : {seed, stream, tick}) key_ = splitmix64(key_, static_cast<std::uint64_t>(k));
  }

  std::uint64_t bits(Index index) const { return splitmix64(key_, static_cast<std::uint64_t>(index)); }
  // [0, 1), a multiple of 2^−53
  double uniform(Index index) const { return static_cast<double>(bits(index) >> 11) * 0x1p-53; }
  // mean 0, variance 1: Box and Muller 1958, of which the cosine only
  double normal(Index index) const {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(2 * index)));
    return radius * std::cos(2 * std::numbers::pi * uniform(2 * index + 1));
  }
  // out (n) ← −1 or 1: bit i % 64 of bits(i / 64)
  template <typename Scalar>
  void signs(Index n, Scalar* out) const {
    for (Index i = 0; i < n; i += 64) {
      std::uint64_t word = bits(i / 64);
      for (Index j = i; j < n && j < i + 64; ++j, word >>= 1) out[j] = word & 1 ? Scalar(1) : Scalar(-1);
    }
  }

 private:
  std::uint64_t key_ = 0;
};

}  // namespace pushforward
