#pragma once
// From names and numbers to objects: the only place where the list of cells and the list of carries are both in sight.
// A new cell or carry is one header and one line here.

#include <string>

#include "../carry/bounded.hpp"
#include "../carry/cost.hpp"
#include "../carry/exact.hpp"
#include "../carry/none.hpp"
#include "../cells/elman.hpp"
#include "../cells/linear.hpp"
#include "learner.hpp"

namespace pushforward {

struct CellSettings {
  std::string name = "elman";
  Index n_inputs = 1, n_units = 1;
  std::string activation = "tanh";
  double dt = 0;  // seconds; 0: the plain linear cell
};

struct CarrySettings {
  std::string gradient = "rtrl";
  Index carry_every = 0;  // 0: chosen by the cost model
  Index truncation = 0;   // of tbptt; 0: update_every
  bool bounded_latency = false;
  Index chunk = 0;        // exact.hpp; 0: by memory
};

template <typename Scalar>
std::unique_ptr<Cell<Scalar>> make_cell(const CellSettings& s) {
  require(s.n_inputs > 0, "n_inputs must be positive, got " + std::to_string(s.n_inputs));
  require(s.n_units > 0, "n_units must be positive, got " + std::to_string(s.n_units));
  if (s.name == "elman") return std::make_unique<Elman<Scalar>>(s.n_inputs, s.n_units, activation_from(s.activation));
  if (s.name == "linear") return std::make_unique<Linear<Scalar>>(s.n_inputs, s.n_units, s.dt);
  throw std::invalid_argument("cell must be one of elman, linear, got '" + s.name + "'");
}

// A carry for one series, and in `reach` how many steps back it may look.
template <typename Scalar>
std::unique_ptr<Carry<Scalar>> make_carry(const CarrySettings& s, const Cell<Scalar>& cell, const LearnerSettings& learner, int n_threads,
                                          Index& reach) {
  if (s.gradient == "rtrl") {
    const Index h = s.carry_every > 0 ? s.carry_every : choose_carry_every(cell, learner.update_every);
    reach = s.bounded_latency ? 2 * h : h;
    if (s.bounded_latency) return std::make_unique<BoundedExactCarry<Scalar>>(cell, learner.n_outputs, h, learner.weight_bound > 0, n_threads);
    return std::make_unique<ExactCarry<Scalar>>(cell, learner.n_outputs, h, learner.weight_bound > 0, n_threads, s.chunk);
  }
  if (s.gradient == "tbptt") {
    reach = s.truncation > 0 ? s.truncation : learner.update_every;
    require(reach >= learner.update_every, "truncation must be at least update_every (" + std::to_string(learner.update_every) + "), got " +
                                               std::to_string(reach) + ": losses would be forgotten");
    return std::make_unique<NoCarry<Scalar>>(cell, learner.n_outputs, reach);
  }
  throw std::invalid_argument("gradient must be one of rtrl, tbptt, got '" + s.gradient + "'");
}

template <typename Scalar>
std::unique_ptr<Learner<Scalar>> make_learner(const CellSettings& cell_settings, const CarrySettings& carry_settings,
                                              const LearnerSettings& settings, Index n_series) {
  require(settings.n_outputs > 0, "n_outputs must be positive, got " + std::to_string(settings.n_outputs));
  require(settings.update_every > 0, "update_every must be positive, got " + std::to_string(settings.update_every));
  constexpr Index most = Index{1} << 31;  // sizes of buffers follow from these: they must not overflow
  require(settings.update_every <= most, "update_every must be at most 2^31, got " + std::to_string(settings.update_every));
  require(carry_settings.carry_every <= most, "carry_every must be at most 2^31, got " + std::to_string(carry_settings.carry_every));
  require(carry_settings.truncation <= most, "truncation must be at most 2^31, got " + std::to_string(carry_settings.truncation));
  require(settings.n_threads > 0, "n_threads must be positive, got " + std::to_string(settings.n_threads));
  require(n_series > 0, "n_series must be positive, got " + std::to_string(n_series));
  auto cell = make_cell<Scalar>(cell_settings);
  std::vector<std::unique_ptr<Carry<Scalar>>> carries;
  Index reach = 1;
  for (Index i = 0; i < n_series; ++i)
    carries.push_back(make_carry(carry_settings, *cell, settings, n_series > 1 ? 1 : settings.n_threads, reach));
  const Index n_versions = (reach + settings.update_every - 1) / settings.update_every + 2;
  return std::make_unique<Learner<Scalar>>(std::move(cell), settings, std::move(carries), n_versions);
}

}  // namespace pushforward
