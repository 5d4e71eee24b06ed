#pragma once
// How an influence with a fixed pattern lies in memory: of every gate the rows R, the states that it reaches within n steps (structure.hpp).
//
// A run is consecutive units of a group with the same R:   J (units, |R|, width of the group), of a column group (|R|, units)
//                                                          E (units, padded(|R|)), M[R, i] of its units: zero but where M has an entry

#include <map>

#include "structure.hpp"

namespace pushforward {

template <typename Scalar>
class Kept {
 public:
  using States = typename Structure<Scalar>::States;
  struct Run {
    std::size_t group, reach;  // reach: which of reaches()
    Index first, last;         // units
    Index J, E;                // where those of its first unit begin
    Index n_units() const { return last - first; }
  };
  struct Entry {
    Index at, state, gate;  // E[at] = M[state, gate]
  };

  Kept(const Cell<Scalar>& cell, int n_steps) {
    const Structure<Scalar> structure(cell);
    std::map<States, std::size_t> known;
    for (std::size_t number = 0; number < cell.groups().size(); ++number) {
      const Group& g = cell.groups()[number];
      for (Index i = 0; i < g.n_units; ++i) {
        const auto [found, is_new] = known.try_emplace(structure.reach(g.first_gate + i, n_steps), reaches_.size());
        if (is_new) reaches_.push_back(found->first);
        if (i == 0 || runs_.back().reach != found->second) runs_.push_back({number, found->second, i, i, J_size_, E_size_});
        add_unit(g, structure.immediate(g.first_gate + i), g.first_gate + i);
      }
      J_size_ = padded<Scalar>(J_size_);
    }
  }

  const std::vector<States>& reaches() const { return reaches_; }
  const std::vector<Run>& runs() const { return runs_; }
  const std::vector<Entry>& entries() const { return entries_; }
  Index J_size() const { return J_size_; }
  Index E_size() const { return E_size_; }
  Index widest() const { return widest_; }  // of a group
  Index most() const { return most_; }      // states in a reach
  double flop() const { return flop_; }     // of D[R, R] J

  // Where ∂s_k/∂W[row, column] of a group stands in J; −1: it is not kept.
  Index place(const Group& g, Index row, Index column, Index k) const {
    const Index unit = g.column ? column : row;
    const Run& run = runs_[run_of_[static_cast<std::size_t>(g.first_gate + unit)]];
    const Index r = static_cast<Index>(reaches_[run.reach].size()), a = rank(reaches_[run.reach], k), i = unit - run.first;
    if (a < 0) return -1;
    return run.J + (g.column ? a * run.n_units() + i : (i * r + a) * g.width + column);
  }

 private:
  // The unit that follows the last run's.
  void add_unit(const Group& g, const States& immediate, Index gate) {
    Run& run = runs_.back();
    const States& reached = reaches_[run.reach];
    const Index r = static_cast<Index>(reached.size()), width = g.column ? 1 : g.width;
    ++run.last;
    run_of_.push_back(runs_.size() - 1);
    for (const Index k : immediate) entries_.push_back({E_size_ + rank(reached, k), k, gate});
    J_size_ += r * width;
    E_size_ += padded<Scalar>(r);
    most_ = std::max(most_, r);
    widest_ = std::max(widest_, g.width);
    flop_ += 2.0 * static_cast<double>(r * r) * static_cast<double>(width);
  }

  static Index rank(const States& states, Index k) {
    const auto at = std::lower_bound(states.begin(), states.end(), k);
    return at == states.end() || *at != k ? -1 : at - states.begin();
  }

  std::vector<States> reaches_;
  std::vector<Run> runs_;
  std::vector<std::size_t> run_of_;  // by gate
  std::vector<Entry> entries_;
  Index J_size_ = 0, E_size_ = 0, widest_ = 0, most_ = 0;
  double flop_ = 0;
};

}  // namespace pushforward
