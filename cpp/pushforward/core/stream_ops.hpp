#pragma once
// The hot loops of fixed dynamics and of online least squares: a second table of functions beside ops.hpp, chosen together with it.
//
// Complex numbers are kept as two planes: first all real parts, then (at a distance) all imaginary parts. n_parts is 1 (real) or 2 (complex).

#include "activation.hpp"
#include "types.hpp"

namespace pushforward {

// W with few numbers in a row, in slices of slice_rows rows whose k-th numbers lie side by side (SELL-C; Kreutzer et al. 2014):
//
//   number k of row r of slice i:   value[(first[i] + k) * slice_rows + r]   in column   column[(first[i] + k) * slice_rows + r]
//
// Rows list their columns ascending (for the cache only) and, where shorter than their slice's longest, end in zeros at column 0. Numbers of columns
// take two bytes where they fit: a W that does not fit the cache comes from memory in the time that its bytes take.
inline constexpr Index slice_rows = 16;
inline constexpr Index most_short_columns = 65536;

template <typename Scalar>
struct SparseSlices {
  Index n_rows = 0, n_columns = 0, n_slices = 0;
  const Index* first = nullptr;           // (n_slices + 1)
  const std::uint16_t* column_16 = nullptr;  // one of the two
  const std::int32_t* column_32 = nullptr;
  const Scalar* value = nullptr;
  const Scalar* imaginary = nullptr;      // null: W is real
};

// The lower triangle of a Hermitian P (n, n), P[i, j] with j ≤ i, in tiles of 8 rows and one cache line of columns, tile after tile as a pass over
// the rows meets them: memory is read from one end to the other. Of a complex P the tile of real parts is followed by that of the imaginary ones.
// What is beyond the diagonal in its tiles, or beyond row n, is zero, and so is the imaginary part of the diagonal. The other half of P is not
// kept: P is Hermitian whatever is rounded.
constexpr Index hermitian_rows(Index n) { return (n + 7) / 8 * 8; }
template <typename Scalar>
constexpr Index hermitian_place(Index i, Index j, Index part, Index n_parts) {
  constexpr Index line = padded<Scalar>(1);
  const Index row = i / 8 * 8, lines = row / line;  // whole lines before the diagonal's
  const Index before = line * (line * lines * (lines + 1) / 2 + row % line * (lines + 1));  // numbers in the rows before, had they one part
  return n_parts * (before + j / line * 8 * line) + (part * 8 + i % 8) * line + j % line;
}
template <typename Scalar>
constexpr Index hermitian_size(Index n, Index n_parts) {
  return hermitian_place<Scalar>(hermitian_rows(n), 0, 0, n_parts);
}

// One pass over P:
//
//   P ← scale (P − gain u uᴴ)      z = P x  (the new P)
//
// u, x and z are planes at distance padded(n), zero from n on.
template <typename Scalar>
struct HermitianPass {
  Index n = 0, n_parts = 1;
  Scalar* P = nullptr;
  const Scalar* u = nullptr;
  Scalar gain = 0, scale = 1;
  const Scalar* x = nullptr;
  Scalar* z = nullptr;
};

// s[t] = σ(β ∘ s[t−1] + W_in x[t] + b), t = 0 … n_steps − 1; every unit hears itself alone, so that a register of units goes through all steps
//
// With 2 parts a unit is two numbers, s_re ← p s_re − q s_im and s_im ← r s_im + q s_re: one complex pole p + iq (r = p), or two real ones (q = 0).
template <typename Scalar>
struct PoleSteps {
  Index n_units = 0, n_parts = 1, n_inputs = 0, n_steps = 0;
  Index input_parts = 1;                  // n_parts; or 1, real inputs into units of 2 parts
  Index plane = 0;                        // distance between planes of poles, W_in, bias, state: padded(n_units)
  const Scalar* poles = nullptr;          // plane of p; with 2 parts planes of p, q, r
  const Scalar* W_in = nullptr;           // (n_inputs, n_parts, plane)
  const Scalar* bias = nullptr;           // planes
  const Scalar* inputs = nullptr;         // (n_steps, n_inputs, input_parts), rows at distance input_stride
  Index input_stride = 0;
  Activation activation = Activation::identity;  // of the real and of the imaginary part
  Scalar* state = nullptr;                // planes, in and out
  Scalar* out = nullptr;                  // (n_steps, n_out), rows at distance out_stride: the numbers of unit 0, unit 1, …; null: only the state
  Index n_out = 0, out_stride = 0;        // n_out: n_units n_parts, or one less
};

// s ← (1 − leak) ∘ kept + leak ∘ σ(gain ∘ (a + drive) + shift)      every argument (n)
template <typename Scalar>
struct EchoUpdate {
  Index n = 0;
  Activation activation = Activation::tanh;
  const Scalar* a = nullptr;
  const Scalar* drive = nullptr;
  const Scalar* gain = nullptr;           // null: ones
  const Scalar* shift = nullptr;          // null: zeros
  const Scalar* leak = nullptr;           // null: ones
  const Scalar* kept = nullptr;           // with leak; may be s
  Scalar* s = nullptr;
};

template <typename Scalar>
struct StreamOps {
  bool (*echo_update)(const EchoUpdate<Scalar>& update);  // false: a new s is not finite
  // out[2 i] = re[i], out[2 i + 1] = im[i]
  void (*interleave)(Index n, const Scalar* re, const Scalar* im, Scalar* out);
  // out[l][i] = s[place[i] * n_lanes + l]      i = 0 … n − 1, l = 0 … n_rows − 1; place null: i; n_lanes a multiple of 16
  void (*unlace)(Index n, Index n_lanes, const Scalar* s, const Index* place, Index n_rows, Scalar* const* out);
  // a = W s     s, a (n_parts, n_columns or n_rows, n_lanes): n_lanes series side by side, 1 or a multiple of 16
  // plane_s, plane_a: distance between the planes (of one part unused)
  void (*sparse_multiply)(const SparseSlices<Scalar>& W, Index n_parts, const Scalar* s, Index plane_s, Index n_lanes, Scalar* a, Index plane_a);
  // a = w s     s, a (2, n): one complex number times n, planes at distance `plane`;     a += w s when accumulate
  void (*complex_scale)(Index n, Scalar w_re, Scalar w_im, const Scalar* s, Scalar* a, Index plane, bool accumulate);
  void (*hermitian_pass)(const HermitianPass<Scalar>& pass);
  void (*pole_steps)(const PoleSteps<Scalar>& steps);
};

// Of the same level as ops().
template <typename Scalar>
const StreamOps<Scalar>& stream_ops();

}  // namespace pushforward
