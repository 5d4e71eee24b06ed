// Poles that learn while the network runs: names, types and checks of what comes in. Arrays have a last axis of parts.
#include "model_state.hpp"
#include "poles.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

// features (n_steps, n_features, n_parts) of steps from which nothing is learnt
template <typename Scalar>
py::array_t<Scalar> run(PoleModel<Scalar>& self, ArrayIn<Scalar> X) {
  const auto lock = self.use();
  PoleLearner<Scalar>& p = self.learner();
  const Index n_steps = X.ndim() ? X.shape(0) : 0, parts = p.n_parts();
  require_rows(X, "inputs", n_steps, p.n_inputs(), parts);
  py::array_t<Scalar> out({n_steps, p.n_features(), parts});
  Scalar* to = out.mutable_data();
  in_slices(n_steps, [&](Index first, Index count) {
    return p.run(count, X.data() + first * p.n_inputs() * parts, to + first * p.n_features() * parts);
  });
  return out;
}

// (loss, gradient (n_weights, n_units, n_parts)): poles, then input weights if they learn; nothing is learnt, state and influence go on.
template <typename Scalar>
py::tuple gather(PoleModel<Scalar>& self, ArrayIn<Scalar> W_out, ArrayIn<Scalar> b_out, ArrayIn<Scalar> X, ArrayIn<Scalar> Y) {
  const auto lock = self.use();
  PoleLearner<Scalar>& p = self.learner();
  const Index n_steps = X.ndim() ? X.shape(0) : 0, parts = p.n_parts();
  require_rows(W_out, "W_out", p.n_outputs(), p.n_features(), parts);
  require_shape(b_out, "b_out", {p.n_outputs(), parts});
  require_finite(b_out.data(), 1, 1, b_out.size(), "b_out");
  require_rows(X, "inputs", n_steps, p.n_inputs(), parts);
  require_rows(Y, "targets", n_steps, p.n_outputs(), parts);
  py::array_t<Scalar> gradient({p.n_weights(), p.n_units(), parts});
  Scalar* to = gradient.mutable_data();
  double loss = 0;
  RunStatus found;
  {
    Unlocked unlocked;
    found = p.gather(W_out.data(), b_out.data(), n_steps, X.data(), Y.data(), loss, to);
  }
  raise_unless_ok(found, 0);
  return py::make_tuple(loss, gradient);
}

template <typename Scalar>
void bind_model(py::module_& m, const char* name) {
  using P = PoleModel<Scalar>;
  py::class_<P>(m, name)
      .def(py::init<const py::dict&, const py::dict&, const py::dict&>(), py::arg("layer"), py::arg("settings"), py::arg("optimizer"))
      .def("learn", &learn<Scalar>, py::arg("readout"), py::arg("X").noconvert(), py::arg("Y").noconvert())
      .def("learn_one", &learn_one<Scalar>, py::arg("readout"), py::arg("x").noconvert(), py::arg("y").noconvert())
      .def("run", &run<Scalar>, py::arg("X").noconvert())
      .def("gather", &gather<Scalar>, py::arg("W_out").noconvert(), py::arg("b_out").noconvert(), py::arg("X").noconvert(), py::arg("Y").noconvert())
      .def("weights", [](P& self) {
             const auto lock = self.use();
             PoleLearner<Scalar>& p = self.learner();
             py::array_t<Scalar> out({p.n_weights(), p.n_units(), p.n_parts()});
             p.weights(out.mutable_data());
             return out;
           })
      .def("state", [](P& self) {
             const auto lock = self.use();
             py::array_t<Scalar> out({self.learner().n_units(), self.learner().n_parts()});
             self.learner().state(out.mutable_data());
             return out;
           })
      .def("restart", [](P& self) {
             const auto lock = self.use();
             self.learner().restart();
           })
      .def("export_state", [](P& self) {
             const auto lock = self.use();
             Writer<Scalar> writer;
             self.learner().visit(writer);
             return writer.arrays;
           })
      .def("import_state", [](P& self, const py::dict& arrays) {
             const auto lock = self.use();
             Reader<Scalar> reader(arrays);
             self.learner().visit(reader);
             reader.finish();
             reader.write = true;
             self.learner().visit(reader);
             self.learner().use_weights();
           }, py::arg("arrays"));
}

}  // namespace

void bind_poles(py::module_& m) {
  bind_model<float>(m, "PoleLearnerF32");
  bind_model<double>(m, "PoleLearnerF64");
}

}  // namespace pushforward::bind
