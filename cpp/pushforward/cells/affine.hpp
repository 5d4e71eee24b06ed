#pragma once
// The pre-activations that most cells are made of: rows over u = [base; x; 1], any part of which may be missing.
//
//   a = W u = W_rec base + W_in x + b          base (n_base): the last state, or something like it
//
// W_rec is dense, or sparse with the connections of a fixed mask (sources, see group.hpp). For D_t it is kept dense, in rows of padded(n_base).

#include <algorithm>

#include "cell.hpp"

namespace pushforward {

// Which base numbers each unit is connected to: (n_units, n_own) in C order, −1 where there is none. Empty: all.
using Sources = std::vector<Index>;

template <typename Scalar>
class AffineCell : public Cell<Scalar> {
 protected:
  using Cell<Scalar>::Cell;

  // A group of n_units rows over [base | x | 1]; n_base 0, with_input or with_bias false: that part is missing.
  Index add_affine(Index n_units, Index n_base, bool with_input, bool with_bias, const Sources& sources = {}) {
    Group g;
    g.n_units = n_units;
    g.n_own = static_cast<Index>(sources.size()) / n_units;
    g.sources = sources;
    const Index n_recurrent = g.n_own > 0 ? g.n_own : n_base;
    g.n_presynaptic = n_recurrent + (with_input ? this->n_inputs_ : 0) + (with_bias ? 1 : 0);
    g.input_column = with_input ? n_recurrent : -1;
    if (g.n_own > 0) g.base_offset = this->add_base(n_base);
    return this->add_group(std::move(g));
  }
  // A group of one number a unit, times 1.
  Index add_column(Index n_units) {
    Group g;
    g.n_units = n_units;
    g.n_presynaptic = 1;
    g.column = true;
    return this->add_group(std::move(g));
  }

  const Group& group(Index k) const { return this->groups_[static_cast<std::size_t>(k)]; }

  // a (n_units of the group) = W u; writes u. base null: the group has none.
  void affine(const Group& g, const Scalar* W, const Scalar* base, Index n_base, Input<Scalar> x, Scalar* u, Scalar* a) const {
    const Index n_recurrent = g.n_own > 0 ? g.n_own : n_base, n_inputs = g.input_column < 0 ? 0 : this->n_inputs_;
    const Scalar* rows = W + g.weight_offset;
    Scalar* shared = u + g.presynaptic_offset;
    if (g.n_own > 0)
      std::copy_n(base, n_base, u + g.base_offset);
    else if (n_base > 0)
      std::copy_n(base, n_base, shared);
    const bool with_bias = g.n_presynaptic > n_recurrent + n_inputs, token = n_inputs > 0 && !x.dense;
    if (with_bias) shared[n_recurrent + n_inputs] = Scalar(1);
    if (!token) {
      if (n_inputs > 0) std::copy_n(x.dense, n_inputs, shared + n_recurrent);
      ops<Scalar>().matvec(g.n_units, g.n_presynaptic, rows, g.width, shared, a);
    } else {
      std::fill_n(shared + n_recurrent, n_inputs, Scalar(0));
      if (g.n_own == 0 && n_base > 0)
        ops<Scalar>().matvec(g.n_units, n_base, rows, g.width, shared, a);
      else
        std::fill_n(a, g.n_units, Scalar(0));
      const Scalar* column = rows + g.input_column + x.token;
      for (Index i = 0; i < g.n_units; ++i) a[i] += column[i * g.width];
      if (with_bias)
        for (Index i = 0; i < g.n_units; ++i) a[i] += rows[i * g.width + g.n_presynaptic - 1];
    }
    if (g.n_own > 0) add_own(g, rows, base, a);
  }

  // The recurrent part of a group's W, dense: rows of padded(n_base).
  void recurrent_rows(const Group& g, const Scalar* W, Index n_base, Scalar* out) const {
    const Index ld = padded<Scalar>(n_base);
    const Scalar* rows = W + g.weight_offset;
    for (Index i = 0; i < g.n_units; ++i, rows += g.width, out += ld) {
      if (g.n_own == 0) {
        std::copy_n(rows, n_base, out);
        continue;
      }
      std::fill_n(out, n_base, Scalar(0));
      for (Index j = 0; j < g.n_own && g.source(i, j) >= 0; ++j) out[g.source(i, j)] = rows[j];
    }
  }

  // V_before (n_base, m) = (or +=) Wᵀ E,  W (n_rows, n_base) as recurrent_rows() left it
  static void recurrent_adjoint(const Scalar* recurrent, Index n_rows, Index n_base, Index m, const Scalar* E, Index lde, Scalar* V_before, Index ldb,
                                bool accumulate) {
    if (m == 1 && lde == 1 && ldb == 1)
      ops<Scalar>().matvec_transposed(n_rows, n_base, recurrent, padded<Scalar>(n_base), E, V_before, accumulate);
    else
      ops<Scalar>().matmul_transposed(n_base, m, n_rows, recurrent, padded<Scalar>(n_base), E, lde, V_before, ldb, accumulate);
  }

  // Y = diag(d) X, (n, m)
  static void scale(Index n, Index m, const Scalar* d, const Scalar* X, Index ldx, Scalar* Y, Index ldy) {
    if (m == 1 && ldx == 1 && ldy == 1)
      ops<Scalar>().multiply(n, d, X, Y, false);
    else
      ops<Scalar>().scale_rows(n, m, d, X, ldx, Y, ldy);
  }
  // Y += diag(d) X, (n, m)
  static void scale_add(Index n, Index m, const Scalar* d, const Scalar* X, Index ldx, Scalar* Y, Index ldy) {
    if (m == 1 && ldx == 1 && ldy == 1)
      ops<Scalar>().multiply(n, d, X, Y, true);
    else
      for (Index i = 0; i < n; ++i) ops<Scalar>().axpy(m, d[i], X + i * ldx, Y + i * ldy);
  }

 private:
  static void add_own(const Group& g, const Scalar* rows, const Scalar* base, Scalar* a) {
    for (Index i = 0; i < g.n_units; ++i, rows += g.width)
      for (Index j = 0; j < g.n_own && g.source(i, j) >= 0; ++j) a[i] += rows[j] * base[g.source(i, j)];
  }
};

}  // namespace pushforward
