// Hessian-vector products: names, types and checks of what comes in; no mathematics, no prose (that lives in the Python docstrings).
#include "pushforward/derivatives/hessian_vector.hpp"

#include "learner.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

// theta (n_params), W_out (n_outputs, n_features), b_out (n_outputs): a point, or a direction.
template <typename Scalar>
using Parts = std::array<ArrayIn<Scalar>, 3>;

template <typename Scalar>
void check(const Parts<Scalar>& parts, const std::array<const char*, 3>& names, HessianVector<Scalar>& hessian) {
  const Index n_outputs = hessian.parameters().n_outputs();
  require_shape(parts[0], names[0], {hessian.cell().n_params()});
  require_shape(parts[1], names[1], {n_outputs, hessian.parameters().n_features()});
  require_shape(parts[2], names[2], {n_outputs});
  for (std::size_t k = 0; k < 3; ++k) require_finite(parts[k].data(), 1, 1, parts[k].size(), names[k]);
}

// body(padded numbers, part, place in it, how many) over all that is trained
template <typename Scalar, typename Body>
void each_part(HessianVector<Scalar>& hessian, Dual<Scalar>* numbers, Body&& body) {
  const auto& p = hessian.parameters();
  each_run(hessian.cell().groups(), [&](const Group& g, Index row, Index column, Index at, Index n) {
    body(numbers + g.weight_offset + row * g.width + column, std::size_t{0}, at, n);
  });
  for (Index i = 0; i < p.n_outputs(); ++i) body(numbers + p.readout_offset() + i * p.row(), std::size_t{1}, i * p.n_features(), p.n_features());
  body(numbers + p.bias_offset(), std::size_t{2}, Index{0}, p.n_outputs());
}

template <typename Scalar>
Stream<Scalar> check_series(const Cell<Dual<Scalar>>& cell, const HessianSettings& s, const OptionalIn<Scalar>& X,
                            const OptionalIn<std::int64_t>& tokens, const OptionalIn<Scalar>& Y, const OptionalIn<std::int64_t>& labels,
                            const OptionalIn<bool>& mask) {
  Stream<Scalar> stream;
  stream.n_steps = s.n_steps;
  if (X) {
    require_shape(*X, "inputs", {s.n_steps, cell.n_inputs()});
    require_finite(X->data(), 1, s.n_steps, cell.n_inputs(), "inputs");
    stream.X = X->data();
  } else {
    require_shape(*tokens, "inputs", {s.n_steps});
    require_range(tokens->data(), 1, s.n_steps, cell.n_inputs(), "inputs", "n_inputs");
    stream.tokens = tokens->data();
  }
  if (s.loss == Loss::cross_entropy) {
    require(labels.has_value() && !Y, "targets must be integer classes for cross_entropy");
    require_shape(*labels, "targets", {s.n_steps});
    require_range(labels->data(), 1, s.n_steps, s.n_outputs, "targets", "number of classes");
    stream.labels = labels->data();
  } else {
    require(Y.has_value() && !labels, "targets must be real numbers for squared_error");
    require_shape(*Y, "targets", {s.n_steps, s.n_outputs});
    require_finite(Y->data(), 1, s.n_steps, s.n_outputs, "targets");
    stream.Y = Y->data();
  }
  if (mask) {
    require_shape(*mask, "mask", {s.n_steps});
    stream.mask = mask->data();
  }
  return stream;
}

// (loss, (theta, W_out, b_out) of the gradient, the same of H v)
template <typename Scalar>
py::tuple hessian_vector(const py::dict& cell, const std::string& loss, double weight_bound, double readout_bound, int n_threads, Index stretch,
                         const Parts<Scalar>& point, const Parts<Scalar>& direction, OptionalIn<Scalar> X, OptionalIn<std::int64_t> tokens,
                         OptionalIn<Scalar> Y, OptionalIn<std::int64_t> labels, OptionalIn<bool> mask, ArrayIn<Scalar> state) {
  HessianSettings s;
  require(X.has_value() != tokens.has_value(), "inputs: give dense inputs or tokens, one of them");
  s.n_steps = X ? X->shape(0) : tokens->shape(0);
  s.n_outputs = point[2].ndim() == 1 ? point[2].shape(0) : 0;
  s.loss = loss_from(loss);
  s.weight_bound = weight_bound;
  s.readout_bound = readout_bound;
  s.stretch = stretch;
  s.n_threads = n_threads;
  require(s.n_steps > 0, "inputs must have at least one step, got none");
  require(s.n_outputs > 0, "b_out must have shape (n_outputs,) with at least one output, got " + shape_of(point[2]));
  require(n_threads > 0, "n_threads must be positive, got " + std::to_string(n_threads));
  require(stretch >= 0, "stretch must not be negative, got " + std::to_string(stretch));
  HessianVector<Scalar> hessian(make_cell<Dual<Scalar>>(cell_settings(cell)), s);
  check(point, {"theta", "W_out", "b_out"}, hessian);
  check(direction, {"v['theta']", "v['W_out']", "v['b_out']"}, hessian);
  require_shape(state, "state", {hessian.cell().n_state()});
  require_finite(state.data(), 1, 1, state.size(), "state");
  const Stream<Scalar> stream = check_series(hessian.cell(), s, X, tokens, Y, labels, mask);
  each_part(hessian, hessian.parameters().values(), [&](Dual<Scalar>* to, std::size_t part, Index at, Index n) {
    for (Index i = 0; i < n; ++i) to[i] = {point[part].data()[at + i], direction[part].data()[at + i]};
  });
  Outcome outcome;
  Interrupted interrupted;
  {
    Unlocked unlocked;
    outcome = hessian.run(stream, state.data(), interrupted);
  }
  interrupted.raise();
  raise_divergence(outcome);
  std::array<py::array_t<Scalar>, 3> gradient, product;
  for (std::size_t k = 0; k < 3; ++k) {
    const std::vector<py::ssize_t> shape(point[k].shape(), point[k].shape() + point[k].ndim());
    gradient[k] = py::array_t<Scalar>(shape);
    product[k] = py::array_t<Scalar>(shape);
  }
  each_part(hessian, hessian.gradient(), [&](const Dual<Scalar>* from, std::size_t part, Index at, Index n) {
    for (Index i = 0; i < n; ++i) {
      gradient[part].mutable_data()[at + i] = from[i].value;
      product[part].mutable_data()[at + i] = from[i].tangent;
    }
  });
  return py::make_tuple(outcome.loss_sum, py::make_tuple(gradient[0], gradient[1], gradient[2]), py::make_tuple(product[0], product[1], product[2]));
}

template <typename Scalar>
void bind_precision(py::module_& m, const char* name) {
  m.def(name, &hessian_vector<Scalar>, py::arg("cell"), py::arg("loss"), py::arg("weight_bound"), py::arg("readout_bound"), py::arg("n_threads"),
        py::arg("stretch"), py::arg("point").noconvert(), py::arg("direction").noconvert(), py::arg("X").noconvert(), py::arg("tokens").noconvert(),
        py::arg("Y").noconvert(), py::arg("labels").noconvert(), py::arg("mask").noconvert(), py::arg("state").noconvert());
}

}  // namespace

void bind_hessian_vector(py::module_& m) {
  bind_precision<float>(m, "hessian_vector_f32");
  bind_precision<double>(m, "hessian_vector_f64");
}

}  // namespace pushforward::bind
