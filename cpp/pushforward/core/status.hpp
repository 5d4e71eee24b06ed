#pragma once
// A numerical outcome is not a mistake of the caller's: kernels return it, the binding raises it with the step at which it began.

#include "types.hpp"

namespace pushforward {

enum class Status : int { ok, state_not_finite, loss_not_finite, gradient_not_finite, readout_not_finite, not_positive_definite, product_not_finite };

inline const char* describe(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::state_not_finite: return "the state stopped being finite";
    case Status::loss_not_finite: return "the loss stopped being finite";
    case Status::gradient_not_finite: return "the square of the gradient stopped being finite";
    case Status::readout_not_finite: return "the read-out stopped being finite";
    case Status::not_positive_definite:
      return "P of the read-out lost its positive definiteness (a larger ridge, a forgetting closer to 1, or float64 keeps it)";
    case Status::product_not_finite: return "the Hessian-vector product stopped being finite";
  }
  return "unknown";
}

}  // namespace pushforward
