#pragma once
// What every linear read-out keeps: its weights, and the event under way.
//
//   prediction = W x        e = y − W x        W ← W + e kᴴ
//
// W (n_outputs, n) in rows of planes: the real parts, then the imaginary ones, each padded(n) numbers. x, k (n) likewise. n counts the constant 1
// behind the features where there is an intercept. y, prediction, e interleaved.

#include <limits>

#include "../core/buffer.hpp"
#include "../core/ops.hpp"
#include "online_readout.hpp"

namespace pushforward {

struct ReadoutShape {
  Index n_features = 0, n_outputs = 0, n_parts = 1;
  bool intercept = true;
};

template <typename Scalar>
class LinearReadout : public OnlineReadout<Scalar> {
 public:
  explicit LinearReadout(const ReadoutShape& shape)
      : n_(shape.n_features + shape.intercept), plane_(padded<Scalar>(n_)), shape_(shape),
        W_(shape.n_outputs * shape.n_parts * plane_), x_(shape.n_parts * plane_), e_(shape.n_outputs * shape.n_parts),
        products_(shape.n_outputs * shape.n_parts * shape.n_parts) {}

  Index n_features() const final { return shape_.n_features; }
  Index n_outputs() const final { return shape_.n_outputs; }
  Index n_parts() const final { return shape_.n_parts; }

  void predict(const Scalar* x, Scalar* prediction) final {
    take(x);
    multiply(prediction);
  }

  void weights(Scalar* W_out, Scalar* b_out) const final {
    each_weight(W_.data(), W_out, b_out, [](const Scalar& w, Scalar& out) { out = w; });
  }
  void set_weights(const Scalar* W_out, const Scalar* b_out) final {
    each_weight(W_.data(), W_out, b_out, [](Scalar& w, const Scalar& in) { w = in; });
  }

  void visit(Archive<Scalar>& archive) override { archive.numbers("W", W_.data(), W_.size()); }

 protected:
  Index size() const { return n_; }
  Index plane() const { return plane_; }
  Index parts() const { return shape_.n_parts; }
  const Scalar* x() const { return x_.data(); }

  void take(const Scalar* x) {
    for (Index c = 0; c < parts(); ++c) {
      Scalar* to = x_.data() + c * plane_;
      for (Index i = 0; i < shape_.n_features; ++i) to[i] = x[i * parts() + c];
      if (shape_.intercept) to[shape_.n_features] = c == 0 ? Scalar(1) : Scalar(0);
    }
  }

  // The prediction for the x taken, and what y differs from it.
  void compare(const Scalar* y, Scalar* prediction) {
    multiply(prediction);
    for (Index i = 0; i < e_.size(); ++i) e_[i] = y[i] - prediction[i];
  }

  // W ← W + gain e kᴴ, unless a square of what is added would overflow: added to numbers that are finite, it leaves them so.
  bool learn(Scalar gain, const Scalar* k) {
    const Ops<Scalar>& op = ops<Scalar>();
    const double step = static_cast<double>(gain);
    const double added = step * step * op.squared_norm(e_.size(), e_.data()) * op.squared_norm(parts() * plane_, k);
    if (!(added <= static_cast<double>(std::numeric_limits<Scalar>::max()))) return false;
    for (Index i = 0; i < shape_.n_outputs; ++i) {
      Scalar* w = W_.data() + i * parts() * plane_;
      if (parts() == 1) {
        op.axpy(plane_, gain * e_[i], k, w);
        continue;
      }
      const Scalar re = gain * e_[2 * i], im = gain * e_[2 * i + 1];
      op.axpy(plane_, re, k, w);
      op.axpy(plane_, im, k + plane_, w);
      op.axpy(plane_, im, k, w + plane_);
      op.axpy(plane_, -re, k + plane_, w + plane_);
    }
    return true;
  }

 private:
  void multiply(Scalar* prediction) {
    const Index rows = shape_.n_outputs * parts();
    if (parts() == 1) return ops<Scalar>().matvec(rows, plane_, W_.data(), plane_, x_.data(), prediction);
    Scalar *by_re = products_.data(), *by_im = by_re + rows;
    ops<Scalar>().matvec(rows, plane_, W_.data(), plane_, x_.data(), by_re);
    ops<Scalar>().matvec(rows, plane_, W_.data(), plane_, x_.data() + plane_, by_im);
    for (Index i = 0; i < rows; i += 2) {
      prediction[i] = by_re[i] - by_im[i + 1];
      prediction[i + 1] = by_re[i + 1] + by_im[i];
    }
  }

  template <typename Stored, typename Outer, typename Body>
  void each_weight(Stored* stored, Outer* W_out, Outer* b_out, const Body& body) const {
    for (Index i = 0; i < shape_.n_outputs; ++i)
      for (Index c = 0; c < parts(); ++c) {
        Stored* w = stored + (i * parts() + c) * plane_;
        for (Index j = 0; j < shape_.n_features; ++j) body(w[j], W_out[(i * shape_.n_features + j) * parts() + c]);
        if (shape_.intercept) body(w[shape_.n_features], b_out[i * parts() + c]);
        else no_intercept(b_out[i * parts() + c]);
      }
  }
  static void no_intercept(Scalar& b) { b = 0; }
  static void no_intercept(const Scalar&) {}

  Index n_, plane_;
  ReadoutShape shape_;
  Buffer<Scalar> W_, x_, e_, products_;
};

}  // namespace pushforward
