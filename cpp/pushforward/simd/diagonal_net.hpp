#pragma once
// A tile of units that hear themselves alone, through a block of steps and back (wide/diagonal_network.hpp):
//
//   H_t = σ(w H_{t−1} + p_t)          F_t += Σ c H_t                        p_t = ⟨u, x_t⟩
//   δ_t = σ'_t (r_t + w δ_{t+1})      g_w += Σ_t δ_t H_{t−1} + w δ_1 J_w    δ beyond the block's end is 0
//   κ_t = σ'_t w κ_{t+1}              J_w ← w κ_1 J_w + Σ_t κ_t H_{t−1}     κ_end = σ'_end
//
// The neuron is the vector lane. Neurons are independent of each other, steps are not: going forward, all registers of a tile take a step before any
// takes the next, so that the long way through σ of one is hidden behind the others; going back, four registers stay while the steps go by. Of the
// lines of a tile those at even places hold units of the first half of the network, those at odd places their partners of the second half: c H of a
// pair is added up first, and what partners of a symmetric start cancel is exactly 0.

#include "../core/wide_ops.hpp"
#include "smooth.hpp"

namespace pushforward {
namespace {

template <SmoothActivation activation, bool keeps_slope, typename Scalar>
void net_steps(const NetSteps<Scalar>& s) {
  constexpr Index L = lanes<Scalar>, line = padded<Scalar>(1), tile = net_tile<Scalar>;
  Scalar* before = s.H;
  for (Index t = 0; t < s.n_steps; ++t, before += tile) {
    const auto step = [&](Index i) __attribute__((always_inline)) {
      const Smooth<Scalar> h = smooth_of<activation, Scalar>(load(s.w + i) * load(before + i) + load(before + tile + i));
      store(before + tile + i, h.value);
      if constexpr (keeps_slope) store(s.slope + t * tile + i, h.slope);
      return load(s.c + i) * h.value;
    };
    for (Index r = 0; r < line; r += L) {
      V<Scalar> sum = load(s.F + t * line + r);
#pragma GCC unroll 2
      for (Index i = r; i < tile; i += 2 * line) {
        const V<Scalar> one = step(i), both = one + step(i + line);
        sum += both;
      }
      store(s.F + t * line + r, sum);
    }
  }
}

template <SmoothActivation activation>
constexpr bool slope_of_output = activation == SmoothActivation::tanh || activation == SmoothActivation::sigmoid;

template <SmoothActivation activation, typename Scalar>
[[gnu::always_inline]] inline V<Scalar> slope_of(const Scalar* output, const Scalar* slopes, Index at) {
  constexpr Scalar one = 1;
  if constexpr (!slope_of_output<activation>) return load(slopes + at);
  const V<Scalar> h = load(output);
  return activation == SmoothActivation::tanh ? one - h * h : h * (one - h);
}

// `carries`: the units are also told apart from what comes after the block, κ and J_w.
template <SmoothActivation activation, bool carries, typename Scalar>
void net_sweep(const NetSweep<Scalar>& s) {
  constexpr Index L = lanes<Scalar>, tile = net_tile<Scalar>;
  constexpr int ways = vector_bytes == 64 ? 4 : 2;
  for (Index i = 0; i < tile; i += ways * L) {
    V<Scalar> w[ways], delta[ways], g[ways], kappa[ways], k[ways];
#pragma GCC unroll 4
    for (int j = 0; j < ways; ++j) {
      w[j] = load(s.w + i + j * L);
      delta[j] = g[j] = k[j] = V<Scalar>{};
      kappa[j] = broadcast(Scalar(1));  // w κ_{t+1}
    }
    for (Index t = s.n_steps - 1; t >= 0; --t) {
      const Scalar* before = s.H + t * tile + i;
      Scalar* now = s.H + (t + 1) * tile + i;
      const V<Scalar> r = broadcast(s.residual[t]);
#pragma GCC unroll 4
      for (int j = 0; j < ways; ++j) {
        const V<Scalar> slope = slope_of<activation, Scalar>(now + j * L, s.slope, t * tile + i + j * L), h = load(before + j * L);
        delta[j] = slope * (w[j] * delta[j] + r);
        g[j] += delta[j] * h;
        store(now + j * L, delta[j]);
        if constexpr (carries) {
          const V<Scalar> e = slope * kappa[j];
          k[j] += e * h;
          kappa[j] = w[j] * e;
          store(s.kappa + t * tile + i + j * L, e);
        }
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < ways; ++j) {
      const Index at = i + j * L;
      const V<Scalar> adjoint = w[j] * delta[j];
      store(s.g_w + at, load(s.g_w + at) + (adjoint * load(s.J_w + at) + g[j]));
      store(s.adjoint + at, adjoint);
      if constexpr (carries) {
        store(s.transport + at, kappa[j]);
        store(s.J_w + at, kappa[j] * load(s.J_w + at) + k[j]);
      }
    }
  }
}

template <typename Scalar>
void net_forward(const NetSteps<Scalar>& steps) {
  with_activation(steps.activation, [&](auto fixed) {
    constexpr SmoothActivation activation = decltype(fixed)::value;
    if constexpr (!slope_of_output<activation>) {
      if (steps.slope) return net_steps<activation, true>(steps);
    }
    net_steps<activation, false>(steps);
  });
}

template <typename Scalar>
void net_backward(const NetSweep<Scalar>& sweep) {
  with_activation(sweep.activation, [&](auto fixed) {
    constexpr SmoothActivation activation = decltype(fixed)::value;
    (sweep.kappa ? net_sweep<activation, true, Scalar> : net_sweep<activation, false, Scalar>)(sweep);
  });
}

}  // namespace
}  // namespace pushforward
