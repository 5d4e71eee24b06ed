#pragma once
// What Python holds of poles that learn, and how they learn together with a read-out.

#include "network_runs.hpp"
#include "pushforward/reservoir/pole_gradient.hpp"

namespace pushforward::bind {

template <typename Scalar>
class PoleModel {
 public:
  PoleModel(const py::dict& layer, const py::dict& settings, const py::dict& optimizer) : learner_(make(layer, settings, optimizer)) {}

  PoleLearner<Scalar>& learner() { return learner_; }
  std::unique_lock<std::mutex> use() {
    std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
    if (!lock) throw std::runtime_error("these poles are in use by another thread; give each thread its own");
    return lock;
  }

 private:
  static PoleLearner<Scalar> make(const py::dict& layer, const py::dict& d, const py::dict& optimizer) {
    PoleLearnerSettings s;
    s.n_outputs = py::cast<Index>(entry(d, "n_outputs"));
    s.include_inputs = py::cast<bool>(entry(d, "include_inputs"));
    s.learn_input_weights = py::cast<bool>(entry(d, "learn_input_weights"));
    s.optimizer = optimizer_settings(optimizer);
    const auto n_inputs = py::cast<Index>(entry(d, "n_inputs")), n_parts = py::cast<Index>(entry(d, "n_parts"));
    require(n_inputs >= 0 && s.n_outputs > 0, "n_inputs must not be negative, and n_outputs must be at least 1");
    require(n_parts == 1 || n_parts == 2, "n_parts must be 1 or 2, got " + std::to_string(n_parts));
    return PoleLearner<Scalar>(fixed_poles_settings<Scalar>(layer, n_inputs, n_parts), s);
  }

  PoleLearner<Scalar> learner_;
  std::mutex busy_;
};

template <typename Scalar>
void check_readout(PoleLearner<Scalar>& p, OnlineReadout<Scalar>& r) {
  require(r.n_features() == p.n_features() && r.n_parts() == p.n_parts() && r.n_outputs() == p.n_outputs(),
          "readout must take the " + std::to_string(p.n_features()) + " features of the network, got " + std::to_string(r.n_features()));
}

// (n_steps, width, n_parts), finite
template <typename Scalar>
void require_rows(const ArrayIn<Scalar>& a, const char* name, Index n_steps, Index width, Index n_parts) {
  require_shape(a, name, {n_steps, width, n_parts});
  require_finite(a.data(), 1, n_steps, width * n_parts, name);
}

template <typename Scalar>
py::array_t<Scalar> learn(PoleModel<Scalar>& self, ReadoutModel<Scalar>& readout, ArrayIn<Scalar> X, ArrayIn<Scalar> Y) {
  const auto lock = self.use(), readout_lock = readout.use();
  PoleLearner<Scalar>& p = self.learner();
  check_readout(p, readout.readout());
  const Index n_steps = X.ndim() ? X.shape(0) : 0, parts = p.n_parts();
  require_rows(X, "inputs", n_steps, p.n_inputs(), parts);
  require_rows(Y, "targets", n_steps, p.n_outputs(), parts);
  py::array_t<Scalar> out({n_steps, p.n_outputs(), parts});
  Scalar* to = out.mutable_data();
  in_slices(n_steps, [&](Index first, Index count) {
    return p.learn(readout.readout(), count, X.data() + first * p.n_inputs() * parts, Y.data() + first * p.n_outputs() * parts,
                   to + first * p.n_outputs() * parts);
  });
  return out;
}

// One event: x (n_inputs, n_parts), y (n_outputs, n_parts). Microseconds: the GIL is kept.
template <typename Scalar>
py::array_t<Scalar> learn_one(PoleModel<Scalar>& self, ReadoutModel<Scalar>& readout, ArrayIn<Scalar> x, ArrayIn<Scalar> y) {
  const auto lock = self.use(), readout_lock = readout.use();
  PoleLearner<Scalar>& p = self.learner();
  check_readout(p, readout.readout());
  require_shape(x, "x", {p.n_inputs(), p.n_parts()});
  require_shape(y, "y", {p.n_outputs(), p.n_parts()});
  require_finite(x.data(), 1, 1, x.size(), "x");
  require_finite(y.data(), 1, 1, y.size(), "y");
  py::array_t<Scalar> out({p.n_outputs(), p.n_parts()});
  raise_unless_ok(p.learn(readout.readout(), 1, x.data(), y.data(), out.mutable_data()), 0);
  return out;
}

}  // namespace pushforward::bind
