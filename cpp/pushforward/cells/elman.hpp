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
  Elman(Index n_inputs, Index n_units, Activation activation, const Sources& sources = {})
      : AffineCell<Scalar>(n_inputs, n_units, n_units), activation_(activation), ld_(padded<Scalar>(n_units)) {
    this->add_affine(n_units, n_units, true, true, sources);
    this->n_slopes_ = n_units;
    this->n_recurrent_ = n_units * ld_;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    this->affine(this->group(0), W, state, this->n_units(), x, u, next);
    ops<Scalar>().activate(activation_, this->n_units(), next, next, slopes);
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    this->recurrent_rows(this->group(0), W, this->n_units(), recurrent);
  }

  void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    this->scale(n, m, slopes, V, ldv, E, lde);
    if (V_before) this->recurrent_adjoint(recurrent, n, n, m, E, lde, V_before, ldb, false);
  }

  bool dynamics_jacobian(const Scalar* recurrent, const Scalar* slopes, Scalar* D, Index ld) const override {
    ops<Scalar>().scale_rows(this->n_units(), this->n_units(), slopes, recurrent, ld_, D, ld);
    return true;
  }

  bool tangent(const Scalar* recurrent, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    ops<Scalar>().matvec(this->n_units(), this->n_units(), recurrent, ld_, v, Dv);
    ops<Scalar>().multiply(this->n_units(), slopes, Dv, Dv, false);
    return true;
  }

  Coupling coupling() const override { return Coupling::recurrent; }
  void own_jacobians(const Scalar* recurrent, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    for (Index i = 0; i < this->n_units(); ++i) {
      M_own[i] = slopes[i];
      D_own[i] = recurrent ? slopes[i] * recurrent[i * ld_ + i] : Scalar(0);
    }
  }

 private:
  Activation activation_;
  Index ld_;  // rows of the recurrent weights
};

}  // namespace pushforward
