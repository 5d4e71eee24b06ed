#pragma once
// Cells whose units hear nobody but themselves: gate by gate, unit i of n,
//
//   a^g_i = w^g_i h_i + ⟨W_in^g[i], x⟩ + b^g_i          h (n): the base of the record
//
// One group of gates · n rows [w | W_in | b] with one own number each: row r looks up h_{r mod n}. A block of rows is taken at a time, and what is
// a row's own added while the row is still in the cache.

#include <algorithm>

#include "affine.hpp"

namespace pushforward {

template <typename Scalar>
class ElementwiseCell : public AffineCell<Scalar> {
 public:
  Coupling coupling() const override { return Coupling::none; }

 protected:
  using AffineCell<Scalar>::AffineCell;

  // The group of n_kinds kinds of gates.
  void add_own_rows(Index n_kinds) {
    const Index n = this->n_units();
    Sources own(static_cast<std::size_t>(n_kinds * n));
    for (Index r = 0; r < n_kinds * n; ++r) own[static_cast<std::size_t>(r)] = r % n;
    this->add_affine(n_kinds * n, n, true, true, own);
  }

  // a (n_gates) ← W, h (n_units), x; writes u.
  void own_affine(const Scalar* W, const Scalar* h, Input<Scalar> x, Scalar* u, Scalar* a) const {
    constexpr Index block = 64;
    const Group& g = this->group(0);
    const Index n = this->n_units(), n_inputs = this->n_inputs(), bias = g.n_presynaptic - 1;
    std::copy_n(h, n, u + g.base_offset);
    Scalar* shared = u + g.presynaptic_offset;
    shared[0] = Scalar(0);
    if (x.dense)
      std::copy_n(x.dense, n_inputs, shared + 1);
    else
      std::fill_n(shared + 1, n_inputs, Scalar(0));
    shared[bias] = Scalar(1);
    const Scalar* rows = W + g.weight_offset;
    for (Index first = 0; first < g.n_units;) {
      const Index unit = first % n, count = std::min(block, n - unit);
      if (x.dense) {
        ops<Scalar>().matvec(count, g.n_presynaptic, rows, g.width, shared, a);
        for (Index i = 0; i < count; ++i) a[i] += rows[i * g.width] * h[unit + i];
      } else {
        for (Index i = 0; i < count; ++i) {
          const Scalar* row = rows + i * g.width;
          a[i] = row[0] * h[unit + i] + row[1 + x.token] + row[bias];
        }
      }
      first += count;
      rows += count * g.width;
      a += count;
    }
  }

  // w (n_gates), of the rows
  void own_weights(const Scalar* W, Scalar* w) const {
    const Group& g = this->group(0);
    const Scalar* rows = W + g.weight_offset;
    for (Index r = 0; r < g.n_units; ++r) w[r] = rows[r * g.width];
  }
};

}  // namespace pushforward
