#pragma once
// Networks whose read-out, or whose units, learn as they run.

#include "network_runs.hpp"
#include "pushforward/reservoir/echo_state.hpp"

namespace pushforward::bind {

template <typename Scalar>
py::array_t<Scalar> learn(NetworkModel<Scalar>& self, ReadoutModel<Scalar>& readout, ArrayIn<Scalar> X, ArrayIn<Scalar> Y, const std::string& feedback,
                          ArrayIn<Scalar> last) {
  using Feedback = typename Network<Scalar>::Feedback;
  const auto lock = self.use(), readout_lock = readout.use();
  const NetworkSettings& s = self.settings();
  OnlineReadout<Scalar>& learner = readout.readout();
  require(s.n_series == 1, "learning online takes one series, this network has " + std::to_string(s.n_series));
  require(learner.n_features() == self.network().n_features() && learner.n_parts() == s.n_parts,
          "readout must take the " + std::to_string(self.network().n_features()) + " features of the network, got " + std::to_string(learner.n_features()));
  require(feedback == "none" || feedback == "targets" || feedback == "outputs", "feedback must be none, targets or outputs, got '" + feedback + "'");
  const Index n_steps = steps_of(X), m = learner.n_outputs();
  require(feedback == "none" || m == s.n_outputs, "readout must have the outputs that are fed back");
  signal(X, "inputs", 1, n_steps, s.n_inputs, s.n_parts);
  signal(Y, "targets", 1, n_steps, m, s.n_parts);
  require_shape(last, "last", {m, s.n_parts});
  require_finite(last.data(), 1, 1, m * s.n_parts, "last");
  py::array_t<Scalar> out({Index(1), n_steps, m, s.n_parts});
  std::vector<Scalar> heard(last.data(), last.data() + last.size());
  const Feedback kind = feedback == "none" ? Feedback::none : feedback == "targets" ? Feedback::targets : Feedback::outputs;
  Scalar* to = out.mutable_data();
  Restore<Scalar> before(self);
  in_slices(n_steps, [&](Index first, Index count) {
    return self.network().learn(learner, count, X.data() + first * s.n_inputs * s.n_parts, Y.data() + first * m * s.n_parts, kind, heard.data(),
                                to + first * m * s.n_parts);
  });
  before.done();
  return out;
}

// One event: x (n_inputs, n_parts), y (n_outputs, n_parts). Microseconds: the GIL is kept.
template <typename Scalar>
py::array_t<Scalar> learn_one(NetworkModel<Scalar>& self, ReadoutModel<Scalar>& readout, ArrayIn<Scalar> x, ArrayIn<Scalar> y) {
  const auto lock = self.use(), readout_lock = readout.use();
  const NetworkSettings& s = self.settings();
  OnlineReadout<Scalar>& learner = readout.readout();
  const Index m = learner.n_outputs();
  require(s.n_series == 1, "learn_one takes one event of one series, this network has " + std::to_string(s.n_series));
  require(learner.n_features() == self.network().n_features() && learner.n_parts() == s.n_parts, "readout must take the features of the network");
  require_shape(x, "x", {s.n_inputs, s.n_parts});
  require_shape(y, "y", {m, s.n_parts});
  require_finite(x.data(), 1, 1, s.n_inputs * s.n_parts, "x");
  require_finite(y.data(), 1, 1, m * s.n_parts, "y");
  py::array_t<Scalar> prediction({m, s.n_parts});
  const RunStatus found = self.network().learn(learner, 1, x.data(), y.data(), Network<Scalar>::Feedback::none, nullptr, prediction.mutable_data());
  if (found.status != Status::ok) {  // the series starts afresh: there is no copy of its state to go back to
    const std::vector<Scalar> zeros(static_cast<std::size_t>(self.network().n_state() * s.n_parts));
    self.set_states(zeros.data());
  }
  raise_unless_ok(found, 0);
  return prediction;
}

// Gain and shift (2, n_units) after intrinsic plasticity on one series X (1, n_steps, n_inputs, 1); the network must be one real echo state layer.
template <typename Scalar>
py::array_t<Scalar> adapt(NetworkModel<Scalar>& self, const std::string& rule, double learning_rate, double mean, double deviation, ArrayIn<Scalar> X) {
  const auto lock = self.use();
  const NetworkSettings& s = self.settings();
  auto* layer = dynamic_cast<EchoState<Scalar>*>(self.network().layers().front().get());
  require(layer && self.network().layers().size() == 1 && s.n_parts == 1 && s.n_series == 1 && layer->n_feedback() == 0,
          "intrinsic_plasticity needs one layer of real echo state units, one series and no feedback");
  const Index n_steps = steps_of(X), n = layer->n_units();
  const Signal<const Scalar> inputs = signal(X, "inputs", 1, n_steps, s.n_inputs, 1);
  py::array_t<Scalar> out({Index(2), n});
  Scalar* to = out.mutable_data();
  const Plasticity plasticity{plasticity_rule_from(rule), learning_rate, mean, deviation};
  in_slices(n_steps, [&](Index first, Index count) {
    const FlushDenormals scope;
    layer->adapt(plasticity, count, inputs.from(first), to);
    return RunStatus{ops<Scalar>().all_finite(2 * n, to) ? Status::ok : Status::state_not_finite, 0, 0};
  });
  return out;
}

}  // namespace pushforward::bind
