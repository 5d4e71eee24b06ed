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
  Linear(Index n_inputs, Index n_units, double dt, const Sources& sources = {})
      : AffineCell<Scalar>(n_inputs, n_units, n_units), ld_(padded<Scalar>(n_units)), gain_(dt > 0 ? static_cast<Scalar>(dt) : Scalar(1)),
        keep_(dt > 0) {
    this->add_affine(n_units, n_units, true, true, sources);
    this->n_recurrent_ = n_units * ld_;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar*) const override {
    this->affine(this->group(0), W, state, this->n_units(), x, u, next);
    if (keep_)
      for (Index i = 0; i < this->n_units(); ++i) next[i] = state[i] + gain_ * next[i];
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    this->recurrent_rows(this->group(0), W, this->n_units(), recurrent);
  }

  void adjoint(const Scalar* recurrent, const Scalar*, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < m; ++j) E[i * lde + j] = gain_ * V[i * ldv + j];
    if (!V_before) return;
    this->recurrent_adjoint(recurrent, n, n, m, E, lde, V_before, ldb, false);
    if (keep_)
      for (Index i = 0; i < n; ++i) ops<Scalar>().axpy(m, Scalar(1), V + i * ldv, V_before + i * ldb);
  }

  bool dynamics_jacobian(const Scalar* recurrent, const Scalar*, Scalar* D, Index ld) const override {
    const Index n = this->n_units();
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) D[i * ld + j] = gain_ * recurrent[i * ld_ + j];
      if (keep_) D[i * ld + i] += Scalar(1);
    }
    return true;
  }

  bool tangent(const Scalar* recurrent, const Scalar*, const Scalar* v, Scalar* Dv) const override {
    ops<Scalar>().matvec(this->n_units(), this->n_units(), recurrent, ld_, v, Dv);
    for (Index i = 0; i < this->n_units(); ++i) Dv[i] = gain_ * Dv[i] + (keep_ ? v[i] : Scalar(0));
    return true;
  }

  Coupling coupling() const override { return Coupling::recurrent; }
  void own_jacobians(const Scalar* recurrent, const Scalar*, Scalar* D_own, Scalar* M_own) const override {
    for (Index i = 0; i < this->n_units(); ++i) {
      M_own[i] = gain_;
      D_own[i] = (recurrent ? gain_ * recurrent[i * ld_ + i] : Scalar(0)) + (keep_ ? Scalar(1) : Scalar(0));
    }
  }

 private:
  Index ld_;  // rows of the recurrent weights
  Scalar gain_;
  bool keep_;
};

}  // namespace pushforward
