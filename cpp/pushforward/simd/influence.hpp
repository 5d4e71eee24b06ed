#pragma once
// The move of an influence, one unit at a time, with the read of the gradient fused into it.
//
//   G[i] += λᵀ J[i]                       while the strip of J[i] is copied to scratch, where it costs one multiply-add a number
//   J[i]  ← Φ J[i] + Σ_s E[s, i]ᵀ U[s]    one register tile: both sums run over the same accumulators, J[i] is written once
//
// A strip is tile_width registers of columns, all n_state rows deep. Copied, it is contiguous and J[i] may be overwritten.
// Φ, packed, is a row of panels: the rows of one block, k-major, only as deep as one of them needs (layers: a block-triangular Φ). A row's lone
// number beyond that depth times its row of the old J is what its sum begins with. When Φ outgrows the second level cache, several strips are copied
// before the tiles run, so that Φ is read once for all of them. E and U of many steps are packed like Φ and the strips; of few, used in place.
// While a unit is moved, the slab of the next one is asked for and its E is packed, a little beside each tile.

#include "../core/ops.hpp"
#include "gemm.hpp"
#include "matvec.hpp"

namespace pushforward {
namespace {

constexpr Index steps_in_place = 4;           // up to here E and U are read where they are
constexpr Index resident_bytes = 768 * 1024;  // what may be taken of the second level cache
constexpr Index most_strips = 4;              // copied at once

inline Index round_to_line(Index n) { return (n + 15) / 16 * 16; }

template <typename Scalar>
Index strips_at_once(Index n_state, Index n_steps) {
  const Index depth = n_state + n_steps, size = static_cast<Index>(sizeof(Scalar));
  if (n_state * depth * size <= resident_bytes) return 1;
  const Index fit = resident_bytes / (depth * tile_width * vector_bytes);
  return fit < 1 ? 1 : fit > most_strips ? most_strips : fit;
}

// Enough for any move of up to n_steps steps: fewer steps may let more strips be copied at once, but never more than resident_bytes of them.
template <typename Scalar>
Index influence_scratch(Index n_state, Index n_steps) {
  const Index strip = (n_state + n_steps) * tile_width * lanes<Scalar>, resident = resident_bytes / static_cast<Index>(sizeof(Scalar));
  const Index several = most_strips * strip < resident ? most_strips * strip : resident;
  return (several > strip ? several : strip) + 2 * round_to_line(n_state * n_steps);
}

// g += λᵀ J over `width` registers; J is copied to `strip` on the way when `copies`. Four rows at a time go to sums of their own, which do not
// wait for each other.
template <int width, bool reads, bool copies, typename Scalar>
void pass_strip(Index n, const Scalar* J, Index ld, const Scalar* lambda, Scalar* g, Scalar* strip) {
  constexpr Index L = lanes<Scalar>;
  constexpr int ways = 4;
  V<Scalar> sum[ways][width] = {};
  const auto row = [&](int w) __attribute__((always_inline)) {
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) {
      const V<Scalar> x = load(J + w * ld + v * L);
      if constexpr (copies) store(strip + (w * width + v) * L, x);
      if constexpr (reads) sum[w][v] += lambda[w] * x;
    }
  };
  for (; n >= ways; n -= ways, J += ways * ld) {
    row(0), row(1), row(2), row(3);
    if constexpr (copies) strip += ways * width * L;
    if constexpr (reads) lambda += ways;
  }
  if (n > 0) row(0);
  if (n > 1) row(1);
  if (n > 2) row(2);
  if constexpr (reads)
#pragma GCC unroll 3
    for (int v = 0; v < width; ++v) store(g + v * L, load(g + v * L) + ((sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v])));
}

template <bool copies, typename Scalar>
void pass(Index width, Index n, const Scalar* J, Index ld, const Scalar* lambda, Scalar* g, Scalar* strip) {
  const auto go = [&](auto w) {
    if (lambda) pass_strip<decltype(w)::value, true, copies>(n, J, ld, lambda, g, strip);
    else if (copies) pass_strip<decltype(w)::value, false, copies>(n, J, ld, lambda, g, strip);
  };
  if (width == 3) go(std::integral_constant<int, 3>{});
  else if (width == 2) go(std::integral_constant<int, 2>{});
  else go(std::integral_constant<int, 1>{});
}

