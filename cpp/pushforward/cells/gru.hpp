#pragma once
// The gated recurrent unit, its reset gate applied after the recurrent product (PyTorch's form; Cho et al. 2014 with the change of cuDNN):
//
//   r = σ(W_r s + U_r x + b_r)      z = σ(W_z s + U_z x + b_z)      q = W_q s + b_q      p = U_p x + b_p
//   m = tanh(p + r ∘ q)             s_t = (1 − z) ∘ m + z ∘ s
//
//   ∂s_t/∂p = α = (1 − z)(1 − m²)   ∂s_t/∂q = α r     ∂s_t/∂a_r = α q r (1 − r)     ∂s_t/∂a_z = (s − m) z (1 − z)     D = diag(z) + …
//
// Gates in the order r, z, q, b_q, p: the recurrent matrices of the first three lie one below the other. b_q is a column group of its own, so that
// the rows of W_q keep the width of the state.

#include "gated.hpp"

namespace pushforward {

template <typename Scalar>
class Gru final : public DirectGates<Scalar> {
 public:
  Gru(Index n_inputs, Index n_units, const Sources& sources = {}) : DirectGates<Scalar>(n_inputs, n_units, 3) {
    this->add_affine(2 * n_units, n_units, true, true, this->tiled(sources, 2));
    this->add_affine(n_units, n_units, false, false, sources);
    this->add_column(n_units);
    this->add_affine(n_units, 0, true, true);
    this->n_slopes_ = this->n_gates() + n_units;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    const Index n = this->n_units();
    Scalar *r = slopes, *z = r + n, *q = z + n, *bias = q + n, *p = bias + n, *keep = p + n;
    this->affine(this->group(0), W, state, n, x, u, r);
    ops<Scalar>().activate(Activation::sigmoid, 2 * n, r, r, nullptr);
    this->affine(this->group(1), W, state, n, x, u, q);
    const Group& column = this->group(2);
    u[column.presynaptic_offset] = Scalar(1);
    this->affine(this->group(3), W, nullptr, 0, x, u, next);
    for (Index i = 0; i < n; ++i) {
      q[i] += W[column.weight_offset + i];
      next[i] += r[i] * q[i];
    }
    ops<Scalar>().activate(Activation::tanh, n, next, next, p);  // m, and 1 − m²
    for (Index i = 0; i < n; ++i) {
      const Scalar alpha = (Scalar(1) - z[i]) * p[i], away = state[i] - next[i];
      keep[i] = z[i];
      next[i] += z[i] * away;
      z[i] *= (Scalar(1) - z[i]) * away;
      p[i] = alpha;
      bias[i] = alpha * r[i];
      r[i] = bias[i] * (Scalar(1) - r[i]) * q[i];
      q[i] = bias[i];
    }
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    const Index n = this->n_units();
    this->recurrent_rows(this->group(0), W, n, recurrent);
    this->recurrent_rows(this->group(1), W, n, recurrent + 2 * n * this->ld_);
  }
};

}  // namespace pushforward
