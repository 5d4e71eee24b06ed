#pragma once
// W_rec of blocks along the diagonal.
//
//   a[j] = B_j s[j]      s[j], a[j]: the units of block j      complex, in planes:  a_re = B_re s_re − B_im s_im,  a_im = B_re s_im + B_im s_re

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "../core/buffer.hpp"
#include "../core/ops.hpp"
#include "recurrence.hpp"
#include "sparse.hpp"

namespace pushforward {

template <typename Scalar>
class BlocksRecurrence final : public Recurrence<Scalar> {
 public:
  // blocks (n_blocks, size, size, n_parts)
  BlocksRecurrence(Index n_blocks, Index size, Index n_parts, const Scalar* blocks) : n_(n_blocks * size), size_(size), n_parts_(n_parts) {
    if (size <= (n_parts == 2 ? 12 : 7)) {  // a call for every block would cost more than a sparse matrix does
      scatter(blocks);
      return;
    }
    const Index all = n_ * size;
    B_ = Buffer<Scalar>((n_parts == 2 ? 3 : 1) * all);
    for (Index i = 0; i < all; ++i) {
      B_[i] = blocks[i * n_parts];
      if (n_parts == 2) {
        B_[all + i] = blocks[2 * i + 1];
        B_[2 * all + i] = -blocks[2 * i + 1];
      }
    }
  }
  Index n_units() const override { return n_; }

  void apply(const Scalar* s, Scalar* a, Index n_lanes) const override {
    if (small_) return small_->apply(s, a, n_lanes);
    const Index plane = padded<Scalar>(n_ * n_lanes), all = n_ * size_;
    for (Index first = 0; first < n_; first += size_) {
      const Scalar *B = B_.data() + first * size_, *from = s + first * n_lanes;
      Scalar* to = a + first * n_lanes;
      multiply(B, from, to, n_lanes, false);
      if (n_parts_ == 1) continue;
      multiply(B + 2 * all, from + plane, to, n_lanes, true);
      multiply(B, from + plane, to + plane, n_lanes, false);
      multiply(B + all, from, to + plane, n_lanes, true);
    }
  }

 private:
  void scatter(const Scalar* blocks) {
    std::vector<std::int64_t> indptr(static_cast<std::size_t>(n_ + 1)), indices(static_cast<std::size_t>(n_ * size_));
    for (Index i = 0; i < n_; ++i) {
      indptr[static_cast<std::size_t>(i + 1)] = (i + 1) * size_;
      std::iota(indices.begin() + i * size_, indices.begin() + (i + 1) * size_, i / size_ * size_);
    }
    small_ = std::make_unique<SparseRecurrence<Scalar>>(n_, n_parts_, n_ * size_, indptr.data(), indices.data(), blocks, true);
  }

  void multiply(const Scalar* B, const Scalar* s, Scalar* a, Index n_lanes, bool accumulate) const {
    const auto& o = ops<Scalar>();
    if (n_lanes > 1) return o.matmul(size_, n_lanes, size_, B, size_, s, n_lanes, a, n_lanes, accumulate);
    if (!accumulate) return o.matvec(size_, size_, B, size_, s, a);
    Scalar sum[64];
    for (Index i = 0; i < size_; i += 64) {
      const Index count = std::min<Index>(64, size_ - i);
      o.matvec(count, size_, B + i * size_, size_, s, sum);
      o.axpy(count, Scalar(1), sum, a + i);
    }
  }

  Index n_, size_, n_parts_;
  Buffer<Scalar> B_;  // real part, imaginary part, its negative
  std::unique_ptr<SparseRecurrence<Scalar>> small_;
};

}  // namespace pushforward
