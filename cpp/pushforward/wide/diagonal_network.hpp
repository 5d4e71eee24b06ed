#pragma once
// A wide network of units that hear themselves alone, with a fixed read-out, and the gradient of all its weights over many series:
//
//   H_t^i = σ(w_i H_{t−1}^i + ⟨u_i, x_t⟩),  H_0 = 0          F_t = (1/√m) Σ_i c_i H_t^i          loss = ½ Σ_{j,t} (F_t(x_j) − y_jt)²
//
// w, c (m)     U (m, d)     X (n_series, n_steps, d)     Y, F (n_series, n_steps)
//
// A series goes by in blocks of steps, at most block_steps() of them. All units take the block forward, which gives F and r = (F − y)/√m; a sweep
// back through the same block then gives what the block's losses owe to the block's steps (δ), and J = ∂H/∂(w, u) before the block the rest:
//
//   g += Σ_t δ_t [H_{t−1} | x_t] + w δ_1 J            J ← w κ_1 J + Σ_t κ_t [H_{t−1} | x_t]
//
// A unit hears itself alone, so that its J is a number a weight: memory is O(m (d + block_steps)) for every length of series, nothing is computed
// twice, and a series of one block needs no J at all. c comes in at the very end (δ is proportional to it).
//
// Series are cut into at most 16 chunks with sums of their own, which are added up in order: no result depends on the number of threads.

#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/buffer.hpp"
#include "../core/denormals.hpp"
#include "../core/ops.hpp"
#include "../core/status.hpp"
#include "../core/threads.hpp"
#include "../core/wide_ops.hpp"

namespace pushforward {

// Units in the order of their tiles: line 2k holds units of the first half, line 2k + 1 their partners of the second (simd/diagonal_net.hpp).
// Places without a unit have weights of zero.
template <typename Scalar>
class NetWeights {
 public:
  static constexpr Index line = padded<Scalar>(1), tile = net_tile<Scalar>;

  NetWeights(SmoothActivation activation, Index n_units, Index n_inputs, const Scalar* w, const Scalar* U, const Scalar* c)
      : activation_(activation), m_(n_units), d_(n_inputs), half_((m_ + 1) / 2), n_tiles_((2 * padded<Scalar>(half_) + tile - 1) / tile),
        w_(n_tiles_ * tile), c_(w_.size()), U_(d_ * w_.size()) {
    for (Index i = 0; i < m_; ++i) {
      const Index p = place(i);
      w_[p] = w[i], c_[p] = c[i];
      for (Index k = 0; k < d_; ++k) U_[(p / tile * d_ + k) * tile + p % tile] = U[i * d_ + k];
    }
  }

  Index place(Index i) const {
    const Index j = i < half_ ? i : i - half_;
    return (2 * (j / line) + (i >= half_)) * line + j % line;
  }
  SmoothActivation activation() const { return activation_; }
  Index n_units() const { return m_; }
  Index n_inputs() const { return d_; }
  Index n_tiles() const { return n_tiles_; }
  Index block_steps() const { return std::clamp<Index>((Index{1} << 18) / w_.size(), 16, 64); }  // H of a block stays in the second level cache
  Index n_weights() const { return (1 + d_) * w_.size(); }  // rows w, u_1, …, u_d of each tile
  double scale() const { return 1 / std::sqrt(static_cast<double>(m_)); }
  const Scalar* w(Index i) const { return w_.data() + i * tile; }
  const Scalar* c(Index i) const { return c_.data() + i * tile; }
  const Scalar* U(Index i) const { return U_.data() + i * d_ * tile; }

 private:
  SmoothActivation activation_;
  Index m_, d_, half_, n_tiles_;
  Buffer<Scalar> w_, c_, U_;
};

// What one thread needs for a series: H of a block, of all tiles or of one after the other.
template <typename Scalar>
class NetBlock {
 public:
  static constexpr Index line = padded<Scalar>(1), tile = net_tile<Scalar>;

  NetBlock(const NetWeights<Scalar>& weights, Index n_steps, bool learns)
      : net_(weights), most_(std::min(weights.block_steps(), n_steps)), learns_(learns), rows_(1 + most_),
        H_((learns ? net_.n_tiles() : 1) * rows_ * tile), last_(net_.n_tiles() * tile), F_(most_ * line), residual_(most_) {
    const bool own = net_.activation() == SmoothActivation::softplus || net_.activation() == SmoothActivation::gelu;
    if (learns && own) slope_ = Buffer<Scalar>(net_.n_tiles() * most_ * tile);
    if (!learns) return;
    ends_ = Buffer<Scalar>(3 * tile);
    if (n_steps <= most_) return;
    kappa_ = Buffer<Scalar>(most_ * tile);
    J_ = Buffer<Scalar>(net_.n_weights());
  }

