#pragma once
// The tangent kernel of a wide diagonal network, F_t = (1/√m) Σ_i c_i h_t^i:
//
//   φ_t = ∂F_t/∂(w_i, u_i) = (c_i / √m) [∂h_t^i/∂w_i | ∂h_t^i/∂u_i]        (m, n_inputs + 1) at each of n_points = n_series n_steps points
//   K[p, q] = ⟨φ_p, φ_q⟩ = Σ_panels Aᵀ B                                  A (panel_rows, n_points), B (panel_rows, n_points of the others)
//
// A panel holds some components of some neurons, a row each, points side by side: about panel_rows rows of the matrix of features exist at a time,
// whatever m and n_inputs. Where n_inputs + 1 components are too many for one panel, the states of its neurons are made again for the next.
// X (n_series, n_steps, n_inputs), w (m), U (m, n_inputs), c (m), K (n_points, n_points of the others), all row-major.

#include <algorithm>
#include <cmath>

#include "../core/buffer.hpp"
#include "../core/denormals.hpp"
#include "../core/ops.hpp"
#include "../core/threads.hpp"
#include "../core/wide_ops.hpp"

namespace pushforward {

template <typename Scalar>
struct NtkPoints {
  const Scalar* X = nullptr;
  Index n_series = 0, n_steps = 0;
  Index count() const { return n_series * n_steps; }
};

template <typename Scalar>
class Tangent {
 public:
  Tangent(SmoothActivation activation, Index n_units, Index n_inputs, const Scalar* w, const Scalar* U, const Scalar* c)
      : table_(wide_ops<Scalar>()), lanes_(table_.ntk_lanes), m_(n_units), d_(n_inputs), n_groups_((n_units + lanes_ - 1) / lanes_),
        activation_(activation), w_(w), U_(n_groups_ * lanes_ * n_inputs), scale_(n_units) {
    for (Index i = 0; i < m_; ++i) {
      scale_[i] = c[i] / std::sqrt(static_cast<Scalar>(m_));
      for (Index k = 0; k < d_; ++k) U_[(i / lanes_ * d_ + k) * lanes_ + i % lanes_] = U[i * d_ + k];
    }
  }

  // out (n_points, m, n_inputs + 1)
  void features(int n_threads, const NtkPoints<Scalar>& points, Scalar* out) const {
    const FlushDenormals scope;  // as the threads of the pool do: results must not depend on who takes a task
    const Index width = d_ + 1;
    parallel_for(n_threads, points.n_series * n_groups_, [&](Index task) {
      const Index series = task / n_groups_, group = task % n_groups_;
      for (Index first = 0; first < width; first += ntk_components) {
        NtkRows<Scalar> rows = rows_of(points, series, group, first, std::min(first + ntk_components, width));
        rows.out = out + (series * points.n_steps * m_ + group * lanes_) * width + first;
        rows.component_stride = 1, rows.unit_stride = width, rows.step_stride = m_ * width;
        table_.ntk_rows(rows);
      }
    });
  }

  // K ← Gram matrix of points with others; null: with themselves, of which one half is computed. stop() is asked before every panel; once it says yes
  // K is worth nothing.
  template <typename Stop>
  void gram(int n_threads, const NtkPoints<Scalar>& points, const NtkPoints<Scalar>* others, Scalar* K, Stop&& stop) const {
    const FlushDenormals scope;
    const Index n = points.count(), n_other = others ? others->count() : n, width = d_ + 1;
    const Index n_chunks = (width + ntk_components - 1) / ntk_components, chunk = (width + n_chunks - 1) / n_chunks;
    const Index together = std::min(n_groups_, std::max<Index>(1, panel_rows / (chunk * lanes_)));  // groups of a panel
    const Index ld = padded<Scalar>(n), ld_other = padded<Scalar>(n_other), most = together * chunk * lanes_;
    Buffer<Scalar> left(most * ld), right(others ? most * ld_other : 0);
    const Index n_down = (n + block - 1) / block, n_across = (n_other + block - 1) / block;
    for (Index group = 0; group < n_groups_; group += together)
      for (Index first = 0; first < width; first += chunk) {
        if (stop()) return;
        const Index n_here = std::min(together, n_groups_ - group), last = std::min(first + chunk, width);
        const Index rows = panel(n_threads, points, group, n_here, first, last, left.data(), ld);
        if (others) panel(n_threads, *others, group, n_here, first, last, right.data(), ld_other);
        const Scalar* const B = others ? right.data() : left.data();
        const bool more = group > 0 || first > 0;
        parallel_for(n_threads, n_down * n_across, [&](Index task) {
          const Index r = task / n_across * block, q = task % n_across * block;
          if (!others && q > r) return;
          ops<Scalar>().matmul_transposed(std::min(block, n - r), std::min(block, n_other - q), rows, left.data() + r, ld, B + q,
                                          others ? ld_other : ld, K + r * n_other + q, n_other, more);
        });
      }
    if (others) return;
    parallel_for(n_threads, n_down, [&](Index task) {  // what lies above the diagonal, a block at a time
      for (Index q_first = 0; q_first <= task * block; q_first += block)
        for (Index r = task * block; r < std::min(n, (task + 1) * block); ++r)
          for (Index q = q_first; q < std::min(r, q_first + block); ++q) K[q * n + r] = K[r * n + q];
    });
  }

 private:
  static constexpr Index panel_rows = 512;  // deep enough that K is rarely read and written
  static constexpr Index block = 192;       // rows and columns of K that a task takes: a whole number of register tiles

  NtkRows<Scalar> rows_of(const NtkPoints<Scalar>& points, Index series, Index group, Index first, Index last) const {
    NtkRows<Scalar> rows;
    rows.activation = activation_;
    rows.n_steps = points.n_steps, rows.n_inputs = d_, rows.n_units = std::min(lanes_, m_ - group * lanes_);
    rows.first = first, rows.last = last;
    rows.X = points.X + series * points.n_steps * d_;
    rows.w = w_ + group * lanes_, rows.U = U_.data() + group * lanes_ * d_, rows.scale = scale_.data() + group * lanes_;
    return rows;
  }

  // Components first … last−1 of n_here groups, rows in the order (group, component, neuron); returns how many rows.
  Index panel(int n_threads, const NtkPoints<Scalar>& points, Index group, Index n_here, Index first, Index last, Scalar* out, Index ld) const {
    parallel_for(n_threads, points.n_series * n_here, [&](Index task) {
      const Index series = task / n_here, g = task % n_here;
      NtkRows<Scalar> rows = rows_of(points, series, group + g, first, last);
      rows.out = out + g * (last - first) * lanes_ * ld + series * points.n_steps;
      rows.unit_stride = ld, rows.component_stride = rows.n_units * ld, rows.step_stride = 1;
      table_.ntk_rows(rows);
    });
    const Index n_units = std::min(m_, (group + n_here) * lanes_) - group * lanes_;  // only the last group is not full
    return n_units * (last - first);
  }

  const WideOps<Scalar>& table_;
  Index lanes_, m_, d_, n_groups_;
  SmoothActivation activation_;
  const Scalar* w_;
  Buffer<Scalar> U_, scale_;  // U: groups of neurons, (n_inputs, lanes) each
};

}  // namespace pushforward
