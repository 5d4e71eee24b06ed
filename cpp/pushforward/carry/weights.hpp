#pragma once
// The weights as each step saw them.
//
//   W = φ(θ)      φ(w) = c tanh(w / c) when a bound c is set, else the identity      (arXiv 2501.08040, (2.17))
//
// A step that took place under older weights must be differentiated with those: D_t needs the recurrent part of W, and with a bound the chain rule
// needs φ'(θ). Each update of θ makes a new version; a ring of `n_versions` holds as many as stored steps can refer to.

#include "../cells/cell.hpp"
#include "../core/archive.hpp"
#include "../core/buffer.hpp"

namespace pushforward {

template <typename Scalar>
class WeightHistory {
 public:
  WeightHistory(const Cell<Scalar>& cell, double bound, Index n_versions)
      : cell_(cell),
        bound_(static_cast<Scalar>(bound)),
        n_versions_(n_versions),
        row_(padded<Scalar>(cell.n_recurrent())),
        recurrent_(n_versions * row_),
        bounded_(bound > 0 ? cell.n_weights() : 0),
        slope_(bound > 0 ? n_versions * cell.n_weights() : 0) {}

  // θ (n_weights, padded rows) has changed: a new version begins. θ must outlive this object's use of it.
  void commit(const Scalar* theta) {
    version_ = (version_ + 1) % n_versions_;
    show(theta);
    cell_.recurrent_weights(current_, recurrent_.data() + version_ * row_);
  }

  const Scalar* current() const { return current_; }  // W of the step to come
  std::int64_t version() const { return version_; }
  Index n_versions() const { return n_versions_; }
  const Scalar* recurrent(std::int64_t version) const { return recurrent_.data() + version * row_; }
  bool bounded() const { return bound_ > 0; }
  const Scalar* slope(std::int64_t version) const { return slope_.data() + version * cell_.n_weights(); }

  void visit(Archive<Scalar>& archive) {
    archive.integers("weights.version", &version_, 1, {{0, n_versions_ - 1}});
    archive.numbers("weights.recurrent", recurrent_.data(), recurrent_.size());
    archive.numbers("weights.slope", slope_.data(), slope_.size());
  }
  // After loading: W of the present version again, without making a new one.
  void show(const Scalar* theta) {
    current_ = theta;
    if (!bounded()) return;
    ops<Scalar>().bound(cell_.n_weights(), bound_, theta, bounded_.data(), slope_.data() + version_ * cell_.n_weights());
    current_ = bounded_.data();
  }

 private:
  const Cell<Scalar>& cell_;
  Scalar bound_;
  Index n_versions_, row_;
  const Scalar* current_ = nullptr;
  std::int64_t version_ = 0;
  Buffer<Scalar> recurrent_, bounded_, slope_;
};

}  // namespace pushforward
