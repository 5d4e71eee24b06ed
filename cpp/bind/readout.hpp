#pragma once
// What Python holds of a read-out that learns online. The network's binding sees it too: it learns as the network runs.

#include <memory>
#include <mutex>

#include "arrays.hpp"
#include "pushforward/linalg/online_readout.hpp"

namespace pushforward::bind {

template <typename Scalar>
class ReadoutModel {
 public:
  explicit ReadoutModel(const py::dict& settings);

  OnlineReadout<Scalar>& readout() { return *readout_; }

  // As it began: zero weights, the first P.
  void reset();

  // One caller at a time: a second Python thread is told so instead of spoiling the weights.
  std::unique_lock<std::mutex> use() {
    std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
    if (!lock) throw std::runtime_error("this read-out is in use by another thread; give each thread its own");
    return lock;
  }

 private:
  struct Settings {
    std::string kind;
    Index n_features = 0, n_outputs = 0, n_parts = 1, window = 0;
    bool intercept = true;
    double forgetting = 1, ridge = 0, learning_rate = 0, epsilon = 1e-8;
  } settings_;
  std::unique_ptr<OnlineReadout<Scalar>> readout_;
  std::mutex busy_;
};

}  // namespace pushforward::bind
