#pragma once
// Networks of fixed layers running: driven, and in a closed loop.

#include <chrono>

#include "network.hpp"

namespace pushforward::bind {

// After a failure the network stands where it stood before the call.
template <typename Scalar>
class Restore {
 public:
  explicit Restore(NetworkModel<Scalar>& model) : model_(model), ticks_(model.ticks()) {
    const NetworkSettings& s = model.settings();
    states_.resize(static_cast<std::size_t>(s.n_series * model.network().n_state() * s.n_parts));
    model.copy_states(states_.data());
  }
  ~Restore() {
    if (done_) return;
    model_.set_states(states_.data());
    model_.set_ticks(ticks_.data());
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;
  void done() { done_ = true; }

 private:
  NetworkModel<Scalar>& model_;
  std::vector<Scalar> states_;
  std::vector<std::int64_t> ticks_;
  bool done_ = false;
};

inline void raise_unless_ok(const RunStatus& found, Index first_step) {
  Outcome outcome;
  outcome.status = found.status;
  outcome.step = first_step + found.step;
  outcome.series = found.series;
  raise_divergence(outcome);
}

// Calls body(first, count) on slices of n_steps; Ctrl-C is heard between slices of some 50 ms.
template <typename Body>
void in_slices(Index n_steps, const Body& body) {
  for (Index first = 0, length = 256; first < n_steps;) {
    const Index count = std::min(length, n_steps - first);
    RunStatus found;
    {
      Unlocked unlocked;
      const auto start = std::chrono::steady_clock::now();
      found = body(first, count);
      if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(25)) length *= 2;
    }
    raise_unless_ok(found, first);
    first += count;
    if (first < n_steps && PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

// (n_series, n_steps, width, n_parts), finite
template <typename Scalar>
Signal<const Scalar> signal(const py::array_t<Scalar, py::array::c_style>& a, const char* name, Index n_series, Index n_steps, Index width, Index n_parts) {
  require_shape(a, name, {n_series, n_steps, width, n_parts});
  require_finite(a.data(), n_series, n_steps, width * n_parts, name);
  return {a.data(), n_steps * width * n_parts, width * n_parts};
}

template <typename Scalar>
Index steps_of(const py::array_t<Scalar, py::array::c_style>& X) {
  require(X.ndim() == 4 && X.shape(1) > 0, "inputs must be (n_series, n_steps, n_inputs, n_parts) with at least one step, got " + shape_of(X));
  return X.shape(1);
}

template <typename Scalar>
void run(NetworkModel<Scalar>& self, ArrayIn<Scalar> X, OptionalIn<Scalar> feedback, ArrayIn<Scalar> out) {
  const auto lock = self.use();
  const NetworkSettings& s = self.settings();
  const Index n_steps = steps_of(X), f = self.network().n_features();
  const Signal<const Scalar> inputs = signal(X, "inputs", s.n_series, n_steps, s.n_inputs, s.n_parts);
  Signal<const Scalar> heard;
  if (feedback) heard = signal(*feedback, "feedback", s.n_series, n_steps, s.n_outputs, s.n_parts);
  require_shape(out, "out", {s.n_series, n_steps, f, s.n_parts});
  const Signal<Scalar> features{out.mutable_data(), n_steps * f * s.n_parts, f * s.n_parts};
  Restore<Scalar> before(self);
  in_slices(n_steps, [&](Index first, Index count) {
    return self.network().run(count, inputs.from(first), heard.data ? heard.from(first) : heard, features.from(first));
  });
  before.done();
}

// W (m, n, n_parts) as the matrix of real numbers that multiplies interleaved ones
template <typename Scalar>
Buffer<Scalar> written_out(const Scalar* W, Index m, Index n, Index n_parts) {
  Buffer<Scalar> real(m * n * n_parts * n_parts);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      const Scalar* w = W + (i * n + j) * n_parts;
      Scalar* to = real.data() + i * n_parts * n * n_parts + j * n_parts;
      to[0] = w[0];
      if (n_parts == 1) continue;
      to[1] = -w[1];
      to[2 * n] = w[1];
      to[2 * n + 1] = w[0];
    }
  return real;
}

template <typename Scalar>
py::array_t<Scalar> simulate(NetworkModel<Scalar>& self, ArrayIn<Scalar> W_out, ArrayIn<Scalar> b_out, ArrayIn<Scalar> last, OptionalIn<Scalar> X,
                             Index n_steps) {
  const auto lock = self.use();
  const NetworkSettings& s = self.settings();
  const Index f = self.network().n_features(), m = s.n_outputs;
  require(m > 0, "simulate: the network has no outputs to feed back");
  require(n_steps > 0, "n_steps must be at least 1, got " + std::to_string(n_steps));
  require_shape(W_out, "W_out", {m, f, s.n_parts});
  require_shape(b_out, "b_out", {m, s.n_parts});
  require_finite(W_out.data(), 1, m, f * s.n_parts, "W_out");
  require_finite(b_out.data(), 1, m, s.n_parts, "b_out");
  require_shape(last, "last", {s.n_series, m, s.n_parts});
  require_finite(last.data(), s.n_series, 1, m * s.n_parts, "last");
  Signal<const Scalar> inputs;
  if (X) inputs = signal(*X, "inputs", s.n_series, n_steps, s.n_inputs, s.n_parts);
  else require(s.n_inputs == m, "inputs must be given: outputs take their place only where there are as many (" + std::to_string(m) + " outputs, " +
                                    std::to_string(s.n_inputs) + " inputs)");
  const Buffer<Scalar> W = written_out(W_out.data(), m, f, s.n_parts);
  py::array_t<Scalar> out({s.n_series, n_steps, m, s.n_parts});
  const Index width = m * s.n_parts;
  const Signal<Scalar> outputs{out.mutable_data(), n_steps * width, width};
  Restore<Scalar> before(self);
  in_slices(n_steps, [&](Index first, Index count) {
    const Signal<const Scalar> y = first ? Signal<const Scalar>(outputs).from(first - 1) : Signal<const Scalar>{last.data(), width, 0};
    return self.network().simulate(count, W.data(), b_out.data(), y, inputs.data ? inputs.from(first) : inputs, outputs.from(first));
  });
  before.done();
  return out;
}

}  // namespace pushforward::bind
