#pragma once
// Random arrays, and how results are compared with plain loops in long double: within n ε of the sum of the magnitudes of their terms.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "pushforward/core/buffer.hpp"

static const Index sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 23, 24, 31, 32, 33, 40, 47, 48, 49, 50, 63, 64, 65, 70, 128};

template <typename Scalar>
static std::vector<Scalar> random(Index n, double low = -1, double high = 1) {
  std::uniform_real_distribution<double> draw(low, high);
  std::vector<Scalar> x(static_cast<std::size_t>(n));
  for (Scalar& v : x) v = static_cast<Scalar>(draw(generator));
  return x;
}

template <typename Scalar>
static Wide tolerance(Index n_terms, Wide magnitude) {
  return (static_cast<Wide>(n_terms) + 4) * std::numeric_limits<Scalar>::epsilon() * magnitude;
}

// x with `ld` numbers a row: every number beyond column n must still be the guard
template <typename Scalar>
static constexpr Scalar guard = Scalar(-77.5);

template <typename Scalar>
static bool guarded(const std::vector<Scalar>& x, Index m, Index n, Index ld) {
  for (Index r = 0; r < m; ++r)
    for (Index c = n; c < ld; ++c)
      if (x[static_cast<std::size_t>(r * ld + c)] != guard<Scalar>) return false;
  for (std::size_t i = static_cast<std::size_t>(m * ld); i < x.size(); ++i)
    if (x[i] != guard<Scalar>) return false;
  return true;
}
