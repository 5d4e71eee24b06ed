#pragma once
// SnAp-n (Menick, Elsen, Evci, Osindero, Simonyan and Graves 2021, arXiv 2006.07232): the influence of a gate's weights is kept on the states R that
// it reaches within n steps, and taken to be zero elsewhere. Approximate, but exact where R is everything.
//
//   J[(g, i)] ← D[R, R] J[(g, i)] + M[R, i] ⊗ u^g        then  G[(g, i)] += λ_Rᵀ J[(g, i)]        λ = W_outᵀ δ
//
// R differs from unit to unit where the cell is sparse; kept.hpp says how J lies. D[R, R] is gathered, or is D's own tail where R is all states from
// some one on. A weight that is used twice counts as two, each with its own R. Cost of a step: 2 Σ |R|² width flop over all gates, and D itself.

#include <atomic>
#include <memory>

#include "../core/threads.hpp"
#include "carry.hpp"
#include "dense.hpp"
#include "kept.hpp"
#include "transition.hpp"

namespace pushforward {

template <typename Scalar>
class SnapCarry final : public Carry<Scalar> {
 public:
  // n_steps: n.
  SnapCarry(const Cell<Scalar>& cell, Index n_outputs, int n_steps, bool bounded_weights, int n_threads)
      : Carry<Scalar>(cell, n_outputs, 1, false), ops_(ops<Scalar>()), bounded_(bounded_weights), n_threads_(n_threads), jacobians_(cell),
        kept_(cell, n_steps), J_(kept_.J_size()), E_(kept_.E_size()), lambda_(padded<Scalar>(cell.n_state())) {
    Index U_size = 0;
    for (const Group& g : cell.groups()) {
      U_at_.push_back(U_size);
      U_size += each_its_own(g) ? g.size() : g.width;
    }
    U_ = Buffer<Scalar>(U_size);
    for (const States& states : kept_.reaches()) {
      const auto r = static_cast<Index>(states.size());
      const bool is_tail = r > 0 && states.front() == cell.n_state() - r;
      tails_.push_back(is_tail ? std::make_unique<Transition<Scalar>>(cell, ops_, states.front()) : nullptr);
    }
    const Index most = kept_.most();
    for (int worker = 0; worker < n_threads; ++worker)
      scratch_.push_back({Buffer<Scalar>(most * most), Buffer<Scalar>(ops_.packed_size(most)), Buffer<Scalar>(padded<Scalar>(most)),
                          Buffer<Scalar>(ops_.influence_scratch(most, 1)), Buffer<Scalar>(most * kept_.widest())});
    share_out();
  }

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool, Scalar* G) override {
    Window<Scalar>& window = this->window_;
    if (window.count() == 0) return;
    const Index p = window.last();
    jacobians_.set(weights.recurrent(window.version(p)), window.slopes(p));
    for (const auto& m : kept_.entries()) E_[m.at] = jacobians_.M(m.state, m.gate);
    for (std::size_t number = 0; number < U_at_.size(); ++number)
      presynaptic(weights, p, this->cell_.groups()[number], U_.data() + U_at_[number]);
    for (const auto& tail : tails_)
      if (tail) tail->set(jacobians_.D(), jacobians_.ld(), jacobians_.transposed(), true);
    if (window.pending(p)) {
      lambda_.clear();
      readout.adjoint(this->cell_, window.delta(p), lambda_.data());
    } else {
      G = nullptr;
    }
    const auto n_tasks = static_cast<Index>(tasks_.size());
    const int workers = kept_.flop() >= 1e7 ? n_threads_ : 1;
    std::atomic<Index> next{0};
    parallel_for(workers, workers, [&](Index worker) {
      for (Index task; (task = next.fetch_add(1, std::memory_order_relaxed)) < n_tasks;)
        move(tasks_[static_cast<std::size_t>(task)], G, scratch_[static_cast<std::size_t>(worker)]);
    });
    window.clear();
  }

