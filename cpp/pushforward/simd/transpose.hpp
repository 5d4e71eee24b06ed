#pragma once
// A block of lanes × lanes numbers transposed in registers, by blocks of 1, 2, 4 … lanes that trade places across the diagonal.

#include "matvec.hpp"

namespace pushforward {
namespace {

// From lane o of the concatenation of a = v[i] and b = v[i + half]: the blocks of `half` lanes trade places across the diagonal.
template <typename Scalar, Index half, bool second, typename Integer, std::size_t... o>
constexpr I<Scalar> trade_lanes(std::index_sequence<o...>) {
  constexpr Index L = lanes<Scalar>;
  return I<Scalar>{static_cast<Integer>((static_cast<Index>(o) & half) == 0 ? static_cast<Index>(o) + (second ? half : 0)
                                                                           : L + static_cast<Index>(o) - (second ? 0 : half))...};
}

template <typename Scalar, Index half = 1>
[[gnu::always_inline]] inline void transpose(V<Scalar> (&v)[lanes<Scalar>]) {
  using Integer = std::conditional_t<sizeof(Scalar) == 4, std::int32_t, std::int64_t>;
  using All = std::make_index_sequence<lanes<Scalar>>;
  constexpr I<Scalar> first = trade_lanes<Scalar, half, false, Integer>(All{}), second = trade_lanes<Scalar, half, true, Integer>(All{});
#pragma GCC unroll 16
  for (Index i = 0; i < lanes<Scalar>; ++i) {
    if (i & half) continue;
    const V<Scalar> a = v[i], b = v[i + half];
    v[i] = shuffle<Scalar>(a, b, first);
    v[i + half] = shuffle<Scalar>(a, b, second);
  }
  if constexpr (2 * half < lanes<Scalar>) transpose<Scalar, 2 * half>(v);
}

}  // namespace
}  // namespace pushforward
