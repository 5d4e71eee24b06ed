#pragma once
// The element-wise carries' move (OwnMove in core/ops.hpp), in one pass over J and G:
//
//   G[i]   += Σ_l λ[l, i] J[i, l] + Σ_s A[s, i] U[s]                   (read, before the move)
//   J[i, k] ← Σ_l Φ[(k, l), i] J[i, l] + Σ_s E[s, k, i] U[s]           (move)
//
// J (n_rows, b, n_cols) and G (n_rows, n_cols) padded rows     k, l < b = 1 or 2     U (n_steps, n_cols)
//
// A tile of G and of the b rows of J, some units by one to three registers, stays in registers while the steps go by: a load of U serves them all.

#include <utility>

#include "blocks.hpp"
#include "lanes.hpp"

namespace pushforward {
namespace {

// Units in a tile: their (1 + b) · width sums each, U and a factor must fit into the register file (32 of 64 bytes, else 16).
constexpr int own_rows(int b, int width) {
  if (vector_bytes == 64) return width == 1 ? 8 : b * width > 4 ? 2 : 4;
  return width == 1 ? 4 : b * width > 4 ? 1 : 2;
}

template <int b, bool reads, bool moves, int rows, int width, typename Scalar>
void own_tile(const OwnMove<Scalar>& m, Index unit, Index column) {
  constexpr Index L = lanes<Scalar>;
  Scalar* const J = m.J + unit * b * m.n_cols + column;
  Scalar* const G = reads ? m.G + unit * m.n_cols + column : nullptr;
  V<Scalar> g[rows][width], c[b][rows][width];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) {
      V<Scalar> j[b];
#pragma GCC unroll 2
      for (int l = 0; l < b; ++l) j[l] = load(J + (r * b + l) * m.n_cols + v * L);
      if constexpr (reads) {
        g[r][v] = load(G + r * m.n_cols + v * L);
#pragma GCC unroll 2
        for (int l = 0; l < b; ++l) g[r][v] += m.lambda[l * m.unit_stride + unit + r] * j[l];
      }
      if constexpr (moves)
#pragma GCC unroll 2
        for (int k = 0; k < b; ++k) {
          const Scalar* phi = m.Phi + k * b * m.unit_stride + unit + r;
          c[k][r][v] = phi[0] * j[0];
          if constexpr (b == 2) c[k][r][v] += phi[m.unit_stride] * j[1];
        }
    }
  const Scalar *A = reads ? m.A + unit : nullptr, *E = moves ? m.E + unit : nullptr, *U = m.U + column;
  for (Index s = m.n_steps; s > 0; --s) {
    V<Scalar> u[width];
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) u[v] = load(U + v * L);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      if constexpr (reads) {
        const V<Scalar> a = broadcast(A[r]);
#pragma GCC unroll 3
        for (int v = 0; v < width; ++v) g[r][v] += a * u[v];
      }
      if constexpr (moves)
#pragma GCC unroll 2
        for (int k = 0; k < b; ++k) {
          const V<Scalar> e = broadcast(E[k * m.E_state_stride + r]);
#pragma GCC unroll 3
          for (int v = 0; v < width; ++v) c[k][r][v] += e * u[v];
        }
    }
    U += m.U_step_stride;
    if constexpr (reads) A += m.A_step_stride;
    if constexpr (moves) E += m.E_step_stride;
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) {
      if constexpr (reads) store(G + r * m.n_cols + v * L, g[r][v]);
      if constexpr (moves)
#pragma GCC unroll 2
        for (int k = 0; k < b; ++k) store(J + (r * b + k) * m.n_cols + v * L, c[k][r][v]);
    }
}

// Some units at a time, so that their rows stay in reach while the strips of columns go by.
template <int b, bool reads, bool moves, typename Scalar>
void own_panels(const OwnMove<Scalar>& m) {
  constexpr Index panel = 32;
  const Split strips(m.n_cols / lanes<Scalar>, 3);
  for (Index first = 0; first < m.n_rows; first += panel) {
    const Index last = first + panel < m.n_rows ? first + panel : m.n_rows;
    for (Index s = 0; s < strips.n_blocks; ++s) {
      const auto strip = [&]<int width>(std::integral_constant<int, width>) {
        constexpr int rows = own_rows(b, width);
        const Index column = strips.first(s) * lanes<Scalar>;
        Index i = first;
        for (; i + rows <= last; i += rows) own_tile<b, reads, moves, rows, width>(m, i, column);
        for (; i < last; ++i) own_tile<b, reads, moves, 1, width>(m, i, column);
      };
      if (strips.count(s) == 1) strip(std::integral_constant<int, 1>{});
      else if (strips.count(s) == 2) strip(std::integral_constant<int, 2>{});
      else strip(std::integral_constant<int, 3>{});
    }
  }
}

template <typename Scalar>
void own_move(const OwnMove<Scalar>& m) {
  if (m.G && m.Phi) m.n_own == 1 ? own_panels<1, true, true>(m) : own_panels<2, true, true>(m);
  else if (m.G) m.n_own == 1 ? own_panels<1, true, false>(m) : own_panels<2, true, false>(m);
  else if (m.Phi) m.n_own == 1 ? own_panels<1, false, true>(m) : own_panels<2, false, true>(m);
}

}  // namespace
}  // namespace pushforward
