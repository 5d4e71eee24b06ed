#pragma once
// What units hear from outside: U v[t] with U = [W_in | bias | W_feedback] and v[t] = [x[t], 1, y[t]], complex numbers in planes.
//
//   re:  [U_re | U_im] [v_re; −v_im]        im:  [U_re | U_im] [v_im; v_re]        one real product of twice the depth each

#include "../core/buffer.hpp"
#include "../core/ops.hpp"

namespace pushforward {

template <typename Scalar>
class Drive {
 public:
  // W_in (n_units, n_inputs, n_parts)   bias (n_units, n_parts)   W_feedback (n_units, n_feedback, n_parts)   order: see recurrence.hpp
  // by_step: U is kept as (depth, n_units) for products with many steps of one series; else as (n_units, depth), for series side by side.
  Drive(Index n_units, Index n_inputs, Index n_feedback, Index n_parts, const Scalar* W_in, const Scalar* bias, const Scalar* W_feedback,
        const Index* order, bool by_step)
      : n_(n_units), n_inputs_(n_inputs), n_parts_(n_parts), q_(n_inputs + 1 + n_feedback), depth_(n_parts * q_), U_(n_units * depth_) {
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < q_; ++j)
        for (Index part = 0; part < n_parts_; ++part) {
          const Index unit = order ? order[i] : i;
          const Scalar* from = j < n_inputs    ? W_in + (unit * n_inputs + j) * n_parts
                               : j == n_inputs ? bias + unit * n_parts
                                               : W_feedback + (unit * n_feedback + j - n_inputs - 1) * n_parts;
          U_[by_step ? (part * q_ + j) * n_ + i : i * depth_ + part * q_ + j] = from[part];
        }
  }

  Index depth() const { return depth_; }  // numbers of v a part: q, of complex numbers 2 q
  Index size(Index count) const { return n_parts_ * depth_ * count; }  // numbers of v of so many steps or series

  // v of one step of one series: its numbers at distance `stride`, what makes the imaginary part at distance `plane`. y null: zeros
  void gather(const Scalar* x, const Scalar* y, Scalar* v, Index stride, Index plane) const {
    for (Index j = 0; j < q_; ++j) {
      const Scalar* from = j < n_inputs_ ? x + j * n_parts_ : j > n_inputs_ && y ? y + (j - n_inputs_ - 1) * n_parts_ : nullptr;
      const Scalar re = from ? from[0] : Scalar(j == n_inputs_), im = from && n_parts_ == 2 ? from[1] : Scalar(0);
      v[j * stride] = re;
      if (n_parts_ == 1) continue;
      v[(q_ + j) * stride] = -im;
      v[plane + j * stride] = im;
      v[plane + (q_ + j) * stride] = re;
    }
  }

  // drive (n_steps, n_units), rows at distance ld ← v (n_steps, depth) of one series. Of one step too by a product of matrices: its order of sums
  // must be that of many.
  void of_steps(Index n_steps, const Scalar* v, Index plane, Scalar* drive, Index ld, Index drive_plane) const {
    for (Index part = 0; part < n_parts_; ++part)
      ops<Scalar>().matmul(n_steps, n_, depth_, v + part * plane, depth_, U_.data(), n_, drive + part * drive_plane, ld, false);
  }
  // drive (n_units, n_lanes) ← v (depth, n_lanes) of one step
  void of_lanes(Index n_lanes, const Scalar* v, Index plane, Scalar* drive, Index drive_plane) const {
    for (Index part = 0; part < n_parts_; ++part)
      ops<Scalar>().matmul(n_, n_lanes, depth_, U_.data(), depth_, v + part * plane, n_lanes, drive + part * drive_plane, n_lanes, false);
  }

 private:
  Index n_, n_inputs_, n_parts_, q_, depth_;
  Buffer<Scalar> U_;
};

}  // namespace pushforward
