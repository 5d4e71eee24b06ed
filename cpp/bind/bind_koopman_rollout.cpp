// The closed loop of a sampled network: names, types and checks of what comes in.
#include "network_runs.hpp"
#include "pushforward/koopman/rollout.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

// (rows, columns) of an array of the model
std::pair<Index, Index> shape_of_entry(const py::dict& d, const char* key) {
  const py::object value = entry(d, key);
  if (!py::isinstance<py::array>(value)) throw py::type_error(std::string(key) + " must be an array");
  const auto a = py::reinterpret_borrow<py::array>(value);
  require(a.ndim() == 2, std::string(key) + " must have two axes, got shape " + shape_of(a));
  return {a.shape(0), a.shape(1)};
}

template <typename Scalar>
RolloutSettings<Scalar> rollout_settings(const py::dict& d) {
  RolloutSettings<Scalar> s;
  s.activation = activation_from(py::cast<std::string>(entry(d, "activation")));
  s.include_state = py::cast<bool>(entry(d, "include_state"));
  s.include_constant = py::cast<bool>(entry(d, "include_constant"));
  s.n_delays = py::cast<Index>(entry(d, "n_delays"));
  require(s.n_delays >= 0, "n_delays must be at least 0, got " + std::to_string(s.n_delays));
  s.n_state = shape_of_entry(d, "A").first;
  require(s.n_state > 0, "A must have at least one row, a number of the state each, got none");
  std::tie(s.n_units, s.n_z) = shape_of_entry(d, "W");
  s.W = array_entry<Scalar>(d, "W", {s.n_units, s.n_z});
  s.b = array_entry<Scalar>(d, "b", {s.n_units});
  s.A = array_entry<Scalar>(d, "A", {s.n_state, s.n_features()});
  if (given(d, "P")) {
    s.P = array_entry<Scalar>(d, "P", {s.n_z, s.n_embedding()});
    if (given(d, "e_mean")) s.e_mean = array_entry<Scalar>(d, "e_mean", {s.n_embedding()});
  } else {
    require(s.n_z == s.n_embedding(), "W must have " + std::to_string(s.n_embedding()) +
                                          " columns, n_state · (n_delays + 1), where P is not given, got " + std::to_string(s.n_z));
    require(!given(d, "e_mean"), "e_mean needs P");
  }
  if (!given(d, "A_u")) {
    require(!given(d, "W_u") && !given(d, "b_u"), "W_u and b_u need A_u");
    return s;
  }
  if (given(d, "W_u")) {
    std::tie(s.n_input_units, s.n_inputs) = shape_of_entry(d, "W_u");
    require(s.n_input_units > 0, "W_u must have at least one row, got none");
    s.W_u = array_entry<Scalar>(d, "W_u", {s.n_input_units, s.n_inputs});
    s.b_u = array_entry<Scalar>(d, "b_u", {s.n_input_units});
  } else {
    require(!given(d, "b_u"), "b_u needs W_u");
    s.n_inputs = shape_of_entry(d, "A_u").second;
  }
  require(s.n_inputs > 0, "A_u and W_u must have at least one column, an input each, got none");
  s.A_u = array_entry<Scalar>(d, "A_u", {s.n_state, s.n_input_features()});
  return s;
}

template <typename Scalar>
py::array_t<Scalar> simulate(const Rollout<Scalar>& self, ArrayIn<Scalar> history, OptionalIn<Scalar> inputs, Index n_steps) {
  const RolloutSettings<Scalar>& s = self.settings();
  require(n_steps > 0, "n_steps must be at least 1, got " + std::to_string(n_steps));
  const Index n_series = history.ndim() > 0 ? history.shape(0) : 0;
  require_shape(history, "start", {n_series, s.n_delays + 1, s.n_state});
  require(n_series > 0, "start must hold at least one series, got none");
  require_finite(history.data(), n_series, s.n_delays + 1, s.n_state, "start");
  require(inputs || s.n_inputs == 0, "inputs must be given: the model hears " + std::to_string(s.n_inputs) + " of them a step");
  require(!inputs || s.n_inputs > 0, "inputs were given, but the model hears none");
  const Scalar* u = nullptr;
  if (inputs) {
    require_shape(*inputs, "inputs", {n_series, n_steps, s.n_inputs});
    require_finite(inputs->data(), n_series, n_steps, s.n_inputs, "inputs");
    u = inputs->data();
  }
  py::array_t<Scalar> states({n_series, n_steps, s.n_state});
  Scalar* const out = states.mutable_data();
  typename Rollout<Scalar>::Run run(self, n_series, history.data());
  const int n_threads = default_threads();
  in_slices(n_steps, [&](Index first, Index count) {
    const RolloutStatus found =
        run.advance(count, u ? u + first * s.n_inputs : nullptr, n_steps * s.n_inputs, out + first * s.n_state, n_steps * s.n_state, n_threads);
    return RunStatus{found.status, found.step, found.series};
  });
  return states;
}

template <typename Scalar>
void bind_type(py::module_& m, const char* name) {
  using R = Rollout<Scalar>;
  py::class_<R>(m, name)
      .def(py::init([](const py::dict& model) { return std::make_unique<R>(rollout_settings<Scalar>(model)); }), py::arg("model"))
      .def("simulate", &simulate<Scalar>, py::arg("history").noconvert(), py::arg("inputs").noconvert(), py::arg("n_steps"));
}

}  // namespace

void bind_koopman_rollout(py::module_& m) {
  bind_type<float>(m, "RolloutF32");
  bind_type<double>(m, "RolloutF64");
}

}  // namespace pushforward::bind
