#pragma once
// Pre-activations that share a presynaptic vector, and how their weights lie in memory.
//
//   rows:    a_i = Σ_j W[i, j] u_j          W (n_units, n_presynaptic) in padded rows of `width`;  u = [own numbers | shared numbers]
//   column:  a_i = W[i] u_i                 W (n_units) one padded row: a group with one number a unit
//
// The shared numbers are the same for all units and stand in the step's record at presynaptic_offset + n_own. The first n_own numbers of a row are a unit's
// own: they are looked up in a base vector of the record, u[base_offset + sources[i, j]]; the places kept for them before the shared numbers
// hold zeros. That is how a sparse recurrence (n_own connections a unit) and an element-wise one (n_own = 1) are written.
//
// A mirror group holds the transpose of another group's W (a weight used twice): it has no place of its own in θ.

#include <vector>

#include "../core/types.hpp"

namespace pushforward {

struct Group {
  Index n_units = 0;
  Index n_presynaptic = 0;         // numbers in a row, own ones included; of a column group 1
  Index width = 0;                 // of a padded row of W
  Index input_column = -1;         // where x stands in a row; −1: not in it
  Index n_own = 0;
  std::vector<Index> sources;      // (n_units, n_own): places in the base, those that exist first; −1: there is no such connection
  Index base_offset = 0;
  bool column = false;             // n_own = 1: u_i is the unit's own number; n_own = 0: u is one shared number
  Index first_state = 0;           // its gates never move the states before
  Index mirror = -1;               // the group of which this is the transpose
  Index first_gate = 0;            // first row among all groups' pre-activations
  Index weight_offset = 0;         // of W^g in W
  Index presynaptic_offset = 0;    // of u^g in u

  Index n_rows() const { return column ? 1 : n_units; }
  Index size() const { return n_rows() * width; }
  Index n_shared() const { return n_presynaptic - n_own; }
  Index source(Index unit, Index j) const { return sources[static_cast<std::size_t>(unit * n_own + j)]; }
  Index n_connections(Index unit) const {
    Index n = 0;
    while (n < n_own && source(unit, n) >= 0) ++n;
    return n;
  }
};

// θ in runs: body(group, row, column, at, n) for n numbers that stand at W[weight_offset + row · width + column …] and at θ[at …].
template <typename Body>
void each_run(const std::vector<Group>& groups, Body&& body) {
  Index at = 0;
  const auto run = [&](const Group& g, Index row, Index column, Index n) {
    if (n == 0) return;
    body(g, row, column, at, n);
    at += n;
  };
  for (const Group& g : groups) {
    if (g.mirror >= 0) continue;
    if (g.column) {
      run(g, 0, 0, g.n_units);
      continue;
    }
    for (Index i = 0; i < g.n_units; ++i) {
      if (g.n_own > 0) run(g, i, 0, g.n_connections(i));
      run(g, i, g.n_own, g.n_shared());
    }
  }
}

inline Index count_params(const std::vector<Group>& groups) {
  Index total = 0;
  each_run(groups, [&](const Group&, Index, Index, Index, Index n) { total += n; });
  return total;
}

inline Index widest_row(const std::vector<Group>& groups) {
  Index widest = 0;
  for (const Group& g : groups)
    if (!g.column && g.width > widest) widest = g.width;
  return widest;
}

// row ← unit i's presynaptic numbers of a step, looked up in its record u: padded row of a rows group.
template <typename Scalar>
void presynaptic_row(const Group& g, Index i, const Scalar* u, Scalar* row) {
  const Scalar* shared = u + g.presynaptic_offset;
  for (Index j = 0; j < g.width; ++j) row[j] = shared[j];
  for (Index j = 0; j < g.n_own; ++j) row[j] = g.source(i, j) >= 0 ? u[g.base_offset + g.source(i, j)] : Scalar(0);
}

// The presynaptic number of unit i in a column group.
template <typename Scalar>
Scalar presynaptic_number(const Group& g, Index i, const Scalar* u) {
  return g.n_own > 0 ? u[g.base_offset + g.source(i, 0)] : u[g.presynaptic_offset];
}

}  // namespace pushforward
