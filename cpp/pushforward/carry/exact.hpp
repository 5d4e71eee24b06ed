#pragma once
// The exact carry: real-time recurrent learning, H = `carry_every` steps at a time.
//
// Since the block began, each step s has stored D_s, M_s, u_s with the weights of that step. At any step t of the block
//
//   gradient = (reverse sweep over the block's steps)  +  λᵀ J        λ = adjoint at the block's start, J = ds/dθ at the block's start
//
// and at the block's end, with the adjoints of the final state pulled back step by step, V_H = I, E_s = M_sᵀ V_s, V_{s−1} = D_sᵀ V_s (E_s and V_s
// (n_gates | n_state, n_state): column k belongs to component k of the final state):
//
//   Φ = D_H … D_1 = V_0ᵀ        J ← Φ J + Σ_s E_sᵀ ⊗ u_s
//
// Any H gives the same numbers up to round-off, updates of the weights at every step included; H = 1 is Williams and Zipser's recursion.
// Cost of a step, one dense group: 2 n³ (sweep) + 2 n² q (sum) + 2 n³ q / H (move) flop, and one read of J for every gradient.
//
// Memory: J, and E for the newest `chunk` steps of a block. A block that is longer than its chunk sweeps on without keeping E, to get Φ, and
// recomputes the older E chunk by chunk: one more pass over J and 2 n³ flop a step instead of H n² numbers.

#include "carry.hpp"
#include "influence.hpp"

namespace pushforward {

template <typename Scalar>
class ExactCarry final : public Carry<Scalar> {
 public:
  // chunk: steps whose E is kept; 0: as many as the memory budget allows
  ExactCarry(const Cell<Scalar>& cell, Index n_outputs, Index carry_every, bool bounded_weights, int n_threads, Index chunk = 0)
      : Carry<Scalar>(cell, n_outputs, carry_every), n_threads_(n_threads), strips_(strips_of(cell)), ns_(padded<Scalar>(cell.n_state())),
        chunk_(std::min(carry_every, chunk > 0 ? chunk : chunk_for(cell, bounded_weights))), influence_(cell, chunk_, bounded_weights, n_threads),
        E_(chunk_ * cell.n_gates() * ns_), spare_(chunk_ < carry_every ? cell.n_gates() * ns_ : 0), V_(cell.n_state() * ns_),
        V_before_(cell.n_state() * ns_), V_kept_(chunk_ < carry_every ? cell.n_state() * ns_ : 0) {}

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool gradient_due, Scalar* G) override {
    const bool full = this->window_.full(), read = (gradient_due || full) && this->any_pending();
    Sweep<Scalar>& sweep = this->sweep_;
    if (read) {
      sweep.losses(weights, this->window_, readout);
      sweep.accumulate(weights, this->window_, 0, G);
    }
    if (full)
      advance(weights, read ? sweep.lambda() : nullptr, G);
    else if (read)
      influence_.read(sweep.lambda(), 0, this->cell_.n_gates(), G);
  }

