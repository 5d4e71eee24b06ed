#pragma once
// Local rules: random feedback local online learning, RFLO (Murray 2019, eLife 8:e43299), and e-prop (Bellec et al. 2020, Nat. Commun. 11:3625).
//
//   e_t[gate] = D_leak e_{t−1}[gate] + M_t[gate] u_t           eligibility: D as if the recurrent weights were zero
//   G[gate]  += (B δ_t)_i e_t[gate]                            δ_t the error at the output, i the gate's unit
//
//   RFLO       B drawn once and never trained (setting "feedback": random)
//   e-prop     B = W_outᵀ as it stands ("symmetric" e-prop; setting "feedback": transposed)
//
// The two differ in B alone, and either may have the other's. With the leaky cell e is Murray's p ← (1 − α) p + α σ'(a) u, and as there W_out learns
// by its own gradient. Bellec et al. write for spiking neurons, with a pseudo-derivative for σ', adaptive thresholds, and an eligibility that is
// low-passed by the leak of the read-out; the cells here are smooth, and the read-out has no memory, for which their filter is the identity. Gates
// count as the unit's own: the leak of an LSTM is the forget gate of the step, that of a GRU the update gate.
//
// B (n_outputs, n_features), laid out as W_out, uniform in ±1/√n_features like W_out's start.

#include <cmath>

#include "elementwise.hpp"

namespace pushforward {

template <typename Scalar>
class LocalCarry final : public ElementwiseCarry<Scalar> {
 public:
  // random: B drawn from the seed, else the read-out's
  LocalCarry(const Cell<Scalar>& cell, Index n_outputs, Index carry_every, bool bounded_weights, int n_threads, bool random, std::int64_t seed)
      : ElementwiseCarry<Scalar>(cell, n_outputs, carry_every, bounded_weights, n_threads, ElementwiseCarry<Scalar>::Keep::leak),
        B_(random ? n_outputs * padded<Scalar>(cell.n_features()) : 0) {
    if (!random) return;
    const Random draw(seed, 0, 0);
    const double width = 1 / std::sqrt(static_cast<double>(cell.n_features()));
    for (Index i = 0; i < n_outputs; ++i)
      for (Index j = 0; j < cell.n_features(); ++j)
        B_[i * padded<Scalar>(cell.n_features()) + j] = static_cast<Scalar>(width * (2 * draw.uniform(i * cell.n_features() + j) - 1));
  }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    ElementwiseCarry<Scalar>::visit(archive, name, n_versions);
    archive.numbers(name + ".feedback", B_.data(), B_.size());
  }

 protected:
  Readout<Scalar> feedback(const Readout<Scalar>& readout) const override {
    return B_.size() > 0 ? Readout<Scalar>{B_.data(), readout.n_outputs} : readout;
  }

 private:
  Buffer<Scalar> B_;
};

}  // namespace pushforward
