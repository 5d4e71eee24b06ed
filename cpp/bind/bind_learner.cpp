// The learner: names, types and checks of what comes in; no mathematics, no prose (that lives in the Python docstrings).
#include "events.hpp"
#include "learner.hpp"
#include "model_state.hpp"
#include "register.hpp"
#include "streams.hpp"

namespace pushforward::bind {

namespace {

template <typename Scalar>
void set_parameters(Model<Scalar>& self, ArrayIn<Scalar> theta, ArrayIn<Scalar> W_out, ArrayIn<Scalar> b_out) {
  Parameters<Scalar>& p = self.learner().parameters();
  require_shape(theta, "theta", {self.cell().n_params()});
  require_shape(W_out, "W_out", {p.n_outputs(), p.n_features()});
  require_shape(b_out, "b_out", {p.n_outputs()});
  require_finite(theta.data(), 1, 1, theta.size(), "theta");
  require_finite(W_out.data(), 1, 1, W_out.size(), "W_out");
  require_finite(b_out.data(), 1, 1, b_out.size(), "b_out");
  const auto lock = self.use();
  require(self.learner().at_block_start(), "theta, W_out, b_out can be set only while no stored step refers to them: before the first step");
  self.weights(p.values(), [&](Scalar* row, Index at, Index n) { std::copy_n(theta.data() + at, n, row); });
  self.readout(p.values(), [&](Scalar* row, Index at, Index n) { std::copy_n(W_out.data() + at, n, row); });
  std::copy_n(b_out.data(), p.n_outputs(), p.values() + p.bias_offset());
  self.learner().parameters_changed();
}

// Of the sum of the losses gathered so far: (theta, W_out, b_out).
template <typename Scalar>
py::tuple gradient(Model<Scalar>& self, Index series) {
  const auto lock = self.use();
  const Parameters<Scalar>& parameters = self.learner().parameters();
  Buffer<Scalar> G(parameters.size());
  std::copy_n(self.series(series).gradient(), parameters.size(), G.data());
  parameters.finish_gradient(G.data());
  return self.unpack(G.data());
}

template <typename Scalar>
py::array_t<Scalar> influence(Model<Scalar>& self, Index series) {
  py::array_t<Scalar> J({self.cell().n_state(), self.cell().n_params()});
  Scalar* to = J.mutable_data();
  self.series(series);  // is it there?
  const auto lock = self.use();
  require(!self.learner().awaits_feedback(), "influence: the last step still waits for its feedback, or for close()");
  Unlocked unlocked;
  if (!self.learner().influence(series, to))
    throw std::invalid_argument("gradient: this one keeps no influence matrix");
  return J;
}

template <typename Scalar>
void bind_model(py::module_& m, const char* name) {
  using M = Model<Scalar>;
  py::class_<M>(m, name)
      .def(py::init<const py::dict&, const py::dict&, const py::dict&, Index>(), py::arg("cell"), py::arg("carry"), py::arg("learner"),
           py::arg("n_series"))
      .def("run", &run<Scalar>, py::arg("X").noconvert(), py::arg("tokens").noconvert(), py::arg("Y").noconvert(),
           py::arg("labels").noconvert(), py::arg("mask").noconvert())
      .def("gather", &gather<Scalar>, py::arg("X").noconvert(), py::arg("tokens").noconvert(), py::arg("Y").noconvert(),
           py::arg("labels").noconvert(), py::arg("mask").noconvert())
      .def("predict", &predict<Scalar>, py::arg("X").noconvert(), py::arg("tokens").noconvert(), py::arg("states").noconvert())
      .def("step", &step<Scalar>, py::arg("X").noconvert(), py::arg("tokens").noconvert())
      .def("feedback", &feedback<Scalar>, py::arg("d_outputs").noconvert())
      .def("learn_one", &learn_one<Scalar>, py::arg("x"), py::arg("y"))
      .def("set_parameters", &set_parameters<Scalar>, py::arg("theta").noconvert(), py::arg("W_out").noconvert(), py::arg("b_out").noconvert())
      .def("parameters", [](M& self) {
             const auto lock = self.use();
             return self.unpack(self.learner().parameters().values());
           })
      .def("gradient", &gradient<Scalar>, py::arg("series"))
      .def("states", &states<Scalar>)
      .def("set_states", &set_states<Scalar>, py::arg("states").noconvert())
      .def("influence", &influence<Scalar>, py::arg("series"))
      .def("set_influence",
           [](M& self, Index series, ArrayIn<Scalar> J) {
             require_shape(J, "influence", {self.cell().n_state(), self.cell().n_params()});
             require_finite(J.data(), 1, 1, J.size(), "influence");
             const auto lock = self.use();
             self.series(series);  // is it there?
             require(!self.learner().awaits_feedback(), "influence: the last step still waits for its feedback, or for close()");
             if (!self.learner().set_influence(series, J.data()))
               throw std::invalid_argument("influence: this gradient of this cell keeps none, or none with numbers in all the places given");
           }, py::arg("series"), py::arg("influence").noconvert())
      .def("reset", [](M& self, Index series) {
             self.series(series);  // is it there?
             const auto lock = self.use();
             self.learner().reset(series);
           }, py::arg("series"))
      .def("close", &close<Scalar>)
      .def("export_state", &export_state<Scalar>)
      .def("import_state", &import_state<Scalar>, py::arg("arrays"))
      .def_property_readonly("awaits_feedback", [](M& self) { return self.learner().awaits_feedback(); })
      .def_property_readonly("carry_every", [](M& self) { return self.learner().series(0).carry().window().capacity(); })
      .def_property_readonly("n_series", [](M& self) { return self.learner().n_series(); })
      .def_property_readonly("n_steps", [](M& self) { return self.learner().steps(); })
      .def_property_readonly("n_updates", [](M& self) { return self.learner().optimizer().updates(); })
      .def_property_readonly("learning_rate", [](M& self) { return self.learner().optimizer().rate(); });
}

}  // namespace

void bind_learners(py::module_& m) {
  bind_model<float>(m, "LearnerF32");
  bind_model<double>(m, "LearnerF64");
}

}  // namespace pushforward::bind