  void reset() override {
    Carry<Scalar>::reset();
    influence_.clear();
  }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    Carry<Scalar>::visit(archive, name, n_versions);
    influence_.visit(archive, name + ".influence");
  }

  bool read_influence(const WeightHistory<Scalar>& weights, Scalar* dense) override {
    if (this->window_.count() > 0) advance(weights, nullptr, nullptr);
    influence_.to_dense(dense);
    return true;
  }
  bool write_influence(const Scalar* dense) override {
    this->window_.clear();
    influence_.from_dense(dense);
    return true;
  }

 private:
  static Index chunk_for(const Cell<Scalar>& cell, bool bounded_weights) {
    constexpr Index budget = Index{5} << 28;  // bytes of E: at n = 1,000 a third of what J takes
    bool each_its_own = bounded_weights;      // u of every unit is then kept as well
    for (const Group& g : cell.groups()) each_its_own |= !g.column && g.n_own > 0;
    const Index step = cell.n_gates() * padded<Scalar>(cell.n_state()) + (each_its_own ? cell.n_weights() : 0);
    return std::max<Index>(1, budget / (step * static_cast<Index>(sizeof(Scalar))));
  }

  // J moves over all steps of the window, which is emptied. λ, G: read J on the way.
  void advance(const WeightHistory<Scalar>& weights, const Scalar* lambda, Scalar* G) {
    Window<Scalar>& window = this->window_;
    const Index h = window.count(), n_gates = this->cell_.n_gates();
    Index newest = h - std::min(h, chunk_);
    start_sweep();
    const Index p = window.last();
    const Scalar* recurrent = weights.recurrent(window.version(p));
    if (h == 1 && this->cell_.dynamics_jacobian(recurrent, window.slopes(p), V_before_.data(), ns_)) {
      influence_.set_transition(V_before_.data(), ns_, false, true);
      this->cell_.adjoint(recurrent, window.slopes(p), this->cell_.n_state(), this->cell_.n_state(), V_.data(), ns_, E_.data(), ns_, nullptr, 0);
    } else {
      pull_back(weights, newest, h, E_.data());
      if (newest > 0) {
        std::copy(V_.begin(), V_.end(), V_kept_.begin());
        pull_back(weights, 0, newest, nullptr);
      }
      influence_.set_transition(V_.data(), ns_, true, h == 1);
    }
    influence_.move(weights, window, newest, h - newest, E_.data(), true, 0, n_gates, lambda, lambda ? G : nullptr);
    while (newest > 0) {
      const Index end = newest;
      newest -= std::min(end, chunk_);
      std::swap(V_, V_kept_);
      pull_back(weights, newest, end, E_.data());
      if (newest > 0) std::copy(V_.begin(), V_.end(), V_kept_.begin());
      influence_.move(weights, window, newest, end - newest, E_.data(), false, 0, n_gates, nullptr, nullptr);
    }
    window.clear();
  }

  void start_sweep() {
    V_.clear();
    V_before_.clear();  // what a layer does not reach is never written
    for (Index k = 0; k < this->cell_.n_state(); ++k) V_[k * ns_ + k] = Scalar(1);
  }

  // V ← D_{first}ᵀ … D_{last−1}ᵀ V, keeping E (or not, when E is null). Columns are independent: strips of them go to the threads, and those of a lower
  // layer never reach the layers above it.
  void pull_back(const WeightHistory<Scalar>& weights, Index first, Index last, Scalar* E) {
    const Cell<Scalar>& cell = this->cell_;
    const Window<Scalar>& window = this->window_;
    const Index n = cell.n_state(), E_step = cell.n_gates() * ns_;
    const double flop = 2.0 * static_cast<double>((last - first) * n * n) * static_cast<double>(cell.n_gates());
    parallel_for(flop >= 1e7 ? n_threads_ : 1, static_cast<Index>(strips_.size()), [&](Index task) {
      const Strip& strip = strips_[static_cast<std::size_t>(task)];
      Scalar *V = V_.data() + strip.column, *before = V_before_.data() + strip.column;
      for (Index s = last; s > first; --s) {
        const Index p = window.place(s - 1);
        Scalar* e = (E ? E + (s - 1 - first) * E_step : spare_.data()) + strip.column;
        cell.adjoint(weights.recurrent(window.version(p)), window.slopes(p), strip.width, strip.reach, V, ns_, e, ns_, before, ns_);
        std::swap(V, before);
      }
    });
    if ((last - first) % 2) std::swap(V_, V_before_);
  }

  struct Strip {
    Index column, width, reach;  // reach: V's rows from there on are zero in these columns
  };
  static std::vector<Strip> strips_of(const Cell<Scalar>& cell) {
    std::vector<Strip> strips;
    Index from = 0;
    for (const Index end : cell.blocks()) {
      const Index n = end - from, width = std::clamp<Index>(padded<Scalar>((n + 3) / 4), 64, 256);
      for (; from < end; from += width) strips.push_back({from, std::min(width, end - from), end});
      from = end;
    }
    return strips;
  }

  int n_threads_;
  std::vector<Strip> strips_;
  Index ns_, chunk_;
  Influence<Scalar> influence_;               // evolving
  Buffer<Scalar> E_, spare_, V_, V_before_, V_kept_;  // scratch of a block's end
};

}  // namespace pushforward
