#pragma once
// One pass over a Hermitian matrix (core/stream_ops.hpp).
//
//   P[i, j] ← scale P[i, j] − (scale gain u[i]) ū[j]      z[i] = Σ_{j ≤ i} P[i, j] x[j] + Σ_{j > i} P̄[j, i] x[j]
//
// Every number of the half that is kept is read and written once: updated, it goes into z[i] as it stands and into z[j] conjugated. Rows go by in
// groups, so that u, x and z are read once a group. Their sums stay in registers until the group ends; a tree of shuffles turns them into z.

#include <algorithm>

#include "../core/stream_ops.hpp"
#include "lanes.hpp"
#include "matvec.hpp"

namespace pushforward {
namespace {

// `line` ones, then as many zeros: a window of it masks the last line of a row.
template <typename Scalar>
struct Steps {
  alignas(cache_line) Scalar at[2 * padded<Scalar>(1)] = {};
  constexpr Steps() {
    for (Index l = 0; l < padded<Scalar>(1); ++l) at[l] = 1;
  }
};
template <typename Scalar>
constexpr Steps<Scalar> steps;

// What one row of a group keeps in registers. Complex numbers: c = 0 the real parts, c = 1 the imaginary ones.
template <typename Scalar, int parts>
struct HermitianRow {
  V<Scalar> x[parts], u[parts], sum[parts];  // u: scale gain u[i]
};

// The numbers P of a row in one register of columns, as they become; the row's sums and z of these columns take their share. On the diagonal's
// line `own` and `left` are 1 in the columns ≤ i and < i, and 0 beyond.
template <bool scaled, bool diagonal, typename Scalar>
[[gnu::always_inline]] inline void take(HermitianRow<Scalar, 1>& row, Scalar* P, Scalar scale, const V<Scalar>* x, const V<Scalar>* u, V<Scalar>* z,
                                        V<Scalar> own, V<Scalar> left) {
  V<Scalar> p = load(P);
  if constexpr (scaled) p *= scale;
  p -= row.u[0] * u[0];
  if constexpr (diagonal) p *= own;
  store(P, p);
  row.sum[0] += p * x[0];
  if constexpr (diagonal) p *= left;
  z[0] += p * row.x[0];
}

template <bool scaled, bool diagonal, typename Scalar>
[[gnu::always_inline]] inline void take(HermitianRow<Scalar, 2>& row, Scalar* P, Scalar scale, const V<Scalar>* x, const V<Scalar>* u, V<Scalar>* z,
                                        V<Scalar> own, V<Scalar> left) {
  Scalar* imaginary = P + 8 * padded<Scalar>(1);
  V<Scalar> a = load(P), b = load(imaginary);
  if constexpr (scaled) a *= scale, b *= scale;
  a -= row.u[0] * u[0];
  a -= row.u[1] * u[1];
  b -= row.u[1] * u[0];
  b += row.u[0] * u[1];
  if constexpr (diagonal) a *= own, b *= left;
  store(P, a);
  store(imaginary, b);
  row.sum[0] += a * x[0];
  row.sum[0] -= b * x[1];
  row.sum[1] += a * x[1];
  row.sum[1] += b * x[0];
  if constexpr (diagonal) a *= left;
  z[0] += a * row.x[0];
  z[0] += b * row.x[1];
  z[1] += a * row.x[1];
  z[1] -= b * row.x[0];
}

template <typename Scalar, int parts, bool scaled>
void hermitian_groups(const HermitianPass<Scalar>& pass) {
  constexpr Index L = lanes<Scalar>, line = padded<Scalar>(1);
  constexpr int rows = (vector_bytes == 64 ? 8 : 4) / parts;  // as many as fit the registers
  const Index n = hermitian_rows(pass.n), plane = padded<Scalar>(pass.n);
  std::fill_n(pass.z, parts * plane, Scalar(0));
  for (Index i = 0; i < n; i += rows) {
    HermitianRow<Scalar, parts> row[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
      for (int c = 0; c < parts; ++c) {
        row[r].x[c] = broadcast(pass.x[c * plane + i + r]);
        row[r].u[c] = broadcast(pass.scale * (pass.gain * pass.u[c * plane + i + r]));
        row[r].sum[c] = V<Scalar>{};
      }
    const auto columns = [&](Index j, const auto& body) __attribute__((always_inline)) {
      V<Scalar> x[parts], u[parts], z[parts];
#pragma GCC unroll 2
      for (int c = 0; c < parts; ++c) x[c] = load(pass.x + c * plane + j), u[c] = load(pass.u + c * plane + j), z[c] = load(pass.z + c * plane + j);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) body(r, x, u, z);
#pragma GCC unroll 2
      for (int c = 0; c < parts; ++c) store(pass.z + c * plane + j, z[c]);
    };
    const Index whole = i / line * line;
    Scalar* tile = pass.P + hermitian_place<Scalar>(i, 0, 0, parts);
    for (Index first = 0; first < whole; first += line, tile += parts * 8 * line)
#pragma GCC unroll 1
      for (Index l = 0; l < line; l += L)
        columns(first + l, [&](int r, const V<Scalar>* x, const V<Scalar>* u, V<Scalar>* z) __attribute__((always_inline)) {
          take<scaled, false>(row[r], tile + r * line + l, pass.scale, x, u, z, V<Scalar>{}, V<Scalar>{});
        });
    for (Index l = 0; l < line; l += L)
      columns(whole + l, [&](int r, const V<Scalar>* x, const V<Scalar>* u, V<Scalar>* z) __attribute__((always_inline)) {
        const Scalar* left = steps<Scalar>.at + line - (i + r - whole - l);
        take<scaled, true>(row[r], tile + r * line + l, pass.scale, x, u, z, load(left - 1), load(left));
      });
#pragma GCC unroll 2
    for (int c = 0; c < parts; ++c) {
      V<Scalar> sums[std::max<Index>(rows, L)] = {};
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sums[r] = row[r].sum[c];
#pragma GCC unroll 4
      for (Index r = 0; r < rows; r += L) {
        Scalar totals[L];
        store(totals, fold<Scalar>(sums + r));
        for (Index l = 0; l < std::min<Index>(L, rows - r); ++l) pass.z[c * plane + i + r + l] += totals[l];
      }
    }
  }
}

template <typename Scalar>
void hermitian_pass(const HermitianPass<Scalar>& pass) {
  const bool scaled = pass.scale != Scalar(1);
  if (pass.n_parts == 1) scaled ? hermitian_groups<Scalar, 1, true>(pass) : hermitian_groups<Scalar, 1, false>(pass);
  else scaled ? hermitian_groups<Scalar, 2, true>(pass) : hermitian_groups<Scalar, 2, false>(pass);
}

}  // namespace
}  // namespace pushforward
