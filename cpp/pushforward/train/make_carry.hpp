#pragma once
// From names and numbers to a carry: the only place that lists them. A new carry is one header and one line here.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "../carry/bounded.hpp"
#include "../carry/cost.hpp"
#include "../carry/elementwise.hpp"
#include "../carry/exact.hpp"
#include "../carry/kf.hpp"
#include "../carry/local.hpp"
#include "../carry/none.hpp"
#include "../carry/snap.hpp"
#include "../carry/uoro.hpp"
#include "learner.hpp"

namespace pushforward {

struct CarrySettings {
  std::string gradient = "rtrl";
  Index carry_every = 0;  // 0: chosen by the cost model
  Index truncation = 0;   // of tbptt; 0: update_every
  bool bounded_latency = false;
  Index chunk = 0;        // exact.hpp; 0: by memory
  std::string feedback;   // of rflo and eprop: random or transposed; empty: the algorithm's own
  std::int64_t seed = 0;  // of what an algorithm draws
};

// The names that can train a cell; known_gradients holds those of any.
inline constexpr std::array<std::string_view, 8> known_gradients = {"rtrl", "tbptt", "snap1", "snap2", "uoro", "kf", "rflo", "eprop"};
template <typename Scalar>
std::vector<std::string_view> defined_gradients(const Cell<Scalar>& cell, bool bounded_weights) {
  std::vector<std::string_view> names = {"rtrl", "tbptt", "snap1", "snap2", "uoro"};
  if (KfCarry<Scalar>::defined_for(cell, bounded_weights)) names.push_back("kf");
  if (cell.coupling() == Coupling::recurrent && ElementwiseCarry<Scalar>::defined_for(cell)) names.insert(names.end(), {"rflo", "eprop"});
  return names;
}

template <typename Names>
std::string listed(const Names& names) {
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

inline bool is_local(std::string_view gradient) { return gradient == "rflo" || gradient == "eprop"; }

inline std::string why_not(std::string_view gradient, Coupling coupling) {
  if (!is_local(gradient)) return "";
  return coupling == Coupling::none ? ": its units hear nobody but themselves, there rtrl is local already" : ": its weights move other units' states";
}

template <typename Scalar>
void check_gradient(const std::string& name, const Cell<Scalar>& cell, bool bounded_weights) {
  if (std::find(known_gradients.begin(), known_gradients.end(), name) == known_gradients.end())
    throw std::invalid_argument("gradient must be one of " + listed(known_gradients) + ", got '" + name + "'");
  const auto names = defined_gradients(cell, bounded_weights);
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw std::invalid_argument("gradient must be one of " + listed(names) + " for this cell" + (bounded_weights ? " with bounded weights" : "") +
                                ", got '" + name + "'" + why_not(name, cell.coupling()));
}

// The carries that keep what units do to themselves; null: this is none of them.
template <typename Scalar>
std::unique_ptr<Carry<Scalar>> make_elementwise(const CarrySettings& s, const Cell<Scalar>& cell, const LearnerSettings& learner, int n_threads,
                                                Index& reach) {
  using Elementwise = ElementwiseCarry<Scalar>;
  const bool local = is_local(s.gradient), whole = cell.coupling() == Coupling::none && (s.gradient == "rtrl" || s.gradient == "snap2");
  if (!Elementwise::defined_for(cell) || !(local || whole || s.gradient == "snap1")) return nullptr;
  const Index h = s.carry_every > 0 ? s.carry_every : s.bounded_latency ? 1 : choose_elementwise(cell, learner.update_every);
  const bool bounded_weights = learner.weight_bound > 0;
  if (bounded_weights) reach = h;  // for φ' of each step; what else a step was is recorded with it
  if (!local) {
    const auto keep = whole ? Elementwise::Keep::own : Elementwise::Keep::one_step;
    return std::make_unique<Elementwise>(cell, learner.n_outputs, h, bounded_weights, n_threads, keep);
  }
  require(s.feedback.empty() || s.feedback == "random" || s.feedback == "transposed",
          "feedback must be one of random, transposed, got '" + s.feedback + "'");
  const bool random = s.feedback.empty() ? s.gradient == "rflo" : s.feedback == "random";
  return std::make_unique<LocalCarry<Scalar>>(cell, learner.n_outputs, h, bounded_weights, n_threads, random, s.seed);
}

// A carry for one series, and in `reach` how many steps back it may look.
template <typename Scalar>
std::unique_ptr<Carry<Scalar>> make_carry(const CarrySettings& s, const Cell<Scalar>& cell, const LearnerSettings& learner, int n_threads,
                                          Index series, Index& reach) {
  const bool bounded_weights = learner.weight_bound > 0;
  check_gradient(s.gradient, cell, bounded_weights);
  reach = 1;
  if (s.gradient == "uoro") {
    const Index h = s.carry_every > 0 ? s.carry_every : s.bounded_latency ? 1 : std::clamp<Index>(learner.update_every, 4, 16);
    if (bounded_weights) reach = h;  // for φ' of each step
    return std::make_unique<UoroCarry<Scalar>>(cell, learner.n_outputs, h, s.seed, series);
  }
  if (s.gradient == "kf") return std::make_unique<KfCarry<Scalar>>(cell, learner.n_outputs, s.seed, series);
  if (auto carry = make_elementwise(s, cell, learner, n_threads, reach)) return carry;
  if (s.gradient == "snap1") return std::make_unique<SnapCarry<Scalar>>(cell, learner.n_outputs, 1, bounded_weights, n_threads);
  if (s.gradient == "snap2") return std::make_unique<SnapCarry<Scalar>>(cell, learner.n_outputs, 2, bounded_weights, n_threads);
  if (s.gradient == "rtrl") {
    const Index h = s.carry_every > 0 ? s.carry_every : choose_carry_every(cell, learner.update_every);
    reach = s.bounded_latency ? 2 * h : h;
    if (s.bounded_latency) return std::make_unique<BoundedExactCarry<Scalar>>(cell, learner.n_outputs, h, bounded_weights, n_threads);
    return std::make_unique<ExactCarry<Scalar>>(cell, learner.n_outputs, h, bounded_weights, n_threads, s.chunk);
  }
  reach = s.truncation > 0 ? s.truncation : learner.update_every;
  require(reach >= learner.update_every, "truncation must be at least update_every (" + std::to_string(learner.update_every) + "), got " +
                                             std::to_string(reach) + ": losses would be forgotten");
  return std::make_unique<NoCarry<Scalar>>(cell, learner.n_outputs, reach);  // tbptt
}

}  // namespace pushforward
