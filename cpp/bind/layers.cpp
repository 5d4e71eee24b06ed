// One line a kind of layer and a kind of recurrence.
#include "layers.hpp"

#include "pushforward/reservoir/blocks.hpp"
#include "pushforward/reservoir/dense.hpp"
#include "pushforward/reservoir/echo_state.hpp"
#include "pushforward/reservoir/shifts.hpp"
#include "pushforward/reservoir/sparse.hpp"
#include "pushforward/reservoir/fixed_poles.hpp"

namespace pushforward::bind {

namespace {

// The number of rows of an array.
inline Index rows_of(const py::dict& d, const char* key) {
  const py::object value = entry(d, key);
  if (!py::isinstance<py::array>(value)) throw py::type_error(std::string(key) + " must be an array");
  const auto a = py::reinterpret_borrow<py::array>(value);
  require(a.ndim() > 0, std::string(key) + " must have at least one axis");
  return a.shape(0);
}

template <typename Scalar>
std::unique_ptr<Recurrence<Scalar>> make_sparse(const py::dict& d, Index n_units, Index n_parts, bool keep_order) {
  const Index n_entries = rows_of(d, "values");
  return std::make_unique<SparseRecurrence<Scalar>>(n_units, n_parts, n_entries, array_entry<std::int64_t>(d, "indptr", {n_units + 1}),
                                                    array_entry<std::int64_t>(d, "indices", {n_entries}),
                                                    array_entry<Scalar>(d, "values", {n_entries, n_parts}), keep_order);
}

template <typename Scalar>
std::unique_ptr<Recurrence<Scalar>> make_shifts(const py::dict& d, Index n_units, Index n_parts) {
  ShiftsSettings<Scalar> s;
  s.n_units = n_units;
  s.n_parts = n_parts;
  s.cyclic = py::cast<bool>(entry(d, "cyclic"));
  s.n_shifts = rows_of(d, "shift");
  s.shift = array_entry<std::int64_t>(d, "shift", {s.n_shifts});
  s.weight = array_entry<Scalar>(d, "weight", {s.n_shifts, n_parts});
  s.n_connections = rows_of(d, "from");
  s.from = array_entry<std::int64_t>(d, "from", {s.n_connections});
  s.to = array_entry<std::int64_t>(d, "to", {s.n_connections});
  s.value = array_entry<Scalar>(d, "value", {s.n_connections, n_parts});
  return std::make_unique<ShiftsRecurrence<Scalar>>(s);
}

template <typename Scalar>
std::unique_ptr<Recurrence<Scalar>> make_blocks(const py::dict& d, Index n_units, Index n_parts) {
  const Index n_blocks = rows_of(d, "blocks");
  require(n_blocks > 0 && n_units % n_blocks == 0, "blocks must divide the " + std::to_string(n_units) + " units, got " + std::to_string(n_blocks));
  const Index size = n_units / n_blocks;
  return std::make_unique<BlocksRecurrence<Scalar>>(n_blocks, size, n_parts, array_entry<Scalar>(d, "blocks", {n_blocks, size, size, n_parts}));
}

// keep_order: the units must stay where they are, because another recurrence acts on them too
template <typename Scalar>
std::unique_ptr<Recurrence<Scalar>> make_recurrence(const py::dict& d, Index n_units, Index n_parts, bool keep_order) {
  const auto kind = py::cast<std::string>(entry(d, "kind"));
  if (kind == "dense")
    return std::make_unique<DenseRecurrence<Scalar>>(n_units, n_parts, array_entry<Scalar>(d, "W", {n_units, n_units, n_parts}));
  if (kind == "csr") return make_sparse<Scalar>(d, n_units, n_parts, keep_order);
  if (kind == "shifts") return make_shifts<Scalar>(d, n_units, n_parts);
  if (kind == "blocks") return make_blocks<Scalar>(d, n_units, n_parts);
  throw std::invalid_argument("recurrence: unknown kind '" + kind + "'");
}

template <typename Scalar>
std::unique_ptr<Layer<Scalar>> make_echo_state(const py::dict& d, Index n_inputs, Index n_feedback, Index n_parts, Index n_series, std::int64_t seed) {
  EchoStateSettings<Scalar> s;
  s.n_units = py::cast<Index>(entry(d, "n_units"));
  s.n_inputs = n_inputs;
  s.n_feedback = given(d, "W_feedback") ? n_feedback : 0;
  require(!given(d, "W_feedback") || n_feedback > 0, "W_feedback needs outputs to feed back, got n_outputs = 0");
  s.n_parts = n_parts;
  require(s.n_units > 0, "n_units must be at least 1, got " + std::to_string(s.n_units));
  s.recurrence = make_recurrence<Scalar>(py::cast<py::dict>(entry(d, "recurrence")), s.n_units, n_parts, given(d, "skip"));
  if (given(d, "skip")) s.skip = make_recurrence<Scalar>(py::cast<py::dict>(entry(d, "skip")), s.n_units, n_parts, true);
  s.W_in = array_entry<Scalar>(d, "W_in", {s.n_units, n_inputs, n_parts});
  s.bias = array_entry<Scalar>(d, "bias", {s.n_units, n_parts});
  if (s.n_feedback) s.W_feedback = array_entry<Scalar>(d, "W_feedback", {s.n_units, n_feedback, n_parts});
  s.leak_rate = array_entry<Scalar>(d, "leak_rate", {s.n_units});
  s.gain = array_entry<Scalar>(d, "gain", {s.n_units});
  s.shift = array_entry<Scalar>(d, "shift", {s.n_units});
  s.activation = activation_from(py::cast<std::string>(entry(d, "activation")));
  s.noise = py::cast<double>(entry(d, "noise"));
  s.seed = seed;
  return std::make_unique<EchoState<Scalar>>(std::move(s), n_series);
}

}  // namespace

template <typename Scalar>
std::unique_ptr<Layer<Scalar>> make_layer(const py::dict& d, Index n_inputs, Index n_feedback, Index n_parts, Index n_series, std::int64_t seed) {
  const auto kind = py::cast<std::string>(entry(d, "kind"));
  if (kind == "echo_state") return make_echo_state<Scalar>(d, n_inputs, n_feedback, n_parts, n_series, seed);
  if (kind == "fixed_poles") return std::make_unique<FixedPoles<Scalar>>(fixed_poles_settings<Scalar>(d, n_inputs, n_parts), n_series);
  throw std::invalid_argument("layer: unknown kind '" + kind + "'");
}

template std::unique_ptr<Layer<float>> make_layer<float>(const py::dict&, Index, Index, Index, Index, std::int64_t);
template std::unique_ptr<Layer<double>> make_layer<double>(const py::dict&, Index, Index, Index, Index, std::int64_t);

}  // namespace pushforward::bind
