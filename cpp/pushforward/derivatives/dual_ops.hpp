#pragma once
// The hot loops in dual numbers, on top of those in ordinary ones (core/ops.hpp). In memory a row of n dual numbers is one of 2 n ordinary numbers,
// [a_0, a'_0, a_1, a'_1, …]; written A = [V, V'] below, and with two ordinary products each, A read as it lies:
//
//   y = A x         y  = A [x, 0],   y' = A [x', x]                        (interleaved like A's rows: Σ_j V_j x'_j + V'_j x_j)
//   y = Aᵀ x        [y, y'] = Aᵀ x + [0, Vᵀ x']                            x, x' as ordinary vectors
//   C = Aᵀ B        [C, C'] = Vᵀ [B, B'] + V'ᵀ [0, B]
//
// Only what one column needs is here: forward(), adjoint() with m = 1, the sums of a sweep and the bounds. The other entries of the table are null.

#include <algorithm>
#include <cmath>

#include "../core/buffer.hpp"
#include "../core/ops.hpp"
#include "../core/threads.hpp"
#include "dual.hpp"

namespace pushforward::dual {

// Room for the vectors above, one for each thread. It grows to the largest that was asked for: not in every step.
template <typename T>
T* scratch(Index n) {
  thread_local Buffer<T> room;
  if (room.size() < n) room = Buffer<T>(n);
  return room.data();
}

template <typename T>
const T* numbers(const Dual<T>* a) { return reinterpret_cast<const T*>(a); }
template <typename T>
T* numbers(Dual<T>* a) { return reinterpret_cast<T*>(a); }

// How many threads a product may use that the calling thread asks for. How it is cut does not depend on it.
inline int& n_threads() {
  thread_local int n = 1;
  return n;
}
template <typename Body>
void share(double flop, Index n_tasks, Body&& body) {
  parallel_for(flop >= 2e6 ? n_threads() : 1, n_tasks, body);
}

constexpr Index most_rows = 256, most_columns = 256;  // of a task

// Rows at a time: what the first product has read should still be in the cache for the second.
inline Index rows_at_a_time(Index n) { return std::clamp<Index>((Index{1} << 13) / std::max<Index>(1, n), 32, most_rows); }

template <typename T>
void matvec(Index m, Index n, const Dual<T>* A, Index ld, const Dual<T>* x, Dual<T>* y) {
  const Index block = rows_at_a_time(n);
  T *z = scratch<T>(4 * n), *z_tangent = z + 2 * n;
  for (Index j = 0; j < n; ++j) {
    z[2 * j] = z_tangent[2 * j + 1] = x[j].value;
    z[2 * j + 1] = 0;
    z_tangent[2 * j] = x[j].tangent;
  }
  share(8.0 * static_cast<double>(m * n), (m + block - 1) / block, [&](Index task) {
    const Index r = task * block, count = std::min(block, m - r);
    T out[2 * most_rows];
    ops<T>().matvec(count, 2 * n, numbers(A + r * ld), 2 * ld, z, out);
    ops<T>().matvec(count, 2 * n, numbers(A + r * ld), 2 * ld, z_tangent, out + count);
    for (Index i = 0; i < count; ++i) y[r + i] = {out[i], out[count + i]};
  });
}

template <typename T>
void matvec_transposed(Index m, Index n, const Dual<T>* A, Index ld, const Dual<T>* x, Dual<T>* y, bool accumulate) {
  T *in = scratch<T>(2 * m), *in_tangent = in + m;
  for (Index i = 0; i < m; ++i) {
    in[i] = x[i].value;
    in_tangent[i] = x[i].tangent;
  }
  share(8.0 * static_cast<double>(m * n), (n + most_columns - 1) / most_columns, [&](Index task) {
    const Index c = task * most_columns, count = std::min(most_columns, n - c), block = rows_at_a_time(count);
    T sum[2 * most_columns], sum_tangent[2 * most_columns];
    for (Index r = 0; r < m; r += block) {
      const Index rows = std::min(block, m - r);
      ops<T>().matvec_transposed(rows, 2 * count, numbers(A + r * ld + c), 2 * ld, in + r, sum, r > 0);
      ops<T>().matvec_transposed(rows, 2 * count, numbers(A + r * ld + c), 2 * ld, in_tangent + r, sum_tangent, r > 0);
    }
    for (Index j = 0; j < count; ++j) {
      const Dual<T> total{sum[2 * j], sum[2 * j + 1] + sum_tangent[2 * j]};
      y[c + j] = accumulate ? y[c + j] + total : total;
    }
  });
}

template <typename T>
void matmul_transposed(Index m, Index n, Index k, const Dual<T>* A, Index lda, const Dual<T>* B, Index ldb, Dual<T>* C, Index ldc, bool accumulate) {
  constexpr Index block = 64;  // of the sum's k terms, and of C's rows
  T *V = scratch<T>(2 * block * (m + n)), *V_tangent = V + block * m, *shifted = V_tangent + block * m;
  for (Index p = 0; p < k; p += block) {
    const Index count = std::min(block, k - p);
    for (Index q = 0; q < count; ++q) {
      const Dual<T> *a = A + (p + q) * lda, *b = B + (p + q) * ldb;
      for (Index i = 0; i < m; ++i) {
        V[q * m + i] = a[i].value;
        V_tangent[q * m + i] = a[i].tangent;
      }
      T* row = shifted + 2 * q * n;
      for (Index j = 0; j < n; ++j) {
        row[2 * j] = 0;
        row[2 * j + 1] = b[j].value;
      }
    }
    share(8.0 * static_cast<double>(m * n * count), (m + block - 1) / block, [&](Index task) {
      const Index r = task * block, rows = std::min(block, m - r);
      T* to = numbers(C + r * ldc);
      ops<T>().matmul_transposed(rows, 2 * n, count, V + r, m, numbers(B + p * ldb), 2 * ldb, to, 2 * ldc, accumulate || p > 0);
      ops<T>().matmul_transposed(rows, 2 * n, count, V_tangent + r, m, shifted, 2 * n, to, 2 * ldc, true);
    });
  }
}

template <typename T>
void axpy(Index n, Dual<T> alpha, const Dual<T>* x, Dual<T>* y) {
  for (Index i = 0; i < n; ++i) y[i] += alpha * x[i];
}

template <typename T>
void multiply(Index n, const Dual<T>* x, const Dual<T>* y, Dual<T>* z, bool accumulate) {
  for (Index i = 0; i < n; ++i) z[i] = accumulate ? z[i] + x[i] * y[i] : x[i] * y[i];
}

// y = f(x) by f(stretch of values) and f'; f may write over what it reads. slope(value of x, value of y) = f'(x)
template <typename T, typename Function, typename Slope>
void map(Index n, const Dual<T>* x, Dual<T>* y, const Function& f, const Slope& slope) {
  constexpr Index stretch = 64;
  T in[stretch], out[stretch];
  for (Index first = 0; first < n; first += stretch) {
    const Index count = std::min(stretch, n - first);
    for (Index i = 0; i < count; ++i) in[i] = x[first + i].value;
    f(count, in, out);
    for (Index i = 0; i < count; ++i) y[first + i] = {out[i], slope(in[i], out[i]) * x[first + i].tangent};
  }
}

// σ'(a) from s = σ(a), as core/activation.hpp has it: in dual numbers s brings σ'' along.
template <typename T>
T slope_of(Activation activation, const T& s) {
  switch (activation) {
    case Activation::identity: return T(1);
    case Activation::relu: return s > T(0) ? T(1) : T(0);
    case Activation::tanh: return T(1) - s * s;
    case Activation::sigmoid: return s * (T(1) - s);
    case Activation::elu: return s > T(0) ? T(1) : T(1) + s;
  }
  return T(0);
}

template <typename T>
void activate(Activation activation, Index n, const Dual<T>* a, Dual<T>* s, Dual<T>* slope) {
  map(n, a, s, [&](Index count, const T* x, T* y) { ops<T>().activate(activation, count, x, y, nullptr); },
      [&](T, T y) { return slope_of(activation, y); });
  for (Index i = 0; slope && i < n; ++i) slope[i] = slope_of(activation, s[i]);
}

// w = c tanh(θ / c), slope = 1 − (w / c)²
template <typename T>
void bound(Index n, Dual<T> c, const Dual<T>* theta, Dual<T>* w, Dual<T>* slope) {
  const auto phi_slope = [&](const auto& t) { return 1 - t * t; };
  map(n, theta, w, [&](Index count, const T* x, T* y) { ops<T>().bound(count, c.value, x, y, nullptr); },
      [&](T, T y) { return phi_slope(y / c.value); });
  for (Index i = 0; slope && i < n; ++i) slope[i] = phi_slope(w[i] / c);
}

template <typename T>
void exponential(Index n, const Dual<T>* x, Dual<T>* y) {
  map(n, x, y, [](Index count, const T* in, T* out) { ops<T>().exponential(count, in, out); }, [](T, T value) { return value; });
}

template <typename T>
void expm1(Index n, const Dual<T>* x, Dual<T>* y) {
  map(n, x, y, [](Index count, const T* in, T* out) { ops<T>().expm1(count, in, out); }, [](T, T value) { return 1 + value; });
}

template <typename T>
bool all_finite(Index n, const Dual<T>* x) {
  return ops<T>().all_finite(2 * n, numbers(x));
}

template <typename T>
Ops<Dual<T>> table() {
  Ops<Dual<T>> entries{};
  entries.matvec = matvec<T>;
  entries.matvec_transposed = matvec_transposed<T>;
  entries.matmul_transposed = matmul_transposed<T>;
  entries.axpy = axpy<T>;
  entries.multiply = multiply<T>;
  entries.activate = activate<T>;
  entries.bound = bound<T>;
  entries.exponential = exponential<T>;
  entries.expm1 = expm1<T>;
  entries.all_finite = all_finite<T>;
  return entries;
}

}  // namespace pushforward::dual

namespace pushforward {

template <>
inline const Ops<Dual<float>>& ops<Dual<float>>() {
  static const Ops<Dual<float>> table = dual::table<float>();
  return table;
}
template <>
inline const Ops<Dual<double>>& ops<Dual<double>>() {
  static const Ops<Dual<double>> table = dual::table<double>();
  return table;
}

}  // namespace pushforward
