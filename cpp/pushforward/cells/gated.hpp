#pragma once
// What cells with several gates share: sums over the gates of a unit, each with its own recurrent matrix.
//
//   W_g (n, n)   recurrent weights of gate g, one below the other, rows of padded(n)         d_g (n)   one below the other
//
// DirectGates: cells with one state a unit, in which every gate of a unit moves that state and nothing else:
//
//   M_g = diag(d_g)  for every gate g          D = diag(k) + Σ_g diag(d_g) W_g        g = 0 … n_recurrent_gates − 1
//
// slopes: [d (n_gates) | k (n)]. A step's reverse is one product with the stacked W_g and a scaling a gate.

#include "affine.hpp"

namespace pushforward {

template <typename Scalar>
class GatedCell : public AffineCell<Scalar> {
 protected:
  GatedCell(Index n_inputs, Index n_units, Index n_state)
      : AffineCell<Scalar>(n_inputs, n_units, n_state), ld_(padded<Scalar>(n_units)) {}

  // The same connections for several gates, one below the other.
  static Sources tiled(const Sources& sources, Index n_gates) {
    Sources all;
    for (Index g = 0; g < n_gates; ++g) all.insert(all.end(), sources.begin(), sources.end());
    return all;
  }

  // D (n, n) = Σ_g diag(d_g) W_g
  void sum_of_gates(Index n_gates, const Scalar* d, const Scalar* W, Scalar* D, Index ld) const {
    const Index n = this->n_units();
    ops<Scalar>().scale_rows(n, n, d, W, ld_, D, ld);
    for (Index row = n; row < n_gates * n; ++row) ops<Scalar>().axpy(n, d[row], W + row * ld_, D + row % n * ld);
  }

  // y (n) += Σ_g diag(d_g) W_g v; a stretch of units at a time, for want of scratch.
  void add_product(Index n_gates, const Scalar* d, const Scalar* W, const Scalar* v, Scalar* y) const {
    const Index n = this->n_units();
    Scalar product[stretch];
    for (Index g = 0; g < n_gates; ++g)
      for (Index i = 0; i < n; i += stretch) {
        const Index count = std::min(stretch, n - i), row = g * n + i;
        ops<Scalar>().matvec(count, n, W + row * ld_, ld_, v, product);
        ops<Scalar>().multiply(count, d + row, product, y + i, true);
      }
  }

  // Σ_g d_g[i] W_g[i, i]; W null: 0
  Scalar own_recurrence(Index n_gates, const Scalar* d, const Scalar* W, Index i) const {
    Scalar sum = 0;
    for (Index row = i; W && row < n_gates * this->n_units(); row += this->n_units()) sum += d[row] * W[row * ld_ + i];
    return sum;
  }

  static constexpr Index stretch = 64;
  Index ld_;  // rows of the recurrent weights
};

template <typename Scalar>
class DirectGates : public GatedCell<Scalar> {
 public:
  void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    const Index n = this->n_units();
    for (Index row = 0; row < this->n_gates(); row += n) this->scale(n, m, slopes + row, V, ldv, E + row * lde, lde);
    if (!V_before) return;
    this->scale(n, m, keep(slopes), V, ldv, V_before, ldb);
    this->recurrent_adjoint(recurrent, n_recurrent_gates_ * n, n, m, E, lde, V_before, ldb, true);
  }

  bool dynamics_jacobian(const Scalar* recurrent, const Scalar* slopes, Scalar* D, Index ld) const override {
    this->sum_of_gates(n_recurrent_gates_, slopes, recurrent, D, ld);
    for (Index i = 0; i < this->n_units(); ++i) D[i * ld + i] += keep(slopes)[i];
    return true;
  }

  bool tangent(const Scalar* recurrent, const Scalar* slopes, const Scalar* v, Scalar* Dv) const override {
    ops<Scalar>().multiply(this->n_units(), keep(slopes), v, Dv, false);
    this->add_product(n_recurrent_gates_, slopes, recurrent, v, Dv);
    return true;
  }

  Coupling coupling() const override { return Coupling::recurrent; }
  void own_jacobians(const Scalar* recurrent, const Scalar* slopes, Scalar* D_own, Scalar* M_own) const override {
    std::copy_n(slopes, this->n_gates(), M_own);
    for (Index i = 0; i < this->n_units(); ++i) D_own[i] = keep(slopes)[i] + this->own_recurrence(n_recurrent_gates_, slopes, recurrent, i);
  }

 protected:
  DirectGates(Index n_inputs, Index n_units, Index n_recurrent_gates)
      : GatedCell<Scalar>(n_inputs, n_units, n_units), n_recurrent_gates_(n_recurrent_gates) {
    this->n_recurrent_ = n_recurrent_gates * n_units * this->ld_;
  }

  const Scalar* keep(const Scalar* slopes) const { return slopes + this->n_gates(); }

 private:
  Index n_recurrent_gates_;  // they come first among the gates
};

}  // namespace pushforward
