#pragma once
// Recursive least squares with forgetting λ, for numbers real or complex (Haykin, Adaptive Filter Theory, ch. 10).
//
//   u = P x      q = xᴴ u      g = 1 / (λ + q)      W ← W + e (g u)ᴴ      P ← (P − g u uᴴ) / λ      P before the first event: I / ridge
//
// After T events W minimises Σ_t λ^(T−t) |y[t] − W x[t]|² + λ^T ridge ‖W − W₀‖², W₀ = 0 unless set.     P (n, n) Hermitian, x, u (n), W (n_outputs, n)
//
// The change that an event makes to P waits for the next x: then one pass over half of P makes it and multiplies with x. The factors 1/λ are
// gathered in one number, P = c P̃, and go into P̃ only when c has grown. P̃ is what is stored; u stands for P̃ x:
//
//   P̃ ← P̃ − gain u uᴴ      gain = g c      c ← c / λ
//
// P loses its positive definiteness to rounding where ridge, or what forgetting leaves of it, is too small for the precision. Then q < 0 where the data
// show it: nothing is learnt from that event. P's diagonal is looked at every few steps besides.

#include <cmath>
#include <utility>

#include "../core/check.hpp"
#include "../core/stream_ops.hpp"
#include "linear_readout.hpp"

namespace pushforward {

template <typename Scalar>
class RLS final : public LinearReadout<Scalar> {
  using Base = LinearReadout<Scalar>;
  using Base::parts, Base::plane, Base::size;

 public:
  static constexpr Index look_every = 32;        // steps between two looks at the diagonal
  static constexpr Scalar most_c = Scalar(1 << 20);  // a power of 2: taking it out of c and into P̃ rounds nothing

  RLS(const ReadoutShape& shape, double forgetting, double ridge)
      : Base(shape), forgetting_(static_cast<Scalar>(forgetting)), P_(hermitian_size<Scalar>(size(), parts())), u_(parts() * plane()),
        z_(parts() * plane()) {
    for (Index i = 0; i < size(); ++i) diagonal(i) = static_cast<Scalar>(1 / ridge);
  }

  Index n_weights() const { return size(); }  // of one output: features, and the constant

  Status step(const Scalar* x, const Scalar* y, Scalar* prediction) override {
    Base::take(x);
    pass();
    Base::compare(y, prediction);
    if (unseen_ >= look_every && !diagonal_is_positive()) return Status::not_positive_definite;
    Scalar q = 0;
    ops<Scalar>().matvec(1, parts() * plane(), z_.data(), parts() * plane(), Base::x(), &q);
    q *= c_;
    if (!std::isfinite(q)) return Status::readout_not_finite;
    if (q < 0) return Status::not_positive_definite;
    const Scalar gain = c_ / (forgetting_ + q);
    if (!std::isfinite(gain) || !Base::learn(gain, z_.data())) return Status::readout_not_finite;
    gain_ = gain;
    c_ /= forgetting_;
    std::swap(u_, z_);
    unseen_ = unseen_ >= look_every ? 1 : unseen_ + 1;
    return Status::ok;
  }

  // P (n, n, n_parts), the constant's row and column last
  void covariance(Scalar* P) const {
    const Scalar *u = u_.data(), *v = u + plane();
    for (Index i = 0; i < size(); ++i)
      for (Index j = 0; j <= i; ++j) {
        Scalar *low = P + (i * size() + j) * parts(), *high = P + (j * size() + i) * parts();
        if (parts() == 1) {
          low[0] = high[0] = c_ * (P_[place(i, j, 0)] - gain_ * u[i] * u[j]);
          continue;
        }
        low[0] = high[0] = c_ * (P_[place(i, j, 0)] - gain_ * (u[i] * u[j] + v[i] * v[j]));
        low[1] = high[1] = 0;
        if (i == j) continue;
        low[1] = c_ * (P_[place(i, j, 1)] - gain_ * (v[i] * u[j] - u[i] * v[j]));
        high[1] = -low[1];
      }
  }
  // Of a matrix as covariance() gives it the lower triangle is read.
  void set_covariance(const Scalar* P) {
    for (Index i = 0; i < size(); ++i)
      for (Index j = 0; j <= i; ++j)
        for (Index c = 0; c < parts(); ++c) P_[place(i, j, c)] = c == 1 && i == j ? 0 : P[(i * size() + j) * parts() + c];
    gain_ = 0, c_ = 1, unseen_ = look_every;
  }

  void visit(Archive<Scalar>& archive) override {
    Base::visit(archive);
    archive.numbers("P", P_.data(), P_.size());
    archive.numbers("u", u_.data(), u_.size());
    archive.numbers("gain", &gain_, 1);
    archive.numbers("c", &c_, 1);
    require(c_ > 0, "arrays: 'c' must be positive");
    archive.integers("unseen", &unseen_, 1, {{0, look_every}});
  }

 private:
  Index place(Index i, Index j, Index part) const { return hermitian_place<Scalar>(i, j, part, parts()); }
  Scalar& diagonal(Index i) { return P_[place(i, i, 0)]; }

  // P̃ ← (P̃ − gain u uᴴ) · scale      c ← c / scale      z = P̃ x
  void pass() {
    Scalar scale = 1;
    for (; c_ > most_c && std::isfinite(c_); c_ /= most_c) scale *= most_c;
    HermitianPass<Scalar> pass;
    pass.n = size(), pass.n_parts = parts();
    pass.P = P_.data(), pass.u = u_.data(), pass.x = Base::x(), pass.z = z_.data();
    pass.gain = gain_, pass.scale = scale;
    stream_ops<Scalar>().hermitian_pass(pass);
    gain_ = 0;
  }

  bool diagonal_is_positive() {
    bool positive = true;
    for (Index i = 0; i < size(); ++i) positive &= diagonal(i) > 0;
    return positive;
  }

  Scalar forgetting_;
  Buffer<Scalar> P_, u_, z_;
  Scalar gain_ = 0, c_ = 1;
  std::int64_t unseen_ = 0;  // steps since the diagonal was looked at
};

}  // namespace pushforward
