#pragma once
// W_rec with few numbers in a row.
//
//   a[i] = Σ_{k = indptr[i]}^{indptr[i + 1] − 1} values[k] s[indices[k]]
//
// Rows stand in the order of their number of entries, most first: the rows of a slice (core/stream_ops.hpp) are then about equally long, and hardly
// a number of it is padding.

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "../core/buffer.hpp"
#include "../core/stream_ops.hpp"
#include "recurrence.hpp"

namespace pushforward {

template <typename Scalar>
class SparseRecurrence final : public Recurrence<Scalar> {
 public:
  // compressed rows: indptr (n_units + 1), indices (n_entries), values (n_entries, n_parts). keep_order: units stay where they are
  SparseRecurrence(Index n_units, Index n_parts, Index n_entries, const std::int64_t* indptr, const std::int64_t* indices, const Scalar* values,
                   bool keep_order)
      : n_(n_units), n_parts_(n_parts) {
    check(n_entries, indptr, indices);
    const auto unit_at = [&](Index p) { return order_[static_cast<std::size_t>(p)]; };
    const auto count = [&](Index unit) { return indptr[unit + 1] - indptr[unit]; };
    std::vector<Index> place(static_cast<std::size_t>(n_));
    order_.resize(place.size());
    std::iota(order_.begin(), order_.end(), Index{0});
    if (!keep_order) std::stable_sort(order_.begin(), order_.end(), [&](Index a, Index b) { return count(a) > count(b); });
    for (Index p = 0; p < n_; ++p) place[static_cast<std::size_t>(unit_at(p))] = p;

    const Index n_slices = (n_ + slice_rows - 1) / slice_rows;
    first_ = Buffer<Index>(n_slices + 1);
    for (Index i = 0; i < n_slices; ++i) {
      Index most = 0;
      for (Index p = i * slice_rows; p < std::min(n_, (i + 1) * slice_rows); ++p) most = std::max<Index>(most, count(unit_at(p)));
      first_[i + 1] = first_[i] + most;
    }
    const Index n_kept = first_[n_slices] * slice_rows;
    const bool is_complex = n_parts == 2 && has_imaginary(n_entries, values);
    value_ = Buffer<Scalar>(n_kept);
    if (is_complex) imaginary_ = Buffer<Scalar>(n_kept);
    if (n_ <= most_short_columns) column_16_ = Buffer<std::uint16_t>(n_kept);
    else column_32_ = Buffer<std::int32_t>(n_kept);

    std::vector<std::int64_t> entries;
    for (Index p = 0; p < n_; ++p) {
      const Index unit = unit_at(p);
      const auto column = [&](std::int64_t k) { return place[static_cast<std::size_t>(indices[k])]; };
      entries.resize(static_cast<std::size_t>(count(unit)));
      std::iota(entries.begin(), entries.end(), indptr[unit]);
      std::stable_sort(entries.begin(), entries.end(), [&](std::int64_t a, std::int64_t b) { return column(a) < column(b); });
      Index at = first_[p / slice_rows] * slice_rows + p % slice_rows;
      for (const std::int64_t k : entries) {
        value_[at] = values[k * n_parts];
        if (is_complex) imaginary_[at] = values[k * n_parts + 1];
        if (column_16_.size()) column_16_[at] = static_cast<std::uint16_t>(column(k));
        else column_32_[at] = static_cast<std::int32_t>(column(k));
        at += slice_rows;
      }
    }
    W_.n_rows = W_.n_columns = n_;
    W_.n_slices = n_slices;
    W_.first = first_.data();
    W_.column_16 = column_16_.data();
    W_.column_32 = column_32_.data();
    W_.value = value_.data();
    W_.imaginary = imaginary_.data();
    if (std::is_sorted(order_.begin(), order_.end())) order_.clear();
  }
  SparseRecurrence(const SparseRecurrence&) = delete;
  SparseRecurrence& operator=(const SparseRecurrence&) = delete;

  Index n_units() const override { return n_; }
  const Index* order() const override { return order_.empty() ? nullptr : order_.data(); }

  void apply(const Scalar* s, Scalar* a, Index n_lanes) const override {
    const Index plane = padded<Scalar>(n_ * n_lanes);
    stream_ops<Scalar>().sparse_multiply(W_, n_parts_, s, plane, n_lanes, a, plane);
  }

 private:
  void check(Index n_entries, const std::int64_t* indptr, const std::int64_t* indices) const {
    const auto refuse = [](const std::string& expected, std::int64_t came) {
      throw std::invalid_argument("W_rec: " + expected + ", got " + std::to_string(came));
    };
    if (n_ < 1 || n_ > std::numeric_limits<std::int32_t>::max()) refuse("a sparse matrix must have 1 to 2147483647 rows", n_);
    if (indptr[0] != 0) refuse("indptr must begin with 0", indptr[0]);
    for (Index i = 0; i < n_; ++i)
      if (indptr[i + 1] < indptr[i]) refuse("indptr must not descend: at least " + std::to_string(indptr[i]) + " expected", indptr[i + 1]);
    if (indptr[n_] != n_entries) refuse("indptr must end with the number of entries, " + std::to_string(n_entries), indptr[n_]);
    for (Index k = 0; k < n_entries; ++k)
      if (indices[k] < 0 || indices[k] >= n_) refuse("indices must lie between 0 and " + std::to_string(n_ - 1), indices[k]);
  }

  static bool has_imaginary(Index n_entries, const Scalar* values) {
    for (Index k = 0; k < n_entries; ++k)
      if (values[2 * k + 1] != 0) return true;
    return false;
  }

  Index n_, n_parts_;
  std::vector<Index> order_;
  Buffer<Index> first_;
  Buffer<std::uint16_t> column_16_;
  Buffer<std::int32_t> column_32_;
  Buffer<Scalar> value_, imaginary_;
  SparseSlices<Scalar> W_;
};

}  // namespace pushforward
