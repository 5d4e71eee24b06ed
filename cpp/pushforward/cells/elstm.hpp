#pragma once
// An LSTM with element-wise recurrence. State [h; c], gates in the order i, f, g, o, each with a^k = w^k ∘ h + W_in^k x + b^k:
//
//   c_t = f ∘ c_{t-1} + i ∘ g        h_t = o ∘ tanh(c_t)        i, f, o = σ(a),  g = tanh(a)
//
// With p = ∂h_t/∂c_t = o (1 − tanh² c_t) and the gates' own slopes
//
//   q^i = i (1 − i) g     q^f = f (1 − f) c_{t-1}     q^g = i (1 − g²)     q^o = o (1 − o) tanh c_t
//
//   ∂c_t/∂a^k = q^k (k = i, f, g)     ∂h_t/∂a^k = p q^k     ∂h_t/∂a^o = q^o     ∂c_t/∂c_{t-1} = f     ∂a^k/∂h_{t-1} = w^k
//
// slopes: q^i, q^f, q^g, q^o, f, p (n each).     recurrent weights: w^i, w^f, w^g, w^o (n each).

#include "elementwise.hpp"

namespace pushforward {

template <typename Scalar>
class Elstm final : public ElementwiseCell<Scalar> {
 public:
  Elstm(Index n_inputs, Index n_units) : ElementwiseCell<Scalar>(n_inputs, n_units, 2 * n_units) {
    this->add_own_rows(4);
    this->n_slopes_ = 6 * n_units;
    this->n_recurrent_ = 4 * n_units;
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    const Index n = this->n_units();
    const Scalar* c = state + n;
    Scalar *h_next = next, *c_next = next + n;
    Scalar *a_i = slopes, *a_f = a_i + n, *a_g = a_f + n, *a_o = a_g + n, *f_out = a_o + n, *p = f_out + n;
    this->own_affine(W, state, x, u, slopes);
    ops<Scalar>().activate(Activation::sigmoid, 2 * n, a_i, a_i, nullptr);
    ops<Scalar>().activate(Activation::tanh, n, a_g, a_g, nullptr);
    ops<Scalar>().activate(Activation::sigmoid, n, a_o, a_o, nullptr);
    for (Index j = 0; j < n; ++j) c_next[j] = a_f[j] * c[j] + a_i[j] * a_g[j];
    ops<Scalar>().activate(Activation::tanh, n, c_next, h_next, nullptr);
    for (Index j = 0; j < n; ++j) {
      const Scalar i = a_i[j], f = a_f[j], g = a_g[j], o = a_o[j], tanh_c = h_next[j];
      h_next[j] = o * tanh_c;
      a_i[j] = i * (1 - i) * g;
      a_f[j] = f * (1 - f) * c[j];
      a_g[j] = i * (1 - g * g);
      a_o[j] = o * (1 - o) * tanh_c;
      f_out[j] = f;
      p[j] = o * (1 - tanh_c * tanh_c);
    }
  }

  void recurrent_weights(const Scalar* W, Scalar* w) const override { this->own_weights(W, w); }

  void adjoint(const Scalar* w, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    const Scalar *f = slopes + 4 * n, *p = f + n;
    Scalar* V_c = V + n * ldv;
    this->scale_add(n, m, p, V, ldv, V_c, ldv);
    for (Index k = 0; k < 3; ++k) this->scale(n, m, slopes + k * n, V_c, ldv, E + k * n * lde, lde);
    this->scale(n, m, slopes + 3 * n, V, ldv, E + 3 * n * lde, lde);
    if (!V_before) return;
    this->scale(n, m, w, E, lde, V_before, ldb);
    for (Index k = 1; k < 4; ++k) this->scale_add(n, m, w + k * n, E + k * n * lde, lde, V_before, ldb);
    this->scale(n, m, f, V_c, ldv, V_before + n * ldb, ldb);
  }

  bool tangent(const Scalar* w, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    const Index n = this->n_units();
    for (Index i = 0; i < n; ++i) {
      const Own d = own(w, slopes, i);
      Dv[i] = d.hh * v[i] + d.hc * v[n + i];
      Dv[n + i] = d.ch * v[i] + d.cc * v[n + i];
    }
    return true;
  }

  void own_jacobians(const Scalar* w, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    const Index n = this->n_units();
    const Scalar* p = slopes + 5 * n;
    for (Index i = 0; i < n; ++i) {
      const Own d = own(w, slopes, i);
      D_own[i] = d.hh;
      D_own[n + i] = d.hc;
      D_own[2 * n + i] = d.ch;
      D_own[3 * n + i] = d.cc;
    }
    Scalar *M_h = M_own, *M_c = M_own + 4 * n;
    for (Index k = 0; k < 3; ++k) ops<Scalar>().multiply(n, p, slopes + k * n, M_h + k * n, false);
    std::copy_n(slopes, 3 * n, M_c);
    std::copy_n(slopes + 3 * n, n, M_h + 3 * n);
    std::fill_n(M_c + 3 * n, n, Scalar(0));
  }

  RowPattern row_pattern(Index r) const override { return {r % this->n_units() + 1, this->n_units() + r % this->n_units()}; }

 private:
  struct Own {
    Scalar hh, hc, ch, cc;  // ∂h_t/∂h, ∂h_t/∂c, ∂c_t/∂h, ∂c_t/∂c of one unit
  };
  // w null: zero
  Own own(const Scalar* w, const Scalar* slopes, Index i) const {
    const Index n = this->n_units();
    const Scalar *q = slopes + i, f = slopes[4 * n + i], p = slopes[5 * n + i];
    const Scalar ch = w ? w[i] * q[0] + w[n + i] * q[n] + w[2 * n + i] * q[2 * n] : Scalar(0);
    return {p * ch + (w ? w[3 * n + i] * q[3 * n] : Scalar(0)), p * f, ch, f};
  }
};

}  // namespace pushforward
