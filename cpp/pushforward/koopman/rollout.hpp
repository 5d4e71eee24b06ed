#pragma once
// The closed loop of a sampled network: the state is lifted anew at every step.
//
//   e[t] = [h[t] | h[t−1] | … | h[t−d]]                          newest first, n_state (d + 1)
//   z[t] = P (e[t] − e_mean), or e[t] where no P is given        n_z
//   h[t+1] = A [z | σ(W z + b) | 1] + A_u g(u[t])                z and 1 where they are features; g(u) = u or σ(W_u u + b_u)
//
// W (n_units, n_z), A (n_state, D), A_u (n_state, n_g). In the loop a row of features is [σ(W z + b) | g(u) | 1 | z], each part from a cache line on,
// and [A | A_u] lies with its columns in that order, zero in between. Series go four at a time through a step; what becomes of one does not depend on
// the others, to the last bit: every sum has the order that it has alone.

#include <algorithm>
#include <limits>

#include "../core/buffer.hpp"
#include "../core/denormals.hpp"
#include "../core/koopman_ops.hpp"
#include "../core/ops.hpp"
#include "../core/status.hpp"
#include "../core/threads.hpp"

namespace pushforward {

template <typename Scalar>
struct RolloutSettings {
  Index n_state = 0, n_delays = 0, n_z = 0, n_units = 0;
  Index n_inputs = 0, n_input_units = 0;  // 0: no inputs; 0: u itself
  Activation activation = Activation::tanh;
  bool include_state = true, include_constant = true;
  const Scalar* W = nullptr;              // all row-major, and copied
  const Scalar* b = nullptr;
  const Scalar* A = nullptr;
  const Scalar* A_u = nullptr;
  const Scalar* W_u = nullptr;
  const Scalar* b_u = nullptr;
  const Scalar* P = nullptr;              // null: z = e
  const Scalar* e_mean = nullptr;

  Index n_embedding() const { return n_state * (n_delays + 1); }
  Index n_features() const { return (include_state ? n_z : 0) + n_units + include_constant; }
  Index n_input_features() const { return n_input_units ? n_input_units : n_inputs; }
};

struct RolloutStatus {
  Status status = Status::ok;
  Index step = 0, series = 0;
};

template <typename Scalar>
class Rollout {
 public:
  static constexpr Index group = 4;  // series that share a pass over the weights

  explicit Rollout(const RolloutSettings<Scalar>& s) : s_(s), ops_(koopman_ops<Scalar>()) {
    inputs_at_ = padded<Scalar>(s.n_units);
    constant_at_ = inputs_at_ + padded<Scalar>(s.n_input_features());
    z_at_ = constant_at_ + (s.include_constant ? padded<Scalar>(1) : 0);
    width_ = z_at_ + padded<Scalar>(s.n_z);
    n_product_ = s.include_state ? width_ : z_at_;
    embedding_ = padded<Scalar>(s.n_embedding());
    pack_layer(s.n_units, s.n_z, s.W, s.b, W_);
    if (s.n_input_units) pack_layer(s.n_input_units, s.n_inputs, s.W_u, s.b_u, W_u_);
    A_ = Buffer<Scalar>(s.n_state * n_product_);
    for (Index i = 0; i < s.n_state; ++i) {
      const Scalar* from = s.A + i * s.n_features();
      Scalar* to = A_.data() + i * n_product_;
      if (s.include_state) from = copy(s.n_z, from, to + z_at_);
      from = copy(s.n_units, from, to);
      if (s.include_constant) to[constant_at_] = *from;
      if (s.A_u) copy(s.n_input_features(), s.A_u + i * s.n_input_features(), to + inputs_at_);
    }
    if (!s.P) return;
    P_ = Buffer<Scalar>(s.n_z * embedding_);
    for (Index i = 0; i < s.n_z; ++i) copy(s.n_embedding(), s.P + i * s.n_embedding(), P_.data() + i * embedding_);
    mean_ = Buffer<Scalar>(s.n_embedding());
    if (s.e_mean) copy(s.n_embedding(), s.e_mean, mean_.data());
  }

  const RolloutSettings<Scalar>& settings() const { return s_; }  // its pointers are those that were given

  // What a run of several series keeps from step to step.
  class Run {
   public:
    // history (n_series, n_delays + 1, n_state), oldest first
    Run(const Rollout& model, Index n_series, const Scalar* history) : model_(model), n_series_(n_series) {
      const RolloutSettings<Scalar>& s = model.s_;
      n_rows_ = std::max(s.n_delays + 1, Index{64}) + s.n_delays + 1;  // room for a second window and more
      newest_ = Buffer<Index>(n_groups());
      found_ = Buffer<RolloutStatus>(n_groups());
      past_ = Buffer<Scalar>(n_series * past());
      features_ = Buffer<Scalar>(n_series * model.width_);
      if (s.P) centred_ = Buffer<Scalar>(n_series * model.embedding_);
      std::fill(newest_.begin(), newest_.end(), n_rows_ - s.n_delays - 1);
      for (Index i = 0; i < n_series; ++i) {
        Scalar* end = past_.data() + (i + 1) * past();
        for (Index k = 0; k <= s.n_delays; ++k, history += s.n_state) end = std::copy_n(history, s.n_state, end - s.n_state) - s.n_state;
        if (s.include_constant) features_[i * model.width_ + model.constant_at_] = 1;
      }
    }