  void reset() override {
    Carry<Scalar>::reset();
    J_.clear();
  }
  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    Carry<Scalar>::visit(archive, name, n_versions);
    archive.numbers(name + ".influence", J_.data(), J_.size());
  }

  bool read_influence(const WeightHistory<Scalar>&, Scalar* dense) override {
    write_dense(this->cell_, dense, [&](const Group& g, Index row, Index column, Index k) {
      const Index at = kept_.place(g, row, column, k);
      return at < 0 ? Scalar(0) : J_[at];
    });
    return true;
  }
  // False, and nothing is changed, when a number that is not zero has no place in the pattern.
  bool write_influence(const Scalar* dense) override {
    const auto each = [&](auto&& body) {
      each_run(this->cell_.groups(), [&](const Group& g, Index row, Index column, Index at, Index n) {
        for (Index k = 0; k < this->cell_.n_state(); ++k)
          for (Index j = 0; j < n; ++j) body(kept_.place(g, row, column + j, k), dense[k * this->cell_.n_params() + at + j]);
      });
    };
    bool fits = true;
    each([&](Index at, Scalar value) { fits = fits && (at >= 0 || value == 0); });
    if (!fits) return false;
    this->window_.clear();
    J_.clear();
    each([&](Index at, Scalar value) {
      if (at >= 0) J_[at] = value;
    });
    return true;
  }

 private:
  using States = typename Kept<Scalar>::States;
  using Run = typename Kept<Scalar>::Run;
  struct Task {
    const Run* run;
    Index first, last;  // units, counted from the run's first
  };
  struct Scratch {
    Buffer<Scalar> D, packed, lambda, move, column;
  };

  bool each_its_own(const Group& g) const { return !g.column && (bounded_ || g.n_own > 0); }

  // Runs, cut into pieces that threads may take. Units are independent: how they are cut changes no number.
  void share_out() {
    for (const Run& run : kept_.runs()) {
      const Index n = run.n_units();
      const Index piece = n_threads_ > 1 && !this->cell_.groups()[run.group].column ? std::max<Index>(1, n / 32) : n;
      for (Index i = 0; i < n; i += piece) tasks_.push_back({&run, i, std::min(n, i + piece)});
    }
  }

  // U of a group at place p: one row for all units, one for each, or of a column group a number for each.
  void presynaptic(const WeightHistory<Scalar>& weights, Index p, const Group& g, Scalar* U) const {
    const Window<Scalar>& window = this->window_;
    const Scalar* slope = bounded_ ? weights.slope(window.version(p)) + g.weight_offset : nullptr;
    if (g.column)
      for (Index i = 0; i < g.n_units; ++i) U[i] = presynaptic_number(g, i, window.u(p)) * (slope ? slope[i] : Scalar(1));
    else if (!each_its_own(g))
      window.weighted_row(p, g, 0, nullptr, U);
    else
      for (Index i = 0; i < g.n_units; ++i) window.weighted_row(p, g, i, slope ? slope + i * g.width : nullptr, U + i * g.width);
  }

  void move(const Task& task, Scalar* G, Scratch& scratch) {
    const Run& run = *task.run;
    const Group& g = this->cell_.groups()[run.group];
    const States& states = kept_.reaches()[run.reach];
    const Transition<Scalar>* tail = tails_[run.reach].get();
    const auto r = static_cast<Index>(states.size());
    if (!tail || g.column) gather(states, scratch.D.data());
    if (G)
      for (Index a = 0; a < r; ++a) scratch.lambda[a] = lambda_[states[static_cast<std::size_t>(a)]];
    if (g.column) return move_column(run, g, r, G, scratch);
    InfluenceMove<Scalar> m;
    m.n_state = r;
    m.n_cols = g.width;
    m.first_unit = task.first;
    m.last_unit = task.last;
    m.J = J_.data() + run.J;
    if (tail) {
      tail->describe(m);
    } else {
      ops_.pack(r, scratch.D.data(), r, 1, nullptr, scratch.packed.data());
      m.Phi_packed = scratch.packed.data();
    }
    m.n_steps = 1;
    m.E = E_.data() + run.E;
    m.E_unit_stride = padded<Scalar>(r);
    m.U_unit_stride = each_its_own(g) ? g.width : 0;
    m.U = U_.data() + U_at_[run.group] + run.first * m.U_unit_stride;
    m.scratch = scratch.move.data();
    ops_.influence_move(m);
    if (G) ops_.influence_read(r, g.width, task.first, task.last, m.J, scratch.lambda.data(), G + g.weight_offset + run.first * g.width);
  }

  void move_column(const Run& run, const Group& g, Index r, Scalar* G, Scratch& scratch) {
    const Index n = run.n_units();
    Scalar* J = J_.data() + run.J;
    ops_.matmul(r, n, r, scratch.D.data(), r, J, n, scratch.column.data(), n, false);
    std::copy_n(scratch.column.data(), r * n, J);
    for (Index i = 0; i < n; ++i) {
      const Scalar u = U_[U_at_[run.group] + run.first + i];
      for (Index a = 0; a < r; ++a) J[a * n + i] += E_[run.E + i * padded<Scalar>(r) + a] * u;
    }
    if (G) ops_.matvec_transposed(r, n, J, n, scratch.lambda.data(), G + g.weight_offset + run.first, true);
  }

  // out (|R|, |R|) = D[R, R]
  void gather(const States& states, Scalar* out) const {
    for (const Index row : states)
      for (const Index column : states) *out++ = jacobians_.D()[row * jacobians_.row_stride() + column * jacobians_.column_stride()];
  }

  const Ops<Scalar>& ops_;  // held: packing and moving must agree even if another instruction set is chosen later
  bool bounded_;
  int n_threads_;
  Jacobians<Scalar> jacobians_;
  Kept<Scalar> kept_;
  std::vector<std::unique_ptr<Transition<Scalar>>> tails_;  // by reach; null: D[R, R] is gathered
  std::vector<Task> tasks_;
  std::vector<Index> U_at_;                                 // by group
  Buffer<Scalar> J_;                                        // evolving
  Buffer<Scalar> E_, U_, lambda_;                           // of the step being settled
  std::vector<Scratch> scratch_;                            // one per worker
};

}  // namespace pushforward
