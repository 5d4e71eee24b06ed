#pragma once
// First and second derivatives of the state with respect to θ, carried forward in time (arXiv 2501.08040, section 2.4). With z the pre-activations of
// a cell of one group, s_t = keep ∘ s_{t−1} + gain ∘ σ(z_t), W = φ(θ) and u_p what unit i multiplies its weight p with:
//
//   D_p z_t  = W_rec J_{t−1}[:, p] + e_i φ'(θ_p) u_p                   J_t = keep ∘ J_{t−1} + gain ∘ σ' ∘ D z_t        (n_state, n_params)
//   D_pq z_t = W_rec S_{t−1}[:, pq] + [p is W_rec[i, l]] e_i φ'(θ_p) J_{t−1}[l, q] + the same, p and q exchanged + [p = q] e_i φ''(θ_p) u_p
//   S_t[:, pq] = keep ∘ S_{t−1}[:, pq] + gain ∘ (σ'' ∘ D_p z_t ∘ D_q z_t + σ' ∘ D_pq z_t)        q ≤ p: (n_state, n_params (n_params + 1) / 2)
//
// Columns pq of S are independent given the trajectory and J. So a block of steps is done in three sweeps: the states; J and Dz of all its steps, a
// strip of columns at a time; and S, a panel of which stays in cache for the whole block (simd/second.hpp). The last is n_state² n_params² / 2
// multiply-adds a step; all else is less by n_params.

#include <algorithm>
#include <atomic>
#include <vector>

#include "../core/threads.hpp"
#include "trajectory.hpp"

namespace pushforward {

template <typename Scalar>
class ForwardHessian {
 public:
  // As for Trajectory. n_steps: of the whole sequence.
  ForwardHessian(const Cell<Scalar>& cell, Activation activation, double bound, const Scalar* theta, const Scalar* state, Index n_steps,
                 int n_threads)
      : n_(cell.n_state()), n_inputs_(cell.n_inputs()), n_params_(cell.n_params()),
        n_threads_(static_cast<int>(std::min<Index>(n_threads, n_params_))),  // a worker has scratch of its own
        n_strips_((n_params_ + wide_.second_strip - 1) / wide_.second_strip), row_(padded<Scalar>(n_)), width_(n_strips_ * wide_.second_strip),
        most_steps_(std::min(n_steps, steps_that_fit())), rows_at_once_(rows_that_fit()),
        trajectory_(wide_, cell, activation, bound, theta, state, width_, most_steps_), curved_(trajectory_.curved()),
        J_((most_steps_ + 1) * n_ * width_), Z_(most_steps_ * n_ * width_), J_rows_(most_steps_ * n_params_ * row_),
        kappa_(curved_ ? most_steps_ * n_params_ * row_ : 0), scratch_(n_threads_ * 2 * rows_at_once_ * strip_size()) {
    cut_into_tasks();
  }

  Index most_steps() const { return most_steps_; }
  Index n_tasks() const { return static_cast<Index>(tasks_.size()); }
  // Of a step, multiply-adds counted as two.
  double flop(Index first_task, Index last_task) const {
    double panels = 0;
    for (Index i = first_task; i < last_task; ++i) panels += static_cast<double>(task(i).last - task(i).first);
    return 2.0 * panels * static_cast<double>(n_ * strip_size());
  }

  // The next n_steps ≤ most_steps() steps, up to the first state that is not finite: states (n_steps, n_state), and J. Returns how many were finite.
  // S follows by move(), in any portions of the tasks, before the next call.
  Index run(Index n_steps, const Scalar* X, const std::int64_t* tokens, Scalar* states) {
    fresh_ = n_done_ == 0;
    for (Index strip = 0; strip < n_strips_; ++strip) std::copy_n(J_of(strip, n_block_), strip_size(), J_of(strip, 0));
    for (n_block_ = 0; n_block_ < n_steps; ++n_block_) {
      if (!trajectory_.step(n_block_, {X ? X + n_block_ * n_inputs_ : nullptr, tokens ? tokens[n_block_] : -1})) break;
      std::copy_n(trajectory_.state(), n_, states + n_block_ * n_);
    }
    n_done_ += n_block_;
    each(0, n_strips_, [&](Index strip, Index) { carry_strip(strip); });
    return n_block_;
  }

