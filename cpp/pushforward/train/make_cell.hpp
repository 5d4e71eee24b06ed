#pragma once
// From names and numbers to a cell: the only place that lists them. A new cell is one header and one line here.

#include <string>
#include <utility>

#include "../cells/diagonal.hpp"
#include "../cells/elman.hpp"
#include "../cells/elstm.hpp"
#include "../cells/gru.hpp"
#include "../cells/gru_before.hpp"
#include "../cells/leaky.hpp"
#include "../cells/linear.hpp"
#include "../cells/lru.hpp"
#include "../cells/lstm.hpp"
#include "../cells/neural_ode.hpp"
#include "../cells/stack.hpp"
#include "../core/check.hpp"

namespace pushforward {

struct CellSettings {
  std::string name = "elman";
  Index n_inputs = 1, n_units = 1;
  std::string activation = "tanh";
  double dt = 0;                      // seconds; 0: the plain linear cell
  double leak_rate = 1;               // (0, 1]; where it is learnt, the start is θ's business
  bool learn_leak = false;
  std::string reset = "after";        // of a GRU: after or before the recurrent product
  std::string decay = "diagonal";     // of a neural ODE: diagonal, dense or gram
  double noise = 0;                   // standard deviation per √second
  std::int64_t noise_seed = 0;
  Sources sources;                    // (n_units, k) recurrent connections, −1: none there; empty: all
  std::vector<CellSettings> layers;   // of a stack, lowest first
};

template <typename Scalar>
std::unique_ptr<Cell<Scalar>> make_cell(const CellSettings& s);

// Numbers of weights follow from these: they must not overflow.
inline void check_sizes(const CellSettings& s) {
  constexpr Index most = Index{1} << 28;
  for (const auto& [name, n] : {std::pair{"n_inputs", s.n_inputs}, std::pair{"n_units", s.n_units}})
    require(n > 0 && n <= most, std::string(name) + " must be positive and at most 2^28, got " + std::to_string(n));
}

inline void check_sources(const CellSettings& s) {
  const auto n_numbers = static_cast<Index>(s.sources.size()), k = n_numbers / s.n_units;
  require(n_numbers == k * s.n_units, "sources must hold one row a unit, got " + std::to_string(n_numbers) + " numbers");
  std::vector<Index> heard_by(static_cast<std::size_t>(s.n_units), -1);
  for (Index at = 0; at < n_numbers; ++at) {
    const Index source = s.sources[static_cast<std::size_t>(at)];
    require(source >= -1 && source < s.n_units, "sources must lie in -1 … n_units - 1, got " + std::to_string(source));
    if (source < 0) continue;
    require(at % k == 0 || s.sources[static_cast<std::size_t>(at - 1)] >= 0, "sources must have the connections of a unit before its -1");
    Index& last = heard_by[static_cast<std::size_t>(source)];
    require(last != at / k, "sources must name each unit once a row, got " + std::to_string(source) + " twice");
    last = at / k;
  }
}

template <typename Scalar>
std::unique_ptr<Cell<Scalar>> make_neural_ode(const CellSettings& s) {
  require(s.dt > 0, "dt must be positive, got " + std::to_string(s.dt));
  require(s.noise >= 0, "noise must not be negative, got " + std::to_string(s.noise));
  require(s.decay == "diagonal" || s.decay == "dense" || s.decay == "gram", "decay must be one of diagonal, dense, gram, got '" + s.decay + "'");
  const Decay decay = s.decay == "diagonal" ? Decay::diagonal : s.decay == "dense" ? Decay::dense : Decay::gram;
  return std::make_unique<NeuralOde<Scalar>>(s.n_inputs, s.n_units, activation_from(s.activation), s.dt, decay, s.noise, s.noise_seed, s.sources);
}

template <typename Scalar>
std::unique_ptr<Cell<Scalar>> make_stack(const CellSettings& s) {
  require(!s.layers.empty(), "layers must be at least one, got none");
  typename Stack<Scalar>::Layers layers;
  for (const CellSettings& layer : s.layers) {
    require(layer.name != "stack", "layers must be plain cells, got a stack");
    const Index expected = layers.empty() ? s.n_inputs : layers.back()->n_features();
    require(layer.n_inputs == expected, "n_inputs of layer " + std::to_string(layers.size()) + " must be " + std::to_string(expected) + ", got " +
                                            std::to_string(layer.n_inputs));
    layers.push_back(make_cell<Scalar>(layer));
  }
  return std::make_unique<Stack<Scalar>>(std::move(layers));
}

template <typename Scalar>
std::unique_ptr<Cell<Scalar>> make_cell(const CellSettings& s) {
  check_sizes(s);
  check_sources(s);
  if (s.name == "elman") return std::make_unique<Elman<Scalar>>(s.n_inputs, s.n_units, activation_from(s.activation), s.sources);
  require(s.name != "linear" || s.dt >= 0, "dt must not be negative, got " + std::to_string(s.dt));
  if (s.name == "linear") return std::make_unique<Linear<Scalar>>(s.n_inputs, s.n_units, s.dt, s.sources);
  require(s.leak_rate > 0 && s.leak_rate <= 1, "leak_rate must lie in (0, 1], got " + std::to_string(s.leak_rate));
  if (s.name == "leaky")
    return std::make_unique<Leaky<Scalar>>(s.n_inputs, s.n_units, activation_from(s.activation), s.leak_rate, s.learn_leak, s.sources);
  if (s.name == "gru") {
    require(s.reset == "after" || s.reset == "before", "reset must be one of after, before, got '" + s.reset + "'");
    if (s.reset == "after") return std::make_unique<Gru<Scalar>>(s.n_inputs, s.n_units, s.sources);
    return std::make_unique<GruBefore<Scalar>>(s.n_inputs, s.n_units, s.sources);
  }
  if (s.name == "lstm") return std::make_unique<Lstm<Scalar>>(s.n_inputs, s.n_units, s.sources);
  if (s.name == "diagonal") return std::make_unique<Diagonal<Scalar>>(s.n_inputs, s.n_units, activation_from(s.activation));
  if (s.name == "lru") return std::make_unique<Lru<Scalar>>(s.n_inputs, s.n_units);
  if (s.name == "elstm") return std::make_unique<Elstm<Scalar>>(s.n_inputs, s.n_units);
  if (s.name == "neural_ode") return make_neural_ode<Scalar>(s);
  if (s.name == "stack") return make_stack<Scalar>(s);
  throw std::invalid_argument("cell must be one of elman, linear, leaky, gru, lstm, diagonal, lru, elstm, neural_ode, stack, got '" + s.name + "'");
}

}  // namespace pushforward
