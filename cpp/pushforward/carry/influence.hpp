#pragma once
// The influence J = ds/dθ of one series, and the one operation that moves it over a block of steps.
//
//   J[:, (g, i, :)]  ←  Φ J[:, (g, i, :)] + Σ_s E_s[(g, i), :]ᵀ ⊗ U_s        U_s = u^g_s   (with bounded weights u^g_s ∘ φ'(θ_s)[i, :])
//
// stored unit by unit: J[(g, i)] (n_state, width of g), so that a unit's slab stays in cache while it is moved, and the sum over s is one product.
// E (n_steps, n_gates, padded(n_state))     Φ packed by ops.pack     λ (n_state), G as θ: see InfluenceMove.

#include <atomic>

#include "../core/threads.hpp"
#include "window.hpp"

namespace pushforward {

template <typename Scalar>
class Influence {
 public:
  Influence(const Cell<Scalar>& cell, Index max_steps, bool bounded, int n_threads)
      : cell_(cell), ops_(ops<Scalar>()), n_threads_(n_threads), scratch_size_(padded<Scalar>(ops_.influence_scratch(cell.n_state(), max_steps))),
        J_(cell.n_weights() * cell.n_state()), phi_(ops_.packed_size(cell.n_state())),
        weighted_(bounded ? max_steps * cell.n_weights() : 0), scratch_(n_threads * scratch_size_) {}

  // Φ, given as V = Φᵀ (transposed) or as it is, in rows of ld.
  void set_transition(const Scalar* A, Index ld, bool transposed) {
    ops_.pack(cell_.n_state(), A, transposed ? 1 : ld, transposed ? ld : 1, phi_.data());
  }

  // G += λᵀ J for the gates first … last−1.
  void read(const Scalar* lambda, Index first, Index last, Scalar* G) const {
    constexpr double worth_a_thread = 1 << 20;  // bytes of J: tens of microseconds at the bandwidth of a core
    const double bytes = static_cast<double>(J_.size()) * sizeof(Scalar);
    over_units(first, last, bytes >= worth_a_thread, [&](const Group& g, Index from, Index to, Index) {
      ops_.influence_read(cell_.n_state(), g.width, from, to, J_.data() + offset(g), lambda, G + g.weight_offset);
    });
  }

  // Moves the gates first … last−1 over the steps at the window's places `oldest` … `oldest + n_steps − 1`, whose E begins at E.
  // with_transition: multiply by Φ. λ, G: read J before the move; null: don't.
  void move(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index oldest, Index n_steps, const Scalar* E,
            bool with_transition, Index first, Index last, const Scalar* lambda, Scalar* G) {
    const Index ns = padded<Scalar>(cell_.n_state()), n_gates = cell_.n_gates();
    const bool tokens = all_tokens(window, oldest, n_steps), bounded = weights.bounded();
    if (bounded) weigh(weights, window, oldest, n_steps, first, last);
    const double flop = 2.0 * static_cast<double>(cell_.n_state() * cell_.n_weights()) * static_cast<double>(cell_.n_state() + n_steps);
    over_units(first, last, flop >= 1e7, [&](const Group& g, Index from, Index to, Index worker) {
      InfluenceMove<Scalar> m;
      m.n_state = cell_.n_state();
      m.n_cols = g.width;
      m.first_unit = from;
      m.last_unit = to;
      m.J = J_.data() + offset(g);
      m.Phi_packed = with_transition ? phi_.data() : nullptr;
      m.n_steps = n_steps;
      m.E = E + g.first_gate * ns;
      m.E_step_stride = n_gates * ns;
      m.E_unit_stride = ns;
      m.U = bounded ? weighted_.data() + g.weight_offset : window.u(oldest) + g.presynaptic_offset;
      m.U_step_stride = bounded ? cell_.n_weights() : window.u_width();
      m.U_unit_stride = bounded ? g.width : 0;
      if (tokens && !bounded && g.input_column >= 0) {
        m.zero_first = g.input_column;
        m.zero_last = g.input_column + cell_.n_inputs();
      }
      m.lambda = lambda;
      m.G = G ? G + g.weight_offset : nullptr;
      m.scratch = scratch_.data() + worker * scratch_size_;
      ops_.influence_move(m);
      if (!bounded && g.input_column >= 0) add_tokens(window, oldest, n_steps, g, from, to, m);
    });
  }

