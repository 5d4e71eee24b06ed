#pragma once
// The influence of every gate on the states of its own unit, and the one operation that reads it and moves it over a block of steps:
//
//   G[gate]       += Σ_l λ_l[i] J[gate, l, :] + Σ_s a_s[gate] u_s                  (read; before the move)
//   J[gate, k, :]  ← Σ_l Φ_kl[i] J[gate, l, :] + Σ_s E_s[k, gate] u_s              k, l < b, unit i = gate % n
//
// Rows groups: J (n_units, b, width), beside each other what a unit needs. Column groups: J (b, width), a column a unit.
// λ, a, Φ, E come from the sweep (own_sweep.hpp), a chunk of units at a time; with bounded weights it is u_s ∘ φ'(θ_s).

#include "own_sweep.hpp"

namespace pushforward {

template <typename Scalar>
class OwnInfluence {
 public:
  OwnInfluence(const Cell<Scalar>& cell, Index max_steps, int n_threads, Index chunk, bool bounded)
      : cell_(cell), ops_(ops<Scalar>()), n_(cell.n_units()), b_(cell.n_state() / n_), chunk_(chunk) {
    Index size = 0;
    bool one_by_one = bounded;
    for (const Group& g : cell.groups()) {
      offsets_.push_back(size);
      size += b_ * g.size();
      with_tokens_.push_back(with_tokens_width_);
      if (g.input_column >= 0) with_tokens_width_ += g.width;
      one_by_one |= !g.column && g.n_own > 1;
      for (Index row = 0; row < g.n_units; row += n_) shifts_.push_back(shift_of(g, row));
    }
    J_ = Buffer<Scalar>(size);
    u_with_tokens_ = Buffer<Scalar>(max_steps * with_tokens_width_);
    scratch_size_ = std::max((1 + b_) * chunk, one_by_one ? max_steps * widest_row(cell.groups()) : 0);
    scratch_ = Buffer<Scalar>(n_threads * scratch_size_);
  }

  // Once for a block, before apply(): where inputs are tokens, shared rows get their 1.
  void begin(const Window<Scalar>& window) {
    tokens_ = false;
    for (Index p = 0; p < window.count(); ++p) tokens_ |= window.token(p) >= 0;
    for (const Group& g : cell_.groups())
      for (Index p = 0; tokens_ && g.input_column >= 0 && p < window.count(); ++p) {
        Scalar* row = u_with_tokens_.data() + p * with_tokens_width_ + with_tokens_[number(g)];
        std::copy_n(window.u(p) + g.presynaptic_offset, g.width, row);
        if (window.token(p) >= 0) row[g.input_column + window.token(p)] = Scalar(1);
      }
  }

  // The block x of the window's steps, for its units. Units share nothing: chunks may run at the same time.
  void apply(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const OwnBlock<Scalar>& x, Index worker, Scalar* G) {
    Scalar* const scratch = scratch_.data() + worker * scratch_size_;
    for (const Group& g : cell_.groups())
      for (Index row = 0; row < g.n_units; row += n_) {  // a gate of every unit
        OwnMove<Scalar> m = x.move((g.first_gate + row) / n_, window.count());
        const Index at = row + x.first;
        m.n_cols = g.width;
        m.J = J_.data() + offset(g) + (g.column ? at : at * b_ * g.width);
        m.G = x.reads ? G + g.weight_offset + (g.column ? at : at * g.width) : nullptr;
        if (g.column) column(weights, window, g, at, m, scratch);
        else if (weights.bounded() || g.n_own > 1) one_by_one(weights, window, g, at, m, scratch);
        else rows(weights, window, g, at, m, scratch);
      }
  }

  void clear() { J_.clear(); }
  void visit(Archive<Scalar>& archive, const std::string& name) { archive.numbers(name, J_.data(), J_.size()); }

  // body(number of J, gate, own state k, column of the dense form, mirrored) for all there are. A weight used twice has one column, the sum of both.
  template <typename Body>
  void each_entry(Body&& body) {
    const auto entries = [&](const Group& g, Index row, Index column, Index at, bool mirrored) {
      for (Index k = 0; k < b_; ++k) {
        const Index place = g.column ? k * g.width + column : (row * b_ + k) * g.width + column;
        body(J_[offset(g) + place], g.first_gate + (g.column ? column : row), k, at, mirrored);
      }
    };
    each_run(cell_.groups(), [&](const Group& g, Index row, Index first, Index at, Index n) {
      for (Index j = 0; j < n; ++j) {
        entries(g, row, first + j, at + j, false);
        for (const Group& twin : cell_.groups())
          if (twin.mirror >= 0 && twin.mirror == static_cast<Index>(number(g))) entries(twin, first + j, row, at + j, true);
      }
    });
  }

 private:
  std::size_t number(const Group& g) const { return static_cast<std::size_t>(&g - cell_.groups().data()); }
  Index offset(const Group& g) const { return offsets_[number(g)]; }