// Asks for `count` numbers at each of n places at distance ld.
template <typename Scalar>
[[gnu::always_inline]] inline void fetch(Index n, Index count, const Scalar* p, Index ld) {
  constexpr Index line = cache_line / sizeof(Scalar);
  for (Index r = 0; r < n; ++r, p += ld)
    for (Index c = 0; c < count; c += line) __builtin_prefetch(p + c, 0, 2);
}

// What a move works with besides its argument.
template <typename Scalar>
struct MovePlan {
  Split rows, strips;
  Index at_once, strip_size, slab;
  const Scalar* depths;  // of Φ's panels; null: Φ is the identity
  bool packs_E, packs_U;
  Index fetch_step;     // bytes of the next slab to be asked for beside each term of a tile
  Index E_pace;         // steps of the next unit's E to be packed beside each tile
  Scalar* E_packed[2];  // this unit's and the next one's

  explicit MovePlan(const InfluenceMove<Scalar>& m)
      : rows(m.n_state, tile_rows), strips(m.n_cols / lanes<Scalar>, tile_width), at_once(strips_at_once<Scalar>(m.n_state, m.n_steps)),
        strip_size((m.n_state + m.n_steps) * tile_width * lanes<Scalar>), slab(m.n_state * m.n_cols),
        depths(m.Phi_packed ? m.Phi_packed + m.n_state * m.n_state : nullptr) {
    constexpr Index size = sizeof(Scalar);
    const Index U_stride = m.U_step_stride * size, n_tiles = rows.n_blocks * strips.n_blocks;
    packs_E = m.n_steps > steps_in_place;
    packs_U = packs_E && (m.U_unit_stride != 0 || m.n_steps * U_stride > resident_bytes / 4 || U_stride % 1024 == 0);
    Index terms = 0;
    for (Index b = 0; b < rows.n_blocks; ++b) terms += depths ? static_cast<Index>(depths[b]) : m.n_steps;
    terms *= strips.n_blocks;
    fetch_step = terms && slab * size < resident_bytes ? (slab * size + terms - 1) / terms : 0;
    E_pace = packs_E ? (m.n_steps + n_tiles - 1) / n_tiles : 0;
    E_packed[0] = m.scratch + at_once * strip_size;
    E_packed[1] = E_packed[0] + round_to_line(m.n_state * m.n_steps);
  }
};

// E and U are the tile's second sum, or its only one.
template <typename Scalar>
[[gnu::always_inline]] inline Sum<Scalar>& sum_of_steps(const InfluenceMove<Scalar>& move, Tile<Scalar>& tile) {
  return move.Phi_packed ? tile.second : tile.first;
}

// The copies and the read of one strip; `tile` is left at the first block of rows.
template <typename Scalar>
[[gnu::noinline]] void open_strip(const InfluenceMove<Scalar>& move, const MovePlan<Scalar>& plan, Index unit, Index s, Scalar* strip,
                                  Tile<Scalar>& tile) {
  constexpr Index L = lanes<Scalar>;
  const Index n = move.n_state, ld = move.n_cols, width = plan.strips.count(s), column = plan.strips.first(s) * L;
  Scalar* const J = move.J + unit * plan.slab + column;
  Scalar* const G = move.lambda ? move.G + unit * ld + column : nullptr;
  tile.C = J;
  tile.ldc = ld;
  tile.accumulate = !move.Phi_packed;
  if (move.Phi_packed) {
    pass<true>(width, n, J, ld, move.lambda, G, strip);
    tile.first = {n, move.Phi_packed, 0, strip, width * L};
    tile.lone = move.lone_column;
    tile.lone_value = move.lone_value;
  } else {
    pass<false>(width, n, J, ld, move.lambda, G, strip);
  }
  const bool zero = column >= move.zero_first && column + width * L <= move.zero_last;
  Sum<Scalar>& steps = sum_of_steps(move, tile);
  steps.n = zero ? 0 : move.n_steps;
  if (!steps.n) return;
  steps.A = plan.packs_E ? plan.E_packed[unit & 1] : move.E + unit * move.E_unit_stride;
  steps.A_step = move.E_step_stride;
  steps.B = move.U + unit * move.U_unit_stride + column;
  steps.B_step = move.U_step_stride;
  if (plan.packs_U) {
    pack_strip(move.n_steps, width, L, steps.B, move.U_step_stride, strip + n * width * L);
    steps.B = strip + n * width * L;
    steps.B_step = width * L;
  }
}

