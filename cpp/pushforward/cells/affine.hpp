#pragma once
// The pre-activation that simple recurrent cells share: one group, u = [s; x; 1].
//
//   a = W u = W_rec s + W_in x + b          W (n_units, n_units + n_inputs + 1)
//
// W_rec is the only part of W in D_t; it is kept as rows of padded(n_units).

#include <algorithm>

#include "cell.hpp"

namespace pushforward {

template <typename Scalar>
class AffineCell : public Cell<Scalar> {
 public:
  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    const Index n = this->n_units();
    for (Index i = 0; i < n; ++i) std::copy_n(W + i * width_, n, recurrent + i * ld_);
  }

 protected:
  AffineCell(Index n_inputs, Index n_units) : Cell<Scalar>(n_inputs, n_units, n_units) {
    width_ = this->add_group(n_units, n_units + n_inputs + 1, n_units).width;
    ld_ = padded<Scalar>(n_units);
    this->n_recurrent_ = n_units * ld_;
  }

  void pre_activation(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* u, Scalar* a) const {
    const Index n = this->n_units(), n_inputs = this->n_inputs();
    std::copy_n(state, n, u);
    u[n + n_inputs] = Scalar(1);
    if (x.dense) {
      std::copy_n(x.dense, n_inputs, u + n);
      ops<Scalar>().matvec(n, n + n_inputs + 1, W, width_, u, a);
      return;
    }
    std::fill_n(u + n, n_inputs, Scalar(0));
    ops<Scalar>().matvec(n, n, W, width_, state, a);
    const Scalar* column = W + n + x.token;
    const Scalar* bias = W + n + n_inputs;
    for (Index i = 0; i < n; ++i) a[i] += column[i * width_] + bias[i * width_];
  }

  // V_before = W_recᵀ E
  void recurrent_adjoint(const Scalar* recurrent, Index m, const Scalar* E, Index lde, Scalar* V_before, Index ldb) const {
    const Index n = this->n_units();
    if (m == 1 && lde == 1 && ldb == 1)
      ops<Scalar>().matvec_transposed(n, n, recurrent, ld_, E, V_before, false);
    else
      ops<Scalar>().matmul_transposed(n, m, n, recurrent, ld_, E, lde, V_before, ldb, false);
  }

  Index width_ = 0, ld_ = 0;  // rows of W, rows of the recurrent weights
};

}  // namespace pushforward
