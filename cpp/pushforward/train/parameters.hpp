#pragma once
// All that is trained, as one padded vector, so that an optimiser, a clipping norm and a gradient see the model whole:
//
//   [ θ: the cell's groups | W_out (n_outputs, n_features) padded rows | b_out (n_outputs) padded ]
//
//   output = λ(W_out) s + λ(b_out)          λ(w) = c tanh(w / c) when the read-out is bounded, else the identity

#include <algorithm>

#include "../carry/sweep.hpp"

namespace pushforward {

template <typename Scalar>
class Parameters {
 public:
  Parameters(const Cell<Scalar>& cell, Index n_outputs, double readout_bound)
      : cell_(cell), n_outputs_(n_outputs), n_features_(cell.n_features()), row_(padded<Scalar>(cell.n_features())), n_cell_(cell.n_weights()),
        n_readout_(n_outputs * row_ + padded<Scalar>(n_outputs)), readout_bound_(static_cast<Scalar>(readout_bound)),
        values_(n_cell_ + n_readout_), bounded_(readout_bound > 0 ? n_readout_ : 0), slope_(bounded_.size()) {}

  Index size() const { return values_.size(); }
  Index n_outputs() const { return n_outputs_; }
  Scalar* values() { return values_.data(); }
  const Scalar* values() const { return values_.data(); }
  Index readout_offset() const { return n_cell_; }
  Index bias_offset() const { return n_cell_ + n_outputs_ * row_; }
  Index n_features() const { return n_features_; }
  Index row() const { return row_; }

  // The read-out weights in use, after λ.
  const Scalar* W_out() const { return readout_bound_ > 0 ? bounded_.data() : values_.data() + n_cell_; }
  const Scalar* b_out() const { return W_out() + n_outputs_ * row_; }
  Readout<Scalar> readout() const { return {W_out(), n_outputs_}; }

  // The values were changed: by an update, by a caller or from a file.
  void changed() {
    for (const Group& g : cell_.groups())
      if (g.mirror >= 0) {
        const Group& original = cell_.groups()[static_cast<std::size_t>(g.mirror)];
        transpose(original, values_.data() + original.weight_offset, g, values_.data() + g.weight_offset);
      }
    if (readout_bound_ > 0) ops<Scalar>().bound(n_readout_, readout_bound_, values_.data() + n_cell_, bounded_.data(), slope_.data());
  }

  void output(const Scalar* state, Scalar* output) const {
    ops<Scalar>().matvec(n_outputs_, n_features_, W_out(), row_, state + cell_.first_feature(), output);
    const Scalar* b = b_out();
    for (Index i = 0; i < n_outputs_; ++i) output[i] += b[i];
  }

  // G += the read-out's part of one step's gradient: δ ⊗ s and δ.
  void add_gradient(const Scalar* delta, const Scalar* state, Scalar* G) const {
    ops<Scalar>().matmul_transposed(n_outputs_, n_features_, 1, delta, n_outputs_, state + cell_.first_feature(), n_features_, G + n_cell_, row_, true);
    for (Index i = 0; i < n_outputs_; ++i) G[bias_offset() + i] += delta[i];
  }
  // Once G is complete: the chain rule through λ, and both uses of a mirrored weight added up where it stands (its mirror gets none).
  void finish_gradient(Scalar* G) const {
    for (const Group& g : cell_.groups())
      if (g.mirror >= 0) {
        const Group& original = cell_.groups()[static_cast<std::size_t>(g.mirror)];
        for (Index i = 0; i < original.n_units; ++i)
          for (Index j = 0; j < original.n_presynaptic; ++j)
            G[original.weight_offset + i * original.width + j] += G[g.weight_offset + j * g.width + i];
        std::fill_n(G + g.weight_offset, g.size(), Scalar(0));
      }
    if (readout_bound_ > 0) ops<Scalar>().multiply(n_readout_, G + n_cell_, slope_.data(), G + n_cell_, false);
  }

 private:
  static void transpose(const Group& from, const Scalar* values, const Group& to, Scalar* out) {
    for (Index i = 0; i < from.n_units; ++i)
      for (Index j = 0; j < from.n_presynaptic; ++j) out[j * to.width + i] = values[i * from.width + j];
  }

  const Cell<Scalar>& cell_;
  Index n_outputs_, n_features_, row_, n_cell_, n_readout_;
  Scalar readout_bound_;
  Buffer<Scalar> values_, bounded_, slope_;
};

}  // namespace pushforward
