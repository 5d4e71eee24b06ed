#pragma once
// What lies side by side, apart again (core/stream_ops.hpp): the parts of numbers are shuffled, blocks of lanes × lanes numbers of series transposed in registers.

#include "../core/stream_ops.hpp"
#include "matvec.hpp"
#include "poles.hpp"

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

template <typename Scalar>
void interleave(Index n, const Scalar* re, const Scalar* im, Scalar* out) {
  constexpr Index L = lanes<Scalar>;
  Index i = 0;
  for (; i + L <= n; i += L) {
    const V<Scalar> a = load(re + i), b = load(im + i);
    store(out + 2 * i, interleaved<Scalar, false>(a, b));
    store(out + 2 * i + L, interleaved<Scalar, true>(a, b));
  }
  for (; i < n; ++i) {
    out[2 * i] = re[i];
    out[2 * i + 1] = im[i];
  }
}

template <typename Scalar>
void unlace(Index n, Index n_lanes, const Scalar* s, const Index* place, Index n_rows, Scalar* const* out) {
  constexpr Index L = lanes<Scalar>;
  Index i = 0;
  for (; i + L <= n; i += L)
    for (Index l = 0; l < n_rows; l += L) {
      V<Scalar> v[L];
#pragma GCC unroll 16
      for (Index r = 0; r < L; ++r) v[r] = load(s + (place ? place[i + r] : i + r) * n_lanes + l);
      transpose<Scalar>(v);
      if (l + L <= n_rows) {
#pragma GCC unroll 16
        for (Index r = 0; r < L; ++r) store(out[l + r] + i, v[r]);
      } else {
        for (Index r = 0; l + r < n_rows; ++r) store(out[l + r] + i, v[r]);
      }
    }
  for (; i < n; ++i)
    for (Index l = 0; l < n_rows; ++l) out[l][i] = s[(place ? place[i] : i) * n_lanes + l];
}

}  // namespace
}  // namespace pushforward
