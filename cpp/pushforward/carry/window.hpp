#pragma once
// The last steps of one series, as records from which derivatives can be had: u_t and the slopes (cell.hpp), the version of the weights, and the
// loss at that step, if it had one that no gradient has counted yet ("pending"): δ_t = ∂loss/∂output_t.
//
// A ring of `capacity` steps. An exact carry empties it at each block's end, truncation lets the oldest step fall out.

#include <algorithm>

#include "weights.hpp"

namespace pushforward {

template <typename Scalar>
class Window {
 public:
  Window(const Cell<Scalar>& cell, Index n_outputs, Index capacity)
      : capacity_(capacity),
        n_inputs_(cell.n_inputs()),
        u_width_(cell.n_presynaptic()),
        slopes_width_(padded<Scalar>(cell.n_slopes())),
        delta_width_(padded<Scalar>(n_outputs)),
        u_(capacity * u_width_),
        slopes_(capacity * slopes_width_),
        delta_(capacity * delta_width_),
        marks_(capacity * 3) {}

  Index capacity() const { return capacity_; }
  Index count() const { return extent_[1]; }
  bool full() const { return count() == capacity_; }
  // The place of the k-th oldest step. Places 0 … count−1 are always the ones in use.
  Index place(Index k) const { return (extent_[0] + k) % capacity_; }
  Index last() const { return place(count() - 1); }

  // Makes room for one more step (dropping the oldest when full) and returns its place.
  Index push(std::int64_t version, std::int64_t token) {
    if (full())
      extent_[0] = (extent_[0] + 1) % capacity_;
    else
      ++extent_[1];
    const Index p = last();
    this->version(p) = version;
    this->token(p) = token;
    pending(p) = 0;
    return p;
  }
  void clear() { extent_[0] = extent_[1] = 0; }
  // Nothing of the past stays, not even in places out of use: after a divergence they hold numbers that no file may.
  void wipe() {
    clear();
    u_.clear();
    slopes_.clear();
    delta_.clear();
  }

  Scalar* u(Index place) { return u_.data() + place * u_width_; }
  const Scalar* u(Index place) const { return u_.data() + place * u_width_; }
  Scalar* slopes(Index place) { return slopes_.data() + place * slopes_width_; }
  const Scalar* slopes(Index place) const { return slopes_.data() + place * slopes_width_; }
  Scalar* delta(Index place) { return delta_.data() + place * delta_width_; }
  const Scalar* delta(Index place) const { return delta_.data() + place * delta_width_; }
  Index u_width() const { return u_width_; }

  // row ← unit i's presynaptic numbers at that step, token included, times `slope` (null: not)
  void weighted_row(Index place, const Group& g, Index i, const Scalar* slope, Scalar* row) const {
    presynaptic_row(g, i, u(place), row);
    if (g.input_column >= 0 && token(place) >= 0) row[g.input_column + token(place)] = Scalar(1);
    if (slope) ops<Scalar>().multiply(g.width, row, slope, row, false);
  }

  std::int64_t& version(Index place) { return marks_[3 * place]; }
  std::int64_t version(Index place) const { return marks_[3 * place]; }
  std::int64_t& token(Index place) { return marks_[3 * place + 1]; }
  std::int64_t token(Index place) const { return marks_[3 * place + 1]; }
  std::int64_t& pending(Index place) { return marks_[3 * place + 2]; }
  bool pending(Index place) const { return marks_[3 * place + 2] != 0; }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) {
    archive.integers(name + ".extent", extent_, 2, {{0, capacity_ - 1}, {0, capacity_}});
    archive.integers(name + ".marks", marks_.data(), marks_.size(), {{0, n_versions - 1}, {-1, n_inputs_ - 1}, {0, 1}});
    archive.numbers(name + ".u", u_.data(), u_.size());
    archive.numbers(name + ".slopes", slopes_.data(), slopes_.size());
    archive.numbers(name + ".delta", delta_.data(), delta_.size());
  }

 private:
  Index capacity_, n_inputs_, u_width_, slopes_width_, delta_width_;
  std::int64_t extent_[2] = {0, 0};  // place of the oldest step, number of steps
  Buffer<Scalar> u_, slopes_, delta_;
  Buffer<std::int64_t> marks_;  // per step: version of the weights, token (−1: dense input), pending
};

}  // namespace pushforward