  void rows(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const Group& g, Index at, OwnMove<Scalar>& m, Scalar* scratch) {
    const bool tokens = tokens_ && g.input_column >= 0;
    m.U = tokens ? u_with_tokens_.data() + with_tokens_[number(g)] : window.u(0) + g.presynaptic_offset;
    m.U_step_stride = tokens ? with_tokens_width_ : window.u_width();
    ops_.own_move(m);
    if (g.n_own == 1) own_column(weights, window, g, at, m, scratch);
  }

  // The first number of each row, where it is the unit's own: its u was zero in the sums above.
  void own_column(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const Group& g, Index at, const OwnMove<Scalar>& m,
                  Scalar* scratch) const {
    Scalar* const sum = scratch + chunk_;
    const auto add = [&](const Scalar* factor, Index stride, Scalar* to, Index step) {
      for (Index p = 0; p < m.n_steps; ++p)
        ops_.multiply(m.n_rows, factor + p * stride, numbers(weights, window, p, g, at, m.n_rows, scratch), sum, p > 0);
      for (Index i = 0; i < m.n_rows; ++i) to[i * step] += sum[i];
    };
    if (m.G) add(m.A, m.A_step_stride, m.G, m.n_cols);
    for (Index k = 0; m.Phi && k < b_; ++k) add(m.E + k * m.E_state_stride, m.E_step_stride, m.J + k * m.n_cols, b_ * m.n_cols);
  }

  // Each unit has a u of its own.
  void one_by_one(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const Group& g, Index at, OwnMove<Scalar>& m,
                  Scalar* scratch) const {
    m.U = scratch;
    m.U_step_stride = g.width;
    const Index last = at + std::exchange(m.n_rows, 1);
    for (Index i = at; i < last; ++i) {
      for (Index p = 0; p < m.n_steps; ++p) {
        const Scalar* slope = weights.bounded() ? weights.slope(window.version(p)) + g.weight_offset + i * g.width : nullptr;
        window.weighted_row(p, g, i, slope, scratch + p * g.width);
      }
      ops_.own_move(m);
      m.J += b_ * g.width;
      if (m.G) m.G += g.width, ++m.A, ++m.lambda;
      if (m.Phi) ++m.Phi, ++m.E;
    }
  }

  void column(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, const Group& g, Index at, const OwnMove<Scalar>& m,
              Scalar* scratch) const {
    Scalar* const moved = scratch + chunk_;
    for (Index l = 0; l < b_; ++l) {
      const Scalar* J = m.J + l * g.width;
      if (m.G) ops_.multiply(m.n_rows, m.lambda + l * m.unit_stride, J, m.G, true);
      for (Index k = 0; m.Phi && k < b_; ++k) ops_.multiply(m.n_rows, m.Phi + (k * b_ + l) * m.unit_stride, J, moved + k * chunk_, l > 0);
    }
    for (Index p = 0; p < m.n_steps; ++p) {
      const Scalar* u = numbers(weights, window, p, g, at, m.n_rows, scratch);
      if (m.G) ops_.multiply(m.n_rows, m.A + p * m.A_step_stride, u, m.G, true);
      for (Index k = 0; m.Phi && k < b_; ++k) ops_.multiply(m.n_rows, m.E + p * m.E_step_stride + k * m.E_state_stride, u, moved + k * chunk_, true);
    }
    for (Index k = 0; m.Phi && k < b_; ++k) std::copy_n(moved + k * chunk_, m.n_rows, m.J + k * g.width);
  }

  // The one presynaptic number of each of the units at … at + n − 1 of a group, side by side: where they stand, or gathered.
  const Scalar* numbers(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index p, const Group& g, Index at, Index n,
                        Scalar* gathered) const {
    const Scalar* u = window.u(p);
    const Index shift = shifts_[static_cast<std::size_t>((g.first_gate + at) / n_)];
    const Scalar* slope = weights.bounded() ? weights.slope(window.version(p)) + g.weight_offset + at : nullptr;
    if (shift >= 0 && !slope) return u + g.base_offset + shift + at % n_;
    for (Index i = 0; i < n; ++i) {
      const bool none = g.n_own > 0 && g.source(at + i, 0) < 0;
      gathered[i] = none ? Scalar(0) : presynaptic_number(g, at + i, u) * (slope ? slope[i] : Scalar(1));
    }
    return gathered;
  }
  // Where in the base the own numbers of n units stand, if they stand side by side; −1: they do not.
  Index shift_of(const Group& g, Index row) const {
    if (g.n_own != 1) return -1;
    for (Index i = 0; i < n_; ++i)
      if (g.source(row, 0) < 0 || g.source(row + i, 0) != g.source(row, 0) + i) return -1;
    return g.source(row, 0);
  }

  const Cell<Scalar>& cell_;
  const Ops<Scalar>& ops_;
  Index n_, b_, chunk_;
  std::vector<Index> offsets_;      // of each group in J
  std::vector<Index> with_tokens_;  // and in a row of u_with_tokens_
  std::vector<Index> shifts_;       // of each gate of a unit
  Index with_tokens_width_ = 0, scratch_size_ = 0;
  bool tokens_ = false;
  Buffer<Scalar> J_;                       // evolving
  Buffer<Scalar> u_with_tokens_, scratch_;  // of the block at hand
};

}  // namespace pushforward
