// Read-outs that learn online: names, types and checks of what comes in. Arrays have a last axis of parts: 1, or 2 for complex numbers.
#include "model_state.hpp"
#include "network_runs.hpp"
#include "pushforward/linalg/rls.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

template <typename Scalar>
const Scalar* finite(const ArrayIn<Scalar>& a, const char* name) {
  require_finite(a.data(), 1, 1, a.size(), name);
  return a.data();
}

template <typename Scalar>
const Scalar* events(const ArrayIn<Scalar>& a, const char* name, Index n_steps, Index width, Index n_parts) {
  if (n_steps < 0) require_shape(a, name, {width, n_parts});
  else require_shape(a, name, {n_steps, width, n_parts});
  require_finite(a.data(), 1, n_steps < 0 ? 1 : n_steps, width * n_parts, name);
  return a.data();
}

// x (n_features, n_parts), y (n_outputs, n_parts); of real numbers both may come, and the prediction goes, without the axis of parts.
template <typename Scalar>
py::array_t<Scalar> step(ReadoutModel<Scalar>& self, ArrayIn<Scalar> x, ArrayIn<Scalar> y) {
  const auto lock = self.use();
  OnlineReadout<Scalar>& r = self.readout();
  const bool plain = r.n_parts() == 1 && x.ndim() == 1 && y.ndim() == 1;
  if (plain) {
    require_shape(x, "x", {r.n_features()});
    require_shape(y, "y", {r.n_outputs()});
  }
  const Scalar* features = plain ? finite(x, "x") : events(x, "x", -1, r.n_features(), r.n_parts());
  const Scalar* target = plain ? finite(y, "y") : events(y, "y", -1, r.n_outputs(), r.n_parts());
  py::array_t<Scalar> prediction = plain ? py::array_t<Scalar>(r.n_outputs()) : py::array_t<Scalar>({r.n_outputs(), r.n_parts()});
  Status status;
  {
    const FlushDenormals scope;
    status = r.step(features, target, prediction.mutable_data());
  }
  raise_unless_ok({status, 0, 0}, 0);
  return prediction;
}

// Y none: predictions only
template <typename Scalar>
py::array_t<Scalar> run(ReadoutModel<Scalar>& self, const ArrayIn<Scalar>& X, const ArrayIn<Scalar>* Y) {
  const auto lock = self.use();
  OnlineReadout<Scalar>& r = self.readout();
  require(X.ndim() == 3, "X must be (n_steps, n_features, n_parts), got shape " + shape_of(X));
  const Index n_steps = X.shape(0), f = r.n_features() * r.n_parts(), m = r.n_outputs() * r.n_parts();
  const Scalar* x = events(X, "X", n_steps, r.n_features(), r.n_parts());
  const Scalar* y = Y ? events(*Y, "Y", n_steps, r.n_outputs(), r.n_parts()) : nullptr;
  py::array_t<Scalar> out({n_steps, r.n_outputs(), r.n_parts()});
  Scalar* to = out.mutable_data();
  in_slices(n_steps, [&](Index first, Index count) {
    const FlushDenormals scope;
    for (Index t = first; t < first + count; ++t) {
      Status status = Status::ok;
      if (y) status = r.step(x + t * f, y + t * m, to + t * m);
      else r.predict(x + t * f, to + t * m);
      if (status != Status::ok) return RunStatus{status, t - first, 0};
    }
    return RunStatus{};
  });
  return out;
}

template <typename Scalar>
RLS<Scalar>& rls(ReadoutModel<Scalar>& self) {
  auto* found = dynamic_cast<RLS<Scalar>*>(&self.readout());
  require(found != nullptr, "covariance: only kind 'rls' keeps one");
  return *found;
}

template <typename Scalar>
void bind_model(py::module_& m, const char* name) {
  using R = ReadoutModel<Scalar>;
  py::class_<R>(m, name)
      .def(py::init<const py::dict&>(), py::arg("settings"))
      .def("step", &step<Scalar>, py::arg("x").noconvert(), py::arg("y").noconvert())
      .def("run", [](R& self, ArrayIn<Scalar> X, ArrayIn<Scalar> Y) { return run(self, X, &Y); }, py::arg("X").noconvert(), py::arg("Y").noconvert())
      .def("predict", [](R& self, ArrayIn<Scalar> X) { return run<Scalar>(self, X, nullptr); }, py::arg("X").noconvert())
      .def("weights", [](R& self) {
             const auto lock = self.use();
             const OnlineReadout<Scalar>& r = self.readout();
             py::array_t<Scalar> W({r.n_outputs(), r.n_features(), r.n_parts()}), b({r.n_outputs(), r.n_parts()});
             r.weights(W.mutable_data(), b.mutable_data());
             return py::make_tuple(W, b);
           })
      .def("set_weights", [](R& self, ArrayIn<Scalar> W, ArrayIn<Scalar> b) {
             const auto lock = self.use();
             OnlineReadout<Scalar>& r = self.readout();
             const Scalar* weights = events(W, "W_out", r.n_outputs(), r.n_features(), r.n_parts());
             r.set_weights(weights, events(b, "b_out", -1, r.n_outputs(), r.n_parts()));
           }, py::arg("W_out").noconvert(), py::arg("b_out").noconvert())
      .def("covariance", [](R& self) {
             const auto lock = self.use();
             const Index n = rls(self).n_weights();
             py::array_t<Scalar> P({n, n, self.readout().n_parts()});
             rls(self).covariance(P.mutable_data());
             return P;
           })
      .def("set_covariance", [](R& self, ArrayIn<Scalar> P) {
             const auto lock = self.use();
             const Index n = rls(self).n_weights();
             rls(self).set_covariance(events(P, "P", n, n, self.readout().n_parts()));
           }, py::arg("P").noconvert())
      .def("reset", [](R& self) {
             const auto lock = self.use();
             self.reset();
           })
      .def("export_state", [](R& self) {
             const auto lock = self.use();
             Writer<Scalar> writer;
             self.readout().visit(writer);
             return writer.arrays;
           })
      .def("import_state", [](R& self, const py::dict& arrays) {
             const auto lock = self.use();
             Reader<Scalar> reader(arrays);
             self.readout().visit(reader);
             reader.finish();
             reader.write = true;
             self.readout().visit(reader);
           }, py::arg("arrays"));
}

}  // namespace

void bind_readouts(py::module_& m) {
  bind_model<float>(m, "ReadoutF32");
  bind_model<double>(m, "ReadoutF64");
}

}  // namespace pushforward::bind
