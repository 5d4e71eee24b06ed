#pragma once
// Reverse mode inside a window: the part of a gradient that lies within the stored steps.
//
//   from the newest step back:   λ += W_outᵀ δ_t (where a loss is pending),   a_t = M_tᵀ λ,   λ ← D_tᵀ λ
//   gradient of W^g:             G += Σ_t a^g_t ⊗ u^g_t          (with bounded weights ∘ φ'(θ_t), step by step)
//
// λ (n_state)     a_t (n_gates), one padded row per place of the window     W_out (n_outputs, n_features) padded rows     G as θ
// Cost: O(n_state²) a step for the sweep; the sum is one matrix product.

#include "window.hpp"

namespace pushforward {

// The read-out as a backward pass sees it.
template <typename Scalar>
struct Readout {
  const Scalar* W_out = nullptr;
  Index n_outputs = 0;

  // λ += W_outᵀ δ
  void adjoint(const Cell<Scalar>& cell, const Scalar* delta, Scalar* lambda) const {
    ops<Scalar>().matvec_transposed(n_outputs, cell.n_features(), W_out, padded<Scalar>(cell.n_features()), delta, lambda + cell.first_feature(), true);
  }
};

template <typename Scalar>
class Sweep {
 public:
  Sweep(const Cell<Scalar>& cell, Index capacity)
      : cell_(cell), row_(padded<Scalar>(cell.n_gates())), a_(capacity * row_), lambda_(padded<Scalar>(cell.n_state())),
        before_(padded<Scalar>(cell.n_state())), weighted_(widest_row(cell.groups())) {}

  Scalar* lambda() { return lambda_.data(); }

  // Losses of the window's pending steps; they are no longer pending afterwards. λ ends as the adjoint at the window's start.
  // goes_on: λ is that of the losses after the window, the last sweep's being the next window; else there are none.
  void losses(const WeightHistory<Scalar>& weights, Window<Scalar>& window, const Readout<Scalar>& readout, bool goes_on = false) {
    if (!goes_on) lambda_.clear();
    Index k = window.count();
    for (; !goes_on && k > 0 && !window.pending(window.place(k - 1)); --k)
      clear_row(window.place(k - 1));  // nothing flows back from steps after the last loss
    for (; k > 0; --k) {
      const Index p = window.place(k - 1);
      if (window.pending(p)) {
        readout.adjoint(cell_, window.delta(p), lambda_.data());
        window.pending(p) = 0;
      }
      back(weights, window, p);
    }
  }

  // Carries λ on through the steps of an older window.
  void through(const WeightHistory<Scalar>& weights, const Window<Scalar>& window) {
    for (Index k = window.count(); k > 0; --k) back(weights, window, window.place(k - 1));
  }

  // G += Σ_t a_t ⊗ u_t over the window just swept, for the gates first_gate … n_gates − 1 (a column group goes by its first gate).
  void accumulate(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index first_gate, Scalar* G) {
    for (const Group& g : cell_.groups()) {
      if (g.column) {
        if (g.first_gate >= first_gate) accumulate_column(weights, window, g, G + g.weight_offset);
        continue;
      }
      const Index skip = std::clamp<Index>(first_gate - g.first_gate, 0, g.n_units);
      const Index n_units = g.n_units - skip, first = g.first_gate + skip;
      if (n_units == 0) continue;
      Scalar* rows = G + g.weight_offset + skip * g.width;
      if (weights.bounded()) {
        accumulate_bounded(weights, window, g, skip, rows);
        continue;
      }
      ops<Scalar>().matmul_transposed(n_units, g.width, window.count(), a_.data() + first, row_, window.u(0) + g.presynaptic_offset,
                                      window.u_width(), rows, g.width, true);
      if (g.n_own > 0) accumulate_own(window, g, skip, rows);
      if (g.input_column < 0) continue;
      for (Index p = 0; p < window.count(); ++p)
        if (const Index token = window.token(p); token >= 0)
          for (Index i = 0; i < n_units; ++i) rows[i * g.width + g.input_column + token] += a_[p * row_ + first + i];
    }
  }

 private:
  void clear_row(Index p) { std::fill_n(a_.data() + p * row_, row_, Scalar(0)); }

  void back(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index p) {
    cell_.adjoint(weights.recurrent(window.version(p)), window.slopes(p), 1, cell_.n_state(), lambda_.data(), 1, a_.data() + p * row_, 1,
                  before_.data(), 1);
    std::swap(lambda_, before_);
  }

  void accumulate_own(const Window<Scalar>& window, const Group& g, Index skip, Scalar* rows) {
    for (Index i = skip; i < g.n_units; ++i, rows += g.width)
      for (Index j = 0; j < g.n_own && g.source(i, j) >= 0; ++j) {
        Scalar sum = 0;
        for (Index p = 0; p < window.count(); ++p) sum += a_[p * row_ + g.first_gate + i] * window.u(p)[g.base_offset + g.source(i, j)];
        rows[j] += sum;
      }
  }

  void accumulate_column(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const Group& g, Scalar* row) {
    for (Index p = 0; p < window.count(); ++p) {
      const Scalar* a = a_.data() + p * row_ + g.first_gate;
      const Scalar* slope = weights.bounded() ? weights.slope(window.version(p)) + g.weight_offset : nullptr;
      for (Index i = 0; i < g.n_units; ++i) row[i] += a[i] * presynaptic_number(g, i, window.u(p)) * (slope ? slope[i] : Scalar(1));
    }
  }

  void accumulate_bounded(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const Group& g, Index skip, Scalar* rows) {
    for (Index p = 0; p < window.count(); ++p) {
      const Scalar* slope = weights.slope(window.version(p)) + g.weight_offset + skip * g.width;
      const Scalar* a = a_.data() + p * row_ + g.first_gate + skip;
      for (Index i = 0; i < g.n_units - skip; ++i, slope += g.width) {
        window.weighted_row(p, g, skip + i, slope, weighted_.data());
        ops<Scalar>().axpy(g.width, a[i], weighted_.data(), rows + i * g.width);
      }
    }
  }

  const Cell<Scalar>& cell_;
  Index row_;
  Buffer<Scalar> a_, lambda_, before_, weighted_;
};

}  // namespace pushforward
