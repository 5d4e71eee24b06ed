// exp, expm1, tanh and sigmoid, at every level this processor can run, in both precisions, within 2 units in the last place of the truth: over their
// whole range, around the places where a formula changes, and at the special values. With an argument, the number of points for each.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "check.hpp"

// |value − truth| in units in the last place of the truth, denormal spacing included
template <typename Scalar>
static double ulps(Scalar value, Wide truth) {
  const Scalar nearest = static_cast<Scalar>(truth);
  if (std::isnan(truth)) return std::isnan(value) ? 0 : HUGE_VAL;
  if (value == nearest && std::isinf(nearest)) return 0;
  if (std::isinf(value) && !std::isinf(nearest)) return std::abs(nearest) == std::numeric_limits<Scalar>::max() ? 1 : HUGE_VAL;
  if (std::isnan(value) || std::isinf(nearest)) return HUGE_VAL;
  int exponent;
  std::frexp(truth, &exponent);
  const int digits = std::numeric_limits<Scalar>::digits, least = std::numeric_limits<Scalar>::min_exponent;
  return double(std::abs(value - truth) / std::ldexp(Wide(1), (exponent > least ? exponent : least) - digits));
}

template <typename Scalar>
static void test_functions(Index n_points) {
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  using Limits = std::numeric_limits<Scalar>;
  const double top = sizeof(Scalar) == 4 ? 88.72 : 709.78, bottom = sizeof(Scalar) == 4 ? -104.0 : -745.2;
  std::vector<Scalar> x = {0, -Scalar(0), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), Limits::denorm_min(), -Limits::denorm_min(),
                           Limits::min(), -Limits::min(), Limits::max(), Limits::lowest(), Limits::epsilon()};
  for (const double edge : {top, bottom, 0.34657359, -0.34657359, 1.0397207, 17.4, 18.0, 22.0, 36.7, -17.5, -18.0, -38.0, 88.8, 709.9, -87.4, -708.4,
                            88.3762626647949, 709.436139303104})
    for (int j = -200; j <= 200; ++j) x.push_back(static_cast<Scalar>(edge) * (1 + static_cast<Scalar>(j) * 4 * Limits::epsilon()));
  std::uniform_real_distribution<double> near(-3, 3), wide(bottom, top), tanh_range(-22, 22);
  for (Index i = 0; i < n_points / 4; ++i) {
    Bits bits = static_cast<Bits>(generator());
    Scalar any;
    std::memcpy(&any, &bits, sizeof any);
    x.insert(x.end(), {any, static_cast<Scalar>(near(generator)), static_cast<Scalar>(wide(generator)), static_cast<Scalar>(tanh_range(generator))});
  }
  const Index n = static_cast<Index>(x.size());
  std::vector<Scalar> y(x.size());
  // float64 could hold the answers for float32, long double is needed for float64
  using Truth = std::conditional_t<sizeof(Scalar) == 4, double, Wide>;
  const auto& o = ops<Scalar>();
  const auto report = [&](const char* name, auto truth) {
    double worst = 0;
    Scalar at = 0;
    for (Index i = 0; i < n; ++i) {
      const Wide expected = truth(static_cast<Truth>(x[i]));
      const double error = ulps(y[i], expected);
      if (error > worst) worst = error, at = x[i];
      if (x[i] == 0 && expected == 0) CHECK(std::signbit(y[i]) == std::signbit(x[i]), "%s keeps the sign of a zero", name);
    }
    std::printf("  %-9s float%d %-8s max %.3f ulp at %.9g  (%td points)\n", isa().data(), int(8 * sizeof(Scalar)), name, worst, double(at), n);
    CHECK(worst <= 2, "%s", name);
  };
  o.exponential(n, x.data(), y.data()), report("exp", [](Truth v) { return std::exp(v); });
  o.expm1(n, x.data(), y.data()), report("expm1", [](Truth v) { return std::expm1(v); });
  o.activate(Activation::tanh, n, x.data(), y.data(), nullptr), report("tanh", [](Truth v) { return std::tanh(v); });
  o.activate(Activation::sigmoid, n, x.data(), y.data(), nullptr);
  report("sigmoid", [](Truth v) { return v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v)); });
}

int main(int argc, char** argv) {
  const Index n_points = argc > 1 ? std::atoll(argv[1]) : 1000000;
  at_every_isa([&] {
    test_functions<float>(n_points);
    test_functions<double>(n_points);
  });
  return verdict();
}
