#pragma once
// What Python holds of a network of fixed layers. Arrays have a last axis of parts: 1, or 2 for complex numbers.

#include <mutex>

#include "layers.hpp"
#include "learner.hpp"
#include "pushforward/core/random.hpp"
#include "pushforward/reservoir/network.hpp"
#include "readout.hpp"

namespace pushforward::bind {

template <typename Scalar>
class NetworkModel {
 public:
  NetworkModel(const py::list& layers, const py::dict& settings) : network_(make(layers, settings)) {}

  Network<Scalar>& network() { return network_; }
  const NetworkSettings& settings() const { return network_.settings(); }

  std::unique_lock<std::mutex> use() {
    std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
    if (!lock) throw std::runtime_error("this network is in use by another thread; give each thread its own");
    return lock;
  }

  // (n_series, n_state, n_parts), layer after layer
  void copy_states(Scalar* out) const {
    each_state([&](const Layer<Scalar>& layer, Index series, Index at) { layer.state(series, out + at); });
  }
  void set_states(const Scalar* from) {
    each_state([&](Layer<Scalar>& layer, Index series, Index at) { layer.set_state(series, from + at); });
  }
  std::vector<std::int64_t> ticks() const {
    std::vector<std::int64_t> ticks;
    for (Index b = 0; b < settings().n_series; ++b) ticks.push_back(network_.layers().front()->tick(b));
    return ticks;
  }
  void set_ticks(const std::int64_t* ticks) {
    for (const auto& layer : network_.layers())
      for (Index b = 0; b < settings().n_series; ++b) layer->set_tick(b, ticks[b]);
  }

 private:
  static Network<Scalar> make(const py::list& list, const py::dict& d) {
    NetworkSettings s;
    s.n_inputs = py::cast<Index>(entry(d, "n_inputs"));
    s.n_outputs = py::cast<Index>(entry(d, "n_outputs"));
    s.n_parts = py::cast<Index>(entry(d, "n_parts"));
    s.n_series = py::cast<Index>(entry(d, "n_series"));
    s.include_inputs = py::cast<bool>(entry(d, "include_inputs"));
    require(s.n_inputs >= 0 && s.n_outputs >= 0, "n_inputs and n_outputs must not be negative");
    require(s.n_parts == 1 || s.n_parts == 2, "n_parts must be 1 or 2, got " + std::to_string(s.n_parts));
    require(s.n_series > 0, "n_series must be at least 1, got " + std::to_string(s.n_series));
    require(list.size() > 0, "layers must not be empty");
    const auto seed = py::cast<std::int64_t>(entry(d, "seed"));
    std::vector<std::unique_ptr<Layer<Scalar>>> layers;
    Index n_inputs = s.n_inputs;
    for (const py::handle& layer : list) {  // each layer draws its noise from a seed of its own, the first from the one given
      const auto number = static_cast<std::uint64_t>(layers.size());
      const std::int64_t own = number ? static_cast<std::int64_t>(splitmix64(static_cast<std::uint64_t>(seed), number)) : seed;
      layers.push_back(make_layer<Scalar>(py::cast<py::dict>(layer), n_inputs, s.n_outputs, s.n_parts, s.n_series, own));
      n_inputs = layers.back()->n_units();
    }
    return Network<Scalar>(std::move(layers), s);
  }

  template <typename Body>
  void each_state(const Body& body) const {
    const Index n_parts = settings().n_parts;
    for (Index b = 0, at = 0; b < settings().n_series; ++b)
      for (const auto& layer : network_.layers()) {
        body(*layer, b, at);
        at += layer->n_units() * n_parts;
      }
  }

  Network<Scalar> network_;
  std::mutex busy_;
};

}  // namespace pushforward::bind
