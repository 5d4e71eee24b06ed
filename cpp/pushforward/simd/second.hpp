#pragma once
// Second derivatives of a state, carried forward over a block of steps: one strip of columns q, a few rows p at a time (core/wide_ops.hpp has the
// equation and the names).
//
// The panel S[:, p, strip] is (n_state, tile_width registers). It is copied out once, moved from one half of the scratch memory to the other at each
// step, and copied back: S passes through memory once a block. All terms but the product with D_t are O(n_state) a panel: the curvature is what a
// tile's sums begin with, the mixed terms touch one row each.

#include "../core/wide_ops.hpp"
#include "gemm.hpp"

namespace pushforward {
namespace {

template <typename Scalar>
constexpr Index second_strip = tile_width * lanes<Scalar>;

template <typename Scalar>
void second_pack(Index n, const Scalar* D, Index ld, Scalar* packed) {
  pack_panels(Split(n, tile_rows), n, D, ld, 1, packed);
}

// C (rows, width registers) = κ ∘ Z + A B, rows of A packed; B (n), Z and C in rows of a strip.
template <int rows, int width, bool curved, typename Scalar>
void second_tile(Index n, const Scalar* A, const Scalar* B, const Scalar* kappa, const Scalar* Z, Scalar* C) {
  constexpr Index L = lanes<Scalar>, ld = second_strip<Scalar>;
  V<Scalar> c[rows][width];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) {
      if constexpr (curved) c[r][v] = kappa[r] * load(Z + r * ld + v * L);
      else c[r][v] = V<Scalar>{};
    }
  add_sum<rows, width, true, false, Scalar>({n, A, rows, B, ld}, 1, c, nullptr, 0);
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) store(C + r * ld + v * L, c[r][v]);
}

template <typename Scalar>
struct SecondTiles {
  using Tile = void (*)(Index, const Scalar*, const Scalar*, const Scalar*, const Scalar*, Scalar*);
  Tile of[tile_rows * tile_width];
  Tile operator()(Index rows, Index width) const { return of[(rows - 1) * tile_width + width - 1]; }
};

template <bool curved, typename Scalar, std::size_t... i>
constexpr SecondTiles<Scalar> all_second_tiles(std::index_sequence<i...>) {
  return {{&second_tile<i / tile_width + 1, i % tile_width + 1, curved, Scalar>...}};
}

template <bool curved, typename Scalar>
constexpr SecondTiles<Scalar> second_tiles = all_second_tiles<curved, Scalar>(std::make_index_sequence<tile_rows * tile_width>{});

// The same with a sparse D, whose rows share too little for tiles.
template <int width, typename Scalar>
void second_rows(const SecondMove<Scalar>& m, const Scalar* D, const Scalar* B, const Scalar* kappa, const Scalar* Z, Scalar* C) {
  constexpr Index L = lanes<Scalar>, ld = second_strip<Scalar>;
  const Index* column = m.columns;
  for (Index r = 0; r < m.n_state; ++r, Z += ld, C += ld) {
    V<Scalar> c[width] = {};
    if (kappa)
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) c[v] = kappa[r] * load(Z + v * L);
    for (Index j = 0; j < m.n_terms; ++j, ++column, ++D)
#pragma GCC unroll 3
      for (int v = 0; v < width; ++v) c[v] += *D * load(B + *column * ld + v * L);
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) store(C + v * L, c[v]);
  }
}

// y += x ∘ z, a few registers; x a number or as many as y
template <typename Scalar, typename Factor>
[[gnu::always_inline]] inline void add_product(Index n, const Factor& factor, const Scalar* z, Scalar* y) {
  each_register<Scalar>(n, [&](Index i, auto io) __attribute__((always_inline)) {
    if constexpr (std::is_pointer_v<Factor>) io.store(y + i, io.load(y + i) + io.load(factor + i) * io.load(z + i));
    else io.store(y + i, io.load(y + i) + factor * io.load(z + i));
  });
}

