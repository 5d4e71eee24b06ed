// Many small least-squares problems: names, types and checks of what comes in.
#include <chrono>

#include "arrays.hpp"
#include "pushforward/koopman/batched.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

// (B, m, n) of which every problem is one piece of memory; the problems may overlap.
template <typename Scalar>
Index stride_of(const py::array_t<Scalar, 0>& a, const char* name) {
  constexpr py::ssize_t item = sizeof(Scalar);
  require(a.ndim() == 3 && a.size() > 0, std::string(name) + " must have three axes, none of them 0, got shape " + shape_of(a));
  const bool whole = (a.shape(2) == 1 || a.strides(2) == item) && (a.shape(1) == 1 || a.strides(1) == a.shape(2) * item);
  require(whole && a.strides(0) % item == 0, std::string(name) + " must hold each problem in one piece");
  return a.strides(0) / item;
}

template <typename Scalar>
void refuse(const LstsqBatch<Scalar>& b, Index problem) {
  const auto search = [&](const Scalar* data, Index width, const char* name) {
    for (Index i = 0; i < b.m * width; ++i)
      if (!std::isfinite(data[i]))
        throw std::invalid_argument(std::string(name) + " must be finite, got " + std::to_string(data[i]) + " in problem " + std::to_string(problem) +
                                    ", row " + std::to_string(i / width));
  };
  search(b.A + problem * b.A_stride, b.k, "A");
  search(b.Y + problem * b.Y_stride, b.p, "Y");
  throw std::invalid_argument("Y must be small enough for sums of its numbers, which overflow in problem " + std::to_string(problem));
}

// (x (n_ridges, B, k, p), rank (B) or None)
template <typename Scalar>
py::tuple solve(py::array_t<Scalar, 0> A, py::array_t<Scalar, 0> Y, ArrayIn<Scalar> ridge, Scalar rcond, bool always_cut, bool ranked) {
  LstsqBatch<Scalar> b;
  b.A_stride = stride_of(A, "A");
  b.Y_stride = stride_of(Y, "Y");
  b.n_problems = A.shape(0), b.m = A.shape(1), b.k = A.shape(2), b.p = Y.shape(2);
  require_shape(Y, "Y", {b.n_problems, b.m, b.p});
  require(ridge.ndim() == 2, "ridge must have two axes, got shape " + shape_of(ridge));
  b.n_ridges = ridge.shape(0);
  require_shape(ridge, "ridge", {b.n_ridges, b.n_problems});
  b.A = A.data(), b.Y = Y.data(), b.ridge = ridge.data();
  b.rcond = rcond, b.always_cut = always_cut;
  py::array_t<Scalar> X({b.n_ridges, b.n_problems, b.k, b.p});
  py::array_t<std::int64_t> rank(ranked ? b.n_problems : 0);
  b.X = X.mutable_data();
  if (ranked) b.rank = rank.mutable_data();
  const int n_threads = default_threads();
  for (Index first = 0, length = 256; first < b.n_problems;) {  // Ctrl-C is heard between slices of some 50 ms
    const Index count = std::min(length, b.n_problems - first);
    Index bad = -1;
    {
      Unlocked unlocked;
      const auto start = std::chrono::steady_clock::now();
      bad = solve_batch(b, first, count, n_threads);
      if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(25)) length *= 2;
    }
    if (bad >= 0) refuse(b, bad);
    first += count;
    if (first < b.n_problems && PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  return py::make_tuple(X, ranked ? py::object(rank) : py::none());
}

template <typename Scalar>
void bind_type(py::module_& m) {
  m.def("batched_lstsq", &solve<Scalar>, py::arg("A").noconvert(), py::arg("Y").noconvert(), py::arg("ridge").noconvert(), py::arg("rcond"),
        py::arg("always_cut"), py::arg("ranked"));
}

}  // namespace

void bind_koopman_batched(py::module_& m) {
  bind_type<float>(m);
  bind_type<double>(m);
}

}  // namespace pushforward::bind
