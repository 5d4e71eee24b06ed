// Rows into the factor of a least-squares problem: names, types and checks of what comes in.
#include "arrays.hpp"
#include "pushforward/koopman/fold.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

// R (n, n) upper triangular, C (n, k) -> T as the kernels read it
template <typename Scalar>
py::array_t<Scalar> pack(ArrayIn<Scalar> R, ArrayIn<Scalar> C) {
  require(C.ndim() == 2, "C must have two axes, got shape " + shape_of(C));
  const Index n = C.shape(0), k = C.shape(1);
  require_shape(R, "R", {n, n});
  const Index n_left = fold_strips<Scalar>(n);
  py::array_t<Scalar> T(fold_place<Scalar>(n_left + fold_strips<Scalar>(k), n_left));
  pack_fold(n, k, R.data(), C.data(), T.mutable_data());
  return T;
}

// H += [Z | W]ᵀ [Z | W], its lower triangle; returns how many rows went in
template <typename Scalar>
Index fold(OptionalIn<Scalar> T, ArrayIn<Scalar> X, ArrayIn<Scalar> Y, OptionalIn<Scalar> scale, py::array_t<Scalar, py::array::c_style>& H, Scalar limit,
           bool right) {
  require(X.ndim() == 2 && Y.ndim() == 2 && X.shape(0) == Y.shape(0),
          "X and Y must have two axes and as many rows, got shapes " + shape_of(X) + " and " + shape_of(Y));
  Fold<Scalar> f;
  f.n = X.shape(1), f.k = Y.shape(1), f.n_rows = X.shape(0);
  const Index n_left = fold_strips<Scalar>(f.n), n_strips = n_left + fold_strips<Scalar>(f.k), width = n_strips * fold_strip<Scalar>;
  require_shape(H, "H", {width, width});
  if (T) require_shape(*T, "T", {fold_place<Scalar>(n_strips, n_left)});
  if (scale) require_shape(*scale, "scale", {f.n_rows});
  f.X = X.data(), f.ldx = f.n, f.Y = Y.data(), f.ldy = f.k;
  f.scale = scale ? scale->data() : nullptr;
  f.T = T ? T->data() : nullptr;
  f.H = H.mutable_data();
  f.limit = limit;
  f.right = right;
  const int n_threads = default_threads();
  Unlocked unlocked;
  return f.run(n_threads);
}

template <typename Scalar>
void bind_type(py::module_& m) {
  m.def("pack_fold", &pack<Scalar>, py::arg("R").noconvert(), py::arg("C").noconvert());
  m.def("fold", &fold<Scalar>, py::arg("T").noconvert().none(true), py::arg("X").noconvert(), py::arg("Y").noconvert(),
        py::arg("scale").noconvert().none(true), py::arg("H").noconvert(), py::arg("limit"), py::arg("right"));
}

}  // namespace

void bind_koopman_fold(py::module_& m) {
  m.attr("FOLD_STRIP_BYTES") = static_cast<int>(cache_line);
  bind_type<float>(m);
  bind_type<double>(m);
}

}  // namespace pushforward::bind
