#pragma once
// Many small least-squares problems, as many side by side as a register has lanes.
//
//   x = argmin ‖A x − Y‖² + λ ‖x‖²            A (m, k), Y (m, p), x (k, p) of each problem
//
//   [A | Y] → [R | C]                          Householder reflections, some rows at a time, so that they stay in the first level cache
//   R x = C                                    λ = 0, where ‖R‖ ‖R⁻¹‖ rcond < 1: then no singular value is as small as rcond σ_max
//   [√λ I 0; R C] → [R' C'],   R' x = C'       where λ > rcond² (‖R‖² + λ): the ridge does what cutting is for. R goes into √λ I and not the
//                                              other way round: no digits are lost where λ is large
//   x = Σ_i v_i (u_iᵀ C) σ_i / (σ_i² + λ)      else, over σ_i > rcond σ_max (jacobi.hpp)
//
// Norms are Frobenius': an upper bound of the condition number. ‖R⁻¹‖ is bounded by what a comparison matrix gives in k² operations, and where that
// is not enough computed. Which way a problem goes depends on itself alone, and lanes never mix: x is the same to the bit whatever stands beside it.

#include <limits>

#include "../core/koopman_ops.hpp"
#include "interlace.hpp"
#include "jacobi.hpp"

namespace pushforward {
namespace {

// Numbers of [A | Y] that are folded in at a time: 24 KB.
template <typename Scalar>
constexpr Index lstsq_rows(Index n) {
  const Index rows = Index{24} * 1024 / (n * vector_bytes);
  return rows < 8 ? 8 : rows / 4 * 4;
}

template <typename Scalar>
Index lstsq_work(Index k, Index p) {
  return lanes<Scalar> * ((lstsq_rows<Scalar>(k + p) + 4 * k) * (k + p) + k * p + k);
}

template <typename Scalar>
class LstsqGroup {
  static constexpr Index L = lanes<Scalar>;
  using Lanes = V<Scalar>;
  using Mask = I<Scalar>;

 public:
  LstsqGroup(const LstsqBatch<Scalar>& batch, Scalar* work)
      : b_(batch), k_(batch.k), n_(batch.k + batch.p), rows_(lstsq_rows<Scalar>(n_)), panel_(work), R_(panel_ + rows_ * n_ * L), M_(R_ + k_ * n_ * L),
        S_(M_ + k_ * n_ * L), D_(S_ + k_ * n_ * L), x_(D_ + k_ * n_ * L), squares_(x_ + k_ * batch.p * L) {}

  // Problems first … first + count − 1, count ≤ lanes. Returns the first of them that holds what is not finite, or −1.
  Index run(Index first, Index count) {
    first_ = first, count_ = count;
    scale_ = broadcast(Scalar(1));
    triangle();
    const Mask in_range = (norm_ >= smallest) & (norm_ <= largest) & (most_ridge() <= largest);
    if (any<Scalar>(~in_range | (check_ != 0))) {
      for (Index l = 0; l < L; ++l) scale_[l] = in_range[l] ? Scalar(1) : scale_of(problem(l));
      triangle();
      for (Index l = 0; l < count; ++l)
        if (!(norm_[l] <= largest) || check_[l] != 0) return first + l;
    }
    const Mask deficient = find_rank();
    for (Index r = 0; r < b_.n_ridges; ++r) solve(r, deficient);
    return -1;
  }

 private:
  // Of ‖R‖²: in between, columns that count as zero (`negligible`) are below the rounding errors of the others.
  static constexpr Scalar tiny = std::numeric_limits<Scalar>::min();
  static constexpr Scalar smallest = tiny / (epsilon<Scalar> * epsilon<Scalar> * epsilon<Scalar> * epsilon<Scalar>);
  static constexpr Scalar largest = epsilon<Scalar> * epsilon<Scalar> * std::numeric_limits<Scalar>::max();

  Index problem(Index lane) const { return first_ + (lane < count_ ? lane : count_ - 1); }
  Scalar* R(Index i, Index c) const { return R_ + (i * n_ + c) * L; }

  // A power of two that brings the largest number of A near 1, or λ to what can be squared.
  Scalar scale_of(Index i) const {
    const Scalar* const A = b_.A + i * b_.A_stride;
    Scalar most = 0;
    for (Index j = 0; j < b_.m * k_; ++j) {
      const Scalar size = A[j] < 0 ? -A[j] : A[j];
      most = size > most ? size : most;
    }
    constexpr int limit = std::numeric_limits<Scalar>::max_exponent - 4;
    int exponent = 0;
    if (most > 0 && most <= std::numeric_limits<Scalar>::max()) __builtin_frexp(static_cast<double>(most), &exponent);
    exponent = exponent > limit ? limit : exponent < -limit ? -limit : exponent;
    Scalar scale = static_cast<Scalar>(__builtin_ldexp(1.0, -exponent));
    for (Index r = 0; r < b_.n_ridges; ++r)
      while (b_.ridge[r * b_.n_problems + i] * scale > largest / scale) scale /= 2;
    return scale;
  }