  Index most() const { return most_; }
  void restart() { last_.clear(), J_.clear(); }

  // F of n steps
  void forward(Index n, const Scalar* X, Scalar* F) {
    const Index d = net_.n_inputs();
    F_.clear();
    for (Index i = 0; i < net_.n_tiles(); ++i) {
      Scalar *H = tile_of(H_, i, rows_), *end = last_.data() + i * tile;
      std::copy_n(end, tile, H);
      ops<Scalar>().matmul(n, tile, d, X, d, net_.U(i), tile, H + tile, tile, false);
      wide_ops<Scalar>().net_forward({net_.activation(), n, net_.w(i), net_.c(i), H, slope_.size() ? tile_of(slope_, i, most_) : nullptr, F_.data()});
      std::copy_n(H + n * tile, tile, end);
    }
    for (Index t = 0; t < n; ++t) {
      double sum = 0;
      for (Index l = 0; l < line; ++l) sum += static_cast<double>(F_[t * line + l]);
      F[t] = static_cast<Scalar>(sum * net_.scale());
    }
  }

  // ½ Σ (F − y)² of the n steps of the last forward(), and its gradient, added to rows as in NetWeights; `past`, `future`: the series has more blocks
  // before and after. The first step whose F is not finite ends it: −1 when there is none.
  Index backward(Index n, const Scalar* X, const Scalar* Y, const Scalar* F, bool past, bool future, double& loss, Scalar* gradient) {
    for (Index t = 0; t < n; ++t) {
      const double r = static_cast<double>(F[t]) - static_cast<double>(Y[t]);
      if (!std::isfinite(r * r)) return t;
      loss += 0.5 * r * r;
      residual_[t] = static_cast<Scalar>(r * net_.scale());
    }
    for (Index i = 0; i < net_.n_tiles(); ++i) sweep(i, n, X, past, future, gradient + i * (1 + net_.n_inputs()) * tile);
    return -1;
  }

 private:
  Scalar* tile_of(Buffer<Scalar>& all, Index i, Index rows) { return all.data() + (learns_ ? i : 0) * rows * tile; }

  void sweep(Index i, Index n, const Scalar* X, bool past, bool future, Scalar* g) {
    const auto& o = ops<Scalar>();
    const Index d = net_.n_inputs();
    Scalar *H = tile_of(H_, i, rows_), *adjoint = ends_.data(), *transport = adjoint + tile, *none = transport + tile;
    Scalar* J = past || future ? J_.data() + i * (1 + d) * tile : none;
    wide_ops<Scalar>().net_backward({net_.activation(), n, net_.w(i), residual_.data(), H, slope_.size() ? tile_of(slope_, i, most_) : nullptr,
                                     future ? kappa_.data() : nullptr, g, J, adjoint, transport});
    o.matmul_transposed(d, tile, n, X, d, H + tile, tile, g + tile, tile, true);
    for (Index k = 1; past && k <= d; ++k) o.multiply(tile, adjoint, J + k * tile, g + k * tile, true);
    if (!future) return;
    for (Index k = 1; past && k <= d; ++k) o.multiply(tile, transport, J + k * tile, J + k * tile, false);
    o.matmul_transposed(d, tile, n, X, d, kappa_.data(), tile, J + tile, tile, past);
  }

  const NetWeights<Scalar>& net_;
  Index most_;
  bool learns_;
  Index rows_;
  Buffer<Scalar> H_, last_, F_, residual_;  // H: 1 + most rows a tile, the first before the block; last: H after it
  Buffer<Scalar> slope_, kappa_, ends_, J_;
};

template <typename Scalar>
void diagonal_forward(const NetWeights<Scalar>& net, Index n_series, Index n_steps, const Scalar* X, Scalar* F, int n_threads) {
  const Index n_workers = std::min<Index>(n_threads, n_series);
  std::vector<NetBlock<Scalar>> blocks;
  for (Index k = 0; k < n_workers; ++k) blocks.emplace_back(net, n_steps, false);
  parallel_for(n_threads, n_workers, [&](Index worker) {
    const FlushDenormals scope;
    NetBlock<Scalar>& block = blocks[static_cast<std::size_t>(worker)];
    for (Index s = worker; s < n_series; s += n_workers) {
      block.restart();
      for (Index t = 0; t < n_steps; t += block.most())
        block.forward(std::min(block.most(), n_steps - t), X + (s * n_steps + t) * net.n_inputs(), F + s * n_steps + t);
    }
  });
}

}  // namespace pushforward
