#pragma once
// The row-major aliases every kernel uses, and the one place where storage order and padding are chosen.
//
// Rows of a padded matrix begin on a cache line: a row of n numbers takes padded<Scalar>(n) places and the tail is zero. The padding is the
// same for every instruction set, so a saved model does not depend on the machine that wrote it.

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>

namespace pushforward {

using Index = Eigen::Index;

template <typename Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
template <typename Scalar>
using MatrixView = Eigen::Map<Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <typename Scalar>
using ConstMatrixView = Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <typename Scalar>
using VectorView = Eigen::Map<Vector<Scalar>>;
template <typename Scalar>
using ConstVectorView = Eigen::Map<const Vector<Scalar>>;

inline constexpr std::size_t cache_line = 64;  // bytes

template <typename Scalar>
constexpr Index padded(Index n) {
  constexpr Index lane = static_cast<Index>(cache_line / sizeof(Scalar));
  return (n + lane - 1) / lane * lane;
}

}  // namespace pushforward
