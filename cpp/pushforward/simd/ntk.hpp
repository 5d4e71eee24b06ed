#pragma once
// Derivatives of a diagonal network's neurons by their own weights, carried forward in time: what the tangent kernel is made of.
//
//   h_t = σ(a_t),  a_t = w h_{t−1} + ⟨u, x_t⟩        h_0 = 0
//   ∂h_t/∂w   = σ'(a_t) (h_{t−1} + w ∂h_{t−1}/∂w)
//   ∂h_t/∂u_k = σ'(a_t) (x_t[k]  + w ∂h_{t−1}/∂u_k)
//
// One register of neurons at a time, one series; X (n_steps, n_inputs). Components are 0 for w and 1 + k for u_k. Steps go by in blocks of as many as
// a register has lanes: first all ⟨u, x_t⟩, then h and σ', then one component after the other, whose chains over time do not wait for each other.
// The block of a component is transposed when steps lie side by side in memory (the panels of the Gram matrix).

#include "../core/wide_ops.hpp"
#include "smooth.hpp"
#include "transpose.hpp"

namespace pushforward {
namespace {

// `count` steps of one component, steps in the registers of v, neurons in the lanes.
template <typename Scalar>
[[gnu::always_inline]] inline void put_block(const NtkRows<Scalar>& r, Index count, V<Scalar> (&v)[lanes<Scalar>], Scalar* out) {
  constexpr Index L = lanes<Scalar>;
  if (r.step_stride == 1) {
    transpose<Scalar>(v);
    for (Index i = 0; i < r.n_units; ++i, out += r.unit_stride) {
      if (count == L) store(out, v[i]);
      else store_part(out, v[i], count);
    }
    return;
  }
  for (Index t = 0; t < count; ++t, out += r.step_stride) {
    Scalar numbers[L];
    store(numbers, v[t]);
    for (Index i = 0; i < r.n_units; ++i) out[i * r.unit_stride] = numbers[i];
  }
}

template <typename Scalar>
void ntk_rows(const NtkRows<Scalar>& r) {
  constexpr Index L = lanes<Scalar>;
  const auto neurons = [&](const Scalar* p) __attribute__((always_inline)) { return r.n_units == L ? load(p) : load_part(p, r.n_units); };
  const V<Scalar> w = neurons(r.w), scale = neurons(r.scale);
  V<Scalar> h{}, carried[ntk_components] = {};
  for (Index first = 0; first < r.n_steps; first += L) {
    const Index count = r.n_steps - first < L ? r.n_steps - first : L;
    const Scalar* const x = r.X + first * r.n_inputs;
    V<Scalar> a[L] = {}, before[L] = {}, slope[L] = {}, v[L] = {};
    for (Index k = 0; k < r.n_inputs; ++k) {
      const V<Scalar> u = load(r.U + k * L);
      if (count == L)
#pragma GCC unroll 16
        for (Index t = 0; t < L; ++t) a[t] += u * broadcast(x[t * r.n_inputs + k]);
      else
        for (Index t = 0; t < count; ++t) a[t] += u * broadcast(x[t * r.n_inputs + k]);
    }
    for (Index t = 0; t < count; ++t) {
      before[t] = h;
      const Smooth<Scalar> f = smooth<Scalar>(r.activation, a[t] + w * h);
      h = f.value;
      slope[t] = f.slope;
    }
    for (Index k = r.first; k < r.last; ++k) {
      V<Scalar> g = carried[k - r.first];
      if (k == 0) {
        for (Index t = 0; t < count; ++t) {
          g = slope[t] * (before[t] + w * g);
          v[t] = scale * g;
        }
      } else {
        for (Index t = 0; t < count; ++t) {
          g = slope[t] * (broadcast(x[t * r.n_inputs + k - 1]) + w * g);
          v[t] = scale * g;
        }
      }
      carried[k - r.first] = g;
      put_block(r, count, v, r.out + (k - r.first) * r.component_stride + first * r.step_stride);
    }
  }
}

}  // namespace
}  // namespace pushforward
