#pragma once
// The gated recurrent unit as first published (Cho et al. 2014), its reset gate applied before the recurrent product:
//
//   r = σ(W_r s + U_r x + b_r)        z = σ(W_z s + U_z x + b_z)        m = tanh(W_m (r ∘ s) + U_m x + b_m)        s_t = (1 − z) ∘ m + z ∘ s
//
//   ∂s_t/∂a_m = diag(α),  α = (1 − z)(1 − m²)      ∂s_t/∂a_z = diag(ζ),  ζ = (s − m) z (1 − z)      ∂s_t/∂a_r = diag(α) W_m diag(ρ),  ρ = s r (1 − r)
//   D = diag(z) + diag(ζ) W_z + diag(α) W_m (diag(r) + diag(ρ) W_r)
//
// A unit's reset gate moves all units: M is dense, and known as a product only. Gates in the order r, z, m.     slopes: [ρ | ζ | α | r | z]

#include "gated.hpp"

namespace pushforward {

template <typename Scalar>
class GruBefore final : public GatedCell<Scalar> {
 public:
  GruBefore(Index n_inputs, Index n_units, const Sources& sources = {}) : GatedCell<Scalar>(n_inputs, n_units, n_units) {
    this->add_affine(2 * n_units, n_units, true, true, this->tiled(sources, 2));
    this->add_affine(n_units, n_units, true, true, sources);
    this->n_slopes_ = 5 * n_units;
    this->n_recurrent_ = 3 * n_units * this->ld_;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    const Index n = this->n_units();
    Scalar *rho = slopes, *zeta = rho + n, *alpha = zeta + n, *r = alpha + n, *z = r + n;
    this->affine(this->group(0), W, state, n, x, u, r);
    ops<Scalar>().activate(Activation::sigmoid, 2 * n, r, r, nullptr);
    ops<Scalar>().multiply(n, r, state, zeta, false);
    this->affine(this->group(1), W, zeta, n, x, u, next);
    ops<Scalar>().activate(Activation::tanh, n, next, next, alpha);  // m, and 1 − m²
    for (Index i = 0; i < n; ++i) {
      const Scalar away = state[i] - next[i];
      next[i] += z[i] * away;
      alpha[i] *= Scalar(1) - z[i];
      zeta[i] = away * z[i] * (Scalar(1) - z[i]);
      rho[i] = state[i] * r[i] * (Scalar(1) - r[i]);
    }
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    const Index n = this->n_units();
    this->recurrent_rows(this->group(0), W, n, recurrent);
    this->recurrent_rows(this->group(1), W, n, recurrent + 2 * n * this->ld_);
  }

  void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    const Scalar *rho = slopes, *zeta = rho + n, *alpha = zeta + n, *r = alpha + n, *z = r + n;
    this->scale(n, m, zeta, V, ldv, E + n * lde, lde);
    this->scale(n, m, alpha, V, ldv, E + 2 * n * lde, lde);
    if (V_before) this->scale(n, m, z, V, ldv, V_before, ldb);
    this->recurrent_adjoint(recurrent + 2 * n * this->ld_, n, n, m, E + 2 * n * lde, lde, V, ldv, false);  // V is that of r ∘ s from here on
    this->scale(n, m, rho, V, ldv, E, lde);
    if (!V_before) return;
    this->scale_add(n, m, r, V, ldv, V_before, ldb);
    this->recurrent_adjoint(recurrent, 2 * n, n, m, E, lde, V_before, ldb, true);
  }

  bool tangent(const Scalar* recurrent, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    const Index n = this->n_units();
    const Scalar *rho = slopes, *zeta = rho + n, *alpha = zeta + n, *r = alpha + n, *z = r + n;
    const Scalar *W_z = recurrent + n * this->ld_, *W_m = W_z + n * this->ld_;
    ops<Scalar>().multiply(n, z, v, Dv, false);
    this->add_product(1, zeta, W_z, v, Dv);
    Scalar part[GatedCell<Scalar>::stretch], product[GatedCell<Scalar>::stretch];  // of (r + ρ W_r) v; of W_m times that
    for (Index j = 0; j < n; j += this->stretch) {
      const Index width = std::min(this->stretch, n - j);
      ops<Scalar>().matvec(width, n, recurrent + j * this->ld_, this->ld_, v, part);
      ops<Scalar>().multiply(width, rho + j, part, part, false);
      ops<Scalar>().multiply(width, r + j, v + j, part, true);
      for (Index i = 0; i < n; i += this->stretch) {
        const Index height = std::min(this->stretch, n - i);
        ops<Scalar>().matvec(height, width, W_m + i * this->ld_ + j, this->ld_, part, product);
        ops<Scalar>().multiply(height, alpha + i, product, Dv + i, true);
      }
    }
    return true;
  }
};

}  // namespace pushforward
