#pragma once
// D_t and M_t of one stored step as numbers, for the carries that need more than products with their transposes:
//
//   D (n_state, n_state)     by the cell's dynamics_jacobian, or Dᵀ = D_tᵀ I, block by block (adjoint)
//   M (n_state, n_gates)     by what units do to themselves, where that is all, or E = M_tᵀ I
//
// The past steps' weights and slopes are given to set(); the rest reads what it left.

#include "../cells/cell.hpp"
#include "../core/buffer.hpp"

namespace pushforward {

template <typename Scalar>
class Jacobians {
 public:
  explicit Jacobians(const Cell<Scalar>& cell)
      : cell_(cell), ld_(padded<Scalar>(cell.n_state())), own_(cell.coupling() != Coupling::full), D_(cell.n_state() * ld_) {
    const Buffer<Scalar> recurrent(padded<Scalar>(cell.n_recurrent())), slopes(padded<Scalar>(cell.n_slopes()));
    direct_ = cell.dynamics_jacobian(recurrent.data(), slopes.data(), D_.data(), ld_);
    D_.clear();
    if (own_) {
      const Index b = cell.n_state() / cell.n_units();
      D_own_ = Buffer<Scalar>(b * b * cell.n_units());
      M_own_ = Buffer<Scalar>(b * cell.n_gates());
    }
    if (own_ && direct_) return;
    E_ = Buffer<Scalar>(cell.n_gates() * ld_);
    V_ = Buffer<Scalar>(cell.n_state() * ld_);
  }

  void set(const Scalar* recurrent, const Scalar* slopes) {
    if (direct_) cell_.dynamics_jacobian(recurrent, slopes, D_.data(), ld_);
    if (own_) cell_.own_jacobians(recurrent, slopes, D_own_.data(), M_own_.data());
    if (own_ && direct_) return;
    V_.clear();
    for (Index k = 0; k < cell_.n_state(); ++k) V_[k * ld_ + k] = Scalar(1);
    Index from = 0;
    for (const Index end : cell_.blocks()) {  // what a layer does not reach is never written: it is zero from the start
      cell_.adjoint(recurrent, slopes, end - from, end, V_.data() + from, ld_, E_.data() + from, ld_, direct_ ? nullptr : D_.data() + from, ld_);
      from = end;
    }
  }

  // D(r, k) stands at D()[r * row_stride() + k * column_stride()]: in rows of ld(), or transposed.
  const Scalar* D() const { return D_.data(); }
  Index ld() const { return ld_; }
  bool transposed() const { return !direct_; }
  Index row_stride() const { return direct_ ? ld_ : 1; }
  Index column_stride() const { return direct_ ? 1 : ld_; }

  // C = D A for the states from `first` on         A, C (n_state − first, m)
  void apply(Index first, Index m, const Scalar* A, Index lda, Scalar* C, Index ldc) const {
    const Index n = cell_.n_state() - first;
    const Scalar* D = D_.data() + first * (ld_ + 1);
    if (m == 1 && lda == 1 && ldc == 1)
      direct_ ? ops<Scalar>().matvec(n, n, D, ld_, A, C) : ops<Scalar>().matvec_transposed(n, n, D, ld_, A, C, false);
    else
      (direct_ ? ops<Scalar>().matmul : ops<Scalar>().matmul_transposed)(n, m, n, D, ld_, A, lda, C, ldc, false);
  }

  Scalar M(Index state, Index gate) const {
    if (!own_) return E_[gate * ld_ + state];
    const Index n = cell_.n_units();
    return state % n == gate % n ? M_own_[state / n * cell_.n_gates() + gate] : Scalar(0);
  }

  // A += α M for the gates of one group and the states from its first one on         A (n_state − first_state, n_units of the group)
  void add_sensitivity(const Group& g, Scalar alpha, Scalar* A, Index lda) const {
    const Index n = cell_.n_units(), n_rows = cell_.n_state() - g.first_state;
    if (own_) {
      for (Index k = 0; k * n < cell_.n_state(); ++k)
        for (Index i = 0; i < g.n_units; ++i) {
          const Index gate = g.first_gate + i;
          A[(k * n + gate % n - g.first_state) * lda + i] += alpha * M_own_[k * cell_.n_gates() + gate];
        }
      return;
    }
    constexpr Index tile = 16;  // E lies the other way round: a tile at a time stays in cache
    const Scalar* E = E_.data() + g.first_gate * ld_ + g.first_state;
    for (Index k0 = 0; k0 < n_rows; k0 += tile)
      for (Index i0 = 0; i0 < g.n_units; i0 += tile)
        for (Index k = k0; k < n_rows && k < k0 + tile; ++k)
          for (Index i = i0; i < g.n_units && i < i0 + tile; ++i) A[k * lda + i] += alpha * E[i * ld_ + k];
  }

  // ‖M‖² of one group
  double squared_sensitivity(const Group& g) const {
    if (!own_) return ops<Scalar>().squared_norm(g.n_units * ld_, E_.data() + g.first_gate * ld_);
    double sum = 0;
    for (Index k = 0; k < cell_.n_state() / cell_.n_units(); ++k)
      sum += ops<Scalar>().squared_norm(g.n_units, M_own_.data() + k * cell_.n_gates() + g.first_gate);
    return sum;
  }

 private:
  const Cell<Scalar>& cell_;
  Index ld_;
  bool own_, direct_ = false;  // M by own_jacobians; D by dynamics_jacobian
  Buffer<Scalar> D_, E_, V_, D_own_, M_own_;
};

}  // namespace pushforward