template <typename Scalar>
void pack_E(const InfluenceMove<Scalar>& move, const MovePlan<Scalar>& plan, Index unit, Index first, Index last) {
  pack_steps(plan.rows, move.n_steps, first, last, move.E + unit * move.E_unit_stride, move.E_step_stride, plan.E_packed[unit & 1]);
}

// Packs the next steps of E of `unit`, and asks for those after them. Returns how many are packed.
template <typename Scalar>
[[gnu::noinline]] Index pack_ahead(const InfluenceMove<Scalar>& move, const MovePlan<Scalar>& plan, Index unit, Index packed) {
  const auto after = [&](Index step) { return step + plan.E_pace < move.n_steps ? step + plan.E_pace : move.n_steps; };
  const Scalar* E = move.E + unit * move.E_unit_stride;
  const Index to = after(packed);
  fetch(after(to) - to, move.n_state, E + to * move.E_step_stride, move.E_step_stride);
  pack_E(move, plan, unit, packed, to);
  return to;
}

template <typename Scalar>
void influence_move(const InfluenceMove<Scalar>& move) {
  if (move.first_unit >= move.last_unit || move.n_state == 0 || move.n_cols == 0) return;
  const MovePlan<Scalar> plan(move);
  const Index n_steps = move.n_steps, n_strips = plan.strips.n_blocks;
  if (plan.packs_E) pack_E(move, plan, move.first_unit, 0, n_steps);

  Tile<Scalar> tile[most_strips];
  Index width[most_strips];
  for (Index i = move.first_unit; i < move.last_unit; ++i) {
    const bool last = i + 1 == move.last_unit;
    const Index fetch_step = last ? 0 : plan.fetch_step;
    const char* next_slab = reinterpret_cast<const char*>(move.J + (i + 1) * plan.slab);
    Index packed = plan.packs_E && !last ? 0 : n_steps;  // steps of the next unit's E
    for (Index s0 = 0; s0 < n_strips; s0 += plan.at_once) {
      const Index n_open = n_strips - s0 < plan.at_once ? n_strips - s0 : plan.at_once;
      for (Index s = 0; s < n_open; ++s) {
        open_strip(move, plan, i, s0 + s, move.scratch + s * plan.strip_size, tile[s]);
        width[s] = plan.strips.count(s0 + s);
      }
      for (Index b = 0; b < plan.rows.n_blocks; ++b) {
        const Index count = plan.rows.count(b);
        for (Index s = 0; s < n_open; ++s) {
          if (packed < n_steps) packed = pack_ahead(move, plan, i + 1, packed);
          Tile<Scalar>& t = tile[s];
          if (plan.depths) t.first.n = static_cast<Index>(plan.depths[b]), t.first.A_step = count;
          else if (t.first.n == 0) continue;  // Φ is the identity and nothing is added
          if (plan.packs_E) sum_of_steps(move, t).A_step = count;
          t.fetch = next_slab;
          t.fetch_step = fetch_step;
          next_slab += fetch_step * t.first.n;
          tiles<true, Scalar>(count, width[s])(t);
          if (plan.depths) t.first.A += count * t.first.n;
          if (sum_of_steps(move, t).n) sum_of_steps(move, t).A += count * (plan.packs_E ? n_steps : 1);
          if (t.lone) t.lone += count, t.lone_value += count;
          t.C += count * t.ldc;
        }
      }
    }
  }
}

template <typename Scalar>
void influence_read(Index n_state, Index n_cols, Index first_unit, Index last_unit, const Scalar* J, const Scalar* lambda, Scalar* G) {
  const Split columns(n_cols / lanes<Scalar>, chunk_width);
  for (Index i = first_unit; i < last_unit; ++i)
    transposed(columns, n_state, n_cols, J + i * n_state * n_cols, n_cols, lambda, G + i * n_cols, true);
}

}  // namespace
}  // namespace pushforward
