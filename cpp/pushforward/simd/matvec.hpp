#pragma once
// Matrix times vector, both ways round.
//
//   y = A x       one register of sums per row, for as many rows as a register has lanes; a tree of shuffles then turns them into one register of y
//   y (+)= Aᵀ x   sums over a chunk of columns stay in registers while the rows go by
//
// A (m, n), rows at distance ld. Nothing beyond the n columns is read.

#include <utility>

#include "blocks.hpp"
#include "lanes.hpp"

namespace pushforward {
namespace {

// Lanes (lo) and (hi) of the concatenation of two registers whose neighbouring segments of `half` numbers are to be added.
template <typename Scalar, Index half, bool hi, typename Integer, std::size_t... o>
constexpr I<Scalar> fold_lanes(std::index_sequence<o...>) {
  constexpr Index L = lanes<Scalar>, segments = L / (2 * half);
  return I<Scalar>{static_cast<Integer>((static_cast<Index>(o) / half >= segments ? L : 0) + (static_cast<Index>(o) / half % segments) * 2 * half +
                                        static_cast<Index>(o) % half + (hi ? half : 0))...};
}

// Lane l of the result is lane from[l] of a and b, one after the other.
template <typename Scalar>
[[gnu::always_inline]] inline V<Scalar> shuffle(V<Scalar> a, V<Scalar> b, I<Scalar> from) {
#if defined(__clang__)
  V<Scalar> lanes_of;
  for (Index l = 0; l < lanes<Scalar>; ++l) lanes_of[l] = from[l] < lanes<Scalar> ? a[from[l]] : b[from[l] - lanes<Scalar>];
  return lanes_of;
#else
  return __builtin_shuffle(a, b, from);
#endif
}

// The sums of v[0], …, v[lanes − 1], in this order, in the lanes of the result.
template <typename Scalar, Index half = lanes<Scalar> / 2>
[[gnu::always_inline]] inline V<Scalar> fold(const V<Scalar>* v) {
  using Integer = std::conditional_t<sizeof(Scalar) == 4, std::int32_t, std::int64_t>;
  using All = std::make_index_sequence<lanes<Scalar>>;
  constexpr I<Scalar> lo = fold_lanes<Scalar, half, false, Integer>(All{}), hi = fold_lanes<Scalar, half, true, Integer>(All{});
  V<Scalar> sums[half > 1 ? half : 1];
#pragma GCC unroll 8
  for (Index j = 0; j < half; ++j) sums[j] = shuffle<Scalar>(v[2 * j], v[2 * j + 1], lo) + shuffle<Scalar>(v[2 * j], v[2 * j + 1], hi);
  if constexpr (half == 1) return sums[0];
  else return fold<Scalar, half / 2>(sums);
}

template <typename Scalar>
[[gnu::always_inline]] inline Scalar sum_lanes(V<Scalar> v) {
  Scalar sums[lanes<Scalar>];
  store(sums, v);
#pragma GCC unroll 4
  for (Index half = lanes<Scalar> / 2; half > 0; half /= 2)
    for (Index l = 0; l < half; ++l) sums[l] += sums[l + half];
  return sums[0];
}

template <typename Scalar>
Scalar dot(Index n, const Scalar* a, const Scalar* x) {
  constexpr Index L = lanes<Scalar>;
  V<Scalar> sum[4] = {};
  Index c = 0;
  for (; c + 4 * L <= n; c += 4 * L)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] += load(a + c + j * L) * load(x + c + j * L);
  for (; c + L <= n; c += L) sum[0] += load(a + c) * load(x + c);
  if (c < n) sum[1] += load_part(a + c, n - c) * load_part(x + c, n - c);
  return sum_lanes<Scalar>((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

template <typename Scalar>
void matvec(Index m, Index n, const Scalar* A, Index ld, const Scalar* x, Scalar* y) {
  constexpr Index L = lanes<Scalar>;
  Index r = 0;
  for (; m - r > L / 4; r += L) {
    const Index count = m - r < L ? m - r : L;
    const Scalar* row[L];
    V<Scalar> sum[L] = {};
#pragma GCC unroll 16
    for (Index j = 0; j < L; ++j) row[j] = A + (r + (j < count ? j : count - 1)) * ld;  // rows beyond the last repeat it
    each_register<Scalar>(n, [&](Index c, auto io) __attribute__((always_inline)) {
      const V<Scalar> xc = io.load(x + c);
#pragma GCC unroll 16
      for (Index j = 0; j < L; ++j) sum[j] += io.load(row[j] + c) * xc;
    });
    const V<Scalar> result = fold<Scalar>(sum);
    if (count == L) store(y + r, result);
    else store_part(y + r, result, count);
  }
  for (; r < m; ++r) y[r] = dot(n, A + r * ld, x);
}

// y (+)= Aᵀ x over `width` registers of columns, of which the last may be a part; `ways` rows at a time go to sums of their own, so that
// a narrow chunk does not wait for its own additions.
template <int width, typename Last, typename Scalar>
void transposed_chunk(Index m, const Scalar* A, Index ld, const Scalar* x, Scalar* y, bool accumulate, Last last) {
  constexpr Index L = lanes<Scalar>;
  constexpr int ways = width >= 6 ? 1 : width >= 3 ? 2 : 4;
  V<Scalar> sum[ways][width] = {};
  const auto row = [&](Index r, V<Scalar>(&to)[width]) __attribute__((always_inline)) {
    const V<Scalar> xr = broadcast(x[r]);
    const Scalar* a = A + r * ld;
#pragma GCC unroll 12
    for (int v = 0; v + 1 < width; ++v) to[v] += xr * load(a + v * L);
    to[width - 1] += xr * last.load(a + (width - 1) * L);
  };
  Index r = 0;
  for (; r + ways <= m; r += ways)
#pragma GCC unroll 4
    for (int w = 0; w < ways; ++w) row(r + w, sum[w]);
  for (; r < m; ++r) row(r, sum[0]);
#pragma GCC unroll 2
  for (int step = ways / 2; step > 0; step /= 2)
#pragma GCC unroll 2
    for (int w = 0; w < step; ++w)
#pragma GCC unroll 12
      for (int v = 0; v < width; ++v) sum[w][v] += sum[w + step][v];
#pragma GCC unroll 12
  for (int v = 0; v + 1 < width; ++v) store(y + v * L, accumulate ? load(y + v * L) + sum[0][v] : sum[0][v]);
  Scalar* end = y + (width - 1) * L;
  last.store(end, accumulate ? last.load(end) + sum[0][width - 1] : sum[0][width - 1]);
}

constexpr Index chunk_width = vector_bytes == 64 ? 10 : 6;  // registers of sums; the rest hold x and a row of A

template <typename Last, typename Scalar>
struct Chunks {
  using Run = void (*)(Index, const Scalar*, Index, const Scalar*, Scalar*, bool, Last);
  Run of[chunk_width];
};

template <typename Last, typename Scalar, std::size_t... i>
constexpr Chunks<Last, Scalar> all_chunks(std::index_sequence<i...>) {
  return {{&transposed_chunk<i + 1, Last, Scalar>...}};
}

template <typename Last, typename Scalar>
constexpr Chunks<Last, Scalar> chunks = all_chunks<Last, Scalar>(std::make_index_sequence<chunk_width>{});

// `columns`: the registers of a row, cut into chunks.
template <typename Scalar>
[[gnu::always_inline]] inline void transposed(const Split& columns, Index m, Index n, const Scalar* A, Index ld, const Scalar* x, Scalar* y,
                                              bool accumulate) {
  constexpr Index L = lanes<Scalar>;
  constexpr Index most_rows = 128;  // a block of rows at a time: the pages of one chunk of columns stay in the TLB
  for (Index r = 0; r == 0 || r < m; r += most_rows) {
    const Index count = m - r < most_rows ? m - r : most_rows;
    const bool adds = accumulate || r > 0;
    for (Index b = 0; b < columns.n_blocks; ++b) {
      const Index c = columns.first(b) * L, width = columns.count(b);
      if (c + width * L <= n) chunks<Whole<Scalar>, Scalar>.of[width - 1](count, A + r * ld + c, ld, x + r, y + c, adds, Whole<Scalar>{});
      else chunks<Part<Scalar>, Scalar>.of[width - 1](count, A + r * ld + c, ld, x + r, y + c, adds, Part<Scalar>{n - c - (width - 1) * L});
    }
  }
}

template <typename Scalar>
void matvec_transposed(Index m, Index n, const Scalar* A, Index ld, const Scalar* x, Scalar* y, bool accumulate) {
  transposed(Split((n + lanes<Scalar> - 1) / lanes<Scalar>, chunk_width), m, n, A, ld, x, y, accumulate);
}

}  // namespace
}  // namespace pushforward