  void clear() { J_.clear(); }
  void visit(Archive<Scalar>& archive, const std::string& name) { archive.numbers(name, J_.data(), J_.size()); }

  // To and from the dense unpadded form (n_state, n_params).
  template <typename Copy>
  void dense(Copy&& copy) {
    Index column = 0;
    const Index n_params = cell_.n_params();
    for (const Group& g : cell_.groups())
      for (Index i = 0; i < g.n_units; ++i, column += g.n_presynaptic)
        for (Index k = 0; k < cell_.n_state(); ++k)
          copy(J_.data() + offset(g) + (i * cell_.n_state() + k) * g.width, k * n_params + column, g.n_presynaptic);
  }

 private:
  Index offset(const Group& g) const { return g.weight_offset * cell_.n_state(); }

  static bool all_tokens(const Window<Scalar>& window, Index oldest, Index n_steps) {
    for (Index p = oldest; p < oldest + n_steps; ++p)
      if (window.token(p) < 0) return false;
    return n_steps > 0;
  }

  void weigh(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index oldest, Index n_steps, Index first, Index last) {
    for (Index s = 0; s < n_steps; ++s) {
      const Index p = oldest + s;
      const Scalar* slope = weights.slope(window.version(p));
      for (const Group& g : cell_.groups()) {
        const Index from = std::clamp<Index>(first - g.first_gate, 0, g.n_units), to = std::clamp<Index>(last - g.first_gate, 0, g.n_units);
        for (Index i = from; i < to; ++i) {
          const Index row = g.weight_offset + i * g.width;
          Scalar* out = weighted_.data() + s * cell_.n_weights() + row;
          ops_.multiply(g.width, window.u(p) + g.presynaptic_offset, slope + row, out, false);
          if (g.input_column >= 0 && window.token(p) >= 0) out[g.input_column + window.token(p)] = slope[row + g.input_column + window.token(p)];
        }
      }
    }
  }

  // A token's presynaptic 1 was left out of U: its column of J gets E directly.
  void add_tokens(const Window<Scalar>& window, Index oldest, Index n_steps, const Group& g, Index from, Index to,
                  const InfluenceMove<Scalar>& m) const {
    for (Index i = from; i < to; ++i)
      for (Index s = 0; s < n_steps; ++s) {
        const Index token = window.token(oldest + s);
        if (token < 0) continue;
        const Scalar* e = m.E + s * m.E_step_stride + i * m.E_unit_stride;
        Scalar* column = m.J + i * m.n_state * m.n_cols + g.input_column + token;
        for (Index k = 0; k < m.n_state; ++k) column[k * m.n_cols] += e[k];
      }
  }

  // body(group, first unit, last unit, worker) over small ranges of units. Units are independent: how they are cut changes no number.
  template <typename Body>
  void over_units(Index first, Index last, bool threaded, Body&& body) const {
    const int workers = threaded ? n_threads_ : 1;
    for (const Group& g : cell_.groups()) {
      const Index from = std::clamp<Index>(first - g.first_gate, 0, g.n_units), to = std::clamp<Index>(last - g.first_gate, 0, g.n_units);
      if (from == to) continue;
      if (workers == 1) {
        body(g, from, to, 0);
        continue;
      }
      const Index block = std::max<Index>(1, (to - from) / 32);
      std::atomic<Index> next{from};
      parallel_for(workers, workers, [&](Index worker) {
        for (Index i; (i = next.fetch_add(block, std::memory_order_relaxed)) < to;) body(g, i, std::min(i + block, to), worker);
      });
    }
  }

  const Cell<Scalar>& cell_;
  const Ops<Scalar>& ops_;  // held: packing and moving must agree even if another instruction set is chosen later
  int n_threads_;
  Index scratch_size_;
  Buffer<Scalar> J_;                 // evolving
  Buffer<Scalar> phi_, weighted_;    // of the block being moved
  Buffer<Scalar> scratch_;
};

}  // namespace pushforward
