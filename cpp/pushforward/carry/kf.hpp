#pragma once
// Kronecker-factored real-time recurrent learning (Mujika, Meier and Steger 2018, arXiv 1805.10842): where all units of a group share their
// presynaptic vector, J of the group is replaced by a random Kronecker product whose mean is J.
//
//   J^g ≈ A^g ⊗ u'^g        u' ← c₁ p₁ u' + c₂ p₂ u        A ← (c₁ / p₁) D A + (c₂ / p₂) M        c = ±1, fair and independent
//   p₁ = √((‖D A‖ + ε) / (‖u'‖ + ε))        p₂ = √((‖M‖ + ε) / (‖u‖ + ε))        any positive p is unbiased; these give the least variance
//   gradient of W^g = (Aᵀ λ) ⊗ u'           λ = W_outᵀ δ
//
// A^g (n_state − first_state of g, n_units of g)     u'^g, u^g (width of a row; 1 of a column group)
// Cost of a step: 2 n_state² n_gates flop for D A. As in the paper the present step's term is estimated as well.
//
// Not defined where units have presynaptic numbers of their own, nor with bounded weights (their slopes are each unit's own).

#include <cmath>
#include <limits>

#include "../core/check.hpp"
#include "../core/random.hpp"
#include "carry.hpp"
#include "dense.hpp"
#include "jacobians.hpp"

namespace pushforward {

template <typename Scalar>
class KfCarry final : public Carry<Scalar> {
 public:
  // Do all units of every group share their presynaptic vector?
  static bool defined_for(const Cell<Scalar>& cell, bool bounded_weights) {
    for (const Group& g : cell.groups())
      if (g.n_own > 0) return false;
    return !bounded_weights;
  }

  // The signs are those of `stream` (the series) at its ticks 0, 1, …: see random.hpp.
  KfCarry(const Cell<Scalar>& cell, Index n_outputs, std::int64_t seed, std::int64_t stream)
      : Carry<Scalar>(cell, n_outputs, 1, false), jacobians_(cell), seed_(seed), stream_(stream), signs_(2 * n_groups()),
        lambda_(padded<Scalar>(cell.n_state())), a_(padded<Scalar>(cell.n_gates())) {
    Index A_size = 0, u_size = 0, largest = 0, widest = 0;
    for (const Group& g : cell.groups()) {
      A_at_.push_back(A_size);
      u_at_.push_back(u_size);
      A_size += n_rows(g) * ld(g);
      u_size += width(g);
      largest = std::max(largest, n_rows(g) * ld(g));
      widest = std::max(widest, width(g));
    }
    A_ = Buffer<Scalar>(A_size);
    u_ = Buffer<Scalar>(u_size);
    DA_ = Buffer<Scalar>(largest);
    row_ = Buffer<Scalar>(widest);
  }

  void settle(const WeightHistory<Scalar>& weights, const Readout<Scalar>& readout, bool, Scalar* G) override {
    Window<Scalar>& window = this->window_;
    if (window.count() == 0) return;
    const Index p = window.last();
    jacobians_.set(weights.recurrent(window.version(p)), window.slopes(p));
    Random(seed_, stream_, tick_++).signs(2 * n_groups(), signs_.data());
    for (const Group& g : this->cell_.groups()) move(g, p);
    if (window.pending(p)) {
      lambda_.clear();
      readout.adjoint(this->cell_, window.delta(p), lambda_.data());
      for (const Group& g : this->cell_.groups()) read(g, G + g.weight_offset);
    }
    window.clear();
  }

  void reset() override {
    Carry<Scalar>::reset();
    A_.clear();
    u_.clear();
  }

  void visit(Archive<Scalar>& archive, const std::string& name, Index n_versions) override {
    Carry<Scalar>::visit(archive, name, n_versions);
    archive.integers(name + ".tick", &tick_, 1, {Range{}});
    archive.numbers(name + ".influence_A", A_.data(), A_.size());
    archive.numbers(name + ".influence_u", u_.data(), u_.size());
  }

