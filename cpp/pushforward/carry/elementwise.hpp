#pragma once
// The element-wise carries: of the influence only what a gate does to its own unit, and of D only what a unit does to itself.
//
//   J_t[gate, k, :] = Σ_l D_t[k, l]_i J_{t−1}[gate, l, :] + M_t[k, gate] u_t            k, l < b states of the gate's unit i
//   gradient at t   = Σ_k (∂L_t/∂s_t)_k J_t[gate, k, :]
//
//   coupling none       it is all there is: exact RTRL, at the price of b numbers a parameter
//   SnAp-1              what a gate does not reach within its step is left out (Menick et al. 2021, arXiv 2006.07232):
//                       J_t = mask ∘ (D_t J_{t−1} + ∂s_t/∂θ), the mask being where ∂s_t/∂θ may differ from zero
//   local rules         recurrent weights are left out of D altogether (local.hpp)
//
// As the exact carry (exact.hpp) it works block by block, H = carry_every steps: a reverse sweep of a unit's own numbers over the block's steps and,
// at its end, one pass over J. Any H gives the same numbers up to round-off. A step needs no older weights than its own: what it was is
// recorded with it (with bounded weights φ' of its version). The block's end is one sweep of O(H n) and one pass over J; with H = 1 every step costs the same.

#include <atomic>

#include "../core/threads.hpp"
#include "carry.hpp"
#include "own_influence.hpp"

namespace pushforward {

template <typename Scalar>
class ElementwiseCarry : public Carry<Scalar> {
 public:
  enum class Keep {
    own,       // the unit's own states
    one_step,  // of these what the gate reaches within its step (SnAp-1)
    leak,      // the unit's own states, and of D only what is left without recurrent weights
  };

  // Gates move their own unit's states only, of which there are one or two.
  static bool defined_for(const Cell<Scalar>& cell) {
    const Index n = cell.n_units();
    bool by_unit = cell.coupling() != Coupling::full && (cell.n_state() == n || cell.n_state() == 2 * n);
    for (const Group& g : cell.groups()) by_unit &= g.n_units % n == 0 && g.first_state == 0;
    return by_unit;
  }

  ElementwiseCarry(const Cell<Scalar>& cell, Index n_outputs, Index carry_every, bool bounded_weights, int n_threads, Keep keep)
      : Carry<Scalar>(cell, n_outputs, carry_every, false), n_threads_(n_threads),
        own_(cell, carry_every, n_threads, keep == Keep::leak, keep == Keep::one_step),
        influence_(cell, carry_every, n_threads, own_.chunk(), bounded_weights) {}

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool gradient_due, Scalar* G) override {
    if (this->window_.count() == 0) return;
    own_.record(weights, this->window_);
    const bool full = this->window_.full();
    if ((gradient_due || full) && this->any_pending()) run(weights, feedback(readout), full, G);
    else if (full) run(weights, readout, true, nullptr);
  }

  void reset() override {
    Carry<Scalar>::reset();
    own_.clear();
    influence_.clear();
  }
  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    Carry<Scalar>::visit(archive, name, n_versions);
    own_.visit(archive, name + ".own");
    influence_.visit(archive, name + ".influence");
  }

  bool read_influence(const WeightHistory<Scalar>& weights, Scalar* dense) override {
    if (this->window_.count() > 0) run(weights, {}, true, nullptr);
    const Index n_params = this->cell_.n_params(), n = this->cell_.n_units();
    std::fill_n(dense, this->cell_.n_state() * n_params, Scalar(0));
    influence_.each_entry([&](Scalar& J, Index gate, Index k, Index at, bool) { dense[(k * n + gate % n) * n_params + at] += J; });
    return true;
  }
  // False, and nothing is changed: there is a number that this carry does not keep.
  bool write_influence(const Scalar* dense) override {
    const Index n_params = this->cell_.n_params(), n = this->cell_.n_units();
    const auto kept = [&](auto&& body) {
      influence_.each_entry([&](Scalar& J, Index gate, Index k, Index at, bool mirrored) {
        body(J, mirrored || !own_.keeps(gate, k) ? Scalar(0) : dense[(k * n + gate % n) * n_params + at]);
      });
    };
    Index n_given = 0;
    for (Index i = 0; i < this->cell_.n_state() * n_params; ++i) n_given += dense[i] != 0;
    kept([&](Scalar&, Scalar value) { n_given -= value != 0; });
    if (n_given > 0) return false;
    this->window_.clear();
    kept([](Scalar& J, Scalar value) { J = value; });
    return true;
  }

 protected:
  // How errors at the output come back to the units.
  virtual Readout<Scalar> feedback(const Readout<Scalar>& readout) const { return readout; }

 private:
  // The gradient of the pending losses goes to G (null: not); moves: J passes over the window's steps, which is emptied.
  void run(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool moves, Scalar* G) {
    Window<Scalar>& window = this->window_;
    influence_.begin(window);
    const double flop = 4.0 * static_cast<double>(this->cell_.n_weights()) * static_cast<double>(window.count());
    const int n_workers = flop >= 1e6 ? n_threads_ : 1;
    std::atomic<Index> next{0};
    parallel_for(n_workers, n_workers, [&](Index worker) {
      for (Index chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < own_.n_chunks();)
        influence_.apply(weights, window, own_.pull_back(window, readout, chunk, worker, G != nullptr, moves), worker, G);
    });
    for (Index p = 0; G && p < window.count(); ++p) window.pending(p) = 0;
    if (moves) window.clear();
  }

  int n_threads_;
  OwnSweep<Scalar> own_;            // evolving: what the window's steps were
  OwnInfluence<Scalar> influence_;  // evolving
};

// How many steps a block of an element-wise carry should have, when the user does not say. All that a longer block saves is passes over J and G, of
// which there is one a block and one an update: with 16 steps they are a small part of a step. So H follows K, within the memory a window may take.
template <typename Scalar>
Index choose_elementwise(const Cell<Scalar>& cell, Index update_every) {
  constexpr Index most = 16, budget = Index{1} << 24;  // steps; numbers
  const Index step = cell.n_presynaptic() + cell.n_slopes() + cell.n_gates() * cell.n_state() / cell.n_units() + 2 * cell.n_state();
  const Index longest = std::clamp<Index>(std::max(budget, 2 * cell.n_weights()) / step, 1, most);
  for (Index h = longest; h > longest / 2; --h)
    if (update_every % h == 0) return h;
  return std::min(longest, update_every);
}

}  // namespace pushforward
