#pragma once
// The influence J = ds/dθ of one series, and the one operation that moves it over a block of steps.
//
//   J[:, (g, i, :)]  ←  Φ J[:, (g, i, :)] + Σ_s E_s[(g, i), :]ᵀ ⊗ U_s        U_s = u^g_s   (with bounded weights u^g_s ∘ φ'(θ_s)[i, :])
//
// stored unit by unit: J[(g, i)] (n_state − first_state of g, width of g), so that a unit's slab stays in cache while it is moved, and the sum over s is
// one product. A column group is one slab, a column a unit. Where D is block-triangular (layers) the rows above a group's first state do not exist.
// E (n_steps, n_gates, padded(n_state))     Φ packed by ops.pack, once for each first_state     λ (n_state), G as θ: see InfluenceMove.

#include <atomic>

#include "../core/threads.hpp"
#include "transition.hpp"
#include "window.hpp"

namespace pushforward {

template <typename Scalar>
class Influence {
 public:
  Influence(const Cell<Scalar>& cell, Index max_steps, bool bounded, int n_threads)
      : cell_(cell), ops_(ops<Scalar>()), n_threads_(n_threads), scratch_size_(padded<Scalar>(ops_.influence_scratch(cell.n_state(), max_steps))),
        weighted_(bounded || own_rows() ? max_steps * cell.n_weights() : 0), scratch_(n_threads * scratch_size_) {
    if (static_cast<double>(cell.n_state()) * static_cast<double>(cell.n_weights()) > 0x1p60) throw std::bad_alloc();
    Index size = 0;
    for (const Group& g : cell.groups()) {
      offsets_.push_back(size);
      size += g.size() * (cell.n_state() - g.first_state);
      std::size_t level = 0;
      while (level < transitions_.size() && transitions_[level].first_state() != g.first_state) ++level;
      if (level == transitions_.size()) transitions_.emplace_back(cell, ops_, g.first_state);
      levels_.push_back(level);
    }
    J_ = Buffer<Scalar>(size);
  }

  // Φ, given as V = Φᵀ (transposed) or as it is, in rows of ld. one_step: Φ = D of a single step.
  void set_transition(const Scalar* A, Index ld, bool transposed, bool one_step) {
    for (Transition<Scalar>& t : transitions_) t.set(A, ld, transposed, one_step);
  }

  // G += λᵀ J for the gates first … last−1 (a column group goes by its first gate).
  void read(const Scalar* lambda, Index first, Index last, Scalar* G) const {
    constexpr double worth_a_thread = 1 << 20;  // bytes of J: tens of microseconds at the bandwidth of a core
    const double bytes = static_cast<double>(J_.size()) * sizeof(Scalar);
    over_units(first, last, bytes >= worth_a_thread, [&](const Group& g, Index from, Index to, Index) {
      ops_.influence_read(n_rows(g), g.width, from, to, J_.data() + offset(g), lambda + g.first_state, G + g.weight_offset);
    });
  }

  // Moves the gates first … last−1 over the steps at the window's places `oldest` … `oldest + n_steps − 1`, whose E begins at E.
  // with_transition: multiply by Φ. λ, G: read J before the move; null: don't.
  void move(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index oldest, Index n_steps, const Scalar* E,
            bool with_transition, Index first, Index last, const Scalar* lambda, Scalar* G) {
    const Index ns = padded<Scalar>(cell_.n_state()), n_gates = cell_.n_gates();
    const bool tokens = all_tokens(window, oldest, n_steps), bounded = weights.bounded();
    weigh(weights, window, oldest, n_steps, first, last);
    const double flop = 2.0 * static_cast<double>(cell_.n_state() * cell_.n_weights()) * static_cast<double>(cell_.n_state() + n_steps);
    over_units(first, last, flop >= 1e7, [&](const Group& g, Index from, Index to, Index worker) {
      const bool each_its_own = !g.column && (bounded || g.n_own > 0);
      InfluenceMove<Scalar> m;
      m.n_state = n_rows(g);
      m.n_cols = g.width;
      m.first_unit = from;
      m.last_unit = to;
      m.J = J_.data() + offset(g);
      if (with_transition) transitions_[levels_[number(g)]].describe(m);
      m.n_steps = g.column ? 0 : n_steps;
      m.E = E + g.first_gate * ns + g.first_state;
      m.E_step_stride = n_gates * ns;
      m.E_unit_stride = ns;
      m.U = each_its_own ? weighted_.data() + g.weight_offset : window.u(oldest) + g.presynaptic_offset;
      m.U_step_stride = each_its_own ? cell_.n_weights() : window.u_width();
      m.U_unit_stride = each_its_own ? g.width : 0;
      if (tokens && !each_its_own && g.input_column >= 0) {
        m.zero_first = g.input_column;
        m.zero_last = g.input_column + cell_.n_inputs();
      }
      m.lambda = lambda ? lambda + g.first_state : nullptr;
      m.G = G ? G + g.weight_offset : nullptr;
      m.scratch = scratch_.data() + worker * scratch_size_;
      ops_.influence_move(m);
      if (g.column)
        add_column(weights, window, oldest, n_steps, g, m);
      else if (!each_its_own && g.input_column >= 0)
        add_tokens(window, oldest, n_steps, g, from, to, m);
    });
  }

