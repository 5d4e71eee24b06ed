#pragma once
// Poles (and input weights) that learn, by the exact gradient: every unit hears itself alone, so that its influence is a number a weight.
//
//   s[t] = σ(β ∘ s[t−1] + W_in x[t] + b)      f[t] = [s[t] | x[t]]      e = y − (W_out f + b_out)
//   J_k  ← σ'(s_k) (s_k[t−1] + β_k J_k)       ∂s_k/∂β_k
//   V_ki ← σ'(s_k) (x_i + β_k V_ki)           ∂s_k/∂W_in[k, i]
//   g    = −Σ_o e_o conj(W_out[o, k] J_k)     of ½‖e‖² with respect to β_k, real part and imaginary part of it: steepest descent
//
// Complex numbers ask for a function of s that is differentiable as one: the identity. W_out and e are those before the read-out has learnt from
// the step; J is carried on while β moves, as in real-time recurrent learning. Nothing holds a pole inside the unit circle.

#include <vector>

#include "../core/archive.hpp"
#include "../core/status.hpp"
#include "../linalg/online_readout.hpp"
#include "../train/optimizer.hpp"
#include "fixed_poles.hpp"
#include "network.hpp"

namespace pushforward {

struct PoleLearnerSettings {
  Index n_outputs = 1;
  bool include_inputs = false, learn_input_weights = false;
  OptimizerSettings optimizer;
};

template <typename Scalar>
class PoleLearner {
 public:
  PoleLearner(const FixedPolesSettings<Scalar>& layer, const PoleLearnerSettings& settings)
      : n_(layer.n_units), n_inputs_(layer.n_inputs), parts_(layer.n_parts), m_(settings.n_outputs),
        n_features_(n_ + (settings.include_inputs ? n_inputs_ : 0)), n_weights_(1 + (settings.learn_input_weights ? n_inputs_ : 0)), layer_(layer, 1),
        plane_(layer_.plane()), theta_(n_weights_ * parts_ * plane_), influence_(theta_.size()), gradient_(theta_.size()), kept_(theta_.size()),
        before_(parts_ * plane_), error_(2 * plane_), features_(n_features_ * parts_), W_out_(m_ * n_features_ * parts_), b_out_(m_ * parts_),
        prediction_(m_ * parts_), optimizer_(settings.optimizer, theta_.size()) {
    require(layer.pole_parts == parts_, "poles: conjugate pairs of a real network cannot learn; give real poles, or make the data complex");
    require(parts_ == 1 || layer.activation == Activation::identity, "activation must be identity where complex poles learn: a split one has no derivative");
    for (Index k = 0; k < n_; ++k)
      for (Index c = 0; c < parts_; ++c) theta_[c * plane_ + k] = layer.poles[k * parts_ + c];
    std::copy_n(layer_.input_weights(), theta_.size() - parts_ * plane_, theta_.data() + parts_ * plane_);
  }

  Index n_units() const { return n_; }
  Index n_inputs() const { return n_inputs_; }
  Index n_outputs() const { return m_; }
  Index n_parts() const { return parts_; }
  Index n_features() const { return n_features_; }
  Index n_weights() const { return n_weights_; }  // of a unit: its pole, and its input weights if these learn
  std::int64_t updates() const { return optimizer_.updates(); }

  // A step, what the read-out makes of it, and one update of the poles. predictions (n_steps, n_outputs): before the read-out learns.
  RunStatus learn(OnlineReadout<Scalar>& readout, Index n_steps, const Scalar* X, const Scalar* Y, Scalar* predictions) {
    const FlushDenormals scope;
    for (Index t = 0; t < n_steps; ++t) {
      const Scalar *x = X + t * n_inputs_ * parts_, *y = Y + t * m_ * parts_;
      Scalar* prediction = predictions + t * m_ * parts_;
      if (const Status s = advance(x); s != Status::ok) return stop(s, t);
      readout.weights(W_out_.data(), b_out_.data());
      predict(b_out_.data());
      gradient_.clear();
      add_gradient(y, prediction_.data());
      if (!std::isfinite(ops<Scalar>().squared_norm(gradient_.size(), gradient_.data()))) return stop(Status::gradient_not_finite, t);
      if (const Status s = readout.step(features_.data(), y, prediction); s != Status::ok) return stop(s, t);
      std::copy_n(theta_.data(), theta_.size(), kept_.data());
      optimizer_.update(gradient_.data(), 1.0, theta_.data());
      if (!ops<Scalar>().all_finite(theta_.size(), theta_.data())) {  // a step too long: the poles stay
        std::copy_n(kept_.data(), kept_.size(), theta_.data());
        return stop(Status::gradient_not_finite, t);
      }
      use_weights();
    }
    return {};
  }

