// Every function of the table, at every level this processor can run, in both precisions, against plain loops in long double.
//
// Sums are compared within n ε of the sum of the magnitudes of their terms (the transcendental functions: test_functions.cpp; the moves of an
// influence: test_moves.cpp). Whatever lies beside an output is filled with a guard value that must survive.

#include <memory>
#include <stdexcept>
#include <string>

#include "arrays.hpp"

template <typename Scalar>
static void test_matvec(Index m, Index n) {
  const Index ld = n + 3;
  const auto A = random<Scalar>(m * ld), x = random<Scalar>(n), xt = random<Scalar>(m), before = random<Scalar>(n);
  std::vector<Scalar> y(static_cast<std::size_t>(m + 20), guard<Scalar>);
  ops<Scalar>().matvec(m, n, A.data(), ld, x.data(), y.data());
  for (Index r = 0; r < m; ++r) {
    Wide sum = 0, size = 0;
    for (Index c = 0; c < n; ++c) sum += Wide(A[r * ld + c]) * x[c], size += std::abs(Wide(A[r * ld + c]) * x[c]);
    CHECK(std::abs(y[r] - sum) <= tolerance<Scalar>(n, size), "matvec %td %td row %td", m, n, r);
  }
  CHECK(guarded(y, 1, m, m), "matvec %td %td", m, n);
  for (const bool accumulate : {false, true}) {
    std::vector<Scalar> z(static_cast<std::size_t>(n + 20), guard<Scalar>);
    if (accumulate) std::copy(before.begin(), before.end(), z.begin());
    ops<Scalar>().matvec_transposed(m, n, A.data(), ld, xt.data(), z.data(), accumulate);
    for (Index c = 0; c < n; ++c) {
      Wide sum = accumulate ? before[c] : 0, size = std::abs(sum);
      for (Index r = 0; r < m; ++r) sum += Wide(A[r * ld + c]) * xt[r], size += std::abs(Wide(A[r * ld + c]) * xt[r]);
      CHECK(std::abs(z[c] - sum) <= tolerance<Scalar>(m, size), "matvec_transposed %td %td col %td", m, n, c);
    }
    CHECK(guarded(z, 1, n, n), "matvec_transposed %td %td", m, n);
  }
}

template <typename Scalar>
static void test_matmul(Index m, Index n, Index k) {
  for (const bool transposed : {false, true})
    for (const bool accumulate : {false, true}) {
      const Index rows = transposed ? k : m, cols = transposed ? m : k, lda = cols + 1, ldb = n + 2, ldc = n + 3;
      // the last row ends with its last number: a read beyond it shows under the address sanitizer
      const auto A = random<Scalar>((rows - 1) * lda + cols), B = random<Scalar>((k - 1) * ldb + n);
      std::vector<Scalar> C(static_cast<std::size_t>(m * ldc + 16), guard<Scalar>);
      for (Index r = 0; r < m; ++r)
        for (Index c = 0; c < n; ++c) C[r * ldc + c] = accumulate ? Scalar(r - c) / Scalar(8) : std::numeric_limits<Scalar>::quiet_NaN();
      const auto& o = ops<Scalar>();
      (transposed ? o.matmul_transposed : o.matmul)(m, n, k, A.data(), lda, B.data(), ldb, C.data(), ldc, accumulate);
      for (Index r = 0; r < m; ++r)
        for (Index c = 0; c < n; ++c) {
          Wide sum = accumulate ? Wide(r - c) / 8 : 0, size = std::abs(sum);
          for (Index i = 0; i < k; ++i) {
            const Wide term = Wide(transposed ? A[i * lda + r] : A[r * lda + i]) * B[i * ldb + c];
            sum += term, size += std::abs(term);
          }
          CHECK(std::abs(C[r * ldc + c] - sum) <= tolerance<Scalar>(k, size),
                "matmul%s %td %td %td at %td %td", transposed ? "_transposed" : "", m, n, k, r, c);
        }
      CHECK(guarded(C, m, n, ldc), "matmul%s %td %td %td", transposed ? "_transposed" : "", m, n, k);
    }
}

