#pragma once
// One forward Euler step of dh/dt = −A h + σ(W_rec h + W_in x + b) + noise, seeded:
//
//   h_t = h + dt (−A h + σ(a)) + noise √dt ξ_t        h = h_{t-1},  a = W_rec h + W_in x_t + b,  ξ_t standard normal (core/random.hpp)
//
//   D_t = I − dt A + diag(g) W_rec,   g = dt σ'(a)        M^a = diag(g)        (the noise has no part in them: derivatives along the path)
//
// A is, with the groups that its parameters make beside the rows of a,
//
//   diagonal   A = diag(d):   column d over own h                     M^d = −dt I
//   dense      A:             rows over h                             M^A = −dt I
//   gram       A = L Lᵀ:      rows L over y = Lᵀ h                    M^L = −dt I
//                             rows Q = Lᵀ over h (a mirror of L)      M^Q = −dt L:    E^Q = Q E^L,   h's part of V_before: Qᵀ E^Q
//
// slopes: g, and what a unit keeps of itself, 1 − dt A_ii (n each; not of gram).     recurrent weights: W_rec; then A or Q. Rows of padded(n).

#include <cmath>

#include "../core/random.hpp"
#include "affine.hpp"

namespace pushforward {

enum class Decay { diagonal, dense, gram };

template <typename Scalar>
class NeuralOde final : public AffineCell<Scalar> {
 public:
  NeuralOde(Index n_inputs, Index n_units, Activation activation, double dt, Decay decay, double noise, std::int64_t seed,
            const Sources& sources = {})
      : AffineCell<Scalar>(n_inputs, n_units, n_units), activation_(activation), decay_(decay), dt_(static_cast<Scalar>(dt)),
        noise_(noise * std::sqrt(dt)), seed_(seed), ld_(padded<Scalar>(n_units)) {
    this->add_affine(n_units, n_units, true, true, sources);
    if (decay == Decay::diagonal)
      add_decay_column();
    else
      this->add_affine(n_units, n_units, false, false);
    if (decay == Decay::gram) {
      this->add_affine(n_units, n_units, false, false);
      this->groups_[2].mirror = 1;
    }
    this->n_slopes_ = 2 * n_units;
    this->n_recurrent_ = (decay == Decay::diagonal ? 1 : 2) * n_units * ld_;
  }

  void forward(const Scalar* W, const Scalar* h, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    const Index n = this->n_units();
    Scalar *g = slopes, *keep = slopes + n;
    decay_of(W, h, u, next, keep);
    this->affine(this->group(0), W, h, n, x, u, keep);  // keep: room for a
    ops<Scalar>().activate(activation_, n, keep, keep, g);
    for (Index i = 0; i < n; ++i) {
      next[i] = h[i] + dt_ * (keep[i] - next[i]);
      g[i] *= dt_;
      keep[i] = 1 - dt_ * own_decay(W, i);
    }
    if (noise_ == 0 || x.tick < 0) return;
    const Random random(seed_, x.stream, x.tick);
    for (Index i = 0; i < n; ++i) next[i] += static_cast<Scalar>(noise_ * random.normal(i));
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    const Index n = this->n_units();
    this->recurrent_rows(this->group(0), W, n, recurrent);
    if (decay_ != Decay::diagonal) this->recurrent_rows(this->group(decay_ == Decay::dense ? 1 : 2), W, n, recurrent + n * ld_);
  }

