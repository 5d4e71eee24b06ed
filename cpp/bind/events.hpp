#pragma once
// Single events going through a model: a step, its feedback, or both at once.

#include "learner.hpp"

namespace pushforward::bind {

// X (n_series, n_inputs) or tokens (n_series): the outputs (n_series, n_outputs) of the next step.
template <typename Scalar>
py::array_t<Scalar> step(Model<Scalar>& self, OptionalIn<Scalar> X, OptionalIn<std::int64_t> tokens) {
  const auto lock = self.use();
  Learner<Scalar>& learner = self.learner();
  const Index n_series = learner.n_series(), n_outputs = learner.settings().n_outputs;
  require(X.has_value() != tokens.has_value(), "x: give dense inputs or tokens, one of them");
  if (X) {
    require_shape(*X, "x", {n_series, self.cell().n_inputs()});
    require_finite(X->data(), n_series, 1, self.cell().n_inputs(), "x");
  } else {
    require_shape(*tokens, "x", {n_series});
    require_range(tokens->data(), n_series, 1, self.cell().n_inputs(), "x", "n_inputs");
  }
  const Scalar* dense = X ? X->data() : nullptr;
  const std::int64_t* token = tokens ? tokens->data() : nullptr;
  Outcome outcome;
  {
    Unlocked unlocked;
    outcome = learner.step(dense, token);
  }
  raise_divergence(outcome);
  py::array_t<Scalar> outputs({n_series, n_outputs});
  for (Index i = 0; i < n_series; ++i) std::copy_n(learner.series(i).output(), n_outputs, outputs.mutable_data() + i * n_outputs);
  return outputs;
}

template <typename Scalar>
void feedback(Model<Scalar>& self, ArrayIn<Scalar> d_outputs) {
  const auto lock = self.use();
  Learner<Scalar>& learner = self.learner();
  require(learner.awaits_feedback(), "feedback needs a step before it: call step(x) first");
  require_shape(d_outputs, "d_loss/d_output", {learner.n_series(), learner.settings().n_outputs});
  require_finite(d_outputs.data(), learner.n_series(), 1, learner.settings().n_outputs, "d_loss/d_output");
  Outcome outcome;
  {
    Unlocked unlocked;
    outcome = learner.feedback(d_outputs.data());
  }
  raise_divergence(outcome);
}

// Ends a step that gets no feedback.
template <typename Scalar>
void close(Model<Scalar>& self) {
  const auto lock = self.use();
  Outcome outcome;
  {
    Unlocked unlocked;
    outcome = self.learner().close();
  }
  raise_divergence(outcome);
}

// One event of a single series, straight from Python: x an array (n_inputs,) or an integer token, y an array (n_outputs,), a number or an integer class.
template <typename Scalar>
double learn_one(Model<Scalar>& self, py::handle x, py::handle y) {
  const auto lock = self.use();
  Learner<Scalar>& learner = self.learner();
  require(learner.n_series() == 1, "learn_one takes one event of one series; this model has " + std::to_string(learner.n_series()));
  Stream<Scalar> s;
  s.n_steps = 1;
  std::int64_t token = 0, label = 0;
  Scalar number = 0;
  if (py::isinstance<ArrayIn<Scalar>>(x)) {
    const auto a = py::reinterpret_borrow<ArrayIn<Scalar>>(x);
    require_shape(a, "x", {self.cell().n_inputs()});
    require_finite(a.data(), 1, 1, a.size(), "x");
    s.X = a.data();
  } else {
    if (!py::isinstance<py::int_>(x)) throw py::type_error("x must be an array of the model's dtype or an int token");
    token = py::cast<std::int64_t>(x);
    require_range(&token, 1, 1, self.cell().n_inputs(), "x", "n_inputs");
    s.tokens = &token;
  }
  const Index n_outputs = learner.settings().n_outputs;
  if (learner.settings().loss == Loss::cross_entropy) {
    if (!py::isinstance<py::int_>(y)) throw py::type_error("y must be an int class");
    label = py::cast<std::int64_t>(y);
    require_range(&label, 1, 1, n_outputs, "y", "number of classes");
    s.labels = &label;
  } else if (py::isinstance<ArrayIn<Scalar>>(y)) {
    const auto a = py::reinterpret_borrow<ArrayIn<Scalar>>(y);
    require_shape(a, "y", {n_outputs});
    s.Y = a.data();
  } else {
    if (n_outputs != 1 || py::isinstance<py::array>(y)) throw py::type_error("y must be a C-contiguous array of the model's dtype");
    const double value = PyFloat_AsDouble(y.ptr());
    if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    number = static_cast<Scalar>(value);
    s.Y = &number;
  }
  if (s.Y) require_finite(s.Y, 1, 1, n_outputs, "y");
  const Outcome outcome = learner.run(s);  // microseconds: the GIL is kept, giving it up and taking it back costs as much
  raise_divergence(outcome);
  return outcome.loss_sum;
}

}  // namespace pushforward::bind
