#pragma once
// W_rec as a whole matrix.

#include "../core/buffer.hpp"
#include "../core/ops.hpp"
#include "recurrence.hpp"

namespace pushforward {

//   a = W s            complex, in planes:   a_re = W_re s_re − W_im s_im     a_im = W_re s_im + W_im s_re
template <typename Scalar>
class DenseRecurrence final : public Recurrence<Scalar> {
 public:
  // W (n_units, n_units, n_parts)
  DenseRecurrence(Index n_units, Index n_parts, const Scalar* W) : n_(n_units), n_parts_(n_parts), W_((n_parts == 2 ? 3 : 1) * n_units * n_units) {
    const Index all = n_ * n_;
    for (Index i = 0; i < all; ++i) {
      W_[i] = W[i * n_parts];
      if (n_parts == 2) {
        W_[all + i] = W[2 * i + 1];
        W_[2 * all + i] = -W[2 * i + 1];
      }
    }
  }
  Index n_units() const override { return n_; }

  void apply(const Scalar* s, Scalar* a, Index n_lanes) const override {
    const Index plane = padded<Scalar>(n_ * n_lanes);
    multiply(W_.data(), s, a, n_lanes, false);
    if (n_parts_ == 1) return;
    multiply(W_.data() + 2 * n_ * n_, s + plane, a, n_lanes, true);
    multiply(W_.data(), s + plane, a + plane, n_lanes, false);
    multiply(W_.data() + n_ * n_, s, a + plane, n_lanes, true);
  }

 private:
  void multiply(const Scalar* W, const Scalar* s, Scalar* a, Index n_lanes, bool accumulate) const {
    if (n_lanes == 1 && !accumulate) ops<Scalar>().matvec(n_, n_, W, n_, s, a);
    else ops<Scalar>().matmul(n_, n_lanes, n_, W, n_, s, n_lanes, a, n_lanes, accumulate);
  }

  Index n_, n_parts_;
  Buffer<Scalar> W_;  // real part, imaginary part, its negative
};

}  // namespace pushforward