    // inputs (n_series, count, n_inputs) and out (n_series, count, n_state), series at these distances
    RolloutStatus advance(Index count, const Scalar* inputs, Index input_stride, Scalar* out, Index out_stride, int n_threads) {
      const FlushDenormals scope;
      parallel_for(n_threads, n_groups(), [&](Index g) { found_[g] = group_steps(g, count, inputs, input_stride, out, out_stride); });
      RolloutStatus first;
      for (const RolloutStatus& found : found_)  // the earliest step, and of one step the first series: whoever came first
        if (found.status != Status::ok && (first.status == Status::ok || found.step < first.step)) first = found;
      return first;
    }

   private:
    Index n_groups() const { return (n_series_ + group - 1) / group; }
    Index past() const { return n_rows_ * model_.s_.n_state; }

    RolloutStatus group_steps(Index g, Index count, const Scalar* inputs, Index input_stride, Scalar* out, Index out_stride) {
      const RolloutSettings<Scalar>& s = model_.s_;
      const Index first = g * group, n = std::min(group, n_series_ - first), width = model_.width_;
      Scalar* const features = features_.data() + first * width;
      Scalar* const past_of_first = past_.data() + first * past();
      Index row = newest_[g];
      for (Index t = 0; t < count; ++t, --row) {
        row = room(row, past_of_first, n);
        embed(first, n, past_of_first + row * s.n_state);
        if (inputs) hear(n, inputs + first * input_stride + t * s.n_inputs, input_stride, features + model_.inputs_at_);
        Scalar* const next = past_of_first + (row - 1) * s.n_state;
        model_.ops_.rows_product({s.n_state, model_.n_product_, n, model_.A_.data(), model_.n_product_, features, width, next, past()});
        for (Index i = 0; i < n; ++i) {
          Scalar* const to = out + (first + i) * out_stride + t * s.n_state;
          Scalar spoilt = 0;  // x · 0 is 0 for a finite x and NaN otherwise
          for (Index k = 0; k < s.n_state; ++k) spoilt += (to[k] = next[i * past() + k]) * Scalar(0);
          if (!(spoilt == 0)) return {Status::state_not_finite, t, first + i};
        }
      }
      newest_[g] = row;
      return {};
    }

    // Rows are written from the last to the first; before the first one, those still heard go back to the end.
    Index room(Index row, Scalar* past_of_first, Index n) const {
      if (row > 0) return row;
      const RolloutSettings<Scalar>& s = model_.s_;
      const Index kept = s.n_embedding(), last = n_rows_ - s.n_delays - 1;
      for (Index i = 0; i < n; ++i) std::copy_n(past_of_first + i * past(), kept, past_of_first + i * past() + last * s.n_state);
      return last;
    }

    // z and σ(W z + b)
    void embed(Index first, Index n, const Scalar* e) {
      const RolloutSettings<Scalar>& s = model_.s_;
      const Index width = model_.width_, m = s.n_embedding();
      Scalar* const features = features_.data() + first * width;
      Scalar* const z = features + model_.z_at_;
      if (s.P) {
        Scalar* const centred = centred_.data() + first * model_.embedding_;
        for (Index i = 0; i < n; ++i)
          for (Index k = 0; k < m; ++k) centred[i * model_.embedding_ + k] = e[i * past() + k] - model_.mean_[k];
        model_.ops_.rows_product({s.n_z, model_.embedding_, n, model_.P_.data(), model_.embedding_, centred, model_.embedding_, z, width});
      } else if (s.include_state) {
        for (Index i = 0; i < n; ++i) std::copy_n(e + i * past(), m, z + i * width);
      }
      model_.ops_.lift({s.activation, n, s.n_z, s.n_units, s.P ? z : e, s.P ? width : past(), model_.W_.data(), features, width});
    }

    // g(u)
    void hear(Index n, const Scalar* u, Index input_stride, Scalar* to) const {
      const RolloutSettings<Scalar>& s = model_.s_;
      if (s.n_input_units)
        model_.ops_.lift({s.activation, n, s.n_inputs, s.n_input_units, u, input_stride, model_.W_u_.data(), to, model_.width_});
      else
        for (Index i = 0; i < n; ++i) std::copy_n(u + i * input_stride, s.n_inputs, to + i * model_.width_);
    }

    const Rollout& model_;
    Index n_series_, n_rows_ = 0;
    Buffer<Index> newest_;  // of each group: where the newest row of its past stands
    Buffer<RolloutStatus> found_;
    Buffer<Scalar> past_, features_, centred_;
  };

 private:
  static const Scalar* copy(Index n, const Scalar* from, Scalar* to) {
    std::copy_n(from, n, to);
    return from + n;
  }

  void pack_layer(Index n_units, Index n_inputs, const Scalar* W, const Scalar* b, Buffer<Scalar>& packed) {
    packed = Buffer<Scalar>(ops_.lift_packed_size(n_units, n_inputs));
    ops_.lift_pack(n_units, n_inputs, W, b, packed.data());
  }

  RolloutSettings<Scalar> s_;
  const KoopmanOps<Scalar>& ops_;  // of the level at construction: the layers are packed for it
  Index inputs_at_ = 0, constant_at_ = 0, z_at_ = 0, width_ = 0, n_product_ = 0, embedding_ = 0;
  Buffer<Scalar> W_, W_u_, A_, P_, mean_;
};

}  // namespace pushforward
