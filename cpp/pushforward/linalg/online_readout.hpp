#pragma once
// A linear read-out that learns from one event after the other: y ≈ W x (+ b). Complex numbers are interleaved at this interface.
//
//   prediction = W x + b        before the update: what it would have said
//   e = y − prediction          the update follows
//
// With an intercept the constant 1 is one more feature, inside the recursion like every other.

#include "../core/archive.hpp"
#include "../core/status.hpp"
#include "../core/types.hpp"

namespace pushforward {

template <typename Scalar>
class OnlineReadout {
 public:
  virtual ~OnlineReadout() = default;
  virtual Index n_features() const = 0;  // without the constant
  virtual Index n_outputs() const = 0;
  virtual Index n_parts() const = 0;

  virtual void predict(const Scalar* x, Scalar* prediction) = 0;
  // Not ok: nothing was learnt from this event, and W is as before.
  virtual Status step(const Scalar* x, const Scalar* y, Scalar* prediction) = 0;

  virtual void weights(Scalar* W_out, Scalar* b_out) const = 0;  // (n_outputs, n_features, n_parts) and (n_outputs, n_parts)
  virtual void set_weights(const Scalar* W_out, const Scalar* b_out) = 0;
  virtual void visit(Archive<Scalar>& archive) = 0;  // all that evolves
};

}  // namespace pushforward
