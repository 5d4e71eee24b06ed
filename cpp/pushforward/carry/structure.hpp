#pragma once
// Which states a gate can ever reach, found by looking: D and M of a cell whose existing weights, state and input are random positive numbers, small
// enough that no slope vanishes. What is zero there is taken to be zero for good. Several such nets are looked at, in case one has a zero by chance.
//
//   within 1 step    the states k with M[k, gate] ≠ 0
//   within n steps   these, and all that D moves from those within n − 1:   the pattern of (I + |D|)^{n−1} |M|

#include <algorithm>
#include <vector>

#include "../core/random.hpp"
#include "jacobians.hpp"

namespace pushforward {

template <typename Scalar>
class Structure {
 public:
  using States = std::vector<Index>;  // in rising order

  explicit Structure(const Cell<Scalar>& cell) : n_state_(cell.n_state()), moves_(size(n_state_ * n_state_)), immediate_(size(cell.n_gates())) {
    Jacobians<Scalar> jacobians(cell);
    Buffer<Scalar> W(cell.n_weights()), recurrent(padded<Scalar>(cell.n_recurrent())), slopes(padded<Scalar>(cell.n_slopes()));
    Buffer<Scalar> x(padded<Scalar>(cell.n_inputs())), u(cell.n_presynaptic()), state(padded<Scalar>(n_state_)), next(padded<Scalar>(n_state_));
    std::vector<bool> drives(size(cell.n_gates() * n_state_));
    constexpr int n_looks = 3;
    for (int look = 0; look < n_looks; ++look) {
      Index drawn = 0;
      const auto positive = [&] { return static_cast<Scalar>(0.5 + 0.5 * Random(0, look, 0).uniform(drawn++)); };
      for (Index k = 0; k < n_state_; ++k) state[k] = positive();
      for (Index k = 0; k < cell.n_inputs(); ++k) x[k] = positive();
      each_run(cell.groups(), [&](const Group& g, Index row, Index column, Index, Index n) {
        const Scalar scale = Scalar(1) / static_cast<Scalar>(g.column ? 1 : g.n_presynaptic);
        for (Index j = 0; j < n; ++j) W[g.weight_offset + row * g.width + column + j] = scale * positive();
      });
      mirror(cell.groups(), W.data());
      cell.recurrent_weights(W.data(), recurrent.data());
      cell.forward(W.data(), state.data(), {x.data()}, next.data(), u.data(), slopes.data());
      jacobians.set(recurrent.data(), slopes.data());
      for (Index k = 0; k < n_state_; ++k) {
        for (Index l = 0; l < n_state_; ++l)
          if (jacobians.D()[k * jacobians.row_stride() + l * jacobians.column_stride()] != 0) moves_[size(l * n_state_ + k)] = true;
        for (Index gate = 0; gate < cell.n_gates(); ++gate)
          if (jacobians.M(k, gate) != 0) drives[size(gate * n_state_ + k)] = true;
      }
    }
    for (Index gate = 0; gate < cell.n_gates(); ++gate)
      for (Index k = 0; k < n_state_; ++k)
        if (drives[size(gate * n_state_ + k)]) immediate_[size(gate)].push_back(k);
  }

  const States& immediate(Index gate) const { return immediate_[size(gate)]; }

  States reach(Index gate, int n_steps) const {
    States reached = immediate(gate);
    for (int step = 1; step < n_steps; ++step) {
      std::vector<bool> in(size(n_state_));
      std::size_t count = reached.size();
      for (const Index k : reached) in[size(k)] = true;
      for (const Index l : reached) {
        for (Index k = 0; k < n_state_; ++k)
          if (moves_[size(l * n_state_ + k)] && !in[size(k)]) in[size(k)] = true, ++count;
        if (count == size(n_state_)) break;
      }
      reached.clear();
      for (Index k = 0; k < n_state_; ++k)
        if (in[size(k)]) reached.push_back(k);
    }
    return reached;
  }

 private:
  static std::size_t size(Index n) { return static_cast<std::size_t>(n); }
  static void mirror(const std::vector<Group>& groups, Scalar* W) {
    for (const Group& g : groups) {
      if (g.mirror < 0) continue;
      const Group& original = groups[size(g.mirror)];
      for (Index i = 0; i < original.n_units; ++i)
        for (Index j = 0; j < original.n_presynaptic; ++j)
          W[g.weight_offset + j * g.width + i] = W[original.weight_offset + i * original.width + j];
    }
  }

  Index n_state_;
  std::vector<bool> moves_;          // (n_state, n_state): at l · n_state + k, does state l move state k?
  std::vector<States> immediate_;    // by gate
};

}  // namespace pushforward