  void clear() { J_.clear(); }
  void visit(Archive<Scalar>& archive, const std::string& name) { archive.numbers(name, J_.data(), J_.size()); }

  // To and from the dense unpadded form (n_state, n_params). A weight used twice has one column, the sum of both.
  void to_dense(Scalar* dense) const {
    const Index n_params = cell_.n_params();
    std::fill_n(dense, cell_.n_state() * n_params, Scalar(0));
    each_run(cell_.groups(), [&](const Group& g, Index row, Index column, Index at, Index n) {
      for (Index k = g.first_state; k < cell_.n_state(); ++k) std::copy_n(entry(g, row, k, column), n, dense + k * n_params + at);
      for (const Group& twin : cell_.groups())
        if (twin.mirror >= 0 && twin.mirror == static_cast<Index>(number(g)))
          for (Index k = g.first_state; k < cell_.n_state(); ++k)
            for (Index j = 0; j < n; ++j) dense[k * n_params + at + j] += *entry(twin, column + j, k, row);
    });
  }
  void from_dense(const Scalar* dense) {
    J_.clear();
    each_run(cell_.groups(), [&](const Group& g, Index row, Index column, Index at, Index n) {
      for (Index k = g.first_state; k < cell_.n_state(); ++k)
        std::copy_n(dense + k * cell_.n_params() + at, n, J_.data() + (entry(g, row, k, column) - J_.data()));
    });
  }

 private:
  std::size_t number(const Group& g) const { return static_cast<std::size_t>(&g - cell_.groups().data()); }
  Index offset(const Group& g) const { return offsets_[number(g)]; }
  Index n_rows(const Group& g) const { return cell_.n_state() - g.first_state; }
  const Scalar* entry(const Group& g, Index row, Index state, Index column) const {
    return J_.data() + offset(g) + (row * n_rows(g) + state - g.first_state) * g.width + column;
  }
  bool own_rows() const {
    for (const Group& g : cell_.groups())
      if (!g.column && g.n_own > 0) return true;
    return false;
  }

  static bool all_tokens(const Window<Scalar>& window, Index oldest, Index n_steps) {
    for (Index p = oldest; p < oldest + n_steps; ++p)
      if (window.token(p) < 0) return false;
    return n_steps > 0;
  }

  // U of the groups in which each unit has its own.
  void weigh(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index oldest, Index n_steps, Index first, Index last) {
    for (const Group& g : cell_.groups()) {
      if (g.column || !(weights.bounded() || g.n_own > 0)) continue;
      const Index from = std::clamp<Index>(first - g.first_gate, 0, g.n_units), to = std::clamp<Index>(last - g.first_gate, 0, g.n_units);
      for (Index s = 0; s < n_steps; ++s) {
        const Scalar* slope = weights.bounded() ? weights.slope(window.version(oldest + s)) : nullptr;
        for (Index i = from; i < to; ++i) {
          const Index row = g.weight_offset + i * g.width;
          window.weighted_row(oldest + s, g, i, slope ? slope + row : nullptr, weighted_.data() + s * cell_.n_weights() + row);
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

  void add_column(const WeightHistory<Scalar>& weights, const Window<Scalar>& window, Index oldest, Index n_steps, const Group& g,
                  const InfluenceMove<Scalar>& m) const {
    for (Index s = 0; s < n_steps; ++s) {
      const Scalar* slope = weights.bounded() ? weights.slope(window.version(oldest + s)) + g.weight_offset : nullptr;
      for (Index i = 0; i < g.n_units; ++i) {
        const Scalar* e = m.E + s * m.E_step_stride + i * m.E_unit_stride;
        const Scalar u = presynaptic_number(g, i, window.u(oldest + s)) * (slope ? slope[i] : Scalar(1));
        for (Index k = 0; k < m.n_state; ++k) m.J[k * m.n_cols + i] += e[k] * u;
      }
    }
  }

  // body(group, first row, last row, worker) over small ranges of rows. They are independent: how they are cut changes no number.
  template <typename Body>
  void over_units(Index first, Index last, bool threaded, Body&& body) const {
    const int workers = threaded ? n_threads_ : 1;
    for (const Group& g : cell_.groups()) {
      if (g.column) {
        if (g.first_gate >= first && g.first_gate < last) body(g, 0, 1, 0);
        continue;
      }
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
  std::vector<Index> offsets_;                   // of each group in J
  std::vector<std::size_t> levels_;              // its transition
  std::vector<Transition<Scalar>> transitions_;  // of the block being moved
  Buffer<Scalar> J_;                             // evolving
  Buffer<Scalar> weighted_;                      // of the block being moved
  Buffer<Scalar> scratch_;
};

}  // namespace pushforward