  void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    const Scalar* A = recurrent + n * ld_;
    Scalar *E_decay = E + n * lde, *E_mirror = E_decay + n * lde;
    this->scale(n, m, slopes, V, ldv, E, lde);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < m; ++j) E_decay[i * lde + j] = -dt_ * V[i * ldv + j];
    if (decay_ == Decay::gram) multiply(n, m, A, E_decay, lde, E_mirror);
    if (!V_before) return;
    this->recurrent_adjoint(recurrent, n, n, m, E, lde, V_before, ldb, false);
    if (decay_ == Decay::diagonal) return this->scale_add(n, m, slopes + n, V, ldv, V_before, ldb);
    this->recurrent_adjoint(A, n, n, m, decay_ == Decay::dense ? E_decay : E_mirror, lde, V_before, ldb, true);
    if (m == 1 && ldv == 1 && ldb == 1) return ops<Scalar>().axpy(n, Scalar(1), V, V_before);
    for (Index i = 0; i < n; ++i) ops<Scalar>().axpy(m, Scalar(1), V + i * ldv, V_before + i * ldb);
  }

  bool dynamics_jacobian(const Scalar* recurrent, const Scalar* slopes, Scalar* D, Index ld) const override {
    if (decay_ == Decay::gram) return false;
    const Index n = this->n_units();
    ops<Scalar>().scale_rows(n, n, slopes, recurrent, ld_, D, ld);
    for (Index i = 0; i < n; ++i, D += ld) {
      if (decay_ == Decay::dense) ops<Scalar>().axpy(n, -dt_, recurrent + (n + i) * ld_, D);
      D[i] += decay_ == Decay::dense ? Scalar(1) : slopes[n + i];
    }
    return true;
  }

  bool tangent(const Scalar* recurrent, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    constexpr Index block = 64;
    const Index n = this->n_units();
    const Scalar* A = recurrent + n * ld_;
    Scalar part[block];
    ops<Scalar>().matvec(n, n, recurrent, ld_, v, Dv);
    for (Index i = 0; i < n; ++i) Dv[i] = slopes[i] * Dv[i] + (decay_ == Decay::diagonal ? slopes[n + i] : Scalar(1)) * v[i];
    for (Index first = 0; decay_ != Decay::diagonal && first < n; first += block) {
      const Index count = std::min(block, n - first);
      ops<Scalar>().matvec(count, n, A + first * ld_, ld_, v, part);
      for (Index i = 0; i < count; ++i) part[i] *= -dt_;
      if (decay_ == Decay::dense)
        ops<Scalar>().axpy(count, Scalar(1), part, Dv + first);
      else
        ops<Scalar>().matvec_transposed(count, n, A + first * ld_, ld_, part, Dv, true);
    }
    return true;
  }

  Coupling coupling() const override { return decay_ == Decay::gram ? Coupling::full : Coupling::recurrent; }

  // The decay is the unit's leak: it stays when the recurrent weights are left out.
  void own_jacobians(const Scalar* recurrent, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    const Index n = this->n_units();
    std::copy_n(slopes, n, M_own);
    std::fill_n(M_own + n, n, -dt_);
    for (Index i = 0; i < n; ++i) D_own[i] = slopes[n + i] + (recurrent ? slopes[i] * recurrent[i * ld_ + i] : Scalar(0));
  }

 private:
  void add_decay_column() {
    const Group& rows = this->group(0);  // h stands there already, before x or, where W_rec is sparse, in its base
    Group g;
    g.n_units = this->n_units();
    g.n_presynaptic = g.n_own = 1;
    for (Index i = 0; i < g.n_units; ++i) g.sources.push_back(i);
    g.base_offset = rows.n_own > 0 ? rows.base_offset : rows.presynaptic_offset;
    g.column = true;
    this->add_group(std::move(g));
  }

  // z (n) = A h; writes u of its groups. y (n): scratch.
  void decay_of(const Scalar* W, const Scalar* h, Scalar* u, Scalar* z, Scalar* y) const {
    const Index n = this->n_units();
    const Group& g = this->group(1);
    if (decay_ == Decay::diagonal) {
      u[g.presynaptic_offset] = Scalar(0);
      ops<Scalar>().multiply(n, W + g.weight_offset, h, z, false);
    } else if (decay_ == Decay::dense) {
      this->affine(g, W, h, n, {}, u, z);
    } else {
      this->affine(this->group(2), W, h, n, {}, u, y);
      this->affine(g, W, y, n, {}, u, z);
    }
  }

  // A_ii; 0 with gram, which has no use for it
  Scalar own_decay(const Scalar* W, Index i) const {
    if (decay_ == Decay::gram) return Scalar(0);
    const Group& g = this->group(1);
    return W[g.weight_offset + (decay_ == Decay::diagonal ? i : i * g.width + i)];
  }

  // Y (n, m) = Q X
  static void multiply(Index n, Index m, const Scalar* Q, const Scalar* X, Index ldx, Scalar* Y) {
    if (m == 1 && ldx == 1)
      ops<Scalar>().matvec(n, n, Q, padded<Scalar>(n), X, Y);
    else
      ops<Scalar>().matmul(n, m, n, Q, padded<Scalar>(n), X, ldx, Y, ldx, false);
  }

  Activation activation_;
  Decay decay_;
  Scalar dt_;
  double noise_;  // of one step: noise √dt
  std::int64_t seed_;
  Index ld_;      // rows of the recurrent weights
};

}  // namespace pushforward