  // S (n_state, n_params (n_params + 1) / 2) over the steps of the last run(), for some of the tasks.
  void move(Index first_task, Index last_task, Scalar* S) {
    each(first_task, last_task, [&](Index i, Index worker) { move_panels(task(i), S, scratch_.data() + worker * 2 * rows_at_once_ * strip_size()); });
  }

  // J after the last run(), (n_state, n_params).
  void influence(Scalar* J) const {
    for (Index strip = 0; strip < n_strips_; ++strip)
      for (Index k = 0; k < n_; ++k) std::copy_n(J_of(strip, n_block_) + k * w(), columns(strip), J + k * n_params_ + strip * w());
  }

  bool all_finite(const Scalar* J, const Scalar* S) {
    std::atomic<bool> finite{ops_.all_finite(n_ * n_params_, J)};
    const Index n_columns = n_params_ * (n_params_ + 1) / 2;
    each(0, n_, [&](Index k, Index) {
      if (!ops_.all_finite(n_columns, S + k * n_columns)) finite = false;
    });
    return finite;
  }

 private:
  struct Task {
    Index strip, first, last;
  };

  const Task& task(Index i) const { return tasks_[static_cast<std::size_t>(i)]; }
  Index w() const { return wide_.second_strip; }
  Index strip_size() const { return n_ * w(); }
  const Scalar* J_of(Index strip, Index s) const { return J_.data() + (strip * (most_steps_ + 1) + s) * strip_size(); }
  Scalar* J_of(Index strip, Index s) { return J_.data() + (strip * (most_steps_ + 1) + s) * strip_size(); }
  Scalar* Z_of(Index strip, Index s) { return Z_.data() + (strip * most_steps_ + s) * strip_size(); }
  Index columns(Index strip) const { return std::min(w(), n_params_ - strip * w()); }

  // Long enough that reading and writing S costs nothing beside the block's products, short enough for the caches.
  Index steps_that_fit() const {
    constexpr double budget = 32 << 20;
    const double a_step = static_cast<double>(4 * n_ * n_params_) * sizeof(Scalar);
    return static_cast<Index>(std::clamp(budget / a_step, 8.0, 32.0));
  }

  // Rows p that go together, as D_t and Dz_t serve all of them: as many as stay in the first level cache.
  Index rows_that_fit() const {
    const double cache = 40 << 10, panel = static_cast<double>(strip_size()) * sizeof(Scalar), D = static_cast<double>(n_ * n_) * sizeof(Scalar);
    return static_cast<Index>(std::clamp((cache - D - panel) / (2 * panel), 1.0, 4.0));
  }

  void cut_into_tasks() {
    const ParamTable<Scalar>& params = trajectory_.params();
    for (Index strip = 0; strip < n_strips_; ++strip) {
      const Index first = strip * w();
      first_run_.push_back(static_cast<Index>(runs_.size()));
      SecondRun run;
      for (Index column = 0; column < columns(strip); ++column) {
        const auto p = static_cast<std::size_t>(first + column);
        if (run.n > 0 && (params.unit[p] != run.unit || params.source[p] != run.source + run.n)) {
          runs_.push_back(run);
          run.n = 0;
        }
        if (params.source[p] < 0) continue;
        if (run.n == 0) run = {params.unit[p], column, params.source[p], 0};
        ++run.n;
      }
      if (run.n > 0) runs_.push_back(run);
      for (Index p = first; p < n_params_; p += rows_at_once_) tasks_.push_back({strip, p, std::min(p + rows_at_once_, n_params_)});
    }
    first_run_.push_back(static_cast<Index>(runs_.size()));
  }

