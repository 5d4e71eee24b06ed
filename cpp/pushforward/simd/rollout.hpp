#pragma once
// Rows of features times the rows of a matrix:
//
//   Y[s, i] = Σ_c A[i, c] X[s, c]          A (m, n), X (n_rows, n), Y (n_rows, m)
//
// Lanes are columns. A tile holds the sums of some rows of A with one row of X, or with four, so that a number of A is loaded once for four products.
// Every sum has two parts, over the even and over the odd registers of columns, whatever the tile: a row of Y does not depend on the rows beside it.
// n is a whole number of cache lines: what is beyond the last column is zero in A and finite in X.

#include "../core/koopman_ops.hpp"
#include "matvec.hpp"

namespace pushforward {
namespace {

#if PUSHFORWARD_VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr int product_rows_of_four = 3;  // 24 sums on 32 registers
#else
constexpr int product_rows_of_four = 1;  // 8 sums on 16
#endif
constexpr int product_rows_of_one = 4;

template <typename Scalar, int n_rows, int m>
[[gnu::always_inline]] inline void product_tile(const RowsProduct<Scalar>& p, const Scalar* A, const Scalar* X, Scalar* Y) {
  constexpr Index L = lanes<Scalar>;
  V<Scalar> sum[2][m][n_rows] = {};
  const auto add = [&](Index c, V<Scalar>(&to)[m][n_rows]) __attribute__((always_inline)) {
    V<Scalar> x[n_rows];
#pragma GCC unroll 4
    for (int s = 0; s < n_rows; ++s) x[s] = load(X + s * p.ldx + c);
#pragma GCC unroll 4
    for (int i = 0; i < m; ++i) {
      const V<Scalar> a = load(A + i * p.lda + c);
#pragma GCC unroll 4
      for (int s = 0; s < n_rows; ++s) to[i][s] += a * x[s];
    }
  };
  Index c = 0;
  for (; c + 2 * L <= p.n; c += 2 * L) {
    add(c, sum[0]);
    add(c + L, sum[1]);
  }
  if (c < p.n) add(c, sum[0]);
#pragma GCC unroll 4
  for (int s = 0; s < n_rows; ++s)
#pragma GCC unroll 4
    for (int i = 0; i < m; ++i) Y[s * p.ldy + i] = sum_lanes<Scalar>(sum[0][i][s] + sum[1][i][s]);
}

// Rows of A in tiles of `most`, the last tile of what is left.
template <typename Scalar, int n_rows, int most>
void product_rows(const RowsProduct<Scalar>& p, const Scalar* X, Scalar* Y) {
  Index i = 0;
  for (; i + most <= p.m; i += most) product_tile<Scalar, n_rows, most>(p, p.A + i * p.lda, X, Y + i);
  if constexpr (most > 3)
    if (p.m - i == 3) return product_tile<Scalar, n_rows, 3>(p, p.A + i * p.lda, X, Y + i);
  if constexpr (most > 2)
    if (p.m - i == 2) return product_tile<Scalar, n_rows, 2>(p, p.A + i * p.lda, X, Y + i);
  if constexpr (most > 1)
    if (p.m - i == 1) return product_tile<Scalar, n_rows, 1>(p, p.A + i * p.lda, X, Y + i);
}

template <typename Scalar>
void rows_product(const RowsProduct<Scalar>& p) {
  Index s = 0;
  for (; s + 4 <= p.n_rows; s += 4) product_rows<Scalar, 4, product_rows_of_four>(p, p.X + s * p.ldx, p.Y + s * p.ldy);
  for (; s < p.n_rows; ++s) product_rows<Scalar, 1, product_rows_of_one>(p, p.X + s * p.ldx, p.Y + s * p.ldy);
}

}  // namespace
}  // namespace pushforward
