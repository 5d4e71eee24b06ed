#pragma once
// Φ as the influence of one first_state needs it: the rows and columns from there on, packed, with what is known to be zero.
//
//   one step      Φ = D: the pattern the cell says (row_pattern)
//   a block       Φ = D_H … D_1: block-triangular where the cell has layers, nothing more

#include <vector>

#include "../cells/cell.hpp"
#include "../core/buffer.hpp"

namespace pushforward {

template <typename Scalar>
class Transition {
 public:
  Transition(const Cell<Scalar>& cell, const Ops<Scalar>& ops, Index first_state)
      : ops_(&ops), first_(first_state), n_(cell.n_state() - first_state), packed_(ops.packed_size(n_)), lone_value_(n_) {
    Index block = 0;
    for (Index r = 0; r < n_; ++r) {
      while (cell.blocks()[static_cast<std::size_t>(block)] <= first_ + r) ++block;
      block_extent_.push_back(cell.blocks()[static_cast<std::size_t>(block)] - first_);
      const RowPattern p = cell.row_pattern(first_ + r);
      step_extent_.push_back(p.dense - first_);
      lone_.push_back(p.lone < 0 ? -1 : p.lone - first_);
      has_lone_ |= p.lone >= 0;
      full_step_ &= p.dense == cell.n_state();
      full_block_ &= block_extent_.back() == n_;
    }
  }

  Index first_state() const { return first_; }

  void set(const Scalar* A, Index ld, bool transposed, bool one_step) {
    A += first_ * (ld + 1);
    const Index row = transposed ? 1 : ld, column = transposed ? ld : 1;
    one_step_ = one_step;
    ops_->pack(n_, A, row, column, row_extent(), packed_.data());
    if (one_step && has_lone_)
      for (Index r = 0; r < n_; ++r) lone_value_[r] = lone_[at(r)] < 0 ? Scalar(0) : A[r * row + lone_[at(r)] * column];
  }

  void describe(InfluenceMove<Scalar>& m) const {
    m.Phi_packed = packed_.data();
    if (one_step_ && has_lone_) {
      m.lone_column = lone_.data();
      m.lone_value = lone_value_.data();
    }
  }

 private:
  const Index* row_extent() const {
    if (one_step_ ? full_step_ : full_block_) return nullptr;
    return one_step_ ? step_extent_.data() : block_extent_.data();
  }
  static std::size_t at(Index r) { return static_cast<std::size_t>(r); }
  const Ops<Scalar>* ops_;
  Index first_, n_;
  std::vector<Index> block_extent_, step_extent_, lone_;  // by row
  bool full_step_ = true, full_block_ = true, has_lone_ = false, one_step_ = false;
  Buffer<Scalar> packed_, lone_value_;
};

}  // namespace pushforward
