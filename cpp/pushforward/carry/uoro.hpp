#pragma once
// Unbiased online recurrent optimisation (Tallec and Ollivier 2017, arXiv 1702.05043): J is replaced by a random matrix of rank one whose mean is J.
//
//   J ≈ s̃ ⊗ θ̃        s̃ ← ρ₀ D s̃ + ρ₁ ν        θ̃ ← θ̃ / ρ₀ + (νᵀ I) / ρ₁        ν = ±1, fair and independent
//   I = Σ_g M^g ⊗ u^g, so that νᵀ I = e ⊗ u, e = Mᵀ ν
//   ρ₀ = √((‖θ̃‖ + ε) / (‖D s̃‖ + ε))        ρ₁ = √((‖νᵀ I‖ + ε) / (‖ν‖ + ε))
//   gradient = (λᵀ s̃) θ̃                     λ = W_outᵀ δ
//
// s̃, ν (n_state)     θ̃ as θ     e (n_gates). Any positive ρ that does not depend on the sign of ν is unbiased; these give the least variance.
// The present step's term is estimated too, as in the paper, so that one rank-one product is the whole gradient.
//
// Where a cell has no product D v of its own (stacks), D is made at every step: O(n_state²) products with the gates' weights in place of one.
//
// A pass over θ̃ costs more than all the rest of a step. Since it was last written, H = `carry_every` steps s may have been kept aside:
//
//   θ̃ = a (B + Σ_s q_s e_s ⊗ u_s)        a ← a / ρ₀        q_s = 1 / (ρ₁ a)        G += Σ_t w_t (B + Σ_{s ≤ t} q_s e_s ⊗ u_s)        w_t = a λᵀ s̃
//
// ‖θ̃‖² is then measured when B is, and goes on by its mean, ‖θ̃‖² / ρ₀² + ‖νᵀ I‖² / ρ₁², in between. H = 1 is the paper's algorithm.

#include <cmath>
#include <limits>
#include <memory>

#include "../core/random.hpp"
#include "carry.hpp"
#include "dense.hpp"
#include "jacobians.hpp"

namespace pushforward {

template <typename Scalar>
class UoroCarry final : public Carry<Scalar> {
 public:
  // The signs are those of `stream` (the series) at its ticks 0, 1, …: see random.hpp.
  UoroCarry(const Cell<Scalar>& cell, Index n_outputs, Index carry_every, std::int64_t seed, std::int64_t stream)
      : Carry<Scalar>(cell, n_outputs, carry_every, false), seed_(seed), stream_(stream), s_(ns()), B_(cell.n_weights()), norm_(1), a_(1),
        q_(carry_every), w_(carry_every), E_(carry_every * gates()), Ds_(ns()), nu_(ns()), v_(ns()), lambda_(ns()), U_(carry_every * widest()),
        fold_(carry_every), read_(carry_every), E_fold_(E_.size()), E_read_(E_.size()), a_rows_(gates()), read_rows_(gates()) {
    const Buffer<Scalar> recurrent(padded<Scalar>(cell.n_recurrent())), slopes(padded<Scalar>(cell.n_slopes()));
    if (!cell.tangent(recurrent.data(), slopes.data(), s_.data(), Ds_.data())) jacobians_ = std::make_unique<Jacobians<Scalar>>(cell);
    a_[0] = 1;
  }

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool gradient_due, Scalar* G) override {
    Window<Scalar>& window = this->window_;
    if (window.count() == 0) return;
    const Index p = window.last();
    if (moved_ < window.count()) move(weights, p);
    if (window.pending(p)) {
      lambda_.clear();
      readout.adjoint(this->cell_, window.delta(p), lambda_.data());
      Scalar slope = 0;
      for (Index k = 0; k < this->cell_.n_state(); ++k) slope += lambda_[k] * s_[k];
      w_[p] = a_[0] * slope;
    }
    constexpr Scalar far = Scalar(1e4);  // a and 1 / a must not leave the range of a float
    const bool full = window.full() || a_[0] > far || a_[0] * far < 1;
    const bool read = (gradient_due || full) && this->any_pending();
    if (read || full) pass(weights, read ? G : nullptr, full ? &B_ : nullptr);
    if (read)
      for (Index t = 0; t < window.count(); ++t) window.pending(t) = 0;
    if (full) start_block();
  }

