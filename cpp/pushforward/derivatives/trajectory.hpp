#pragma once
// The states of a block of steps, and what first and second derivatives need to know of each. For a cell with one group of rows and
//
//   s_t = keep ∘ s_{t−1} + gain ∘ σ(z_t)        z_t = W_rec s_{t−1} + W_in x_t + b,   W = φ(θ)        i: unit of p, u_p: what W_p is multiplied with
//
//   slope (n_state)  gain ∘ σ'       curvature (n_state)  gain ∘ σ''        D = diag(keep) + diag(slope) W_rec, packed for SecondMove
//   direct (n_params)  φ'(θ_p) u_p   mixed (n_params)  slope_i φ'(θ_p) of recurrent weights, else 0       own (n_params)  slope_i φ''(θ_p) u_p

#include "../core/wide_ops.hpp"
#include "param_table.hpp"

namespace pushforward {

template <typename Scalar>
class Trajectory {
 public:
  // own_jacobians() of the cell without recurrence must be keep and slope; σ'' is that of `activation`. theta (n_params), state (n_state)
  Trajectory(const WideOps<Scalar>& wide, const Cell<Scalar>& cell, Activation activation, double bound, const Scalar* theta, const Scalar* state,
             Index n_params_padded, Index most_steps)
      : cell_(cell), wide_(wide), activation_(activation), n_(cell.n_state()), row_(padded<Scalar>(n_)), width_(n_params_padded),
        theta_(padded_rows(cell, theta)), weights_(committed(cell, bound, theta_)), params_(cell, weights_, bound), state_(n_), next_(n_), u_(cell.n_presynaptic()),
        record_(cell.n_slopes()), keep_(n_), D_(n_ * row_), slope_(most_steps * n_), curvature_(curved() ? most_steps * n_ : 0),
        packed_(most_steps * n_ * n_), direct_(most_steps * width_), mixed_(most_steps * width_), own_(bounded() ? most_steps * width_ : 0) {
    std::copy_n(state, n_, state_.data());
    list_terms();
  }

  bool curved() const { return activation_ != Activation::identity && activation_ != Activation::relu; }
  bool bounded() const { return weights_.bounded(); }
  const ParamTable<Scalar>& params() const { return params_; }
  const Scalar* recurrent() const { return weights_.recurrent(0); }  // (n_state, n_state) in rows of padded(n_state)
  const Scalar* state() const { return state_.data(); }
  const Scalar* keep() const { return keep_.data(); }                // the same at every step
  const Scalar* slope(Index s) const { return slope_.data() + s * n_; }
  const Scalar* curvature(Index s) const { return curved() ? curvature_.data() + s * n_ : nullptr; }
  const Scalar* direct(Index s) const { return direct_.data() + s * width_; }

  // Step s of the block, from the last state. False: the new one is not finite.
  bool step(Index s, Input<Scalar> x) {
    const Group& g = cell_.groups()[0];
    cell_.forward(weights_.current(), state_.data(), x, next_.data(), u_.data(), record_.data());
    if (!ops<Scalar>().all_finite(n_, next_.data())) return false;
    if (!x.dense) u_[g.presynaptic_offset + g.input_column + x.token] = Scalar(1);
    Scalar* slope = slope_.data() + s * n_;
    cell_.own_jacobians(nullptr, record_.data(), keep_.data(), slope);
    if (curved()) curve(next_.data(), slope, curvature_.data() + s * n_);
    cell_.dynamics_jacobian(recurrent(), record_.data(), D_.data(), row_);
    pack(packed_.data() + s * n_ * n_);
    for (Index p = 0; p < cell_n_params(); ++p) {
      const auto at = static_cast<std::size_t>(p);
      const Scalar u = u_[params_.place[at]], slope_p = slope[params_.unit[at]];
      direct_[s * width_ + p] = u * params_.slope[at];
      mixed_[s * width_ + p] = params_.source[at] >= 0 ? slope_p * params_.slope[at] : Scalar(0);
      if (bounded()) own_[s * width_ + p] = slope_p * params_.bend[at] * u;
    }
    std::copy_n(next_.data(), n_, state_.data());
    return true;
  }

  // The block's part of a move of S.
  void describe(SecondMove<Scalar>& m) const {
    m.D = packed_.data();
    m.D_step = n_ * n_;
    m.columns = columns_.empty() ? nullptr : columns_.data();
    m.n_terms = n_terms_;
    m.mixed = mixed_.data();
    m.own = bounded() ? own_.data() : nullptr;
    m.param_step = width_;
    m.unit = params_.unit.data();
    m.source = params_.source.data();
  }

 private:
  static Buffer<Scalar> padded_rows(const Cell<Scalar>& cell, const Scalar* theta) {
    Buffer<Scalar> rows(cell.n_weights());
    each_run(cell.groups(), [&](const Group& g, Index i, Index column, Index at, Index n) {
      std::copy_n(theta + at, n, rows.data() + g.weight_offset + i * g.width + column);
    });
    return rows;
  }
  static WeightHistory<Scalar> committed(const Cell<Scalar>& cell, double bound, const Buffer<Scalar>& theta) {
    WeightHistory<Scalar> weights(cell, bound, 1);
    weights.commit(theta.data());
    return weights;
  }

  Index cell_n_params() const { return static_cast<Index>(params_.unit.size()); }

  // gain ∘ σ'' from s = σ(z):   tanh −2 s σ'    sigmoid (1 − 2 s) σ'    elu  s > 0 ? 0 : σ', at 0 the limit from below
  void curve(const Scalar* s, const Scalar* slope, Scalar* c) const {
    for (Index k = 0; k < n_; ++k) {
      if (activation_ == Activation::tanh) c[k] = Scalar(-2) * s[k] * slope[k];
      else if (activation_ == Activation::sigmoid) c[k] = (Scalar(1) - Scalar(2) * s[k]) * slope[k];
      else c[k] = s[k] > 0 ? Scalar(0) : slope[k];
    }
  }

  // Of a sparse D, its columns row by row: what a unit hears, and itself.
  void list_terms() {
    const Group& g = cell_.groups()[0];
    n_terms_ = g.n_own + 1;
    if (g.n_own == 0 || 4 * n_terms_ > n_) return;
    for (Index i = 0; i < n_; ++i) {
      bool itself = false;
      for (Index j = 0; j < g.n_own; ++j) {
        const bool exists = g.source(i, j) >= 0;
        itself = itself || g.source(i, j) == i;
        columns_.push_back(exists ? g.source(i, j) : i);
        term_exists_.push_back(exists);
      }
      columns_.push_back(i);
      term_exists_.push_back(!itself);
    }
  }

  void pack(Scalar* packed) const {
    if (columns_.empty()) return wide_.second_pack(n_, D_.data(), row_, packed);
    for (std::size_t j = 0; j < columns_.size(); ++j)
      packed[j] = term_exists_[j] ? D_[static_cast<Index>(j) / n_terms_ * row_ + columns_[j]] : Scalar(0);
  }

  const Cell<Scalar>& cell_;
  const WideOps<Scalar>& wide_;  // what packs D and what reads it belong to one instruction set
  Activation activation_;
  Index n_, row_, width_;
  Buffer<Scalar> theta_;
  WeightHistory<Scalar> weights_;
  ParamTable<Scalar> params_;
  Buffer<Scalar> state_, next_, u_, record_, keep_, D_;
  Buffer<Scalar> slope_, curvature_, packed_, direct_, mixed_, own_;  // step by step
  std::vector<Index> columns_;
  std::vector<bool> term_exists_;
  Index n_terms_ = 0;
};

}  // namespace pushforward