// Copies the panel of row p between S, where it begins at `at`, and its place in the scratch memory; `count` columns of it exist.
template <bool out, typename Scalar>
void copy_panel(const SecondMove<Scalar>& m, Scalar* at, Index count, Scalar* panel) {
  const Index ld = m.n_params * (m.n_params + 1) / 2;
  for (Index k = 0; k < m.n_state; ++k, at += ld, panel += second_strip<Scalar>)
    each_register<Scalar>(count, [&](Index i, auto io) __attribute__((always_inline)) {
      if constexpr (out) io.store(at + i, io.load(panel + i));
      else store(panel + i, io.load(at + i));
    });
}

// κ_t[p] ∘ Z_t + D_t S
template <typename Scalar>
void second_product(const SecondMove<Scalar>& m, const Split& rows, Index t, Index p, Index width, const Scalar* before, Scalar* after) {
  constexpr Index ld = second_strip<Scalar>;
  const Scalar *D = m.D + t * m.D_step, *Z = m.Z + t * m.strip_step;
  const Scalar* kappa = m.kappa ? m.kappa + t * m.row_step + p * m.row : nullptr;
  if (m.columns)
    return (width == 1   ? second_rows<1, Scalar>
            : width == 2 ? second_rows<2, Scalar>
                         : second_rows<tile_width, Scalar>)(m, D, before, kappa, Z, after);
  const SecondTiles<Scalar>& tiles_in_use = kappa ? second_tiles<true, Scalar> : second_tiles<false, Scalar>;
  for (Index b = 0; b < rows.n_blocks; ++b) {
    const Index r = rows.first(b), count = rows.count(b);
    tiles_in_use(count, width)(m.n_state, D + r * m.n_state, before, kappa ? kappa + r : nullptr, Z + r * ld, after + r * ld);
  }
}

// The terms of single rows.
template <typename Scalar>
void second_mixed(const SecondMove<Scalar>& m, Index t, Index p, Index width, Scalar* S) {
  constexpr Index ld = second_strip<Scalar>;
  const Scalar* mixed = m.mixed + t * m.param_step;
  if (m.source[p] >= 0) add_product(width * lanes<Scalar>, mixed[p], m.J + t * m.strip_step + m.source[p] * ld, S + m.unit[p] * ld);
  const Index column = p - m.first_column;
  const Scalar* J_row = m.J_rows + t * m.row_step + p * m.row;
  for (const SecondRun* run = m.runs; run != m.runs + m.n_runs && run->column <= column; ++run)
    add_product(run->n, mixed + m.first_column + run->column, J_row + run->source, S + run->unit * ld + run->column);
  if (m.own && column < ld) S[m.unit[p] * ld + column] += m.own[t * m.param_step + p];
}

template <typename Scalar>
void second_move(const SecondMove<Scalar>& m) {
  constexpr Index L = lanes<Scalar>, ld = second_strip<Scalar>;
  const Index panel = m.n_state * ld, n_panels = m.last_param - m.first_param;
  const Split rows(m.n_state, tile_rows);
  Scalar *before = m.scratch, *after = m.scratch + n_panels * panel;
  const auto columns = [&](Index p) { return p - m.first_column + 1 < ld ? p - m.first_column + 1 : ld; };
  const auto begin = [&](Index p) { return m.S + p * (p + 1) / 2 + m.first_column; };
  for (Index i = 0; i < n_panels; ++i) {
    if (m.fresh) __builtin_memset(before + i * panel, 0, static_cast<std::size_t>(panel) * sizeof(Scalar));
    else copy_panel<false>(m, begin(m.first_param + i), columns(m.first_param + i), before + i * panel);
  }
  for (Index t = 0; t < m.n_steps; ++t) {
    const auto width = [&](Index p) { return (columns(p) + L - 1) / L; };
    for (Index i = 0; i < n_panels; ++i) {
      const Index p = m.first_param + i;
      second_product(m, rows, t, p, width(p), before + i * panel, after + i * panel);
    }
    for (Index i = 0; i < n_panels; ++i) {  // not at once: an unaligned load would wait for the tile's stores to be done
      const Index p = m.first_param + i;
      second_mixed(m, t, p, width(p), after + i * panel);
    }
    std::swap(before, after);
  }
  for (Index i = 0; i < n_panels; ++i) copy_panel<true>(m, begin(m.first_param + i), columns(m.first_param + i), before + i * panel);
}

}  // namespace
}  // namespace pushforward