  void reset() override {
    Carry<Scalar>::reset();
    for (Buffer<Scalar>* evolving : {&s_, &B_, &norm_, &E_}) evolving->clear();
    start_block();
  }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    Carry<Scalar>::visit(archive, name, n_versions);
    archive.integers(name + ".tick", &tick_, 1, {Range{}});
    archive.integers(name + ".moved", &moved_, 1, {{0, this->window_.capacity()}});
    archive.numbers(name + ".influence_state", s_.data(), s_.size());
    archive.numbers(name + ".influence_theta", B_.data(), B_.size());
    archive.numbers(name + ".influence_norm", norm_.data(), 1);
    archive.numbers(name + ".a", a_.data(), 1);
    archive.numbers(name + ".q", q_.data(), q_.size());
    archive.numbers(name + ".w", w_.data(), w_.size());
    archive.numbers(name + ".E", E_.data(), E_.size());
  }

  // s̃ ⊗ θ̃. Another matrix cannot be put in its place: it has no rank-one form.
  bool read_influence(const WeightHistory<Scalar>& weights, Scalar* dense) override {
    Buffer<Scalar> theta(B_.size());
    std::copy(B_.begin(), B_.end(), theta.begin());
    pass(weights, nullptr, &theta);
    write_dense(this->cell_, dense, [&](const Group& g, Index row, Index column, Index k) {
      return s_[k] * theta[g.weight_offset + row * g.width + column];
    });
    return true;
  }

 private:
  static double balance(double above, double below) {
    constexpr double epsilon = static_cast<double>(std::numeric_limits<Scalar>::epsilon()), least = epsilon * epsilon;
    return std::sqrt((above + least) / (below + least));
  }
  Index ns() const { return padded<Scalar>(this->cell_.n_state()); }
  Index gates() const { return padded<Scalar>(this->cell_.n_gates()); }
  Index widest() const {
    Index width = 0;
    for (const Group& g : this->cell_.groups()) width = std::max(width, g.width);
    return width;
  }

  // The newest step's ν, e, ρ; s̃ and the factors of θ̃ move on.
  void move(const WeightHistory<Scalar>& weights, Index p) {
    const Cell<Scalar>& cell = this->cell_;
    const Scalar *recurrent = weights.recurrent(this->window_.version(p)), *slopes = this->window_.slopes(p);
    Random(seed_, stream_, tick_++).signs(cell.n_state(), nu_.data());
    std::copy(nu_.begin(), nu_.end(), v_.begin());
    cell.adjoint(recurrent, slopes, 1, cell.n_state(), v_.data(), 1, E_.data() + p * gates(), 1, nullptr, 0);
    if (jacobians_) {
      jacobians_->set(recurrent, slopes);
      jacobians_->apply(0, 1, s_.data(), 1, Ds_.data(), 1);
    } else {
      cell.tangent(recurrent, slopes, s_.data(), Ds_.data());
    }
    const double drawn = std::sqrt(squared_immediate(weights, p)), norm = static_cast<double>(norm_[0]);
    const double rho0 = balance(norm, std::sqrt(ops<Scalar>().squared_norm(ns(), Ds_.data())));
    const double rho1 = balance(drawn, std::sqrt(static_cast<double>(cell.n_state())));
    for (Index k = 0; k < cell.n_state(); ++k) s_[k] = static_cast<Scalar>(rho0) * Ds_[k] + static_cast<Scalar>(rho1) * nu_[k];
    a_[0] = static_cast<Scalar>(static_cast<double>(a_[0]) / rho0);
    q_[p] = static_cast<Scalar>(1 / (rho1 * static_cast<double>(a_[0])));
    norm_[0] = static_cast<Scalar>(std::hypot(norm / rho0, drawn / rho1));
    ++moved_;
  }

  // ‖νᵀ I‖²
  double squared_immediate(const WeightHistory<Scalar>& weights, Index p) {
    double sum = 0;
    each_block(weights, p, 1, [&](Index n_rows, const Group& g, Index gate, Index) {
      sum += (gate < 0 ? 1 : ops<Scalar>().squared_norm(n_rows, E_.data() + p * gates() + gate)) * ops<Scalar>().squared_norm(g.width, U_.data());
    });
    return sum;
  }

  // With the steps kept aside: G += what pending losses add to it (null: nothing); theta ← θ̃ (null: stays).
  void pass(const WeightHistory<Scalar>& weights, Scalar* G, Buffer<Scalar>* theta) {
    const Index h = moved_, n_gates = gates();
    Scalar sum = 0;
    for (Index s = h; s-- > 0;) {
      if (this->window_.pending(s)) sum += w_[s];
      read_[s] = sum * q_[s];
      fold_[s] = a_[0] * q_[s];
      ops<Scalar>().scale_rows(1, n_gates, &read_[s], E_.data() + s * n_gates, n_gates, E_read_.data() + s * n_gates, n_gates);
      ops<Scalar>().scale_rows(1, n_gates, &fold_[s], E_.data() + s * n_gates, n_gates, E_fold_.data() + s * n_gates, n_gates);
    }
    std::fill(a_rows_.begin(), a_rows_.end(), a_[0]);
    std::fill(read_rows_.begin(), read_rows_.end(), sum);
    each_block(weights, 0, h, [&](Index n_rows, const Group& g, Index gate, Index at) {
      OwnMove<Scalar> m;
      m.n_rows = n_rows;
      m.n_cols = g.width;
      m.J = (theta ? *theta : B_).data() + at;
      m.G = G ? G + at : nullptr;
      m.Phi = theta ? a_rows_.data() : nullptr;
      m.lambda = read_rows_.data();
      m.n_steps = h;
      m.U = U_.data();
      m.U_step_stride = widest_;
      m.A = gate < 0 ? read_.data() : E_read_.data() + gate;
      m.E = gate < 0 ? fold_.data() : E_fold_.data() + gate;
      m.A_step_stride = m.E_step_stride = gate < 0 ? 1 : n_gates;
      ops<Scalar>().own_move(m);
    });
    if (theta == &B_) norm_[0] = static_cast<Scalar>(std::sqrt(ops<Scalar>().squared_norm(B_.size(), B_.data())));
  }

  void start_block() {
    this->window_.clear();
    moved_ = 0;
    a_[0] = 1;
    q_.clear();
    w_.clear();
  }

  // body(n_rows, g, gate, at): rows of θ at `at` that take e_s[gate + row] U_s from step s = first … first + h − 1; gate −1: one row, e_s is in U_s.
  template <typename Body>
  void each_block(const WeightHistory<Scalar>& weights, Index first, Index h, Body&& body) {
    const Window<Scalar>& window = this->window_;
    const auto slope = [&](Index p, const Group& g) { return weights.bounded() ? weights.slope(window.version(p)) + g.weight_offset : nullptr; };
    for (const Group& g : this->cell_.groups()) {
      if (g.column) {
        for (Index s = 0; s < h; ++s) {
          const Scalar *phi = slope(first + s, g), *e = E_.data() + (first + s) * gates() + g.first_gate;
          Scalar* U = U_.data() + s * widest_;
          std::fill_n(U, g.width, Scalar(0));
          for (Index i = 0; i < g.n_units; ++i) U[i] = e[i] * presynaptic_number(g, i, window.u(first + s)) * (phi ? phi[i] : Scalar(1));
        }
        body(1, g, -1, g.weight_offset);
        continue;
      }
      const bool shared = !weights.bounded() && g.n_own == 0;
      for (Index i = 0; i < (shared ? 1 : g.n_units); ++i) {
        for (Index s = 0; s < h; ++s) {
          const Scalar* phi = slope(first + s, g);
          window.weighted_row(first + s, g, i, phi ? phi + i * g.width : nullptr, U_.data() + s * widest_);
        }
        body(shared ? g.n_units : 1, g, g.first_gate + i, g.weight_offset + i * g.width);
      }
    }
  }

  std::int64_t seed_, stream_;
  Index widest_ = widest();                  // numbers in a row
  std::int64_t tick_ = 0, moved_ = 0;        // evolving, with s̃, B, ‖θ̃‖, a, q, w, e: ticks drawn; steps of the window that are in them
  Buffer<Scalar> s_, B_, norm_, a_, q_, w_, E_;
  Buffer<Scalar> Ds_, nu_, v_, lambda_;      // of the step being settled
  Buffer<Scalar> U_, fold_, read_, E_fold_, E_read_, a_rows_, read_rows_;  // of a pass
  std::unique_ptr<Jacobians<Scalar>> jacobians_;  // where the cell has no D v of its own
};

}  // namespace pushforward