  // Steps from which nothing is learnt; the influence goes along. features (n_steps, n_features) or null
  RunStatus run(Index n_steps, const Scalar* X, Scalar* features) {
    const FlushDenormals scope;
    for (Index t = 0; t < n_steps; ++t) {
      if (const Status s = advance(X + t * n_inputs_ * parts_); s != Status::ok) return stop(s, t);
      if (features) std::copy_n(features_.data(), features_.size(), features + t * features_.size());
    }
    return {};
  }

  // Σ ½‖e‖² and its gradient (n_weights, n_units, n_parts) with all weights fixed
  RunStatus gather(const Scalar* W_out, const Scalar* b_out, Index n_steps, const Scalar* X, const Scalar* Y, double& loss, Scalar* gradient) {
    const FlushDenormals scope;
    std::copy_n(W_out, W_out_.size(), W_out_.data());
    gradient_.clear();
    loss = 0;
    for (Index t = 0; t < n_steps; ++t) {
      const Scalar* y = Y + t * m_ * parts_;
      if (const Status s = advance(X + t * n_inputs_ * parts_); s != Status::ok) return stop(s, t);
      predict(b_out);
      for (Index i = 0; i < m_ * parts_; ++i) loss += 0.5 * static_cast<double>((y[i] - prediction_[i]) * (y[i] - prediction_[i]));
      add_gradient(y, prediction_.data());
    }
    copy_out(gradient_, gradient);
    if (!std::isfinite(loss)) return stop(Status::loss_not_finite, n_steps - 1);
    return {};
  }

  void weights(Scalar* out) const { copy_out(theta_, out); }  // (n_weights, n_units, n_parts)
  void state(Scalar* out) const { layer_.state(0, out); }
  void set_state(const Scalar* from) { layer_.set_state(0, from); }
  void restart() {
    influence_.clear();
    std::fill_n(layer_.state_planes(), parts_ * plane_, Scalar(0));
  }
  void visit(Archive<Scalar>& archive) {
    archive.numbers("poles.weights", theta_.data(), theta_.size());
    archive.numbers("poles.state", layer_.state_planes(), parts_ * plane_);
    archive.numbers("poles.influence", influence_.data(), influence_.size());
    optimizer_.visit(archive);
  }
  void use_weights() {
    for (Index k = 0; k < n_; ++k) parts_ == 1 ? layer_.set_pole(k, theta_[k]) : layer_.set_pole(k, theta_[k], theta_[plane_ + k]);
    std::copy_n(theta_.data() + parts_ * plane_, theta_.size() - parts_ * plane_, layer_.input_weights());
  }

 private:
  Status advance(const Scalar* x) {
    std::copy_n(layer_.state_planes(), before_.size(), before_.data());
    layer_.run(1, {x, 0, 0}, {}, {features_.data(), 0, 0}, 1);
    if (n_features_ > n_) std::copy_n(x, n_inputs_ * parts_, features_.data() + n_ * parts_);
    if (!ops<Scalar>().all_finite(features_.size(), features_.data())) return Status::state_not_finite;
    move_influence(x);
    return Status::ok;
  }

  // σ' as a function of s itself
  Scalar slope(Scalar s) const {
    switch (layer_.activation()) {
      case Activation::identity: return 1;
      case Activation::relu: return s > 0 ? Scalar(1) : Scalar(0);
      case Activation::tanh: return 1 - s * s;
      case Activation::sigmoid: return s * (1 - s);
      case Activation::elu: return s > 0 ? Scalar(1) : 1 + s;
    }
    return 1;
  }

