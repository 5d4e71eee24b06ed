// The tangent kernel of wide diagonal networks: names, types and checks of what comes in.
#include "arrays.hpp"
#include "pushforward/wide/tangent.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

template <typename Scalar>
NtkPoints<Scalar> points_of(const ArrayIn<Scalar>& X, const char* name, Index n_inputs) {
  require(X.ndim() == 3 && X.shape(0) > 0 && X.shape(1) > 0 && X.shape(2) > 0,
          std::string(name) + " must be (n_series, n_steps, n_inputs) with at least one series, step and input, got shape " + shape_of(X));
  require(X.shape(2) == n_inputs, std::string(name) + " must have " + std::to_string(n_inputs) + " inputs like U, got shape " + shape_of(X));
  require_finite(X.data(), X.shape(0), X.shape(1), X.shape(2), name);
  return {X.data(), X.shape(0), X.shape(1)};
}

template <typename Scalar>
void check_weights(const ArrayIn<Scalar>& w, const ArrayIn<Scalar>& U, const ArrayIn<Scalar>& c) {
  require(w.ndim() == 1 && w.shape(0) > 0, "w must be (n_units,) with at least one unit, got shape " + shape_of(w));
  require(U.ndim() == 2 && U.shape(0) == w.shape(0),
          "U must be (n_units, n_inputs) with " + std::to_string(w.shape(0)) + " units like w, got shape " + shape_of(U));
  require_shape(c, "c", {w.shape(0)});
  const auto finite = [](const ArrayIn<Scalar>& a, const char* name) {
    const Scalar* const data = a.data();
    if (ops<Scalar>().all_finite(a.size(), data)) return;
    for (Index i = 0; i < a.size(); ++i)  // a message is made for each
      require(std::isfinite(data[i]), std::string(name) + " must be finite, got " + std::to_string(data[i]));
  };
  finite(w, "w"), finite(U, "U"), finite(c, "c");
}

template <typename Scalar>
py::array_t<Scalar> features(ArrayIn<Scalar> X, ArrayIn<Scalar> w, ArrayIn<Scalar> U, ArrayIn<Scalar> c, const std::string& activation) {
  check_weights(w, U, c);
  const NtkPoints<Scalar> points = points_of(X, "X", U.shape(1));
  const SmoothActivation kind = smooth_activation_from(activation);
  const Index m = U.shape(0), d = U.shape(1);
  py::array_t<Scalar> out({points.n_series, points.n_steps, m, d + 1});
  const Scalar *w_data = w.data(), *U_data = U.data(), *c_data = c.data();
  Scalar* const to = out.mutable_data();
  const int n_threads = default_threads();
  {
    Unlocked unlocked;
    Tangent<Scalar>(kind, m, d, w_data, U_data, c_data).features(n_threads, points, to);
  }
  return out;
}

template <typename Scalar>
py::array_t<Scalar> gram(ArrayIn<Scalar> X, OptionalIn<Scalar> X_other, ArrayIn<Scalar> w, ArrayIn<Scalar> U, ArrayIn<Scalar> c,
                         const std::string& activation) {
  check_weights(w, U, c);
  const Index m = U.shape(0), d = U.shape(1);
  const NtkPoints<Scalar> points = points_of(X, "X", d);
  const NtkPoints<Scalar> others = X_other ? points_of(*X_other, "X_other", d) : points;
  const SmoothActivation kind = smooth_activation_from(activation);
  const bool two = X_other.has_value();
  py::array_t<Scalar> out({points.count(), others.count()});
  const Scalar *w_data = w.data(), *U_data = U.data(), *c_data = c.data();
  Scalar* const to = out.mutable_data();
  const int n_threads = default_threads();
  Interrupted interrupted;
  {
    Unlocked unlocked;
    Tangent<Scalar>(kind, m, d, w_data, U_data, c_data).gram(n_threads, points, two ? &others : nullptr, to, interrupted);
  }
  interrupted.raise();
  return out;
}

template <typename Scalar>
void bind_type(py::module_& m) {
  m.def("ntk_features", &features<Scalar>, py::arg("X").noconvert(), py::arg("w").noconvert(), py::arg("U").noconvert(), py::arg("c").noconvert(),
        py::arg("activation"));
  m.def("ntk_gram", &gram<Scalar>, py::arg("X").noconvert(), py::arg("X_other").noconvert().none(true), py::arg("w").noconvert(),
        py::arg("U").noconvert(), py::arg("c").noconvert(), py::arg("activation"));
}

}  // namespace

void bind_ntk(py::module_& m) {
  bind_type<float>(m);
  bind_type<double>(m);
}

}  // namespace pushforward::bind
