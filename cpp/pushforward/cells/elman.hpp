#pragma once
// Elman's cell:
//
//   s_t = σ(W_rec s_{t-1} + W_in x_t + b)        D_t = diag(σ') W_rec        M_t = diag(σ')
//
// slopes: σ'(a_t) (n_units), taken from the output.

#include "affine.hpp"

namespace pushforward {

template <typename Scalar>
class Elman final : public AffineCell<Scalar> {
 public:
  Elman(Index n_inputs, Index n_units, Activation activation) : AffineCell<Scalar>(n_inputs, n_units), activation_(activation) {
    this->n_slopes_ = n_units;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    this->pre_activation(W, state, x, u, next);
    ops<Scalar>().activate(activation_, this->n_units(), next, next, slopes);
  }

  void gates_adjoint(const Scalar* slopes, Index m, const Scalar* V, Index ldv, Scalar* E, Index lde) const override {
    if (m == 1 && ldv == 1 && lde == 1)
      ops<Scalar>().multiply(this->n_units(), slopes, V, E, false);
    else
      ops<Scalar>().scale_rows(this->n_units(), m, slopes, V, ldv, E, lde);
  }

  void state_adjoint(const Scalar* recurrent, const Scalar*, Index m, const Scalar*, Index, const Scalar* E, Index lde, Scalar* V_before,
                     Index ldb) const override {
    this->recurrent_adjoint(recurrent, m, E, lde, V_before, ldb);
  }

  void dynamics_jacobian(const Scalar* recurrent, const Scalar* slopes, Scalar* D, Index ld) const override {
    ops<Scalar>().scale_rows(this->n_units(), this->n_units(), slopes, recurrent, this->ld_, D, ld);
  }

 private:
  Activation activation_;
};

}  // namespace pushforward
