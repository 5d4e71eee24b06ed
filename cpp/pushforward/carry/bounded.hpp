#pragma once
// The exact carry with a step of bounded cost (`latency="bounded"`): the end of one block is spread over the H steps of the next.
//
// While a new block is recorded, the finished one waits: first its adjoints are pulled back (sweep), a few steps at a time, then J's units are
// moved, a few at a time. They are independent of each other, so a gradient asked for in between is still exact:
//
//   units already moved:    λ₁ᵀ J         λ₁ = adjoint at the new block's start
//   units still waiting:    (their part of the reverse sweep over the waiting block)  +  λ₀ᵀ J        λ₀ = adjoint at the waiting block's start
//
// Same numbers as exact.hpp up to round-off; a second window and E for a whole block in memory.

#include <cmath>

#include "carry.hpp"
#include "influence.hpp"

namespace pushforward {

template <typename Scalar>
class BoundedExactCarry final : public Carry<Scalar> {
 public:
  BoundedExactCarry(const Cell<Scalar>& cell, Index n_outputs, Index carry_every, bool bounded_weights, int n_threads)
      : Carry<Scalar>(cell, n_outputs, carry_every), ns_(padded<Scalar>(cell.n_state())),
        influence_(cell, carry_every, bounded_weights, n_threads), waiting_(cell, n_outputs, carry_every), waiting_sweep_(cell, carry_every),
        E_(carry_every * cell.n_gates() * ns_), V_(cell.n_state() * ns_), V_before_(cell.n_state() * ns_) {}

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool gradient_due, Scalar* G) override {
    const bool full = this->window_.full();
    if ((gradient_due || full) && this->any_pending()) gradient(weights, readout, G);
    work(weights, this->window_.count());
    if (full) begin();
  }

  void reset() override {
    Carry<Scalar>::reset();
    waiting_.wipe();
    swept_ = moved_ = 0;
    E_.clear();
    V_.clear();
    influence_.clear();
  }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    Carry<Scalar>::visit(archive, name, n_versions);
    influence_.visit(archive, name + ".influence");
    waiting_.visit(archive, name + ".waiting", n_versions);
    archive.integers(name + ".swept", &swept_, 1, {{0, waiting_.capacity()}});
    archive.integers(name + ".moved", &moved_, 1, {{0, this->cell_.n_gates()}});
    archive.numbers(name + ".E", E_.data(), E_.size());
    archive.numbers(name + ".V", V_.data(), V_.size());
  }

  bool read_influence(const WeightHistory<Scalar>& weights, Scalar* dense) override {
    finish(weights);
    if (this->window_.count() > 0) {
      begin();
      finish(weights);
    }
    influence_.to_dense(dense);
    return true;
  }
  bool write_influence(const Scalar* dense) override {
    this->window_.clear();
    waiting_.clear();
    swept_ = moved_ = 0;
    influence_.from_dense(dense);
    return true;
  }

 private:
  Index n_waiting() const { return waiting_.count(); }

  void begin() {
    std::swap(waiting_, this->window_);
    this->window_.clear();
    swept_ = moved_ = 0;
    V_.clear();
    V_before_.clear();  // what a layer does not reach is never written
    for (Index k = 0; k < this->cell_.n_state(); ++k) V_[k * ns_ + k] = Scalar(1);
  }

  void finish(const WeightHistory<Scalar>& weights) { work(weights, this->window_.capacity()); }

  // Does the waiting block's share that is due after `step` of H steps, in proportion to the flop.
  void work(const WeightHistory<Scalar>& weights, Index step) {
    const Index h = n_waiting(), n_gates = this->cell_.n_gates(), n = this->cell_.n_state();
    if (h == 0) return;
    const double sweep_cost = static_cast<double>(n * n_gates) * static_cast<double>(n);
    const double move_cost = static_cast<double>(this->cell_.n_weights()) / static_cast<double>(n_gates) * static_cast<double>(n * (n + h));
    const double total = static_cast<double>(h) * sweep_cost + static_cast<double>(n_gates) * move_cost;
    const double due = total * static_cast<double>(step) / static_cast<double>(this->window_.capacity());
    const bool last = step == this->window_.capacity();
    const Index sweep_until = last ? h : std::min(h, static_cast<Index>(std::ceil(due / sweep_cost)));
    while (swept_ < sweep_until) pull_back_once(weights);
    if (swept_ < h) return;
    const double left = due - static_cast<double>(h) * sweep_cost;
    const Index move_until = last ? n_gates : std::clamp<Index>(static_cast<Index>(std::ceil(left / move_cost)), moved_, n_gates);
    if (move_until > moved_) {
      influence_.set_transition(V_.data(), ns_, true, h == 1);
      influence_.move(weights, waiting_, 0, h, E_.data(), true, moved_, move_until, nullptr, nullptr);
      moved_ = move_until;
    }
    if (moved_ == n_gates) {
      waiting_.clear();
      swept_ = moved_ = 0;
    }
  }

  void pull_back_once(const WeightHistory<Scalar>& weights) {
    const Cell<Scalar>& cell = this->cell_;
    const Index s = n_waiting() - 1 - swept_, p = waiting_.place(s);
    Scalar* e = E_.data() + s * cell.n_gates() * ns_;
    Index from = 0;
    for (const Index end : cell.blocks()) {
      cell.adjoint(weights.recurrent(waiting_.version(p)), waiting_.slopes(p), end - from, end, V_.data() + from, ns_, e + from, ns_,
                   V_before_.data() + from, ns_);
      from = end;
    }
    std::swap(V_, V_before_);
    ++swept_;
  }

  void gradient(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, Scalar* G) {
    const Index n_gates = this->cell_.n_gates();
    Sweep<Scalar>& sweep = this->sweep_;
    sweep.losses(weights, this->window_, readout);
    sweep.accumulate(weights, this->window_, 0, G);
    const Index moved = n_waiting() > 0 ? moved_ : n_gates;
    influence_.read(sweep.lambda(), 0, moved, G);
    if (moved == n_gates) return;
    std::copy_n(sweep.lambda(), this->cell_.n_state(), waiting_sweep_.lambda());
    waiting_sweep_.through(weights, waiting_);
    waiting_sweep_.accumulate(weights, waiting_, moved, G);
    influence_.read(waiting_sweep_.lambda(), moved, n_gates, G);
  }

  Index ns_;
  Influence<Scalar> influence_;                 // evolving, with all below but V_before_
  Window<Scalar> waiting_;                      // the finished block whose end is under way
  Sweep<Scalar> waiting_sweep_;
  std::int64_t swept_ = 0, moved_ = 0;          // its steps pulled back, its gates moved
  Buffer<Scalar> E_, V_, V_before_;
};

}  // namespace pushforward
