#pragma once
// θ number by number, for derivatives with respect to each: of p, number of unit i's row [W_rec | W_in | bias] of a cell with one group of rows,
//
//   unit[p] = i        source[p] = l where p is W_rec[i, l], else −1        place[p]: of what it is multiplied with, in a step's record u
//   slope[p] = φ'(θ_p)        bend[p] = φ''(θ_p)        φ(w) = c tanh(w / c), or the identity

#include <vector>

#include "../carry/weights.hpp"

namespace pushforward {

template <typename Scalar>
struct ParamTable {
  std::vector<Index> unit, source, place;
  std::vector<Scalar> slope, bend;  // bend: empty without a bound

  // weights: with θ committed
  ParamTable(const Cell<Scalar>& cell, const WeightHistory<Scalar>& weights, double bound) {
    const auto n_params = static_cast<std::size_t>(cell.n_params());
    unit = source = place = std::vector<Index>(n_params);
    slope.assign(n_params, Scalar(1));
    if (weights.bounded()) bend.assign(n_params, Scalar(0));
    each_run(cell.groups(), [&](const Group& g, Index i, Index first_column, Index at, Index n) {
      for (Index j = 0; j < n; ++j) {
        const auto p = static_cast<std::size_t>(at + j);
        const Index column = first_column + j, weight = g.weight_offset + i * g.width + column;
        unit[p] = i;
        if (g.n_own > 0) source[p] = column < g.n_own ? g.source(i, column) : -1;
        else source[p] = column < cell.n_state() ? column : -1;
        place[p] = g.n_own > 0 && source[p] >= 0 ? g.base_offset + source[p] : g.presynaptic_offset + column;
        if (!weights.bounded()) continue;
        slope[p] = weights.slope(0)[weight];
        bend[p] = static_cast<Scalar>(-2 / (bound * bound)) * weights.current()[weight] * slope[p];
      }
    });
  }
};

}  // namespace pushforward
