// Features of a sampled layer: shapes, memory and threads around the hot loop of simd/lift.hpp.
#include <algorithm>
#include <cstdlib>

#include "arrays.hpp"
#include "pushforward/core/buffer.hpp"
#include "pushforward/core/denormals.hpp"
#include "pushforward/core/koopman_ops.hpp"
#include "pushforward/core/threads.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

// Rows of a task: enough numbers to be worth handing out, few enough that the panel's rows of X and out stay in the cache.
constexpr Index task_numbers = Index{1} << 15;

template <typename Scalar>
void check_rows(const ArrayIn<Scalar>& X) {
  if (ops<Scalar>().all_finite(X.size(), X.data())) return;
  const Scalar* x = X.data();
  const auto bad = std::find_if(x, x + X.size(), [](Scalar v) { return !std::isfinite(v); });
  throw std::invalid_argument("X must be finite, got " + std::to_string(*bad) + " in row " + std::to_string((bad - x) / X.shape(1)));
}

// out[t, j] = σ(b[j] + Σ_k W[j, k] X[t, k]); rows of out may lie apart, its columns lie side by side.
template <typename Scalar>
void lift(ArrayIn<Scalar> X, ArrayIn<Scalar> W, ArrayIn<Scalar> b, const std::string& activation, py::array_t<Scalar, 0> out) {
  require(X.ndim() == 2 && X.shape(1) > 0, "X must be (n, n_inputs), got shape " + shape_of(X));
  require(W.ndim() == 2 && W.shape(1) == X.shape(1) && W.shape(0) > 0,
          "W must have shape (n_units, " + std::to_string(X.shape(1)) + ") like the columns of X, got " + shape_of(W));
  require_shape(b, "b", {W.shape(0)});
  require_shape(out, "out", {X.shape(0), W.shape(0)});
  constexpr py::ssize_t item = sizeof(Scalar);
  if (out.size() == 0) return;
  require((out.shape(1) == 1 || out.strides(1) == item) && out.strides(0) % item == 0, "out must have its columns side by side");
  require(out.shape(0) == 1 || std::abs(out.strides(0)) >= out.shape(1) * item, "out must have rows that do not overlap");
  LiftRows<Scalar> all{.activation = activation_from(activation), .n_rows = X.shape(0), .n_inputs = X.shape(1), .n_units = W.shape(0)};
  all.X = X.data();
  all.ldx = all.n_inputs;
  all.out = out.mutable_data();  // refuses what is not writeable
  all.ldo = out.strides(0) / item;
  check_rows(X);
  const Scalar *weights = W.data(), *bias = b.data();
  {
    Unlocked unlocked;
    const KoopmanOps<Scalar>& table = koopman_ops<Scalar>();
    Buffer<Scalar> packed(table.lift_packed_size(all.n_units, all.n_inputs));
    table.lift_pack(all.n_units, all.n_inputs, weights, bias, packed.data());
    all.packed = packed.data();
    const Index rows = std::max<Index>(16, task_numbers / all.n_units / 4 * 4), n_tasks = (all.n_rows + rows - 1) / rows;
    const FlushDenormals scope;  // as the threads of the pool do
    parallel_for(default_threads(), n_tasks, [&](Index task) {
      LiftRows<Scalar> part = all;
      part.n_rows = std::min(rows, all.n_rows - task * rows);
      part.X += task * rows * all.ldx;
      part.out += task * rows * all.ldo;
      table.lift(part);
    });
  }
}

}  // namespace

void bind_koopman_lift(py::module_& m) {
  m.def("lift", &lift<float>, py::arg("X").noconvert(), py::arg("W").noconvert(), py::arg("b").noconvert(), py::arg("activation"),
        py::arg("out").noconvert());
  m.def("lift", &lift<double>, py::arg("X").noconvert(), py::arg("W").noconvert(), py::arg("b").noconvert(), py::arg("activation"),
        py::arg("out").noconvert());
}

}  // namespace pushforward::bind
