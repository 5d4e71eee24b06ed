#pragma once
// Data going through a model: whole streams, single steps.

#include <chrono>

#include "learner.hpp"

namespace pushforward::bind {

// Checks the arrays of a call against the model and against each other. X (n_series, n_steps, n_inputs) or tokens (n_series, n_steps).
template <typename Scalar>
Stream<Scalar> check_stream(Model<Scalar>& self, const OptionalIn<Scalar>& X, const OptionalIn<std::int64_t>& tokens, const OptionalIn<Scalar>& Y,
                            const OptionalIn<std::int64_t>& labels, const OptionalIn<bool>& mask) {
  Learner<Scalar>& learner = self.learner();
  const Index n_series = learner.n_series(), n_inputs = self.cell().n_inputs(), n_outputs = learner.settings().n_outputs;
  require(X.has_value() != tokens.has_value(), "X: give dense inputs or tokens, one of them");
  const py::array& inputs = X ? static_cast<const py::array&>(*X) : *tokens;
  require(inputs.ndim() == (X ? 3 : 2), "X must be (n_series, n_steps" + std::string(X ? ", n_inputs)" : ")") + ", got " + shape_of(inputs));
  const Index n_steps = inputs.shape(1);
  require(n_steps > 0, "X must have at least one step, got shape " + shape_of(inputs));
  Stream<Scalar> s;
  s.n_steps = n_steps;
  if (X) {
    require_shape(*X, "X", {n_series, n_steps, n_inputs});
    require_finite(X->data(), n_series, n_steps, n_inputs, "X");
    s.X = X->data();
  } else {
    require_shape(*tokens, "X", {n_series, n_steps});
    require_range(tokens->data(), n_series, n_steps, n_inputs, "X", "n_inputs");
    s.tokens = tokens->data();
  }
  const bool classes = learner.settings().loss == Loss::cross_entropy;
  if (Y) {
    require(!classes, "y must be integer classes for cross_entropy");
    require_shape(*Y, "y", {n_series, n_steps, n_outputs});
    require_finite(Y->data(), n_series, n_steps, n_outputs, "y");
    s.Y = Y->data();
  }
  if (labels) {
    require(classes, "y must be real numbers for squared_error");
    require_shape(*labels, "y", {n_series, n_steps});
    require_range(labels->data(), n_series, n_steps, n_outputs, "y", "number of classes");
    s.labels = labels->data();
  }
  if (mask) {
    require_shape(*mask, "mask", {n_series, n_steps});
    s.mask = mask->data();
  }
  return s;
}

template <typename Scalar>
py::tuple run(Model<Scalar>& self, OptionalIn<Scalar> X, OptionalIn<std::int64_t> tokens, OptionalIn<Scalar> Y, OptionalIn<std::int64_t> labels,
              OptionalIn<bool> mask) {
  const auto lock = self.use();
  Stream<Scalar> stream = check_stream(self, X, tokens, Y, labels, mask);
  double loss_sum = 0;
  std::int64_t n_terms = 0;
  for (Index length = 64; stream.first < stream.n_steps; stream.first = stream.last) {  // Ctrl-C is heard between slices of some 50 ms
    stream.last = std::min(stream.n_steps, stream.first + length);
    Outcome outcome;
    {
      py::gil_scoped_release unlocked;
      const auto start = std::chrono::steady_clock::now();
      outcome = self.learner().run(stream);
      if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(25)) length *= 2;
    }
    raise_divergence(outcome);
    loss_sum += outcome.loss_sum;
    n_terms += outcome.n_terms;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  return py::make_tuple(loss_sum, n_terms);
}

// (loss, states (n_series, n_steps, n_state)): nothing is learnt; the gradient waits in gradient().
template <typename Scalar>
py::tuple gather(Model<Scalar>& self, OptionalIn<Scalar> X, OptionalIn<std::int64_t> tokens, OptionalIn<Scalar> Y,
                 OptionalIn<std::int64_t> labels, OptionalIn<bool> mask) {
  const auto lock = self.use();
  Stream<Scalar> stream = check_stream(self, X, tokens, Y, labels, mask);
  py::array_t<Scalar> states({self.learner().n_series(), stream.n_steps, self.cell().n_state()});
  stream.states = states.mutable_data();
  Outcome outcome;
  {
    py::gil_scoped_release unlocked;
    outcome = self.learner().gather(stream);
  }
  raise_divergence(outcome);
  return py::make_tuple(outcome.loss_sum, states);
}

// Where a prediction stopped being finite: the earliest step of any series.
template <typename Scalar>
Outcome first_not_finite(Status status, const Scalar* outputs, Index n_series, Index n_steps, Index n_outputs) {
  for (Index t = 0; t < n_steps; ++t)
    for (Index i = 0; i < n_series; ++i)
      for (Index k = 0; k < n_outputs; ++k)
        if (!std::isfinite(outputs[(i * n_steps + t) * n_outputs + k])) return {status, t, i, 0, 0};
  return {status, 0, 0, 0, 0};
}

// (outputs (n_series, n_steps, n_outputs), last states): any number of series, the model is not changed.
template <typename Scalar>
py::tuple predict(Model<Scalar>& self, OptionalIn<Scalar> X, OptionalIn<std::int64_t> tokens, ArrayIn<Scalar> states) {
  const auto lock = self.use();
  const Index n_inputs = self.cell().n_inputs(), n_outputs = self.learner().settings().n_outputs;
  const py::array& inputs = X ? static_cast<const py::array&>(*X) : *tokens;
  const Index n_series = inputs.shape(0), n_steps = inputs.shape(1);
  Stream<Scalar> s;
  s.n_steps = n_steps;
  if (X) {
    require_shape(*X, "X", {n_series, n_steps, n_inputs});
    require_finite(X->data(), n_series, n_steps, n_inputs, "X");
    s.X = X->data();
  } else {
    require_range(tokens->data(), n_series, n_steps, n_inputs, "X", "n_inputs");
    s.tokens = tokens->data();
  }
  require_shape(states, "states", {n_series, self.cell().n_state()});
  py::array_t<Scalar> last({n_series, self.cell().n_state()}), outputs({n_series, n_steps, n_outputs});
  std::copy_n(states.data(), states.size(), last.mutable_data());
  Scalar *to = outputs.mutable_data(), *state = last.mutable_data();
  Status status;
  {
    py::gil_scoped_release unlocked;
    status = self.learner().predict(s, n_series, state, to);
  }
  if (status != Status::ok) raise_divergence(first_not_finite(status, to, n_series, n_steps, n_outputs));
  return py::make_tuple(outputs, last);
}

// X (n_series, n_inputs) or tokens (n_series): the outputs (n_series, n_outputs) of the next step.
template <typename Scalar>
py::array_t<Scalar> step(Model<Scalar>& self, OptionalIn<Scalar> X, OptionalIn<std::int64_t> tokens) {
  const auto lock = self.use();
  Learner<Scalar>& learner = self.learner();
  const Index n_series = learner.n_series(), n_outputs = learner.settings().n_outputs;
  if (X) {
    require_shape(*X, "x", {n_series, self.cell().n_inputs()});
    require_finite(X->data(), n_series, 1, self.cell().n_inputs(), "x");
  } else {
    require_shape(*tokens, "x", {n_series});
    require_range(tokens->data(), n_series, 1, self.cell().n_inputs(), "x", "n_inputs");
  }
  raise_divergence(learner.step(X ? X->data() : nullptr, tokens ? tokens->data() : nullptr));
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
    py::gil_scoped_release unlocked;
    outcome = learner.feedback(d_outputs.data());
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
    require(n_outputs == 1, "y must be an array of " + std::to_string(n_outputs) + " numbers");
    const double value = PyFloat_AsDouble(y.ptr());
    if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    number = static_cast<Scalar>(value);
    s.Y = &number;
  }
  if (s.Y) require_finite(s.Y, 1, 1, n_outputs, "y");
  const Outcome outcome = learner.run(s);
  raise_divergence(outcome);
  return outcome.loss_sum;
}

}  // namespace pushforward::bind