  void move_influence(const Scalar* x) {
    const Scalar *re = theta_.data(), *im = theta_.data() + plane_, *s = layer_.state_planes();
    for (Index w = 0; w < n_weights_; ++w) {
      Scalar* J = influence_.data() + w * parts_ * plane_;
      const Scalar* heard = w ? x + (w - 1) * parts_ : nullptr;  // by all units; of the pole: by each its own state
      if (parts_ == 1) {
        for (Index k = 0; k < n_; ++k) J[k] = slope(s[k]) * ((heard ? heard[0] : before_[k]) + re[k] * J[k]);
        continue;
      }
      for (Index k = 0; k < n_; ++k) {
        const Scalar a = J[k], b = J[plane_ + k];
        J[k] = (heard ? heard[0] : before_[k]) + re[k] * a - im[k] * b;
        J[plane_ + k] = (heard ? heard[1] : before_[plane_ + k]) + re[k] * b + im[k] * a;
      }
    }
  }

  void predict(const Scalar* b_out) {
    for (Index o = 0; o < m_; ++o) {
      const Scalar* W = W_out_.data() + o * n_features_ * parts_;
      Scalar re = b_out[o * parts_], im = parts_ == 2 ? b_out[o * parts_ + 1] : Scalar(0);
      for (Index k = 0; k < n_features_ * parts_; k += parts_) {
        re += W[k] * features_[k];
        if (parts_ == 1) continue;
        re -= W[k + 1] * features_[k + 1];
        im += W[k] * features_[k + 1] + W[k + 1] * features_[k];
      }
      prediction_[o * parts_] = re;
      if (parts_ == 2) prediction_[o * parts_ + 1] = im;
    }
  }

  // error_k = Σ_o e_o conj(W_out[o, k]);   gradient −= error ∘ conj(J)
  void add_gradient(const Scalar* y, const Scalar* prediction) {
    error_.clear();
    Scalar *d_re = error_.data(), *d_im = error_.data() + plane_;
    for (Index o = 0; o < m_; ++o) {
      const Scalar* W = W_out_.data() + o * n_features_ * parts_;
      const Scalar e = y[o * parts_] - prediction[o * parts_];
      if (parts_ == 1) {
        for (Index k = 0; k < n_; ++k) d_re[k] += e * W[k];
        continue;
      }
      const Scalar e_im = y[2 * o + 1] - prediction[2 * o + 1];
      for (Index k = 0; k < n_; ++k) {
        d_re[k] += e * W[2 * k] + e_im * W[2 * k + 1];
        d_im[k] += e_im * W[2 * k] - e * W[2 * k + 1];
      }
    }
    for (Index w = 0; w < n_weights_; ++w) {
      const Scalar *J = influence_.data() + w * parts_ * plane_, *J_im = J + plane_;
      Scalar *g = gradient_.data() + w * parts_ * plane_, *g_im = g + plane_;
      for (Index k = 0; k < n_; ++k) {
        g[k] -= d_re[k] * J[k];
        if (parts_ == 1) continue;
        g[k] -= d_im[k] * J_im[k];
        g_im[k] -= d_im[k] * J[k] - d_re[k] * J_im[k];
      }
    }
  }

  void copy_out(const Buffer<Scalar>& planes, Scalar* out) const {
    for (Index w = 0; w < n_weights_; ++w)
      for (Index k = 0; k < n_; ++k)
        for (Index c = 0; c < parts_; ++c) *out++ = planes[(w * parts_ + c) * plane_ + k];
  }

  // State and influence start afresh; the weights are those before the step.
  RunStatus stop(Status status, Index step) {
    restart();
    return {status, step, 0};
  }

  Index n_, n_inputs_, parts_, m_, n_features_, n_weights_;
  FixedPoles<Scalar> layer_;
  Index plane_;
  Buffer<Scalar> theta_, influence_, gradient_, kept_;  // (n_weights, n_parts, plane): poles first, then input weights
  Buffer<Scalar> before_, error_;
  Buffer<Scalar> features_, W_out_, b_out_, prediction_;  // interleaved
  Optimizer<Scalar> optimizer_;
};

}  // namespace pushforward
