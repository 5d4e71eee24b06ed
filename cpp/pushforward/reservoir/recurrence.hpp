#pragma once
// a = W s for a W that is never trained: the interface of what W_rec may be (dense, sparse, structured).
//
// s, a (n_parts, n_units, n_lanes): n_lanes series side by side, 1 or a multiple of 16; planes at distance padded(n_units * n_lanes).
// A recurrence may keep its units in another order than the caller's: order()[place] is the unit that stands at that place, and the layer
// keeps state and weights in places too. Many threads may call apply() at once; it allocates nothing.

#include "../core/types.hpp"

namespace pushforward {

template <typename Scalar>
class Recurrence {
 public:
  virtual ~Recurrence() = default;
  virtual Index n_units() const = 0;
  virtual const Index* order() const { return nullptr; }  // null: as given. A constructor argument `keep_order` turns it off
  virtual void apply(const Scalar* s, Scalar* a, Index n_lanes) const = 0;
};

}  // namespace pushforward
