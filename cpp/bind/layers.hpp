#pragma once
// Layers of fixed dynamics from the dictionaries that describe them.

#include <memory>

#include "arrays.hpp"
#include "pushforward/reservoir/fixed_poles.hpp"
#include "pushforward/reservoir/layer.hpp"

namespace pushforward::bind {

// What stands under `key`; missing is an error.
inline py::object entry(const py::dict& d, const char* key) {
  require(d.contains(key), std::string("layer: '") + key + "' is missing");
  return d[key];
}

// An array of exactly this shape and type, finite. It lives as long as the dictionary.
template <typename T>
const T* array_entry(const py::dict& d, const char* key, std::initializer_list<Index> shape) {
  const py::object value = entry(d, key);
  if (!py::isinstance<ArrayIn<T>>(value)) throw py::type_error(std::string(key) + " must be a C-contiguous array of the layer's dtype");
  const auto a = py::reinterpret_borrow<ArrayIn<T>>(value);
  require_shape(a, key, shape);
  if constexpr (std::is_floating_point_v<T>)
    require(ops<T>().all_finite(a.size(), a.data()), std::string(key) + " must be finite");
  return a.data();
}

inline bool given(const py::dict& d, const char* key) { return d.contains(key) && !d[key].is_none(); }

// Poles (n_units, n_parts), or in a real network (n_units, 2): conjugate pairs. The arrays live as long as the dictionary.
template <typename Scalar>
FixedPolesSettings<Scalar> fixed_poles_settings(const py::dict& d, Index n_inputs, Index n_parts) {
  FixedPolesSettings<Scalar> s;
  s.n_units = py::cast<Index>(entry(d, "n_units"));
  require(s.n_units > 0, "n_units must be at least 1, got " + std::to_string(s.n_units));
  s.n_inputs = n_inputs;
  s.n_parts = n_parts;
  const py::object poles = entry(d, "poles");
  const auto shape = py::isinstance<py::array>(poles) ? py::reinterpret_borrow<py::array>(poles) : py::array();
  const bool pairs = shape.ndim() == 2 && shape.shape(1) == 2;
  s.pole_parts = pairs ? 2 : n_parts;
  s.poles = array_entry<Scalar>(d, "poles", {s.n_units, s.pole_parts});
  s.W_in = array_entry<Scalar>(d, "W_in", {s.n_units, n_inputs, n_parts});
  s.bias = array_entry<Scalar>(d, "bias", {s.n_units, n_parts});
  s.activation = activation_from(py::cast<std::string>(entry(d, "activation")));
  return s;
}

// n_feedback: what is fed back to those layers that have W_feedback; n_inputs: of this layer
template <typename Scalar>
std::unique_ptr<Layer<Scalar>> make_layer(const py::dict& d, Index n_inputs, Index n_feedback, Index n_parts, Index n_series, std::int64_t seed);

}  // namespace pushforward::bind
