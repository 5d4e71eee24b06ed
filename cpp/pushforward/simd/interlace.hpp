#pragma once
// Rows of as many problems as a register has lanes, side by side: a lane is a problem.

#include "transpose.hpp"

namespace pushforward {
namespace {

// The next `n_rows` rows of each problem, `width` numbers each, as columns of [A | Y]: lane l of a register from problem l.
template <typename Scalar>
void interlace(const Scalar* const (&from)[lanes<Scalar>], Index n_rows, Index width, Index n, V<Scalar> scale, Scalar* to) {
  constexpr Index L = lanes<Scalar>;
  const Index size = n_rows * width;
  for (Index f = 0, column = 0; f < size; f += L) {
    V<Scalar> v[L];
    const Index count = size - f < L ? size - f : L;
#pragma GCC unroll 16
    for (Index l = 0; l < L; ++l) v[l] = count == L ? load(from[l] + f) : load_part(from[l] + f, count);
    transpose<Scalar>(v);
#pragma GCC unroll 16
    for (Index i = 0; i < L; ++i) {
      if (i == count) break;
      store(to, scale * v[i]);
      const bool last = ++column == width;
      to += last ? (n - width + 1) * L : L;
      column = last ? 0 : column;
    }
  }
}

}  // namespace
}  // namespace pushforward
