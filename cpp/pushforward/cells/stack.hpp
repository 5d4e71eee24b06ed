#pragma once
// Layers as one cell: what a layer shows of its state is, in the same step, the input of the layer above.
//
//   s^l_t = cell_l(s^l_{t−1}, x^l_t)        x^0 = x,   x^l = s^{l−1}_t[features]        state: [s^0; s^1; …]
//
// D_t is block lower-triangular: a layer moves itself and those above. The groups of layer l move no states before its own (first_state), so what a
// carry keeps of them begins there. Down the layers, with V = [V^0; V^1; …], from the top:
//
//   E^l = M_lᵀ V^l     V_before^l = D_lᵀ V^l     V^{l−1}[features] += Σ_g W_in^gᵀ E^g       (g: the groups of layer l that take its input)
//
// θ, u, slopes: the layers' own, one after the other. Recurrent: the layers' own, then W_in of the layers from the second on, rows of padded(n_inputs).

#include "affine.hpp"

namespace pushforward {

template <typename Scalar>
class Stack final : public AffineCell<Scalar> {
 public:
  using Layers = std::vector<std::unique_ptr<Cell<Scalar>>>;  // lowest first, at least one; n_inputs of each: the features of the one below

  explicit Stack(Layers layers) : AffineCell<Scalar>(layers.front()->n_inputs(), 0, 0), layers_(std::move(layers)) {
    this->blocks_.clear();
    for (const auto& layer : layers_) add(*layer);
    for (std::size_t l = 1; l < layers_.size(); ++l) reserve_inputs(l);
    this->first_feature_ = begin_.back().state + layers_.back()->first_feature();
    this->n_features_ = layers_.back()->n_features();
  }

  void forward(const Scalar* W, const Scalar* state, Input<Scalar> x, Scalar* next, Scalar* u, Scalar* slopes) const override {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const Begin& at = begin_[l];
      layers_[l]->forward(W + at.weight, state + at.state, x, next + at.state, u + at.presynaptic, slopes + at.slope);
      x.dense = next + at.state + layers_[l]->first_feature();
      x.token = -1;
    }
  }

  void recurrent_weights(const Scalar* W, Scalar* recurrent) const override {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const Begin& at = begin_[l];
      layers_[l]->recurrent_weights(W + at.weight, recurrent + at.recurrent);
      if (l == 0) continue;
      const Index n_inputs = layers_[l]->n_inputs();
      Scalar* W_in = recurrent + at.inputs;
      for (const Group& g : layers_[l]->groups())
        for (Index i = 0; g.input_column >= 0 && i < g.n_units; ++i, W_in += padded<Scalar>(n_inputs))
          std::copy_n(W + at.weight + g.weight_offset + i * g.width + g.input_column, n_inputs, W_in);
    }
  }

  void adjoint(const Scalar* recurrent, const Scalar* slopes, Index m, Index reach, Scalar* V, Index ldv, Scalar* E, Index lde, Scalar* V_before,
               Index ldb) const override {
    for (std::size_t l = layers_.size(); l-- > 0;) {
      const Cell<Scalar>& layer = *layers_[l];
      const Begin& at = begin_[l];
      if (at.state >= reach) continue;
      layer.adjoint(recurrent + at.recurrent, slopes + at.slope, m, layer.n_state(), V + at.state * ldv, ldv, E + at.gate * lde, lde,
                    V_before ? V_before + at.state * ldb : nullptr, ldb);
      if (l == 0) break;
      Scalar* below = V + (begin_[l - 1].state + layers_[l - 1]->first_feature()) * ldv;
      const Scalar* W_in = recurrent + at.inputs;
      for (const Group& g : layer.groups()) {
        if (g.input_column < 0) continue;
        this->recurrent_adjoint(W_in, g.n_units, layer.n_inputs(), m, E + (at.gate + g.first_gate) * lde, lde, below, ldv, true);
        W_in += g.n_units * padded<Scalar>(layer.n_inputs());
      }
    }
  }

  RowPattern row_pattern(Index r) const override {
    std::size_t l = 0;
    while (this->blocks_[l] <= r) ++l;
    const Index first = begin_[l].state;
    const RowPattern own = layers_[l]->row_pattern(r - first);
    return {first + own.dense, own.lone < 0 ? -1 : first + own.lone};
  }

 private:
  struct Begin {  // of a layer, in each of the cell's arrays
    Index state, gate, weight, presynaptic, slope, recurrent, inputs;
  };

  void add(const Cell<Scalar>& layer) {
    const Begin at{this->n_state_, this->n_gates_, this->n_weights_, this->n_presynaptic_, this->n_slopes_, this->n_recurrent_, 0};
    const Index first_group = static_cast<Index>(this->groups_.size());
    for (Group g : layer.groups()) {
      g.first_gate += at.gate;
      g.weight_offset += at.weight;
      g.presynaptic_offset += at.presynaptic;
      g.base_offset += at.presynaptic;
      g.first_state += at.state;
      if (g.mirror >= 0) g.mirror += first_group;
      if (!begin_.empty()) g.input_column = -1;  // what a layer above the first takes in is no input of the stack: never a token
      this->groups_.push_back(std::move(g));
    }
    this->n_units_ += layer.n_units();
    this->n_state_ += layer.n_state();
    this->n_gates_ += layer.n_gates();
    this->n_weights_ += layer.n_weights();
    this->n_presynaptic_ += layer.n_presynaptic();
    this->n_slopes_ += padded<Scalar>(layer.n_slopes());
    this->n_recurrent_ += padded<Scalar>(layer.n_recurrent());
    this->blocks_.push_back(this->n_state_);
    begin_.push_back(at);
  }

  void reserve_inputs(std::size_t l) {
    begin_[l].inputs = this->n_recurrent_;
    for (const Group& g : layers_[l]->groups())
      if (g.input_column >= 0) this->n_recurrent_ += g.n_units * padded<Scalar>(layers_[l]->n_inputs());
  }

  Layers layers_;
  std::vector<Begin> begin_;  // by layer
};

}  // namespace pushforward
