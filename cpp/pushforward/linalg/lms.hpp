#pragma once
// Least mean squares (Widrow and Hoff 1960), and the same normalised by the power of the features:
//
//   W ← W + μ e xᴴ      NLMS: μ / (ε + ‖x‖²) in place of μ
//
// W (n_outputs, n), x (n), of which the last is the constant 1 where there is an intercept

#include "linear_readout.hpp"

namespace pushforward {

template <typename Scalar>
class LMS final : public LinearReadout<Scalar> {
  using Base = LinearReadout<Scalar>;

 public:
  struct Settings {
    double learning_rate = 0;
    bool normalised = false;
    double epsilon = 0;  // of NLMS
  };

  LMS(const ReadoutShape& shape, const Settings& settings) : Base(shape), settings_(settings) {}

  Status step(const Scalar* x, const Scalar* y, Scalar* prediction) override {
    Base::take(x);
    Base::compare(y, prediction);
    double rate = settings_.learning_rate;
    if (settings_.normalised) rate /= settings_.epsilon + ops<Scalar>().squared_norm(Base::parts() * Base::plane(), Base::x());
    return Base::learn(static_cast<Scalar>(rate), Base::x()) ? Status::ok : Status::readout_not_finite;
  }

 private:
  Settings settings_;
};

}  // namespace pushforward