  // J and Dz of one strip over the block, by columns for the strips of q and transposed for the rows p.
  void carry_strip(Index strip) {
    const Index* unit = trajectory_.params().unit.data() + strip * w();
    const Scalar* keep = trajectory_.keep();
    for (Index s = 0; s < n_block_; ++s) {
      const Scalar *slope = trajectory_.slope(s), *direct = trajectory_.direct(s) + strip * w();
      Scalar *J = J_of(strip, s), *Z = Z_of(strip, s), *next = J_of(strip, s + 1);
      ops_.matmul(n_, w(), n_, trajectory_.recurrent(), row_, J, w(), Z, w(), false);
      for (Index c = 0; c < columns(strip); ++c) Z[unit[c] * w() + c] += direct[c];
      for (Index k = 0; k < n_; ++k)
        for (Index c = k * w(); c < (k + 1) * w(); ++c) next[c] = keep[k] * J[c] + slope[k] * Z[c];
      const Scalar* curvature = trajectory_.curvature(s);
      for (Index c = 0; c < columns(strip); ++c) {
        const Index row = ((strip * w() + c) * most_steps_ + s) * row_;
        for (Index k = 0; k < n_; ++k) J_rows_[row + k] = J[k * w() + c];
        for (Index k = 0; curved_ && k < n_; ++k) kappa_[row + k] = curvature[k] * Z[k * w() + c];
      }
    }
  }

  void move_panels(const Task& task, Scalar* S, Scalar* scratch) {
    const auto strip = static_cast<std::size_t>(task.strip);
    SecondMove<Scalar> m;
    trajectory_.describe(m);
    m.n_state = n_;
    m.n_params = n_params_;
    m.n_steps = n_block_;
    m.first_param = task.first;
    m.last_param = task.last;
    m.first_column = task.strip * w();
    m.Z = Z_of(task.strip, 0);
    m.J = J_of(task.strip, 0);
    m.strip_step = strip_size();
    m.kappa = curved_ ? kappa_.data() : nullptr;
    m.J_rows = J_rows_.data();
    m.row = most_steps_ * row_;
    m.row_step = row_;
    m.runs = runs_.data() + first_run_[strip];
    m.n_runs = first_run_[strip + 1] - first_run_[strip];
    m.fresh = fresh_;
    m.S = S;
    m.scratch = scratch;
    wide_.second_move(m);
  }

  // body(i, worker) for i = first … last − 1, which are independent of each other.
  template <typename Body>
  void each(Index first, Index last, Body&& body) {
    const int workers = flop(0, n_tasks()) * static_cast<double>(n_block_) >= 1e7 ? n_threads_ : 1;
    std::atomic<Index> next{first};
    parallel_for(workers, workers, [&](Index worker) {
      for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < last;) body(i, worker);
    });
  }

  const Ops<Scalar>& ops_ = ops<Scalar>();
  const WideOps<Scalar>& wide_ = wide_ops<Scalar>();  // held: strips belong to one instruction set
  Index n_, n_inputs_, n_params_;
  int n_threads_;
  Index n_strips_, row_, width_, most_steps_, rows_at_once_;
  Trajectory<Scalar> trajectory_;
  bool curved_;
  Buffer<Scalar> J_, Z_;            // (n_strips, steps, n_state, second_strip): read in the order in which they lie. J: one step more than Z
  Buffer<Scalar> J_rows_, kappa_;   // (n_params, steps, row): J transposed; curvature ∘ Dz transposed
  Buffer<Scalar> scratch_;
  std::vector<Index> first_run_;    // of each strip
  std::vector<SecondRun> runs_;
  std::vector<Task> tasks_;
  Index n_done_ = 0, n_block_ = 0;
  bool fresh_ = true;
};

}  // namespace pushforward
