#pragma once
// Whole streams going through a model.

#include <chrono>

#include "learner.hpp"

namespace pushforward::bind {

// X (n_series, n_steps, n_inputs) or tokens (n_series, n_steps), one of them.
template <typename Scalar>
Stream<Scalar> check_inputs(Model<Scalar>& self, const OptionalIn<Scalar>& X, const OptionalIn<std::int64_t>& tokens, Index n_series) {
  const Index n_inputs = self.cell().n_inputs();
  require(X.has_value() != tokens.has_value(), "X: give dense inputs or tokens, one of them");
  const py::array& inputs = X ? static_cast<const py::array&>(*X) : *tokens;
  require(inputs.ndim() == (X ? 3 : 2), "X must be (n_series, n_steps" + std::string(X ? ", n_inputs)" : ")") + ", got " + shape_of(inputs));
  Stream<Scalar> s;
  s.n_steps = inputs.shape(1);
  require(s.n_steps > 0, "X must have at least one step, got shape " + shape_of(inputs));
  if (X) {
    require_shape(*X, "X", {n_series, s.n_steps, n_inputs});
    require_finite(X->data(), n_series, s.n_steps, n_inputs, "X");
    s.X = X->data();
  } else {
    require_shape(*tokens, "X", {n_series, s.n_steps});
    require_range(tokens->data(), n_series, s.n_steps, n_inputs, "X", "n_inputs");
    s.tokens = tokens->data();
  }
  return s;
}

// Checks the arrays of a call against the model and against each other. X (n_series, n_steps, n_inputs) or tokens (n_series, n_steps).
template <typename Scalar>
Stream<Scalar> check_stream(Model<Scalar>& self, const OptionalIn<Scalar>& X, const OptionalIn<std::int64_t>& tokens, const OptionalIn<Scalar>& Y,
                            const OptionalIn<std::int64_t>& labels, const OptionalIn<bool>& mask) {
  Learner<Scalar>& learner = self.learner();
  const Index n_series = learner.n_series(), n_outputs = learner.settings().n_outputs;
  Stream<Scalar> s = check_inputs(self, X, tokens, n_series);
  const Index n_steps = s.n_steps;
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
      Unlocked unlocked;
      const auto start = std::chrono::steady_clock::now();
      outcome = self.learner().run(stream);
      if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(25)) length *= 2;
    }
    raise_divergence(outcome);
    loss_sum = outcome.loss_sum;
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
    Unlocked unlocked;
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
  const Index n_outputs = self.learner().settings().n_outputs, n_series = X ? X->shape(0) : tokens ? tokens->shape(0) : 0;
  const Stream<Scalar> s = check_inputs(self, X, tokens, n_series);
  const Index n_steps = s.n_steps;
  require_shape(states, "states", {n_series, self.cell().n_state()});
  py::array_t<Scalar> last({n_series, self.cell().n_state()}), outputs({n_series, n_steps, n_outputs});
  std::copy_n(states.data(), states.size(), last.mutable_data());
  Scalar *to = outputs.mutable_data(), *state = last.mutable_data();
  Status status;
  {
    Unlocked unlocked;
    status = self.learner().predict(s, n_series, state, to);
  }
  if (status != Status::ok) raise_divergence(first_not_finite(status, to, n_series, n_steps, n_outputs));
  return py::make_tuple(outputs, last);
}

}  // namespace pushforward::bind