template <typename Scalar>
static void test_elementwise(Index n) {
  const auto& o = ops<Scalar>();
  const auto x = random<Scalar>(n), y = random<Scalar>(n);
  const Wide eps = std::numeric_limits<Scalar>::epsilon();
  auto z = std::vector<Scalar>(static_cast<std::size_t>(n + 9), guard<Scalar>);
  std::copy(y.begin(), y.end(), z.begin());
  o.axpy(n, Scalar(0.7), x.data(), z.data());
  for (Index i = 0; i < n; ++i) CHECK(std::abs(z[i] - (y[i] + Wide(Scalar(0.7)) * x[i])) <= 2 * eps, "axpy %td", n);
  for (const bool accumulate : {false, true}) {
    std::fill(z.begin(), z.begin() + n, Scalar(0.25));
    o.multiply(n, x.data(), y.data(), z.data(), accumulate);
    for (Index i = 0; i < n; ++i) CHECK(std::abs(z[i] - ((accumulate ? Wide(0.25) : 0) + Wide(x[i]) * y[i])) <= 2 * eps, "multiply %td", n);
  }
  CHECK(guarded(z, 1, n, n), "axpy, multiply %td", n);
  const Index ldx = n + 1, ldy = n + 4;
  const auto X = random<Scalar>(3 * ldx);
  std::vector<Scalar> Y(static_cast<std::size_t>(3 * ldy), guard<Scalar>);
  const Scalar d[3] = {Scalar(2), Scalar(-0.3), Scalar(0)};
  o.scale_rows(3, n, d, X.data(), ldx, Y.data(), ldy);
  for (Index r = 0; r < 3; ++r)
    for (Index c = 0; c < n; ++c) CHECK(Y[r * ldy + c] == d[r] * X[r * ldx + c], "scale_rows %td", n);
  CHECK(guarded(Y, 3, n, ldy), "scale_rows %td", n);
  CHECK(o.all_finite(n, x.data()), "all_finite %td", n);
  for (Index i = 0; i < n; i += n < 20 ? 1 : 7)
    for (const Scalar bad : {std::numeric_limits<Scalar>::quiet_NaN(), std::numeric_limits<Scalar>::infinity(), -std::numeric_limits<Scalar>::infinity()}) {
      auto broken = x;
      broken[i] = bad;
      CHECK(!o.all_finite(n, broken.data()), "all_finite %td at %td", n, i);
    }
  Wide norm = 0;
  for (const Scalar v : x) norm += Wide(v) * v;
  CHECK(std::abs(o.squared_norm(n, x.data()) - norm) <= 1e-14L * norm, "squared_norm %td", n);
}

template <typename Scalar>
static void test_activations(Index n) {
  const Wide eps = std::numeric_limits<Scalar>::epsilon();
  const auto a = random<Scalar>(n, -4, 4);
  for (const auto kind : {Activation::identity, Activation::relu, Activation::tanh, Activation::sigmoid, Activation::elu})
    for (const bool with_slope : {false, true}) {
      std::vector<Scalar> s(static_cast<std::size_t>(n + 9), guard<Scalar>), slope = s;
      std::copy(a.begin(), a.end(), s.begin());
      ops<Scalar>().activate(kind, n, s.data(), s.data(), with_slope ? slope.data() : nullptr);
      for (Index i = 0; i < n; ++i) {
        const Wide x = a[i], e = std::expm1(x), sigmoid = 1 / (1 + std::exp(-x)), t = std::tanh(x);
        const Wide value[] = {x, x > 0 ? x : 0, t, sigmoid, x > 0 ? x : e}, rise[] = {1, Wide(x > 0), 1 - t * t, sigmoid * (1 - sigmoid), x > 0 ? 1 : 1 + e};
        const int k = static_cast<int>(kind);
        CHECK(std::abs(s[i] - value[k]) <= 3 * eps * std::abs(value[k]), "%s %td", activation_names[k].data(), n);
        if (with_slope) CHECK(std::abs(slope[i] - rise[k]) <= 6 * eps, "slope of %s %td", activation_names[k].data(), n);
      }
      CHECK(guarded(s, 1, n, n) && guarded(slope, 1, with_slope ? n : 0, with_slope ? n : 0), "activate %td", n);
    }
  std::vector<Scalar> w(a.size()), slope(a.size());
  ops<Scalar>().bound(n, Scalar(1.7), a.data(), w.data(), slope.data());
  for (Index i = 0; i < n; ++i) {
    const Wide t = std::tanh(Wide(a[i]) / Scalar(1.7));
    CHECK(std::abs(w[i] - Scalar(1.7) * t) <= 4 * eps && std::abs(slope[i] - (1 - t * t)) <= 6 * eps, "bound %td", n);
  }
}

