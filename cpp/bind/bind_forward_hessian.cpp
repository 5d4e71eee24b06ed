// Second derivatives carried forward: names, types and checks of what comes in.
#include "learner.hpp"
#include "pushforward/core/denormals.hpp"
#include "pushforward/derivatives/forward_hessian.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

constexpr double slice_flop = 4e9;  // between looks for Ctrl-C

void raise_not_finite(Index step) {
  const py::object type = py::module_::import("pushforward.errors").attr("DivergenceError");
  const py::object error = type("the derivatives of the state were not finite", step, 0);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

// (states (n_steps, n_state), influence (n_state, n_params), second (n_state, n_params (n_params + 1) / 2)); inputs or tokens, one of them
template <typename Scalar>
py::tuple forward_hessian(const py::dict& cell, double weight_bound, ArrayIn<Scalar> theta, ArrayIn<Scalar> state, OptionalIn<Scalar> inputs,
                          OptionalIn<std::int64_t> tokens, int n_threads) {
  const CellSettings settings = cell_settings(cell);
  require(settings.name == "elman" || settings.name == "linear", "cell must be one of elman, linear, got '" + settings.name + "'");
  require(n_threads > 0, "n_threads must be at least 1, got " + std::to_string(n_threads));
  const std::unique_ptr<Cell<Scalar>> made = make_cell<Scalar>(settings);
  const Index n = made->n_state(), n_params = made->n_params(), n_inputs = made->n_inputs();
  require_shape(theta, "theta", {n_params});
  require_finite(theta.data(), 1, 1, n_params, "theta");
  require_shape(state, "state", {n});
  require_finite(state.data(), 1, 1, n, "state");
  require(inputs.has_value() != tokens.has_value(), "inputs: give dense inputs or tokens, one of them");
  const Index n_steps = inputs ? inputs->shape(0) : tokens->shape(0);
  require(n_steps > 0, "inputs must have at least one step, got none");
  if (inputs) {
    require_shape(*inputs, "inputs", {n_steps, n_inputs});
    require_finite(inputs->data(), 1, n_steps, n_inputs, "inputs");
  } else {
    require_range(tokens->data(), 1, n_steps, n_inputs, "inputs", "n_inputs");
  }
  py::array_t<Scalar> states({n_steps, n}), influence({n, n_params}), second({n, n_params * (n_params + 1) / 2});
  Scalar *h = states.mutable_data(), *J = influence.mutable_data(), *S = second.mutable_data();
  const Scalar *X = inputs ? inputs->data() : nullptr, *start = state.data(), *weights = theta.data();
  const std::int64_t* ids = tokens ? tokens->data() : nullptr;
  const Activation activation = settings.name == "elman" ? activation_from(settings.activation) : Activation::identity;
  std::optional<ForwardHessian<Scalar>> sums;
  for (Index first = 0; first < n_steps;) {
    const auto left = [&](const auto* from, Index width) { return from ? from + first * width : nullptr; };
    Index count = 0, wanted = 0;
    {
      Unlocked unlocked;
      const FlushDenormals scope;  // as the threads of the pool do
      if (!sums) sums.emplace(*made, activation, weight_bound, weights, start, n_steps, n_threads);
      wanted = std::min(n_steps - first, sums->most_steps());
      count = sums->run(wanted, left(X, n_inputs), left(ids, 1), h + first * n);
    }
    if (count < wanted) raise_divergence({Status::state_not_finite, first + count});
    for (Index from = 0, to = 0; from < sums->n_tasks(); from = to) {
      for (double flop = 0; to < sums->n_tasks() && flop * static_cast<double>(count) < slice_flop;) {
        const Index more = std::min(to + 64, sums->n_tasks());
        flop += sums->flop(to, more);
        to = more;
      }
      {
        Unlocked unlocked;
        const FlushDenormals scope;
        sums->move(from, to, S);
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
    first += count;
    bool finite = false;
    {
      Unlocked unlocked;
      sums->influence(J);
      finite = sums->all_finite(J, S);
    }
    if (!finite) raise_not_finite(first - 1);
  }
  return py::make_tuple(states, influence, second);
}

template <typename Scalar>
void define(py::module_& m) {
  m.def("forward_hessian", &forward_hessian<Scalar>, py::arg("cell"), py::arg("weight_bound"), py::arg("theta").noconvert(),
        py::arg("state").noconvert(), py::arg("inputs").noconvert(), py::arg("tokens").noconvert(), py::arg("n_threads"));
}

}  // namespace

void bind_forward_hessian(py::module_& m) {
  define<float>(m);
  define<double>(m);
}

}  // namespace pushforward::bind
