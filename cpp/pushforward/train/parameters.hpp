#pragma once
// All that is trained, as one padded vector, so that an optimiser, a clipping norm and a gradient see the model whole:
//
//   [ θ: the cell's rows | W_out (n_outputs, n_units) padded rows | b_out (n_outputs) padded ]
//
//   output = λ(W_out) s + λ(b_out)          λ(w) = c tanh(w / c) when the read-out is bounded, else the identity

#include "../carry/sweep.hpp"

namespace pushforward {

template <typename Scalar>
class Parameters {
 public:
  Parameters(const Cell<Scalar>& cell, Index n_outputs, double readout_bound)
      : n_outputs_(n_outputs), n_units_(cell.n_units()), row_(padded<Scalar>(cell.n_units())), n_cell_(cell.n_weights()),
        n_readout_(n_outputs * row_ + padded<Scalar>(n_outputs)), readout_bound_(static_cast<Scalar>(readout_bound)),
        values_(n_cell_ + n_readout_), bounded_(readout_bound > 0 ? n_readout_ : 0), slope_(bounded_.size()) {}

  Index size() const { return values_.size(); }
  Index n_outputs() const { return n_outputs_; }
  Scalar* values() { return values_.data(); }
  const Scalar* values() const { return values_.data(); }
  Index readout_offset() const { return n_cell_; }
  Index bias_offset() const { return n_cell_ + n_outputs_ * row_; }
  Index row() const { return row_; }

  // The read-out weights in use, after λ.
  const Scalar* W_out() const { return readout_bound_ > 0 ? bounded_.data() : values_.data() + n_cell_; }
  const Scalar* b_out() const { return W_out() + n_outputs_ * row_; }
  Readout<Scalar> readout() const { return {W_out(), n_outputs_}; }

  void changed() {
    if (readout_bound_ > 0) ops<Scalar>().bound(n_readout_, readout_bound_, values_.data() + n_cell_, bounded_.data(), slope_.data());
  }

  void output(const Scalar* state, Scalar* output) const {
    ops<Scalar>().matvec(n_outputs_, n_units_, W_out(), row_, state, output);
    const Scalar* b = b_out();
    for (Index i = 0; i < n_outputs_; ++i) output[i] += b[i];
  }

  // G += the read-out's part of one step's gradient: δ ⊗ s and δ.
  void add_gradient(const Scalar* delta, const Scalar* state, Scalar* G) const {
    ops<Scalar>().matmul_transposed(n_outputs_, n_units_, 1, delta, n_outputs_, state, n_units_, G + n_cell_, row_, true);
    for (Index i = 0; i < n_outputs_; ++i) G[bias_offset() + i] += delta[i];
  }
  // Chain rule through λ, once G is complete.
  void finish_gradient(Scalar* G) const {
    if (readout_bound_ > 0) ops<Scalar>().multiply(n_readout_, G + n_cell_, slope_.data(), G + n_cell_, false);
  }

 private:
  Index n_outputs_, n_units_, row_, n_cell_, n_readout_;
  Scalar readout_bound_;
  Buffer<Scalar> values_, bounded_, slope_;
};

}  // namespace pushforward
