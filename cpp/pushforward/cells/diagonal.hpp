#pragma once
// The diagonal cell (arXiv 2402.12241):
//
//   h_t = σ(w ∘ h_{t-1} + W_in x_t + b)        D_t = diag(σ' ∘ w)        M_t = diag(σ')        w, h, b (n)
//
// slopes: σ'(a_t) (n), taken from the output.     recurrent weights: w (n).

#include "elementwise.hpp"

namespace pushforward {

template <typename Scalar>
class Diagonal final : public ElementwiseCell<Scalar> {
 public:
  Diagonal(Index n_inputs, Index n_units, Activation activation) : ElementwiseCell<Scalar>(n_inputs, n_units, n_units), activation_(activation) {
    this->add_own_rows(1);
    this->n_slopes_ = n_units;
    this->n_recurrent_ = n_units;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    this->own_affine(W, state, x, u, next);
    ops<Scalar>().activate(activation_, this->n_units(), next, next, slopes);
  }

  void recurrent_weights(const Scalar* W, Scalar* w) const override { this->own_weights(W, w); }

  void adjoint(const Scalar* w, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    this->scale(this->n_units(), m, slopes, V, ldv, E, lde);
    if (V_before) this->scale(this->n_units(), m, w, E, lde, V_before, ldb);
  }

  bool dynamics_jacobian(const Scalar* w, const Scalar* slopes, Scalar* D, Index ld) const override {
    for (Index i = 0; i < this->n_units(); ++i, D += ld) {
      std::fill_n(D, this->n_units(), Scalar(0));
      D[i] = slopes[i] * w[i];
    }
    return true;
  }

  bool tangent(const Scalar* w, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    ops<Scalar>().multiply(this->n_units(), slopes, v, Dv, false);
    ops<Scalar>().multiply(this->n_units(), w, Dv, Dv, false);
    return true;
  }

  void own_jacobians(const Scalar* w, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    std::copy_n(slopes, this->n_units(), M_own);
    if (w)
      ops<Scalar>().multiply(this->n_units(), slopes, w, D_own, false);
    else
      std::fill_n(D_own, this->n_units(), Scalar(0));
  }

  RowPattern row_pattern(Index r) const override { return {0, r}; }

 private:
  Activation activation_;
};

}  // namespace pushforward
