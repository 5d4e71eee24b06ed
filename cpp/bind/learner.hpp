#pragma once
// What Python holds of a model being trained: a Learner, its settings, and copies in and out of the unpadded layout.

#include <mutex>
#include <string>

#include "arrays.hpp"
#include "pushforward/train/make_learner.hpp"

namespace pushforward::bind {

CellSettings cell_settings(const py::dict& d);
CarrySettings carry_settings(const py::dict& d);
LearnerSettings learner_settings(const py::dict& d);
OptimizerSettings optimizer_settings(const py::dict& d);

// Raises pushforward.errors.DivergenceError when the outcome is not ok.
void raise_divergence(const Outcome& outcome);

template <typename Scalar>
class Model {
 public:
  using Array = py::array_t<Scalar>;

  Model(const py::dict& cell, const py::dict& carry, const py::dict& learner, Index n_series)
      : learner_(make_learner<Scalar>(cell_settings(cell), carry_settings(carry), learner_settings(learner), n_series)) {}

  Learner<Scalar>& learner() { return *learner_; }
  const Cell<Scalar>& cell() { return learner_->cell(); }
  Series<Scalar>& series(Index i) {
    const Index n = learner_->n_series();
    require(i >= 0 && i < n, "series must lie in 0 … " + std::to_string(n - 1) + ", got " + std::to_string(i));
    return learner_->series(i);
  }

  // One caller at a time: a second Python thread is told so instead of spoiling the state.
  std::unique_lock<std::mutex> use() {
    std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
    if (!lock) throw std::runtime_error("this model is in use by another thread; give each thread its own model");
    return lock;
  }

  // padded rows ↔ θ
  template <typename Copy>
  void weights(Scalar* padded_values, Copy&& copy) {
    each_run(cell().groups(), [&](const Group& g, Index row, Index column, Index at, Index n) {
      copy(padded_values + g.weight_offset + row * g.width + column, at, n);
    });
  }
  template <typename Copy>
  void readout(Scalar* padded_values, Copy&& copy) {
    const Parameters<Scalar>& p = learner_->parameters();
    for (Index i = 0; i < p.n_outputs(); ++i) copy(padded_values + p.readout_offset() + i * p.row(), i * p.n_features(), p.n_features());
  }

  py::tuple unpack(Scalar* padded_values) {  // (theta, W_out, b_out)
    const Parameters<Scalar>& p = learner_->parameters();
    Array theta(cell().n_params()), W_out({p.n_outputs(), p.n_features()}), b_out(p.n_outputs());
    Scalar* to = theta.mutable_data();
    weights(padded_values, [&](const Scalar* row, Index at, Index n) { std::copy_n(row, n, to + at); });
    to = W_out.mutable_data();
    readout(padded_values, [&](const Scalar* row, Index at, Index n) { std::copy_n(row, n, to + at); });
    std::copy_n(padded_values + p.bias_offset(), p.n_outputs(), b_out.mutable_data());
    return py::make_tuple(theta, W_out, b_out);
  }

 private:
  std::unique_ptr<Learner<Scalar>> learner_;
  std::mutex busy_;
};

}  // namespace pushforward::bind
