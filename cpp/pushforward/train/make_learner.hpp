#pragma once
// From settings to a learner: cells and carries meet here and nowhere else.

#include "make_carry.hpp"
#include "make_cell.hpp"

namespace pushforward {

template <typename Scalar>
std::unique_ptr<Learner<Scalar>> make_learner(const CellSettings& cell_settings, const CarrySettings& carry_settings,
                                              const LearnerSettings& settings, Index n_series) {
  require(settings.n_outputs > 0, "n_outputs must be positive, got " + std::to_string(settings.n_outputs));
  require(settings.update_every > 0, "update_every must be positive, got " + std::to_string(settings.update_every));
  constexpr Index most = Index{1} << 31;  // sizes of buffers follow from these: they must not overflow
  require(settings.n_outputs <= most, "n_outputs must be at most 2^31, got " + std::to_string(settings.n_outputs));
  require(settings.update_every <= most, "update_every must be at most 2^31, got " + std::to_string(settings.update_every));
  require(carry_settings.carry_every <= most, "carry_every must be at most 2^31, got " + std::to_string(carry_settings.carry_every));
  require(carry_settings.truncation <= most, "truncation must be at most 2^31, got " + std::to_string(carry_settings.truncation));
  require(settings.n_threads > 0, "n_threads must be positive, got " + std::to_string(settings.n_threads));
  require(n_series > 0, "n_series must be positive, got " + std::to_string(n_series));
  auto cell = make_cell<Scalar>(cell_settings);
  std::vector<std::unique_ptr<Carry<Scalar>>> carries;
  Index reach = 1;
  for (Index i = 0; i < n_series; ++i)
    carries.push_back(make_carry(carry_settings, *cell, settings, n_series > 1 ? 1 : settings.n_threads, i, reach));
  const Index n_versions = (reach + settings.update_every - 1) / settings.update_every + 2;
  return std::make_unique<Learner<Scalar>>(std::move(cell), settings, std::move(carries), n_versions);
}

}  // namespace pushforward
