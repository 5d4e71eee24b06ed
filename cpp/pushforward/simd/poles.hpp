#pragma once
// Units that hear themselves alone (core/stream_ops.hpp).
//
//   s[t] = σ(β ∘ s[t−1] + W_in x[t] + b)
//
// Units are the outer loop: a few registers of them go through the steps with state, poles, bias and the weights of few inputs in registers, so that
// a step costs its multiply-adds and the stores of what it shows. Long runs are cut into chunks of steps, of which the rows written stay in cache.
// Sums begin with the bias, then come the inputs in order, the state last: nothing but the last additions waits for the step before.
// Every statement adds one product, so that each is one fused multiply-add (or none) whatever the loop around it.

#include <algorithm>

#include "../core/stream_ops.hpp"
#include "math.hpp"
#include "matvec.hpp"

namespace pushforward {
namespace {

// re[0], im[0], re[1], … of one half of two registers
template <typename Scalar, bool high, typename Integer, std::size_t... o>
constexpr I<Scalar> interleaving(std::index_sequence<o...>) {
  constexpr Index L = lanes<Scalar>;
  return I<Scalar>{static_cast<Integer>(static_cast<Index>(o) / 2 + (high ? L / 2 : 0) + (o % 2 ? L : 0))...};
}

template <typename Scalar, bool high>
[[gnu::always_inline]] inline V<Scalar> interleaved(V<Scalar> re, V<Scalar> im) {
  using Integer = std::conditional_t<sizeof(Scalar) == 4, std::int32_t, std::int64_t>;
  constexpr I<Scalar> from = interleaving<Scalar, high, Integer>(std::make_index_sequence<lanes<Scalar>>{});
  return shuffle<Scalar>(re, im, from);
}

template <typename Scalar>
[[gnu::always_inline]] inline void store_first(Scalar* to, V<Scalar> v, Index count) {
  if (count >= lanes<Scalar>) store(to, v);
  else if (count > 0) store_part(to, v, count);
}

// n_registers registers of units, from unit `first` on, through the steps start … stop − 1. known_inputs: that many, their weights in registers;
// 0: any number of them, weights from memory. whole: every number of every register belongs into the row.
template <typename Scalar, int parts, int input_parts, int known_inputs, int n_registers, bool whole, typename Function>
void pole_registers(const PoleSteps<Scalar>& p, Index first, Index start, Index stop, const Function& f) {
  using R = V<Scalar>;
  constexpr Index L = lanes<Scalar>;
  R s[parts][n_registers], b[parts][n_registers], beta[3][n_registers], W[known_inputs ? known_inputs : 1][parts][n_registers];
#pragma GCC unroll 8
  for (int r = 0; r < n_registers; ++r) {
    const Index at = first + r * L;
#pragma GCC unroll 2
    for (int c = 0; c < parts; ++c) {
      s[c][r] = load(p.state + c * p.plane + at), b[c][r] = load(p.bias + c * p.plane + at);
#pragma GCC unroll 2
      for (int i = 0; i < known_inputs; ++i) W[i][c][r] = load(p.W_in + (i * parts + c) * p.plane + at);
    }
#pragma GCC unroll 3
    for (int k = 0; k < 2 * parts - 1; ++k) beta[k][r] = load(p.poles + k * p.plane + at);
  }
  const Index n_out = p.n_out - first * parts;
  for (Index t = start; t < stop; ++t) {
    R a[parts][n_registers];
#pragma GCC unroll 8
    for (int r = 0; r < n_registers; ++r)
#pragma GCC unroll 2
      for (int c = 0; c < parts; ++c) a[c][r] = b[c][r];
    const auto hear = [&](const Scalar* x, const auto& weight) __attribute__((always_inline)) {
      const R re = broadcast(x[0]);
#pragma GCC unroll 8
      for (int r = 0; r < n_registers; ++r) {
        const R W_re = weight(0, r);
        a[0][r] = a[0][r] + W_re * re;
        if constexpr (parts == 2) {
          const R W_im = weight(1, r);
          a[1][r] = a[1][r] + W_im * re;
          if constexpr (input_parts == 2) {
            const R im = broadcast(x[1]);
            a[0][r] = a[0][r] - W_im * im;
            a[1][r] = a[1][r] + W_re * im;
          }
        }
      }
    };
    const Scalar* x = p.inputs + t * p.input_stride;
    if constexpr (known_inputs > 0) {
#pragma GCC unroll 2
      for (int i = 0; i < known_inputs; ++i) hear(x + i * input_parts, [&](int c, int r) __attribute__((always_inline)) { return W[i][c][r]; });
    } else {
      const Scalar* row = p.W_in + first;
      for (Index i = 0; i < p.n_inputs; ++i, row += parts * p.plane)
        hear(x + i * input_parts, [&](int c, int r) __attribute__((always_inline)) { return load(row + c * p.plane + r * L); });
    }
    Scalar* out = p.out ? p.out + t * p.out_stride + first * parts : nullptr;
#pragma GCC unroll 8
    for (int r = 0; r < n_registers; ++r) {
      R re = a[0][r] + beta[0][r] * s[0][r];
      if constexpr (parts == 1) {
        s[0][r] = f(re);
        if (out) whole ? store(out + r * L, s[0][r]) : store_first(out + r * L, s[0][r], n_out - r * L);
      } else {
        R im = a[1][r] + beta[2][r] * s[1][r];
        re = re - beta[1][r] * s[1][r];
        im = im + beta[1][r] * s[0][r];
        s[0][r] = f(re), s[1][r] = f(im);
        if (!out) continue;
        const R low = interleaved<Scalar, false>(s[0][r], s[1][r]), high = interleaved<Scalar, true>(s[0][r], s[1][r]);
        whole ? store(out + 2 * r * L, low) : store_first(out + 2 * r * L, low, n_out - 2 * r * L);
        whole ? store(out + (2 * r + 1) * L, high) : store_first(out + (2 * r + 1) * L, high, n_out - (2 * r + 1) * L);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < n_registers; ++r)
#pragma GCC unroll 2
    for (int c = 0; c < parts; ++c) store(p.state + c * p.plane + first + r * L, s[c][r]);
}

template <typename Scalar, int parts, int input_parts, int known_inputs, typename Function>
void pole_units(const PoleSteps<Scalar>& p, const Function& f) {
  constexpr Index L = lanes<Scalar>;
  constexpr int together = parts == 1 ? 4 : 2;
  constexpr Index cached = Index{1} << 18;  // bytes of rows written before the next registers of units write beside them
  const Index row = std::max<Index>(1, p.n_out * static_cast<Index>(sizeof(Scalar)));
  const Index chunk = std::clamp<Index>(cached / row, 16, 256);
  for (Index start = 0; start < p.n_steps; start += chunk) {
    const Index stop = std::min(start + chunk, p.n_steps);
    Index first = 0;
    for (; (first + together * L) * parts <= p.n_out; first += together * L)
      pole_registers<Scalar, parts, input_parts, known_inputs, together, true>(p, first, start, stop, f);
    for (; first < p.n_units; first += L) pole_registers<Scalar, parts, input_parts, known_inputs, 1, false>(p, first, start, stop, f);
  }
}

template <typename Scalar, int known_inputs, typename Function>
void pole_parts(const PoleSteps<Scalar>& p, const Function& f) {
  if (p.n_parts == 1) pole_units<Scalar, 1, 1, known_inputs>(p, f);
  else if (p.input_parts == 1) pole_units<Scalar, 2, 1, known_inputs>(p, f);
  else pole_units<Scalar, 2, 2, known_inputs>(p, f);
}

template <typename Scalar>
void pole_steps(const PoleSteps<Scalar>& p) {
  using R = V<Scalar>;
  switch (p.activation) {
    case Activation::identity: {
      const auto f = [](R x) __attribute__((always_inline)) { return x; };
      return p.n_inputs == 1 ? pole_parts<Scalar, 1>(p, f) : p.n_inputs == 2 ? pole_parts<Scalar, 2>(p, f) : pole_parts<Scalar, 0>(p, f);
    }
    case Activation::relu: return pole_parts<Scalar, 0>(p, [](R x) __attribute__((always_inline)) { return x < 0 ? R{} : x; });  // a NaN stays one
    case Activation::tanh: return pole_parts<Scalar, 0>(p, [](R x) __attribute__((always_inline)) { return tanh_of<Scalar>(x); });
    case Activation::sigmoid: return pole_parts<Scalar, 0>(p, [](R x) __attribute__((always_inline)) { return sigmoid_of<Scalar>(x); });
    case Activation::elu:
      return pole_parts<Scalar, 0>(p, [](R x) __attribute__((always_inline)) { return x > 0 ? x : expm1_of<Scalar>(x); });
  }
}

}  // namespace
}  // namespace pushforward