  // R and C from all rows; ‖R‖²; check: 0 where C is finite, and with it Y, whose every row has a part in every reflection.
  void triangle() {
    const Scalar *A[L], *Y[L];
    for (Index l = 0; l < L; ++l) A[l] = b_.A + problem(l) * b_.A_stride, Y[l] = b_.Y + problem(l) * b_.Y_stride;
    for (Index i = 0; i < k_ * n_; ++i) store(R_ + i * L, Lanes{});
    Lanes total{};
    for (Index row = 0; row < b_.m; row += rows_) {
      const Index count = b_.m - row < rows_ ? b_.m - row : rows_;
      interlace<Scalar>(A, count, k_, n_, scale_, panel_);
      interlace<Scalar>(Y, count, b_.p, n_, broadcast(Scalar(1)), panel_ + k_ * L);
      for (Index l = 0; l < L; ++l) A[l] += count * k_, Y[l] += count * b_.p;
      fold_into<Scalar>(k_, n_, row, count, R_, panel_, total);
    }
    norm_ = check_ = Lanes{};
    for (Index i = 0; i < k_; ++i) {
      for (Index c = i; c < k_; ++c) norm_ += load(R(i, c)) * load(R(i, c));
      for (Index c = k_; c < n_; ++c) check_ += Scalar(0) * load(R(i, c));
    }
  }

  Lanes ridge(Index r) const {
    Lanes lambda;
    for (Index l = 0; l < L; ++l) lambda[l] = b_.ridge[r * b_.n_problems + problem(l)] * scale_[l] * scale_[l];
    return lambda;
  }
  Lanes most_ridge() const {
    Lanes most{};
    for (Index r = 0; r < b_.n_ridges; ++r) most = ridge(r) > most ? ridge(r) : most;
    return most;
  }
  Mask needs_cut(Lanes lambda) const { return (lambda <= b_.rcond * b_.rcond * (norm_ + lambda)) | (b_.always_cut ? ~Mask{} : Mask{}); }

  // The lanes with a singular value of at most rcond σ_max; those of their matrices, and all ranks.
  Mask find_rank() {
    Mask asked = b_.rank ? ~Mask{} : Mask{};
    for (Index r = 0; r < b_.n_ridges; ++r) asked |= needs_cut(ridge(r));
    Mask deficient = asked & ~well_conditioned(asked);
    Lanes rank = broadcast(static_cast<Scalar>(k_));
    if (any<Scalar>(deficient)) {
      Index n_rows = 0;
      for (Index i = 0; i < k_ * n_; ++i) store(M_ + i * L, load(R_ + i * L));
      for (Index i = 0; i < k_; ++i)
        for (Index c = 0; c < n_; ++c)
          if (any<Scalar>(load(M_ + (i * n_ + c) * L) != 0)) n_rows = i + 1;
      orthogonal_rows<Scalar>(n_rows, k_, n_, deficient, M_, squares_);
      used_ = n_rows;
      Lanes top{}, kept{};
      for (Index i = 0; i < n_rows; ++i) top = load(squares_ + i * L) > top ? load(squares_ + i * L) : top;
      limit_ = b_.rcond * b_.rcond * top;
      limit_ = limit_ > negligible<Scalar> ? limit_ : broadcast(negligible<Scalar>);
      for (Index i = 0; i < n_rows; ++i) kept += load(squares_ + i * L) > limit_ ? broadcast(Scalar(1)) : Lanes{};
      rank = deficient ? kept : rank;
    }
    if (b_.rank)
      for (Index l = 0; l < count_; ++l) b_.rank[first_ + l] = static_cast<std::int64_t>(rank[l]);
    return deficient;
  }