template <typename Scalar>
static void test_optimizers(Index n) {
  const Wide eps = std::numeric_limits<Scalar>::epsilon();
  for (const auto kind : {OptimizerStep::sgd, OptimizerStep::momentum, OptimizerStep::rmsprop, OptimizerStep::adam, OptimizerStep::adamw}) {
    // the decay is too small to cancel the gradient: Adam's first step is the gradient's sign
    OptimizerStep step{kind, 0.01, 0.9, 0.99, 1e-8, 0.01, 0.5, 1, 1};
    auto w = random<Scalar>(n);
    std::vector<Scalar> m1(w.size()), m2(w.size());
    std::vector<Wide> W(w.begin(), w.end()), M(w.size()), S(w.size());
    for (int t = 1; t <= 3; ++t) {
      const auto g = random<Scalar>(n, 0.1, 1);
      step.bias1 = 1 - std::pow(step.beta1, t), step.bias2 = 1 - std::pow(step.beta2, t);
      Scalar* const first = kind == OptimizerStep::rmsprop ? nullptr : m1.data();
      ops<Scalar>().optimizer_update(step, n, g.data(), w.data(), first, m2.data());
      for (std::size_t i = 0; i < w.size(); ++i) {
        Wide G = Wide(g[i]) * step.gradient_scale;
        if (kind == OptimizerStep::adamw) W[i] -= step.learning_rate * step.weight_decay * W[i];
        else G += step.weight_decay * W[i];
        if (kind == OptimizerStep::momentum) M[i] = step.beta1 * M[i] + G;
        if (kind >= OptimizerStep::adam) M[i] = step.beta1 * M[i] + (1 - step.beta1) * G;
        S[i] = step.beta2 * S[i] + (1 - step.beta2) * G * G;
        const Wide move = kind == OptimizerStep::sgd        ? G
                          : kind == OptimizerStep::momentum ? M[i]
                          : kind == OptimizerStep::rmsprop  ? G / (std::sqrt(S[i]) + step.epsilon)
                                                            : M[i] / step.bias1 / (std::sqrt(S[i] / step.bias2) + step.epsilon);
        W[i] -= step.learning_rate * move;
        CHECK(std::abs(w[i] - W[i]) <= 20 * eps, "optimizer %d of %td", kind, n);
      }
    }
  }
}

// An epsilon that vanishes in the precision of the model must not make 0 / 0 of a weight that has seen no gradient.
template <typename Scalar>
static void test_vanishing_epsilon() {
  for (const auto kind : {OptimizerStep::rmsprop, OptimizerStep::adam}) {
    const OptimizerStep step{kind, 0.01, 0.9, 0.99, 1e-320, 0, 1, 0.1, 0.01};
    Scalar w = 1, g = 0, m1 = 0, m2 = 0;
    ops<Scalar>().optimizer_update(step, 1, &g, &w, &m1, &m2);
    CHECK(w == 1, "optimizer %d", kind);
  }
}

template <typename Scalar>
static void test_all() {
  test_vanishing_epsilon<Scalar>();
  for (Index n = 1; n <= 70; ++n) test_elementwise<Scalar>(n), test_activations<Scalar>(n), test_optimizers<Scalar>(n), test_matvec<Scalar>(n, n);
  test_elementwise<Scalar>(128), test_activations<Scalar>(128), test_elementwise<Scalar>(1003);
  for (const Index n : sizes) {
    for (const Index m : sizes) test_matvec<Scalar>(m, n);
    test_matmul<Scalar>(n, n, n), test_matmul<Scalar>(n, 5, 3), test_matmul<Scalar>(3, n, 17), test_matmul<Scalar>(19, 33, n), test_matmul<Scalar>(n, n + 1, 1);
  }
  test_matmul<Scalar>(20, 70, 1700), test_matmul<Scalar>(6, 20, 300), test_matvec<Scalar>(300, 300);
  test_matmul<Scalar>(620, 20, 640);  // Aᵀ is packed
  CHECK(ops<Scalar>().fma_probe(1000) > 0, "fma_probe");
  Scalar none = 5;
  ops<Scalar>().matvec_transposed(0, 1, &none, 1, &none, &none, true);
  CHECK(none == 5, "an empty sum adds nothing");
  ops<Scalar>().matmul(1, 1, 0, &none, 1, &none, 1, &none, 1, false);
  CHECK(none == 0, "an empty sum is zero");
}

int main() {
  CHECK(isa() == usable_isas().front(), "the best level comes first");
  at_every_isa([] {
    test_all<float>();
    test_all<double>();
  });
  bool refused = false;
  try {
    set_isa("x86-64-v9");
  } catch (const std::invalid_argument& error) {
    refused = std::string(error.what()).find("x86-64-v9") != std::string::npos && std::string(error.what()).find(usable_isas().back()) != std::string::npos;
  }
  CHECK(refused, "an unknown level is refused, and the error names it and the usable ones");
  return verdict();
}
