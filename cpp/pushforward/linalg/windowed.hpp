#pragma once
// Least squares over the last `window` events: W = argmin Σ |y − W x|² + ridge ‖W‖².
//
//   Rᵀ R = Σ x xᵀ + ridge I,   Rᵀ C = Σ x yᵀ,   R Wᵀ = C          R (n, n) upper triangular, C (n, n_outputs)
//   an event comes in   [R C; xᵀ yᵀ] → [R' C'; 0 ·]               rotations
//   the oldest leaves   [R' C'; xᵀ yᵀ] ← [R C; 0 ζᵀ]              the same backwards; 1 − ‖R⁻ᵀ x‖² says what it is worth
//   prediction = Cᵀ R⁻ᵀ x                                         before the event comes in
//
// Errors do not add up over the stream: a second factor takes in events only, and when it has seen `window` of them it is the factor of the window,
// and the first one begins afresh. So never more than `window` events have left a factor. Where the event that leaves carries a direction nearly
// alone, taking it out would lose digits, and the factor is made again from the events, which are kept anyway.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "../core/buffer.hpp"
#include "../core/check.hpp"
#include "../core/koopman_ops.hpp"
#include "../core/ops.hpp"
#include "linear_readout.hpp"
#include "online_readout.hpp"

namespace pushforward {

template <typename Scalar>
class WindowedReadout final : public OnlineReadout<Scalar> {
 public:
  static constexpr double least_alpha_squared = 0.01;

  WindowedReadout(const ReadoutShape& shape, Index window, double ridge)
      : shape_(shape), window_(window), n_(shape.n_features + shape.intercept), ld_(padded<Scalar>(n_ + shape.n_outputs)),
        diagonal_(static_cast<Scalar>(std::sqrt(ridge))), events_(window * ld_), T_(n_ * ld_), next_(n_ * ld_), row_(ld_), oldest_(ld_),
        a_(padded<Scalar>(n_)) {
    require(shape.n_parts == 1, "n_parts must be 1: a window is of real numbers");
    empty(T_);
    empty(next_);
  }

  Index n_features() const override { return shape_.n_features; }
  Index n_outputs() const override { return shape_.n_outputs; }
  Index n_parts() const override { return 1; }

  void predict(const Scalar* x, Scalar* prediction) override {
    take(x);
    eliminate(row_.data());
    for (Index i = 0; i < shape_.n_outputs; ++i) prediction[i] = -row_[n_ + i];
  }

  Status step(const Scalar* x, const Scalar* y, Scalar* prediction) override {
    predict(x, prediction);
    take(x);
    std::copy_n(y, shape_.n_outputs, row_.data() + n_);
    const double square = ops<Scalar>().squared_norm(ld_, row_.data());
    const double most = static_cast<double>(std::numeric_limits<Scalar>::max()) / 16 / static_cast<double>(window_ + 1);  // of one event: sums stay finite
    if (!(square <= most)) return Status::readout_not_finite;
    Scalar* const place = events_.data() + n_events_ % window_ * ld_;
    const bool full = n_events_ >= window_;
    if (full) std::copy_n(place, ld_, oldest_.data());
    std::copy_n(row_.data(), ld_, place);
    insert(T_, place);
    insert(next_, place);
    ++n_events_;
    if (++n_next_ == window_) {
      std::swap(T_, next_);
      empty(next_);
      n_next_ = 0;
    } else if (full) {
      remove();
    }
    return Status::ok;
  }

  void weights(Scalar* W_out, Scalar* b_out) const override {
    const Index p = shape_.n_outputs;
    Buffer<Scalar> X(n_ * p);
    for (Index i = n_ - 1; i >= 0; --i) {
      Scalar* const x = X.data() + i * p;
      const Scalar* const t = T_.data() + i * ld_;
      std::copy_n(t + n_, p, x);
      for (Index l = i + 1; l < n_; ++l) ops<Scalar>().axpy(p, -t[l], X.data() + l * p, x);
      for (Index q = 0; q < p; ++q) x[q] /= t[i];
    }
    for (Index q = 0; q < p; ++q) {
      for (Index i = 0; i < shape_.n_features; ++i) W_out[q * shape_.n_features + i] = X[i * p + q];
      b_out[q] = shape_.intercept ? X[shape_.n_features * p + q] : Scalar(0);
    }
  }
  void set_weights(const Scalar*, const Scalar*) override {
    throw std::invalid_argument("W_out of a window follows from its events; it cannot be set");
  }

  void visit(Archive<Scalar>& archive) override {
    archive.numbers("T", T_.data(), T_.size());
    archive.numbers("next", next_.data(), next_.size());
    archive.numbers("events", events_.data(), events_.size());
    archive.integers("n_events", &n_events_, 1, {{0, std::numeric_limits<std::int64_t>::max() / 2}});
    archive.integers("n_next", &n_next_, 1, {{0, window_ - 1}});
  }

 private:
  void take(const Scalar* x) {
    row_.clear();
    std::copy_n(x, shape_.n_features, row_.data());
    if (shape_.intercept) row_[shape_.n_features] = 1;
  }
  void empty(Buffer<Scalar>& T) {
    T.clear();
    for (Index i = 0; i < n_; ++i) T[i * ld_ + i] = diagonal_;
  }
  void eliminate(Scalar* row) { koopman_ops<Scalar>().eliminate_row(n_, ld_, T_.data(), row, a_.data()); }
  void insert(Buffer<Scalar>& T, const Scalar* event) {
    std::copy_n(event, ld_, row_.data());
    koopman_ops<Scalar>().insert_row(n_, ld_, T.data(), row_.data());
  }

  void remove() {
    eliminate(oldest_.data());
    const double square = 1 - ops<Scalar>().squared_norm(n_, a_.data());
    if (!(square >= least_alpha_squared)) {
      empty(T_);
      for (Index i = 0; i < window_; ++i) insert(T_, events_.data() + (n_events_ + i) % window_ * ld_);
      return;
    }
    const Scalar alpha = static_cast<Scalar>(std::sqrt(square));
    for (Index i = n_; i < n_ + shape_.n_outputs; ++i) oldest_[i] /= alpha;
    koopman_ops<Scalar>().remove_row(n_, ld_, alpha, a_.data(), T_.data(), oldest_.data());
  }

  ReadoutShape shape_;
  std::int64_t window_;
  Index n_, ld_;
  Scalar diagonal_;  // √ridge
  Buffer<Scalar> events_, T_, next_, row_, oldest_, a_;
  std::int64_t n_events_ = 0, n_next_ = 0;  // all so far; those in next_
};

}  // namespace pushforward