  // ‖R‖ ‖R⁻¹‖ rcond < 1 for sure
  Mask well_conditioned(Mask asked) {
    const Lanes size = norm_ * b_.rcond * b_.rcond;
    Lanes most{};  // |R⁻¹| 1 ≤ z,  z_i = (1 + Σ_{l>i} |R_il| z_l) / |R_ii|
    for (Index i = k_ - 1; i >= 0; --i) {
      Lanes sum = broadcast(Scalar(1));
      for (Index l = i + 1; l < k_; ++l) sum += magnitude<Scalar>(load(R(i, l))) * load(x_ + l * b_.p * L);
      const Lanes z = sum / magnitude<Scalar>(load(R(i, i)));
      store(x_ + i * b_.p * L, z);
      most = z > most ? z : most;
    }
    Mask certain = size * (most * most * static_cast<Scalar>(k_)) < 1;
    if (!any<Scalar>(asked & ~certain)) return certain;
    Lanes sum{};  // T = R⁻¹ in D: row i is −(Σ_{l>i} R_il row l) / R_ii off the diagonal
    for (Index i = k_ - 1; i >= 0; --i) {
      Scalar* const t = D_ + i * k_ * L;
      for (Index j = i; j < k_; ++j) store(t + j * L, Lanes{});
      for (Index l = i + 1; l < k_; ++l) {
        const Lanes a = load(R(i, l));
        for (Index j = l; j < k_; ++j) store(t + j * L, load(t + j * L) - a * load(D_ + (l * k_ + j) * L));
      }
      const Lanes reciprocal = Scalar(1) / load(R(i, i));
      store(t + i * L, broadcast(Scalar(1)));
      for (Index j = i; j < k_; ++j) {
        const Lanes v = load(t + j * L) * reciprocal;
        store(t + j * L, v);
        sum += v * v;
      }
    }
    return certain | (size * sum < 1);
  }

  void solve(Index r, Mask deficient) {
    const Lanes lambda = ridge(r);
    const Mask cut = deficient & needs_cut(lambda), plain = lambda == 0;
    if (any<Scalar>(plain)) substitute(R_, plain);
    if (any<Scalar>(~plain)) {
      for (Index i = 0; i < k_ * n_; ++i) store(D_ + i * L, load(R_ + i * L)), store(S_ + i * L, Lanes{});
      for (Index i = 0; i < k_; ++i) store(S_ + (i * n_ + i) * L, root<Scalar>(lambda));
      for (Index j = 0; j < k_; ++j) reflect_all<Scalar>(j, j + 1, j + 1, n_, S_, D_, Mask{});  // rows of R below j do not reach column j
      substitute(S_, ~plain);
    }
    if (any<Scalar>(cut)) combine(lambda, cut);
    Scalar* const out = b_.X + (r * b_.n_problems + first_) * k_ * b_.p;
    for (Index l = 0; l < count_; ++l)
      for (Index i = 0; i < k_ * b_.p; ++i) out[l * k_ * b_.p + i] = x_[i * L + l] * scale_[l];
  }

  // x from a triangle and what stands behind it, in the lanes of `wanted`
  void substitute(const Scalar* T, Mask wanted) {
    const Index p = b_.p;
    for (Index i = k_ - 1; i >= 0; --i) {
      const Scalar* const row = T + i * n_ * L;
      const Lanes reciprocal = Scalar(1) / load(row + i * L);
      for (Index q = 0; q < p; ++q) {
        Lanes sum[2] = {load(row + (k_ + q) * L), Lanes{}};
        Index l = i + 1;
        for (; l + 2 <= k_; l += 2)
#pragma GCC unroll 2
          for (int w = 0; w < 2; ++w) sum[w] -= load(row + (l + w) * L) * load(x_ + ((l + w) * p + q) * L);
        if (l < k_) sum[0] -= load(row + l * L) * load(x_ + (l * p + q) * L);
        const Lanes x = (sum[0] + sum[1]) * reciprocal;
        store(x_ + (i * p + q) * L, wanted ? x : load(x_ + (i * p + q) * L));
      }
    }
  }

  void combine(Lanes lambda, Mask wanted) {
    for (Index i = 0; i < k_ * b_.p; ++i) store(x_ + i * L, wanted ? Lanes{} : load(x_ + i * L));
    for (Index i = 0; i < used_; ++i) {
      const Lanes square = load(squares_ + i * L);
      const Mask kept = wanted & (square > limit_);
      const Lanes weight = kept ? Scalar(1) / (kept ? square + lambda : broadcast(Scalar(1))) : Lanes{};
      const Scalar* const row = M_ + i * n_ * L;
      for (Index c = 0; c < k_; ++c)
        for (Index q = 0; q < b_.p; ++q) {
          Scalar* const x = x_ + (c * b_.p + q) * L;
          store(x, load(x) + (kept ? load(row + c * L) * (weight * load(row + (k_ + q) * L)) : Lanes{}));
        }
    }
  }

  const LstsqBatch<Scalar>& b_;
  Index k_, n_, rows_, first_ = 0, count_ = 0, used_ = 0;
  Scalar *panel_, *R_, *M_, *S_, *D_, *x_, *squares_;
  Lanes scale_{}, norm_{}, check_{}, limit_{};
};

template <typename Scalar>
Index lstsq_batch(const LstsqBatch<Scalar>& batch, Index first, Index count, Scalar* work) {
  LstsqGroup<Scalar> group(batch, work);
  for (Index i = 0; i < count; i += lanes<Scalar>) {
    const Index bad = group.run(first + i, count - i < lanes<Scalar> ? count - i : lanes<Scalar>);
    if (bad >= 0) return bad;
  }
  return -1;
}

}  // namespace
}  // namespace pushforward
