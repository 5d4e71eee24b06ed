// Settings come as dictionaries with every key present; Python's estimators are where defaults live.
#include "learner.hpp"

namespace pushforward::bind {

namespace {
template <typename T>
T get(const py::dict& d, const char* key) {
  require(d.contains(key), std::string("settings: '") + key + "' is missing");
  return py::cast<T>(d[key]);
}
// A setting that may be missing, or None: the field keeps its value.
template <typename T>
void read(const py::dict& d, const char* key, T& field) {
  if (d.contains(key) && !d[key].is_none()) field = py::cast<T>(d[key]);
}
}  // namespace

CellSettings cell_settings(const py::dict& d) {
  CellSettings s;
  s.name = get<std::string>(d, "name");
  s.n_inputs = get<Index>(d, "n_inputs");
  s.n_units = get<Index>(d, "n_units");
  read(d, "activation", s.activation);
  read(d, "dt", s.dt);
  read(d, "leak_rate", s.leak_rate);
  read(d, "learn_leak", s.learn_leak);
  read(d, "reset", s.reset);
  read(d, "decay", s.decay);
  read(d, "noise", s.noise);
  read(d, "noise_seed", s.noise_seed);
  read(d, "sources", s.sources);
  if (d.contains("layers"))
    for (const py::handle& layer : d["layers"]) s.layers.push_back(cell_settings(py::cast<py::dict>(layer)));
  return s;
}

CarrySettings carry_settings(const py::dict& d) {
  CarrySettings s;
  s.gradient = get<std::string>(d, "gradient");
  s.carry_every = get<Index>(d, "carry_every");
  s.truncation = get<Index>(d, "truncation");
  s.bounded_latency = get<bool>(d, "bounded_latency");
  read(d, "chunk", s.chunk);
  read(d, "feedback", s.feedback);
  read(d, "seed", s.seed);
  return s;
}

OptimizerSettings optimizer_settings(const py::dict& d) {
  OptimizerSettings s;
  s.kind = optimizer_kind_from(get<std::string>(d, "kind"));
  s.learning_rate = get<double>(d, "learning_rate");
  s.beta1 = get<double>(d, "beta1");
  s.beta2 = get<double>(d, "beta2");
  s.epsilon = get<double>(d, "epsilon");
  s.weight_decay = get<double>(d, "weight_decay");
  s.clip_norm = get<double>(d, "clip_norm");
  s.schedule = schedule_from(get<std::string>(d, "schedule"));
  s.schedule_a = get<double>(d, "schedule_a");
  s.schedule_b = get<double>(d, "schedule_b");
  return s;
}

LearnerSettings learner_settings(const py::dict& d) {
  LearnerSettings s;
  s.n_outputs = get<Index>(d, "n_outputs");
  s.update_every = get<Index>(d, "update_every");
  s.n_threads = get<int>(d, "n_threads");
  s.loss = loss_from(get<std::string>(d, "loss"));
  s.weight_bound = get<double>(d, "weight_bound");
  s.readout_bound = get<double>(d, "readout_bound");
  s.optimizer = optimizer_settings(get<py::dict>(d, "optimizer"));
  return s;
}

void raise_divergence(const Outcome& outcome) {
  if (outcome.status == Status::ok) return;
  const py::object type = py::module_::import("pushforward.errors").attr("DivergenceError");
  const py::object error = type(describe(outcome.status), outcome.step, outcome.series);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

}  // namespace pushforward::bind
