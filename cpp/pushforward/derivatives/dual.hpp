#pragma once
// Dual numbers: a value with its derivative in one direction.
//
//   (a + ε a') (b + ε b') = a b + ε (a' b + a b')        ε² = 0        f(a + ε a') = f(a) + ε f'(a) a'
//
// What is computed in them is differentiated along the way, exactly: the cells, their adjoints and the sums over steps are templates in the type
// of their numbers, and take this one. Comparisons look at the value. An ordinary number is a constant: its tangent is zero.

#include <cmath>
#include <type_traits>

namespace pushforward {

template <typename T>
struct Dual {
  T value, tangent;

  Dual() = default;  // left as it is in memory, like a number
  constexpr Dual(T a, T a_tangent) : value(a), tangent(a_tangent) {}
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  constexpr Dual(Number a) : value(static_cast<T>(a)), tangent(0) {}

  Dual& operator+=(const Dual& b) { return *this = *this + b; }
  Dual& operator-=(const Dual& b) { return *this = *this - b; }
  Dual& operator*=(const Dual& b) { return *this = *this * b; }

  friend constexpr Dual operator-(const Dual& a) { return {-a.value, -a.tangent}; }
  friend constexpr Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.tangent + b.tangent}; }
  friend constexpr Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.tangent - b.tangent}; }
  friend constexpr Dual operator*(const Dual& a, const Dual& b) { return {a.value * b.value, a.tangent * b.value + a.value * b.tangent}; }
  friend constexpr Dual operator/(const Dual& a, const Dual& b) {
    const T q = a.value / b.value;
    return {q, (a.tangent - q * b.tangent) / b.value};
  }
  friend constexpr bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }

  friend Dual sqrt(const Dual& a) {
    const T root = std::sqrt(a.value);
    return {root, root > 0 ? a.tangent / (2 * root) : T(0)};
  }
  friend Dual cos(const Dual& a) { return {std::cos(a.value), -std::sin(a.value) * a.tangent}; }
  friend Dual sin(const Dual& a) { return {std::sin(a.value), std::cos(a.value) * a.tangent}; }
};

static_assert(std::is_trivially_copyable_v<Dual<double>> && sizeof(Dual<double>) == 2 * sizeof(double));

}  // namespace pushforward