  // A ⊗ u'. Another matrix cannot be put in its place: it is no Kronecker product.
  bool read_influence(const WeightHistory<Scalar>&, Scalar* dense) override {
    write_dense(this->cell_, dense, [&](const Group& g, Index row, Index column, Index k) {
      if (k < g.first_state) return Scalar(0);
      const Index unit = g.column ? column : row, number = g.column ? 0 : column;
      return A(g)[(k - g.first_state) * ld(g) + unit] * u(g)[number];
    });
    return true;
  }

 private:
  static double balance(double above, double below) {  // of squares
    constexpr double epsilon = static_cast<double>(std::numeric_limits<Scalar>::epsilon()), least = epsilon * epsilon;
    return std::sqrt((std::sqrt(above) + least) / (std::sqrt(below) + least));
  }

  Index n_groups() const { return static_cast<Index>(this->cell_.groups().size()); }
  std::size_t number(const Group& g) const { return static_cast<std::size_t>(&g - this->cell_.groups().data()); }
  Index n_rows(const Group& g) const { return this->cell_.n_state() - g.first_state; }
  static Index ld(const Group& g) { return padded<Scalar>(g.n_units); }
  static Index width(const Group& g) { return g.column ? 1 : g.width; }
  Scalar* A(const Group& g) { return A_.data() + A_at_[number(g)]; }
  Scalar* u(const Group& g) { return u_.data() + u_at_[number(g)]; }

  void move(const Group& g, Index p) {
    const Index n = width(g), rows = n_rows(g), stride = ld(g);
    Scalar *A_of = A(g), *u_of = u(g);
    if (g.column)
      row_[0] = presynaptic_number(g, 0, this->window_.u(p));
    else
      this->window_.weighted_row(p, g, 0, nullptr, row_.data());
    jacobians_.apply(g.first_state, g.n_units, A_of, stride, DA_.data(), stride);
    double DA_squared = 0;
    for (Index k = 0; k < rows; ++k) DA_squared += ops<Scalar>().squared_norm(g.n_units, DA_.data() + k * stride);
    const double p1 = balance(DA_squared, ops<Scalar>().squared_norm(n, u_of));
    const double p2 = balance(jacobians_.squared_sensitivity(g), ops<Scalar>().squared_norm(n, row_.data()));
    const Scalar* c = signs_.data() + 2 * number(g);
    const double c1 = static_cast<double>(c[0]), c2 = static_cast<double>(c[1]);
    for (Index j = 0; j < n; ++j) u_of[j] = static_cast<Scalar>(c1 * p1) * u_of[j] + static_cast<Scalar>(c2 * p2) * row_[j];
    const auto keep = static_cast<Scalar>(c1 / p1);
    for (Index k = 0; k < rows; ++k)
      for (Index i = 0; i < g.n_units; ++i) A_of[k * stride + i] = keep * DA_[k * stride + i];
    jacobians_.add_sensitivity(g, static_cast<Scalar>(c2 / p2), A_of, stride);
  }

  // G += (Aᵀ λ) ⊗ u'
  void read(const Group& g, Scalar* G) {
    ops<Scalar>().matvec_transposed(n_rows(g), g.n_units, A(g), ld(g), lambda_.data() + g.first_state, a_.data(), false);
    if (g.column)
      ops<Scalar>().axpy(g.n_units, u(g)[0], a_.data(), G);
    else
      for (Index i = 0; i < g.n_units; ++i) ops<Scalar>().axpy(g.width, a_[i], u(g), G + i * g.width);
  }

  Jacobians<Scalar> jacobians_;
  std::int64_t seed_, stream_;
  std::int64_t tick_ = 0;                    // evolving, with A and u'
  std::vector<Index> A_at_, u_at_;           // of each group in them
  Buffer<Scalar> A_, u_;
  Buffer<Scalar> DA_, row_, signs_, lambda_, a_;  // of the step being settled
};

}  // namespace pushforward
