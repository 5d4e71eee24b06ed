#pragma once
// The influence written out, (n_state, n_params) without padding, from any form in which an algorithm keeps it.

#include "../cells/cell.hpp"

namespace pushforward {

// entry(group, row, column, k) = ∂s_k/∂W[row, column] of that group. A weight used twice has one column, the sum of both.
template <typename Scalar, typename Entry>
void write_dense(const Cell<Scalar>& cell, Scalar* dense, Entry&& entry) {
  const std::vector<Group>& groups = cell.groups();
  const Index n_params = cell.n_params();
  each_run(groups, [&](const Group& g, Index row, Index column, Index at, Index n) {
    for (Index k = 0; k < cell.n_state(); ++k)
      for (Index j = 0; j < n; ++j) {
        Scalar sum = entry(g, row, column + j, k);
        for (const Group& twin : groups)
          if (twin.mirror >= 0 && &groups[static_cast<std::size_t>(twin.mirror)] == &g) sum += entry(twin, column + j, row, k);
        dense[k * n_params + at + j] = sum;
      }
  });
}

}  // namespace pushforward
