#pragma once
// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000). Its state is [h; c]:
//
//   i, f, o = σ(W_g h + U_g x + b_g)      g = tanh(W_g h + U_g x + b_g)      c_t = f ∘ c + i ∘ g      h_t = o ∘ τ,  τ = tanh(c_t)
//
//   ∂h_t/∂c_t = diag(ω),  ω = o (1 − τ²)        ∂h_t/∂a_o = diag(τ o (1 − o))
//   ∂c_t/∂a_i = diag(g i (1 − i))     ∂c_t/∂a_f = diag(c f (1 − f))     ∂c_t/∂a_g = diag(i (1 − g²))     ∂c_t/∂c = diag(f)
//
//   D = [ diag(ω) C + diag(d_o) W_o | diag(ω f) ]         C = diag(d_i) W_i + diag(d_f) W_f + diag(d_g) W_g,  d as in the line above
//       [ C                        | diag(f)   ]
//
// Gates in the order i, f, g, o (PyTorch's).     slopes: [d_i | d_f | d_g | d_o | ω | f]

#include "gated.hpp"

namespace pushforward {

template <typename Scalar>
class Lstm final : public GatedCell<Scalar> {
 public:
  Lstm(Index n_inputs, Index n_units, const Sources& sources = {}) : GatedCell<Scalar>(n_inputs, n_units, 2 * n_units) {
    this->add_affine(4 * n_units, n_units, true, true, this->tiled(sources, 4));
    this->n_slopes_ = 6 * n_units;
    this->n_recurrent_ = 4 * n_units * this->ld_;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    const Index n = this->n_units();
    Scalar *i = slopes, *f = i + n, *g = f + n, *o = g + n, *omega = o + n, *keep = omega + n;
    this->affine(this->group(0), W, state, n, x, u, slopes);
    ops<Scalar>().activate(Activation::sigmoid, 2 * n, i, i, nullptr);
    ops<Scalar>().activate(Activation::tanh, n, g, g, nullptr);
    ops<Scalar>().activate(Activation::sigmoid, n, o, o, nullptr);
    const Scalar* c = state + n;
    Scalar* c_next = next + n;
    for (Index k = 0; k < n; ++k) c_next[k] = f[k] * c[k] + i[k] * g[k];
    ops<Scalar>().activate(Activation::tanh, n, c_next, next, omega);  // τ, and 1 − τ²
    for (Index k = 0; k < n; ++k) {
      const Scalar tau = next[k], input = i[k], cell = g[k];
      next[k] = o[k] * tau;
      keep[k] = f[k];
      omega[k] *= o[k];
      i[k] = cell * input * (Scalar(1) - input);
      f[k] *= c[k] * (Scalar(1) - f[k]);
      g[k] = input * (Scalar(1) - cell * cell);
      o[k] *= tau * (Scalar(1) - o[k]);
    }
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    this->recurrent_rows(this->group(0), W, this->n_units(), recurrent);
  }

  void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    const Scalar *d_o = slopes + 3 * n, *omega = d_o + n, *keep = omega + n;
    Scalar *V_h = V, *V_c = V + n * ldv;
    this->scale(n, m, d_o, V_h, ldv, E + 3 * n * lde, lde);
    this->scale_add(n, m, omega, V_h, ldv, V_c, ldv);  // all that arrives at c_t
    for (Index row = 0; row < 3 * n; row += n) this->scale(n, m, slopes + row, V_c, ldv, E + row * lde, lde);
    if (!V_before) return;
    this->recurrent_adjoint(recurrent, 4 * n, n, m, E, lde, V_before, ldb, false);
    this->scale(n, m, keep, V_c, ldv, V_before + n * ldb, ldb);
  }

  bool dynamics_jacobian(const Scalar* recurrent, const Scalar* slopes, Scalar* D, Index ld) const override {
    const Index n = this->n_units();
    const Scalar *d_o = slopes + 3 * n, *omega = d_o + n, *keep = omega + n, *W_o = recurrent + 3 * n * this->ld_;
    Scalar* C = D + n * ld;
    this->sum_of_gates(3, slopes, recurrent, C, ld);
    ops<Scalar>().scale_rows(n, n, omega, C, ld, D, ld);
    for (Index i = 0; i < n; ++i) {
      ops<Scalar>().axpy(n, d_o[i], W_o + i * this->ld_, D + i * ld);
      std::fill_n(D + i * ld + n, n, Scalar(0));
      std::fill_n(C + i * ld + n, n, Scalar(0));
      D[i * ld + n + i] = omega[i] * keep[i];
      C[i * ld + n + i] = keep[i];
    }
    return true;
  }

  bool tangent(const Scalar* recurrent, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    const Index n = this->n_units();
    const Scalar *d_o = slopes + 3 * n, *omega = d_o + n, *keep = omega + n;
    ops<Scalar>().multiply(n, keep, v + n, Dv + n, false);
    this->add_product(3, slopes, recurrent, v, Dv + n);
    ops<Scalar>().multiply(n, omega, Dv + n, Dv, false);
    this->add_product(1, d_o, recurrent + 3 * n * this->ld_, v, Dv);
    return true;
  }

  Coupling coupling() const override { return Coupling::recurrent; }
  void own_jacobians(const Scalar* recurrent, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    const Index n = this->n_units();
    const Scalar *d_o = slopes + 3 * n, *omega = d_o + n, *keep = omega + n;
    Scalar *M_h = M_own, *M_c = M_own + 4 * n;
    for (Index i = 0; i < n; ++i) {
      const Scalar C = this->own_recurrence(3, slopes, recurrent, i);
      D_own[i] = omega[i] * C + this->own_recurrence(1, d_o, recurrent ? recurrent + 3 * n * this->ld_ : nullptr, i);
      D_own[n + i] = omega[i] * keep[i];
      D_own[2 * n + i] = C;
      D_own[3 * n + i] = keep[i];
      for (Index row = i; row < 3 * n; row += n) {
        M_c[row] = slopes[row];
        M_h[row] = omega[i] * slopes[row];
      }
      M_c[3 * n + i] = Scalar(0);
      M_h[3 * n + i] = d_o[i];
    }
  }

  RowPattern row_pattern(Index r) const override { return {this->n_units(), this->n_units() + r % this->n_units()}; }
};

}  // namespace pushforward
