#pragma once
// The move of an influence that keeps one row a unit (element-wise cells, local rules), in one pass over it.
//
//   G[i] += λ_i J[i]                       (when λ is given; before the move)
//   J[i] ← d_i J[i] + Σ_s E[s, i] U[s]     i = 0 … n_rows − 1
//
// J, G (n_rows, n_cols) padded rows     d, λ (n_rows)     E (n_steps, n_rows)     U (n_steps, n_cols) padded rows
//
// A tile of tile_rows rows by tile_width registers of J stays in registers while the steps go by, so that a load of U serves all its rows.

#include "gemm.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
struct RowsMove {
  Index n_cols, n_steps;
  Scalar* J;
  const Scalar *d, *E;
  Index E_step;
  const Scalar* U;
  Index U_step;
  const Scalar* lambda;
  Scalar* G;
};

// The move of `rows` rows from m.J on, `width` registers of them.
template <int rows, int width, typename Scalar>
void move_tile(const RowsMove<Scalar>& m) {
  constexpr Index L = lanes<Scalar>;
  V<Scalar> c[rows][width];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) c[r][v] = load(m.J + r * m.n_cols + v * L);
  if (m.lambda)
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) {
        Scalar* g = m.G + r * m.n_cols + v * L;
        store(g, load(g) + m.lambda[r] * c[r][v]);
      }
  if (!m.d && m.n_steps == 0) return;
  if (m.d)
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) c[r][v] = m.d[r] * c[r][v];
  add_sum<rows, width, true, false, Scalar>({m.n_steps, m.E, m.E_step, m.U, m.U_step}, 1, c, nullptr, 0);
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) store(m.J + r * m.n_cols + v * L, c[r][v]);
}

template <typename Scalar, std::size_t... i>
constexpr auto all_move_tiles(std::index_sequence<i...>) {
  struct Table {
    void (*of[tile_rows * tile_width])(const RowsMove<Scalar>&);
  };
  return Table{{&move_tile<i / tile_width + 1, i % tile_width + 1, Scalar>...}};
}

template <typename Scalar>
constexpr auto move_tiles = all_move_tiles<Scalar>(std::make_index_sequence<tile_rows * tile_width>{});

template <typename Scalar>
void rows_move(Index n_rows, Index n_cols, Scalar* J, const Scalar* d, Index n_steps, const Scalar* E, Index E_step_stride, const Scalar* U,
               Index U_step_stride, const Scalar* lambda, Scalar* G) {
  const Split rows(n_rows, tile_rows), strips(n_cols / lanes<Scalar>, tile_width);
  for (Index b = 0; b < rows.n_blocks; ++b)
    for (Index s = 0; s < strips.n_blocks; ++s) {
      const Index r = rows.first(b), column = strips.first(s) * lanes<Scalar>, at = r * n_cols + column;
      const RowsMove<Scalar> tile{n_cols,        n_steps,      J + at,        d ? d + r : nullptr,           n_steps ? E + r : nullptr,
                                  E_step_stride, n_steps ? U + column : nullptr, U_step_stride, lambda ? lambda + r : nullptr, lambda ? G + at : nullptr};
      move_tiles<Scalar>.of[(rows.count(b) - 1) * tile_width + strips.count(s) - 1](tile);
    }
}

}  // namespace
}  // namespace pushforward
