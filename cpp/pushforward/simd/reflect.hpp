#pragma once
// Householder reflections of several problems at once: a lane is a problem.
//
//   H = I − g v vᵀ,   v = [r − α; x],   α = −sign(r) ‖[r; x]‖,   g = 2 / vᵀv = 1 / (|α| |r − α|):   H [r; x] = [α; 0]
//
// Rows X are folded into a triangle R: x is column j of X, r = R[j, j], and H acts on row j of R and on X. A number is a register, a row of n
// numbers lies at n registers.

#include <type_traits>

#include "lanes.hpp"

namespace pushforward {
namespace {

// The square below which a column counts as zero: its reciprocal must be finite, and the square have all of its digits.
template <typename Scalar>
constexpr Scalar negligible = sizeof(Scalar) == 4 ? Scalar(0x1p-102) : Scalar(0x1p-969);

template <typename Scalar>
constexpr Scalar epsilon = sizeof(Scalar) == 4 ? Scalar(0x1p-23) : Scalar(0x1p-52);

template <typename Scalar>
[[gnu::always_inline]] inline bool any(I<Scalar> mask) {
  auto found = mask[0];
#pragma GCC unroll 16
  for (Index l = 1; l < lanes<Scalar>; ++l) found |= mask[l];
  return found != 0;
}

template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> magnitude(V<Scalar> x) {
  return x < 0 ? -x : x;
}

// `width` columns of [R; X] from R and X on, reflected by v (n_rows, in rows like those of X) and v0 above it.
template <int width, typename Scalar>
[[gnu::always_inline]] inline void reflect_columns(Index n_rows, Index row, const Scalar* v, V<Scalar> v0, V<Scalar> g, Scalar* R, Scalar* X) {
  constexpr Index L = lanes<Scalar>;
  constexpr int ways = width >= 8 ? 1 : width >= 4 ? 2 : 4;  // sums of their own, so that few columns do not wait for their own additions
  V<Scalar> sum[ways][width] = {};
#pragma GCC unroll 8
  for (int c = 0; c < width; ++c) sum[0][c] = v0 * load(R + c * L);
  Index r = 0;
  for (; r + ways <= n_rows; r += ways)
#pragma GCC unroll 4
    for (int w = 0; w < ways; ++w) {
      const V<Scalar> a = load(v + (r + w) * row);
#pragma GCC unroll 8
      for (int c = 0; c < width; ++c) sum[w][c] += a * load(X + (r + w) * row + c * L);
    }
  for (; r < n_rows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < width; ++c) sum[0][c] += load(v + r * row) * load(X + r * row + c * L);
#pragma GCC unroll 8
  for (int c = 0; c < width; ++c) {
    if constexpr (ways == 4) sum[0][c] += sum[2][c] + (sum[1][c] + sum[3][c]);
    else if constexpr (ways == 2) sum[0][c] += sum[1][c];
    sum[0][c] *= g;
    store(R + c * L, load(R + c * L) - v0 * sum[0][c]);
  }
  for (r = 0; r < n_rows; ++r) {
    const V<Scalar> a = load(v + r * row);
#pragma GCC unroll 8
    for (int c = 0; c < width; ++c) store(X + r * row + c * L, load(X + r * row + c * L) - a * sum[0][c]);
  }
}

template <typename Scalar>
struct Reflection {
  V<Scalar> v0, g;
};

// The one that takes column j of X into R, whose row j this is: α is stored. Lanes of `closed` stay as they are.
template <typename Scalar>
[[gnu::always_inline]] inline Reflection<Scalar> reflection(Index j, Index n_rows, Index n, Scalar* R, const Scalar* X, I<Scalar> closed) {
  constexpr Index L = lanes<Scalar>;
  const Index row = n * L;
  const Scalar* const v = X + j * L;
  V<Scalar> squares[4] = {};
  Index r = 0;
  for (; r + 4 <= n_rows; r += 4)
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) squares[w] += load(v + (r + w) * row) * load(v + (r + w) * row);
  for (; r < n_rows; ++r) squares[0] += load(v + r * row) * load(v + r * row);
  const V<Scalar> s = (squares[0] + squares[1]) + (squares[2] + squares[3]), old = load(R + j * L), norm = root<Scalar>(old * old + s);
  const I<Scalar> rests = (s <= negligible<Scalar>) | closed;  // of NaN false
  const V<Scalar> diagonal = rests ? old : old > 0 ? -norm : norm, v0 = old - diagonal;
  store(R + j * L, diagonal);
  return {v0, rests ? V<Scalar>{} : Scalar(1) / (norm * magnitude<Scalar>(v0))};
}

// Columns first … n − 1 reflected by column j.
template <typename Scalar>
[[gnu::always_inline]] inline void reflect_from(Index first, Index j, Index n_rows, Index n, Reflection<Scalar> h, Scalar* R, Scalar* X) {
  constexpr Index L = lanes<Scalar>;
  const Scalar* const v = X + j * L;
  Index c = first;
  const auto tile = [&](auto width) __attribute__((always_inline)) {
    reflect_columns<width>(n_rows, n * L, v, h.v0, h.g, R + c * L, X + c * L);
    c += width;
  };
  while (c + 8 <= n) tile(std::integral_constant<int, 8>{});
  if (c + 4 <= n) tile(std::integral_constant<int, 4>{});
  if (c + 2 <= n) tile(std::integral_constant<int, 2>{});
  if (c < n) tile(std::integral_constant<int, 1>{});
}

// Columns j = first … last − 1 of X are reflected into R one after the other. The next reflection is found, a root and a division, while most columns
// still wait for this one.
template <typename Scalar>
[[gnu::noinline]] void reflect_all(Index first, Index last, Index n_rows, Index n, Scalar* R, Scalar* X, I<Scalar> closed) {
  constexpr Index L = lanes<Scalar>;
  if (first >= last) return;
  Reflection<Scalar> next = reflection<Scalar>(first, n_rows, n, R + first * n * L, X, closed);
  for (Index j = first; j < last; ++j) {
    Scalar* const row = R + j * n * L;
    const Reflection<Scalar> h = next;
    Index c = j + 1;
    if (c + 8 <= n) reflect_columns<8>(n_rows, n * L, X + j * L, h.v0, h.g, row + c * L, X + c * L), c += 8;
    else reflect_from<Scalar>(c, j, n_rows, n, h, row, X), c = n;
    if (j + 1 < last) next = reflection<Scalar>(j + 1, n_rows, n, row + n * L, X, closed);
    reflect_from<Scalar>(c, j, n_rows, n, h, row, X);
  }
}

// Sums of the squares of columns first … last − 1.
template <typename Scalar>
V<Scalar> squares_of(Index n_rows, Index n, Index first, Index last, const Scalar* X) {
  V<Scalar> sum{};
  for (Index r = 0; r < n_rows; ++r)
    for (Index c = first; c < last; ++c) sum += load(X + (r * n + c) * lanes<Scalar>) * load(X + (r * n + c) * lanes<Scalar>);
  return sum;
}

// [R | C; X | Y] of n columns, k of them X: R and C become the triangle of all rows. n_before: rows folded in before, of which R = 0 at first.
//
// As long as there are fewer rows than columns, as many reflections as there are rows leave nothing of X but rounding errors, unless some of its
// first columns depend on each other. In the lanes where something is left the reflections go on. total: ‖all rows‖² so far.
template <typename Scalar>
void fold_into(Index k, Index n, Index n_before, Index n_rows, Scalar* R, Scalar* X, V<Scalar>& total) {
  constexpr Scalar rounding = 16 * epsilon<Scalar>;
  const Index end = n_before + n_rows < k ? n_before + n_rows : k;
  if (end < k) total += squares_of<Scalar>(n_rows, n, 0, k, X);
  reflect_all<Scalar>(0, end, n_rows, n, R, X, I<Scalar>{});
  if (end == k) return;
  const I<Scalar> closed = squares_of<Scalar>(n_rows, n, end, k, X) <= rounding * rounding * total;  // of NaN false
  if (any<Scalar>(~closed)) reflect_all<Scalar>(end, k, n_rows, n, R, X, closed);
}

}  // namespace
}  // namespace pushforward
