// Networks of fixed layers: names, types and checks of what comes in.
#include "network_learning.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

template <typename Scalar>
void bind_model(py::module_& m, const char* name) {
  using N = NetworkModel<Scalar>;
  py::class_<N>(m, name)
      .def(py::init<const py::list&, const py::dict&>(), py::arg("layers"), py::arg("settings"))
      .def("run", &run<Scalar>, py::arg("X").noconvert(), py::arg("feedback").noconvert(), py::arg("out").noconvert())
      .def("simulate", &simulate<Scalar>, py::arg("W_out").noconvert(), py::arg("b_out").noconvert(), py::arg("last").noconvert(),
           py::arg("X").noconvert(), py::arg("n_steps"))
      .def("learn", &learn<Scalar>, py::arg("readout"), py::arg("X").noconvert(), py::arg("Y").noconvert(), py::arg("feedback"),
           py::arg("last").noconvert())
      .def("learn_one", &learn_one<Scalar>, py::arg("readout"), py::arg("x").noconvert(), py::arg("y").noconvert())
      .def("adapt", &adapt<Scalar>, py::arg("rule"), py::arg("learning_rate"), py::arg("mean"), py::arg("deviation"), py::arg("X").noconvert())
      .def("states", [](N& self) {
             const auto lock = self.use();
             py::array_t<Scalar> out({self.settings().n_series, self.network().n_state(), self.settings().n_parts});
             self.copy_states(out.mutable_data());
             return out;
           })
      .def("set_states", [](N& self, ArrayIn<Scalar> states) {
             const auto lock = self.use();
             const NetworkSettings& s = self.settings();
             require_shape(states, "state", {s.n_series, self.network().n_state(), s.n_parts});
             require_finite(states.data(), s.n_series, 1, self.network().n_state() * s.n_parts, "state");
             self.set_states(states.data());
           }, py::arg("states").noconvert())
      .def("ticks", [](N& self) {
             const auto lock = self.use();
             const std::vector<std::int64_t> ticks = self.ticks();
             return py::array_t<std::int64_t>(static_cast<py::ssize_t>(ticks.size()), ticks.data());
           })
      .def("set_ticks", [](N& self, ArrayIn<std::int64_t> ticks) {
             require_shape(ticks, "ticks", {self.settings().n_series});
             const auto lock = self.use();
             self.set_ticks(ticks.data());
           }, py::arg("ticks").noconvert())
      .def_property_readonly("n_state", [](N& self) { return self.network().n_state(); })
      .def_property_readonly("n_features", [](N& self) { return self.network().n_features(); });
}

}  // namespace

void bind_networks(py::module_& m) {
  bind_model<float>(m, "NetworkF32");
  bind_model<double>(m, "NetworkF64");
}

}  // namespace pushforward::bind
