#pragma once
// Singular values of several small matrices at once, a lane is a problem: one-sided Jacobi on the rows of [M | C].
//
//   G M = Σ Vᵀ,   G C = Uᵀ C                 G a product of rotations of two rows, until all rows of M are orthogonal
//   x = V Σ⁺ Uᵀ C = Σ_i (row i of M)ᵀ (row i of C) / σ_i²,   σ_i = ‖row i of M‖
//
// so that neither U nor V is ever formed (Golub, Van Loan, Matrix Computations, 8.6.3; Demmel, Veselić 1992 for its accuracy).

#include "reflect.hpp"

namespace pushforward {
namespace {

// Rows of M (n_rows, k) are made orthogonal in the lanes of `wanted`, the n − k numbers behind each go with it. squares: of the rows' lengths.
template <typename Scalar>
[[gnu::noinline]] void orthogonal_rows(Index n_rows, Index k, Index n, I<Scalar> wanted, Scalar* M, Scalar* squares) {
  constexpr Index L = lanes<Scalar>, most_sweeps = 40;
  const Index row = n * L;
  const V<Scalar> tolerance = broadcast(epsilon<Scalar>) * root<Scalar>(broadcast(static_cast<Scalar>(k)));
  bool turned = true;
  for (Index sweep = 0; sweep < most_sweeps && turned; ++sweep) {
    turned = false;
    for (Index i = 0; i < n_rows; ++i)
      for (Index j = i + 1; j < n_rows; ++j) {
        Scalar *const x = M + i * row, *const y = M + j * row;
        V<Scalar> a[2] = {}, b[2] = {}, d[2] = {};
        Index c = 0;
        for (; c + 2 <= k; c += 2)
#pragma GCC unroll 2
          for (int w = 0; w < 2; ++w) {
            const V<Scalar> xc = load(x + (c + w) * L), yc = load(y + (c + w) * L);
            a[w] += xc * xc, b[w] += yc * yc, d[w] += xc * yc;
          }
        if (c < k) a[0] += load(x + c * L) * load(x + c * L), b[0] += load(y + c * L) * load(y + c * L), d[0] += load(x + c * L) * load(y + c * L);
        const V<Scalar> aa = a[0] + a[1], bb = b[0] + b[1], ab = d[0] + d[1];
        const I<Scalar> present = wanted & (aa > negligible<Scalar>) & (bb > negligible<Scalar>);
        const I<Scalar> turn = present & (magnitude<Scalar>(ab) > tolerance * (root<Scalar>(aa) * root<Scalar>(bb)));
        if (!any<Scalar>(turn)) continue;
        turned = true;
        // tan of the angle: the smaller root of t² + 2 ζ t − 1 = 0
        const V<Scalar> zeta = (bb - aa) / (turn ? Scalar(2) * ab : broadcast(Scalar(1)));
        const V<Scalar> size = Scalar(1) / (magnitude<Scalar>(zeta) + root<Scalar>(Scalar(1) + zeta * zeta));
        const V<Scalar> t = turn ? (zeta < 0 ? -size : size) : V<Scalar>{};
        const V<Scalar> cosine = turn ? Scalar(1) / root<Scalar>(Scalar(1) + t * t) : broadcast(Scalar(1)), sine = cosine * t;
        for (c = 0; c < n; ++c) {
          const V<Scalar> xc = load(x + c * L), yc = load(y + c * L);
          store(x + c * L, cosine * xc - sine * yc);
          store(y + c * L, sine * xc + cosine * yc);
        }
      }
  }
  for (Index i = 0; i < n_rows; ++i) {
    V<Scalar> sum{};
    for (Index c = 0; c < k; ++c) sum += load(M + i * row + c * L) * load(M + i * row + c * L);
    store(squares + i * L, sum);
  }
}

}  // namespace
}  // namespace pushforward
