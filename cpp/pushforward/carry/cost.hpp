#pragma once
// How many steps a block should have, when the user does not say. A model of one step's time as a function of H, for updates every K steps:
//
//   sweep and sum   (2 n² gates + 2 n weights) flop                             every step
//   move            2 n² weights flop, J read and written                       once a block
//   gradient        J read, H/2 stored steps swept: n² numbers each             once an update (and once a block, if that falls between updates)
//
// The rates below are those of one core, measured on AVX-512 machines; only their ratios matter, and the minimum is flat.

#include <algorithm>
#include <cmath>

#include "../cells/cell.hpp"

namespace pushforward {

template <typename Scalar>
double step_seconds(const Cell<Scalar>& cell, Index update_every, Index carry_every) {
  constexpr double flop_rate = sizeof(Scalar) == 4 ? 1.5e11 : 7.5e10, call = 6e-8;  // flop/s; seconds per stored step and sweep
  const auto bandwidth = [](double bytes) { return bytes < 4e4 ? 2e11 : bytes < 1.5e6 ? 1e11 : 3e10; };  // bytes/s of the cache it lives in
  const double n = static_cast<double>(cell.n_state()), gates = static_cast<double>(cell.n_gates());
  const double weights = static_cast<double>(cell.n_weights()), h = static_cast<double>(carry_every), k = static_cast<double>(update_every);
  const double J_bytes = n * weights * sizeof(Scalar), recurrent_bytes = static_cast<double>(cell.n_recurrent()) * sizeof(Scalar);
  const double read = J_bytes / bandwidth(J_bytes);
  const double every_step = carry_every == 1 ? 0 : (2 * n * n * gates + 2 * n * weights) / flop_rate + 2 * call;
  const double block_end = 2 * n * n * weights / flop_rate + 2 * read;
  const double stored = std::min(h, h / k + 1) * recurrent_bytes;  // versions of the weights in a block
  const double gradient = read + 0.5 * h * (recurrent_bytes / bandwidth(J_bytes + stored) + call);
  const double per_block = h < k ? 1 : std::fmod(h, k) == 0 ? h / k : h / k + 1;
  return every_step + (block_end + per_block * gradient) / h;
}

template <typename Scalar>
Index choose_carry_every(const Cell<Scalar>& cell, Index update_every) {
  Index best = 1;
  const Index most = std::max<Index>(4 * cell.n_state(), 8);
  double least = step_seconds(cell, update_every, Index{1});
  const auto consider = [&](Index h) {
    if (h < 2 || h > most) return;
    if (const double seconds = step_seconds(cell, update_every, h); seconds < least) least = seconds, best = h;
  };
  for (Index h = 2; h <= most; h *= 2) consider(h);
  for (Index m = 1; m <= 64; m *= 2) {
    consider(update_every * m);
    if (update_every % m == 0) consider(update_every / m);
  }
  return best;
}

}  // namespace pushforward
