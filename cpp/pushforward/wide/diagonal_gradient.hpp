#pragma once
// The gradient of a diagonal network over many series (equations: diagonal_network.hpp), in rounds of a few series a chunk: what waits between
// rounds, a signal for one, is heard.

#include "diagonal_network.hpp"

namespace pushforward {

template <typename Scalar>
class DiagonalGradient {
 public:
  static constexpr Index tile = net_tile<Scalar>;

  DiagonalGradient(const NetWeights<Scalar>& net, Index n_series, Index n_steps, int n_threads)
      : net_(net), n_series_(n_series), n_steps_(n_steps), n_threads_(n_threads), n_chunks_(chunks(net, n_series)),
        found_(static_cast<std::size_t>(n_chunks_)), gradient_(n_chunks_ * net.n_weights()) {
    const Index n_workers = std::min<Index>(n_threads, n_chunks_);
    for (Index k = 0; k < n_workers; ++k) blocks_.emplace_back(net, n_steps, true);
    F_ = Buffer<Scalar>(n_workers * padded<Scalar>(blocks_.front().most()));
  }

  // Of every chunk so many series: a round takes some 0.1 s
  Index round() const { return std::max<Index>(1, (Index{1} << 22) / (n_steps_ * net_.n_tiles() * tile)); }
  Index longest() const { return (n_series_ + n_chunks_ - 1) / n_chunks_; }

  // The series first … first + round() − 1 of every chunk. What is not ok ends the sum.
  Status take(Index first, const Scalar* X, const Scalar* Y, Index& series, Index& step) {
    const Index n_workers = static_cast<Index>(blocks_.size());
    parallel_for(n_threads_, n_workers, [&](Index worker) {
      const FlushDenormals scope;
      for (Index k = worker; k < n_chunks_; k += n_workers) {
        const Index begin = start(k) + first, end = std::min(start(k + 1), begin + round());
        for (Index s = begin; s < end && found_[static_cast<std::size_t>(k)].step < 0; ++s) run(worker, k, s, X, Y);
      }
    });
    for (const Chunk& chunk : found_)
      if (chunk.step >= 0) {
        series = chunk.series, step = chunk.step;
        return Status::loss_not_finite;
      }
    return Status::ok;
  }

  // The sums of all chunks, in order.
  Status finish(double& loss, Scalar* g_w, Scalar* g_U) const {
    const FlushDenormals scope;
    const Index d = net_.n_inputs(), m = net_.n_units();
    loss = 0;
    for (const Chunk& chunk : found_) loss += chunk.loss;
    for (Index i = 0; i < m; ++i) {
      const Index p = net_.place(i), at = p / tile * (1 + d) * tile + p % tile;
      const double c = static_cast<double>(net_.c(0)[p]);
      for (Index k = 0; k <= d; ++k) {
        double sum = 0;
        for (Index chunk = 0; chunk < n_chunks_; ++chunk) sum += static_cast<double>(gradient_[chunk * net_.n_weights() + at + k * tile]);
        (k ? g_U[i * d + k - 1] : g_w[i]) = static_cast<Scalar>(c * sum);
      }
    }
    const double size = ops<Scalar>().squared_norm(m, g_w) + ops<Scalar>().squared_norm(m * d, g_U);
    return !std::isfinite(loss) ? Status::loss_not_finite : std::isfinite(size) ? Status::ok : Status::gradient_not_finite;
  }

 private:
  struct Chunk {
    double loss = 0;
    Index series = 0, step = -1;  // where F stopped being finite
  };

  static Index chunks(const NetWeights<Scalar>& net, Index n_series) {
    const Index fit = std::clamp<Index>((Index{1} << 26) / net.n_weights(), 1, 16);
    return std::min(n_series, fit);
  }
  Index start(Index chunk) const { return chunk * (n_series_ / n_chunks_) + std::min(chunk, n_series_ % n_chunks_); }

  void run(Index worker, Index chunk, Index s, const Scalar* X, const Scalar* Y) {
    NetBlock<Scalar>& block = blocks_[static_cast<std::size_t>(worker)];
    Chunk& sum = found_[static_cast<std::size_t>(chunk)];
    Scalar* F = F_.data() + worker * padded<Scalar>(block.most());
    block.restart();
    for (Index t = 0; t < n_steps_; t += block.most()) {
      const Index n = std::min(block.most(), n_steps_ - t), at = s * n_steps_ + t;
      const Scalar* x = X + at * net_.n_inputs();
      block.forward(n, x, F);
      const Index bad = block.backward(n, x, Y + at, F, t > 0, t + n < n_steps_, sum.loss, gradient_.data() + chunk * net_.n_weights());
      if (bad >= 0) {
        sum.series = s, sum.step = t + bad;
        return;
      }
    }
  }

  const NetWeights<Scalar>& net_;
  Index n_series_, n_steps_;
  int n_threads_;
  Index n_chunks_;
  std::vector<Chunk> found_;
  Buffer<Scalar> gradient_, F_;
  std::vector<NetBlock<Scalar>> blocks_;
};

}  // namespace pushforward
