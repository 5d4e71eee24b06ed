#pragma once
// Rows into and out of a triangle, one at a time. T (n, width) = [R | C], R upper triangular with a positive diagonal, rows at distance
// ld = padded(width); a row z = [x | y] of width numbers, padded likewise.
//
//   insert     [R C; x y] → [R' C'; 0 ·]        n rotations of a row of T with z
//   eliminate  a = R⁻ᵀ x,   z ← [0 | y − aᵀ C]
//   remove     [R' C'; x y] ← [R C; 0 ζ],  ζ = (y − aᵀ C) / α,  α² = 1 − ‖a‖²: rotations that turn [a; α] into the last unit vector, from the
//              last row of R on (LINPACK's chdd). z: [0 | ζ] in, the row that is taken out comes back

#include "lanes.hpp"

namespace pushforward {
namespace {

// t ← c t + s z,  z ← c z − s t, from the register of column `first` on. Left of the diagonal both are zero, and stay so.
template <typename Scalar>
[[gnu::always_inline]] inline void rotate_rows(Index first, Index ld, Scalar c, Scalar s, Scalar* t, Scalar* z) {
  const V<Scalar> cosine = broadcast(c), sine = broadcast(s);
  for (Index i = first / lanes<Scalar> * lanes<Scalar>; i < ld; i += lanes<Scalar>) {
    const V<Scalar> a = load(t + i), b = load(z + i);
    store(t + i, cosine * a + sine * b);
    store(z + i, cosine * b - sine * a);
  }
}

template <typename Scalar>
Scalar length_of(Scalar a, Scalar b) {
  return static_cast<Scalar>(__builtin_sqrt(static_cast<double>(a * a + b * b)));
}

template <typename Scalar>
void insert_row(Index n, Index ld, Scalar* T, Scalar* z) {
  for (Index i = 0; i < n; ++i, T += ld) {
    if (z[i] == 0) continue;
    const Scalar r = T[i], length = length_of(r, z[i]);
    rotate_rows<Scalar>(i, ld, r / length, z[i] / length, T, z);
    T[i] = length, z[i] = 0;
  }
}

template <typename Scalar>
void eliminate_row(Index n, Index ld, const Scalar* T, Scalar* z, Scalar* a) {
  for (Index i = 0; i < n; ++i, T += ld) {
    a[i] = z[i] / T[i];
    const V<Scalar> factor = broadcast(a[i]);
    for (Index c = i / lanes<Scalar> * lanes<Scalar>; c < ld; c += lanes<Scalar>) store(z + c, load(z + c) - factor * load(T + c));
    z[i] = 0;
  }
}

template <typename Scalar>
void remove_row(Index n, Index ld, Scalar alpha, const Scalar* a, Scalar* T, Scalar* z) {
  for (Index i = n - 1; i >= 0; --i) {
    const Scalar length = length_of(alpha, a[i]);
    rotate_rows<Scalar>(i, ld, alpha / length, -a[i] / length, T + i * ld, z);
    alpha = length;
  }
}

}  // namespace
}  // namespace pushforward
