#pragma once
// The linear recurrent unit, complex, state [Re z; Im z]:
//
//   z_t = λ z_{t-1} + γ a_t        a_t = B x_t        λ = exp(−exp(ν) + iθ)        γ = √(1 − |λ|²)
//
//   ∂z_t/∂ν = −exp(ν) λ z_{t-1} + γ' a_t,   γ' = dγ/dν = exp(ν) |λ|² / γ        ∂z_t/∂θ = iλ z_{t-1}        ∂z_t/∂a = γ
//
// θ: the columns ν and θ (n each; their "pre-activations" are themselves), the rows of Re B, then those of Im B (n, n_inputs each).
// slopes: Re λ, Im λ, −Im λ, γ, Re ∂z/∂ν, Im ∂z/∂ν, Re ∂z/∂θ, Im ∂z/∂θ (n each): of the step's own weights, of which no copy is kept.

#include <cmath>

#include "affine.hpp"

namespace pushforward {

template <typename Scalar>
class Lru final : public AffineCell<Scalar> {
 public:
  Lru(Index n_inputs, Index n_units) : AffineCell<Scalar>(n_inputs, n_units, 2 * n_units) {
    this->add_column(n_units);
    this->add_column(n_units);
    this->add_affine(2 * n_units, 0, true, false);
    this->n_features_ = 2 * n_units;
    this->n_slopes_ = 8 * n_units;
  }

  Coupling coupling() const override { return Coupling::none; }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    using std::cos, std::sin, std::sqrt;
    const Index n = this->n_units();
    const Scalar *nu = W + this->group(0).weight_offset, *phase = W + this->group(1).weight_offset;
    u[this->group(0).presynaptic_offset] = u[this->group(1).presynaptic_offset] = Scalar(1);
    this->affine(this->group(2), W, nullptr, 0, x, u, next);
    Scalar *rates = slopes + 4 * n, *moduli = slopes + 5 * n, *gains = slopes + 3 * n;  // where they stand until the loop has used them
    ops<Scalar>().exponential(n, nu, rates);
    for (Index i = 0; i < n; ++i) {
      moduli[i] = -rates[i];
      gains[i] = -2 * rates[i];
    }
    ops<Scalar>().exponential(n, moduli, moduli);
    ops<Scalar>().expm1(n, gains, gains);
    for (Index i = 0; i < n; ++i) {
      const Scalar rate = rates[i], modulus = moduli[i], gain = sqrt(-gains[i]);
      const Scalar pole_re = modulus * cos(phase[i]), pole_im = modulus * sin(phase[i]);
      const Scalar kept_re = pole_re * state[i] - pole_im * state[n + i], kept_im = pole_im * state[i] + pole_re * state[n + i];
      const Scalar gain_slope = gain > 0 ? rate * modulus * modulus / gain : Scalar(0), fed_re = next[i], fed_im = next[n + i];
      next[i] = kept_re + gain * fed_re;
      next[n + i] = kept_im + gain * fed_im;
      Scalar* s = slopes + i;
      s[0] = pole_re;
      s[n] = pole_im;
      s[2 * n] = -pole_im;
      s[3 * n] = gain;
      s[4 * n] = -rate * kept_re + gain_slope * fed_re;
      s[5 * n] = -rate * kept_im + gain_slope * fed_im;
      s[6 * n] = -kept_im;
      s[7 * n] = kept_re;
    }
  }

  void recurrent_weights(const Scalar*, Scalar*) const override {}

  void adjoint(const Scalar*, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    Scalar *V_im = V + n * ldv, *E_phase = E + n * lde;
    this->scale(n, m, slopes + 4 * n, V, ldv, E, lde);
    this->scale_add(n, m, slopes + 5 * n, V_im, ldv, E, lde);
    this->scale(n, m, slopes + 6 * n, V, ldv, E_phase, lde);
    this->scale_add(n, m, slopes + 7 * n, V_im, ldv, E_phase, lde);
    this->scale(n, m, slopes + 3 * n, V, ldv, E + 2 * n * lde, lde);
    this->scale(n, m, slopes + 3 * n, V_im, ldv, E + 3 * n * lde, lde);
    if (!V_before) return;
    this->scale(n, m, slopes, V, ldv, V_before, ldb);
    this->scale_add(n, m, slopes + n, V_im, ldv, V_before, ldb);
    this->scale(n, m, slopes, V_im, ldv, V_before + n * ldb, ldb);
    this->scale_add(n, m, slopes + 2 * n, V, ldv, V_before + n * ldb, ldb);
  }

  bool tangent(const Scalar*, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    const Index n = this->n_units();
    ops<Scalar>().multiply(n, slopes, v, Dv, false);
    ops<Scalar>().multiply(n, slopes + 2 * n, v + n, Dv, true);
    ops<Scalar>().multiply(n, slopes + n, v, Dv + n, false);
    ops<Scalar>().multiply(n, slopes, v + n, Dv + n, true);
    return true;
  }

  // The poles are no recurrent weights that may be left out: they are the unit's leak.
  void own_jacobians(const Scalar*, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    const Index n = this->n_units();
    std::copy_n(slopes, n, D_own);
    std::copy_n(slopes + 2 * n, n, D_own + n);
    std::copy_n(slopes + n, n, D_own + 2 * n);
    std::copy_n(slopes, n, D_own + 3 * n);
    for (Index k = 0; k < 2; ++k) {  // row k: Re, Im; gates ν, θ, Re a, Im a
      Scalar* row = M_own + 4 * n * k;
      std::copy_n(slopes + (4 + k) * n, n, row);
      std::copy_n(slopes + (6 + k) * n, n, row + n);
      std::fill_n(row + 2 * n, 2 * n, Scalar(0));
      std::copy_n(slopes + 3 * n, n, row + (2 + k) * n);
    }
  }

  RowPattern row_pattern(Index r) const override { return {r % this->n_units() + 1, this->n_units() + r % this->n_units()}; }
};

}  // namespace pushforward
