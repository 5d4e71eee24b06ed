#pragma once
// The linear cell, A = W_rec, B = W_in:
//
//   s_t = A s_{t-1} + B x_t + b                       D_t = A             M_t = I        (no dt)
//   s_t = s_{t-1} + dt (A s_{t-1} + B x_t + b)        D_t = I + dt A      M_t = dt I     (forward Euler, dt in seconds)

#include "affine.hpp"

namespace pushforward {

template <typename Scalar>
class Linear final : public AffineCell<Scalar> {
 public:
  // dt = 0: the plain form
  Linear(Index n_inputs, Index n_units, double dt)
      : AffineCell<Scalar>(n_inputs, n_units), gain_(dt > 0 ? static_cast<Scalar>(dt) : Scalar(1)), keep_(dt > 0) {}

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar*) const override {
    this->pre_activation(W, state, x, u, next);
    if (keep_)
      for (Index i = 0; i < this->n_units(); ++i) next[i] = state[i] + gain_ * next[i];
  }

  void gates_adjoint(const Scalar*, Index m, const Scalar* V, Index ldv, Scalar* E, Index lde) const override {
    for (Index i = 0; i < this->n_units(); ++i)
      for (Index j = 0; j < m; ++j) E[i * lde + j] = gain_ * V[i * ldv + j];
  }

  void state_adjoint(const Scalar* recurrent, const Scalar*, Index m, const Scalar* V, Index ldv, const Scalar* E, Index lde,
                     Scalar* V_before, Index ldb) const override {
    this->recurrent_adjoint(recurrent, m, E, lde, V_before, ldb);
    if (keep_)
      for (Index i = 0; i < this->n_units(); ++i) ops<Scalar>().axpy(m, Scalar(1), V + i * ldv, V_before + i * ldb);
  }

  void dynamics_jacobian(const Scalar* recurrent, const Scalar*, Scalar* D, Index ld) const override {
    const Index n = this->n_units();
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) D[i * ld + j] = gain_ * recurrent[i * this->ld_ + j];
      if (keep_) D[i * ld + i] += Scalar(1);
    }
  }

 private:
  Scalar gain_;
  bool keep_;
};

}  // namespace pushforward
