#pragma once
// Array arguments: C-contiguous, of the exact type, never converted (python/pushforward/_arrays.py coerces once). Checks name the argument.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <optional>
#include <string>

#include "pushforward/core/check.hpp"
#include "pushforward/core/ops.hpp"

namespace pushforward::bind {

namespace py = pybind11;

// The interpreter's lock is free while this lives. Not py::gil_scoped_release: a daemon thread that asks for the lock when Python has ended
// is unwound from there (until Python 3.13), and a destructor that may not throw would turn that into an abort.
class Unlocked {
 public:
  Unlocked() : thread_(PyEval_SaveThread()) {}
  ~Unlocked() noexcept(false) { PyEval_RestoreThread(thread_); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* thread_;
};

// For kernels that run long without the lock: asked now and then, says whether Ctrl-C came. raise() afterwards, with the lock.
class Interrupted {
 public:
  bool operator()() {
    const PyGILState_STATE locked = PyGILState_Ensure();
    found_ = found_ || PyErr_CheckSignals() != 0;
    PyGILState_Release(locked);
    return found_;
  }
  void raise() const {
    if (found_) throw py::error_already_set();
  }

 private:
  bool found_ = false;
};

template <typename T>
using ArrayIn = py::array_t<T, py::array::c_style>;  // bind with py::arg(...).noconvert()
template <typename T>
using OptionalIn = std::optional<ArrayIn<T>>;

inline std::string shape_of(const py::array& a) {
  std::string s = "(";
  for (py::ssize_t i = 0; i < a.ndim(); ++i) s += (i ? ", " : "") + std::to_string(a.shape(i));
  return s + (a.ndim() == 1 ? ",)" : ")");
}

// The argument must have exactly this shape.
inline void require_shape(const py::array& a, const char* name, std::initializer_list<Index> shape) {
  bool same = a.ndim() == static_cast<py::ssize_t>(shape.size());
  py::ssize_t axis = 0;
  std::string expected = "(";
  for (const Index n : shape) {
    same = same && a.shape(axis) == n;
    expected += (axis++ ? ", " : "") + std::to_string(n);
  }
  if (!same) throw std::invalid_argument(std::string(name) + " must have shape " + expected + (shape.size() == 1 ? ",)" : ")") + ", got " + shape_of(a));
}

// Every number must be finite; the first that is not is named. steps: numbers are grouped by (series, step) of this many.
template <typename T>
void require_finite(const T* data, Index n_series, Index n_steps, Index width, const char* name) {
  if (ops<T>().all_finite(n_series * n_steps * width, data)) return;
  for (Index i = 0; i < n_series * n_steps * width; ++i)
    if (!std::isfinite(data[i]))
      throw std::invalid_argument(std::string(name) + " must be finite, got " + std::to_string(data[i]) + " at series " +
                                  std::to_string(i / (n_steps * width)) + ", step " + std::to_string(i / width % n_steps) + ", column " +
                                  std::to_string(i % width));
}

inline void require_range(const std::int64_t* data, Index n_series, Index n_steps, Index below, const char* name, const char* bound) {
  for (Index i = 0; i < n_series * n_steps; ++i)
    if (data[i] < 0 || data[i] >= below)
      throw std::invalid_argument(std::string(name) + " must lie in 0 … " + std::to_string(below - 1) + " (" + bound + " = " + std::to_string(below) +
                                  "), got " + std::to_string(data[i]) + " at series " + std::to_string(i / n_steps) + ", step " +
                                  std::to_string(i % n_steps));
}

template <typename T>
py::array_t<T> zeros(std::initializer_list<py::ssize_t> shape) {
  py::array_t<T> a(shape);
  std::fill_n(a.mutable_data(), a.size(), T(0));
  return a;
}

}  // namespace pushforward::bind
