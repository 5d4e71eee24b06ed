#pragma once
// What lies side by side, apart again (core/stream_ops.hpp): the parts of numbers are shuffled, blocks of lanes × lanes numbers of series transposed in registers.

#include "../core/stream_ops.hpp"
#include "poles.hpp"
#include "transpose.hpp"

namespace pushforward {
namespace {

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
