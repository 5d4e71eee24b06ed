// Wide diagonal networks: names, types and checks of what comes in.
#include "learner.hpp"
#include "pushforward/wide/diagonal_gradient.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

template <typename Scalar>
void require_finite_weights(const ArrayIn<Scalar>& a, const char* name) {
  const Scalar* const data = a.data();
  if (ops<Scalar>().all_finite(a.size(), data)) return;
  for (Index i = 0; i < a.size(); ++i)
    require(std::isfinite(data[i]), std::string(name) + " must be finite, got " + std::to_string(data[i]));
}

template <typename Scalar>
NetWeights<Scalar> weights(const ArrayIn<Scalar>& X, const ArrayIn<Scalar>& w, const ArrayIn<Scalar>& U, const ArrayIn<Scalar>& c,
                           const std::string& activation) {
  require(X.ndim() == 3 && X.size() > 0, "X must be (n_series, n_steps, n_inputs), none of them 0, got shape " + shape_of(X));
  require(w.ndim() == 1 && w.size() > 0, "w must be (n_units,) with at least one unit, got shape " + shape_of(w));
  require_shape(U, "U", {w.shape(0), X.shape(2)});
  require_shape(c, "c", {w.shape(0)});
  require_finite(X.data(), X.shape(0), X.shape(1), X.shape(2), "X");
  require_finite_weights(w, "w"), require_finite_weights(U, "U"), require_finite_weights(c, "c");
  return {smooth_activation_from(activation), w.shape(0), X.shape(2), w.data(), U.data(), c.data()};
}

template <typename Scalar>
py::array_t<Scalar> forward(ArrayIn<Scalar> X, ArrayIn<Scalar> w, ArrayIn<Scalar> U, ArrayIn<Scalar> c, const std::string& activation) {
  const NetWeights<Scalar> net = weights(X, w, U, c, activation);
  py::array_t<Scalar> F({X.shape(0), X.shape(1)});
  const Index n_series = X.shape(0), n_steps = X.shape(1);
  const Scalar* const x = X.data();
  Scalar* const out = F.mutable_data();
  const int n_threads = default_threads();
  {
    Unlocked unlocked;
    diagonal_forward(net, n_series, n_steps, x, out, n_threads);
  }
  if (!ops<Scalar>().all_finite(F.size(), out))
    for (Index i = 0; i < F.size(); ++i)
      if (!std::isfinite(out[i])) raise_divergence({Status::state_not_finite, i % n_steps, i / n_steps});
  return F;
}

// (loss, gradient of w, gradient of U)
template <typename Scalar>
py::tuple gradient(ArrayIn<Scalar> X, ArrayIn<Scalar> Y, ArrayIn<Scalar> w, ArrayIn<Scalar> U, ArrayIn<Scalar> c, const std::string& activation,
                   int n_threads) {
  const NetWeights<Scalar> net = weights(X, w, U, c, activation);
  const Index n_series = X.shape(0), n_steps = X.shape(1);
  require_shape(Y, "Y", {n_series, n_steps});
  require_finite(Y.data(), n_series, n_steps, 1, "Y");
  require(n_threads > 0, "n_threads must be at least 1, got " + std::to_string(n_threads));
  py::array_t<Scalar> g_w(w.shape(0)), g_U({U.shape(0), U.shape(1)});
  const Scalar *const x = X.data(), *const y = Y.data();
  Scalar *const to_w = g_w.mutable_data(), *const to_U = g_U.mutable_data();
  DiagonalGradient<Scalar> sum(net, n_series, n_steps, n_threads);
  Outcome found;
  double loss = 0;
  for (Index first = 0; first < sum.longest(); first += sum.round()) {
    {
      Unlocked unlocked;
      found.status = sum.take(first, x, y, found.series, found.step);
    }
    raise_divergence(found);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  found.status = sum.finish(loss, to_w, to_U);
  if (found.status != Status::ok) raise_divergence({found.status, n_steps - 1, n_series - 1});
  return py::make_tuple(loss, g_w, g_U);
}

template <typename Scalar>
void bind_type(py::module_& m) {
  const auto x = py::arg("X").noconvert(), w = py::arg("w").noconvert(), U = py::arg("U").noconvert(), c = py::arg("c").noconvert();
  m.def("diagonal_forward", &forward<Scalar>, x, w, U, c, py::arg("activation"));
  m.def("diagonal_gradient", &gradient<Scalar>, x, py::arg("Y").noconvert(), w, U, c, py::arg("activation"), py::arg("n_threads"));
}

}  // namespace

void bind_diagonal(py::module_& m) {
  bind_type<float>(m);
  bind_type<double>(m);
}

}  // namespace pushforward::bind
