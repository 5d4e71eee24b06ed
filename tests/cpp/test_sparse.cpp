// W_rec sparse, of shifts and of blocks, at every level this processor can run, in both precisions, real and complex, alone and in lanes: against
// the plain product with the same matrix in long double. What lies beside the result is filled with a guard value that must survive.

#include <memory>
#include <stdexcept>
#include <string>

#include "arrays.hpp"
#include "pushforward/core/stream_ops.hpp"
#include "pushforward/reservoir/blocks.hpp"
#include "pushforward/reservoir/shifts.hpp"
#include "pushforward/reservoir/sparse.hpp"

template <typename Scalar>
struct Dense {
  Index n, n_parts;
  std::vector<Wide> re, im, magnitude;
  Dense(Index n_units, Index parts) : n(n_units), n_parts(parts), re(static_cast<std::size_t>(n * n)), im(re.size()), magnitude(re.size()) {}
  void add(Index to, Index from, const Scalar* w) {
    for (Index part = 0; part < n_parts; ++part) {
      (part ? im : re)[to * n + from] += w[part];
      magnitude[to * n + from] += std::abs(Wide(w[part]));
    }
  }
};

// apply() of what must be W, in places
template <typename Scalar>
static void test_product(const char* name, const Recurrence<Scalar>& recurrence, const Dense<Scalar>& W) {
  const Index n = W.n;
  CHECK(recurrence.n_units() == n, "%s", name);
  for (const Index n_lanes : {1, 16, 32, 48, 64}) {
    if (n_lanes > 32 && n > 33) continue;
    const Index plane = padded<Scalar>(n * n_lanes), size = (W.n_parts - 1) * plane + n * n_lanes;
    const auto s = random<Scalar>(size);  // ends with its last number: a read beyond it shows under the address sanitizer
    std::vector<Scalar> a(static_cast<std::size_t>(size + 40), guard<Scalar>);
    recurrence.apply(s.data(), a.data(), n_lanes);
    const auto unit_at = [&](Index place) { return recurrence.order() ? recurrence.order()[place] : place; };
    for (Index i = 0; i < n; ++i)
      for (Index l = 0; l < n_lanes; ++l) {
        Wide re = 0, im = 0, magnitude = 0;
        for (Index j = 0; j < n; ++j) {
          const Wide w_re = W.re[unit_at(i) * n + unit_at(j)], w_im = W.im[unit_at(i) * n + unit_at(j)];
          const Wide s_re = s[j * n_lanes + l], s_im = W.n_parts == 2 ? s[plane + j * n_lanes + l] : 0;
          re += w_re * s_re - w_im * s_im, im += w_re * s_im + w_im * s_re;
          magnitude += W.magnitude[unit_at(i) * n + unit_at(j)] * (std::abs(s_re) + std::abs(s_im));
        }
        const Wide bound = tolerance<Scalar>(n + 12, magnitude);  // a unit may hear another more than once
        CHECK(std::abs(a[i * n_lanes + l] - re) <= bound, "%s n %td parts %td lanes %td unit %td", name, n, W.n_parts, n_lanes, i);
        if (W.n_parts == 2)
          CHECK(std::abs(a[plane + i * n_lanes + l] - im) <= bound, "%s n %td lanes %td unit %td, imaginary", name, n, n_lanes, i);
      }
    CHECK(guarded(a, 1, size, size), "%s n %td parts %td lanes %td", name, n, W.n_parts, n_lanes);
    for (Index i = n * n_lanes; W.n_parts == 2 && i < plane; ++i)
      CHECK(a[i] == guard<Scalar>, "%s n %td lanes %td between planes", name, n, n_lanes);
  }
}

enum Rows { even, uneven, real_only };

// connectivity: the mean; uneven rows: some are empty, one is full. Columns come unsorted, one of them twice.
template <typename Scalar>
static void test_sparse(Index n, Index n_parts, double connectivity, Rows rows) {
  std::uniform_real_distribution<double> draw(0, 1);
  std::vector<std::int64_t> indptr{0}, indices;
  for (Index i = 0; i < n; ++i) {
    const double rising = 2 * connectivity * static_cast<double>(i) / static_cast<double>(n);
    const double p = rows == even ? connectivity : i % 3 == 0 ? 0 : i == n / 2 ? 1 : rising;
    for (Index j = n; j-- > 0;)
      if (rows == even ? j < p * static_cast<double>(n) : draw(generator) < p) indices.push_back((j * 7 + i) % n);
    if (i == 1 && rows != even) indices.insert(indices.end(), 2, n - 1);
    indptr.push_back(static_cast<std::int64_t>(indices.size()));
  }
  const auto n_entries = static_cast<Index>(indices.size());
  auto values = random<Scalar>(std::max<Index>(1, n_entries) * n_parts);
  if (rows == real_only && n_parts == 2)
    for (Index k = 0; k < n_entries; ++k) values[2 * k + 1] = 0;
  Dense<Scalar> W(n, n_parts);
  for (Index i = 0; i < n; ++i)
    for (std::int64_t k = indptr[i]; k < indptr[i + 1]; ++k) W.add(i, indices[k], values.data() + k * n_parts);
  for (const bool keep_order : {false, true}) {
    const SparseRecurrence<Scalar> sparse(n, n_parts, n_entries, indptr.data(), indices.data(), values.data(), keep_order);
    if (keep_order || rows == even) CHECK(!sparse.order(), "units stay where they are");
    if (sparse.order()) {
      std::vector<Index> units(sparse.order(), sparse.order() + n);
      for (Index p = 1; p < n; ++p)
        CHECK(indptr[units[p - 1] + 1] - indptr[units[p - 1]] >= indptr[units[p] + 1] - indptr[units[p]], "the longest rows come first");
      std::sort(units.begin(), units.end());
      for (Index p = 0; p < n; ++p) CHECK(units[p] == p, "every unit has a place");
    }
    test_product<Scalar>("sparse", sparse, W);
  }
}

// More columns than two bytes can number: every unit hears the one that stands as far from the other end.
template <typename Scalar>
static void test_many_columns(Index n) {
  std::vector<std::int64_t> indptr(static_cast<std::size_t>(n + 1)), indices(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) indptr[i + 1] = i + 1, indices[i] = n - 1 - i;
  const auto values = random<Scalar>(n);
  const SparseRecurrence<Scalar> mirror(n, 1, n, indptr.data(), indices.data(), values.data(), false);
  for (const Index n_lanes : {1, 16}) {
    const auto s = random<Scalar>(n * n_lanes);
    std::vector<Scalar> a(s.size());
    mirror.apply(s.data(), a.data(), n_lanes);
    for (Index i = 0; i < n; ++i)
      for (Index l = 0; l < n_lanes; ++l) CHECK(a[i * n_lanes + l] == values[i] * s[(n - 1 - i) * n_lanes + l], "column %td of %td", n - 1 - i, n);
  }
}

template <typename Scalar>
static void test_shifts(Index n, Index n_parts, bool cyclic, const std::vector<std::int64_t>& shift, const std::vector<std::int64_t>& from,
                        const std::vector<std::int64_t>& to, bool real_weights) {
  auto weight = random<Scalar>((static_cast<Index>(shift.size()) + 1) * n_parts);
  const auto value = random<Scalar>((static_cast<Index>(from.size()) + 1) * n_parts);
  for (std::size_t k = 1; real_weights && n_parts == 2 && k < weight.size(); k += 2) weight[k] = 0;
  Dense<Scalar> W(n, n_parts);
  for (std::size_t k = 0; k < shift.size(); ++k)
    for (Index i = 0; i < n; ++i) {
      const std::int64_t j = cyclic ? ((i - shift[k]) % n + n) % n : i - shift[k];
      if (0 <= j && j < n) W.add(i, j, weight.data() + static_cast<Index>(k) * n_parts);
    }
  for (std::size_t m = 0; m < from.size(); ++m) W.add(to[m], from[m], value.data() + static_cast<Index>(m) * n_parts);
  ShiftsSettings<Scalar> settings{n, n_parts, cyclic, static_cast<Index>(shift.size()), shift.data(), weight.data(), static_cast<Index>(from.size()),
                                  from.data(), to.data(), value.data()};
  const ShiftsRecurrence<Scalar> recurrence(settings);
  CHECK(!recurrence.order(), "units stay where they are");
  test_product<Scalar>(cyclic ? "cyclic shifts" : "shifts", recurrence, W);
}

template <typename Scalar>
static void test_blocks(Index n_blocks, Index size, Index n_parts) {
  const auto blocks = random<Scalar>(n_blocks * size * size * n_parts);
  Dense<Scalar> W(n_blocks * size, n_parts);
  for (Index b = 0; b < n_blocks; ++b)
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < size; ++j) W.add(b * size + i, b * size + j, blocks.data() + ((b * size + i) * size + j) * n_parts);
  const BlocksRecurrence<Scalar> recurrence(n_blocks, size, n_parts, blocks.data());
  CHECK(!recurrence.order(), "units stay where they are");
  test_product<Scalar>("blocks", recurrence, W);
}

static void test_refused() {
  const auto refuses = [](auto&& make, const char* part) {
    std::string message;
    try {
      make();
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    CHECK(message.find("W_rec") == 0 && message.find(part) != std::string::npos, "'%s' instead of '%s'", message.c_str(), part);
  };
  const double values[4] = {1, 2, 3, 4};
  const auto sparse = [&](std::vector<std::int64_t> indptr, std::vector<std::int64_t> indices) {
    return [=] { SparseRecurrence<double>(3, 1, static_cast<Index>(indices.size()), indptr.data(), indices.data(), values, false); };
  };
  refuses(sparse({1, 2, 2, 2}, {0, 1}), "indptr must begin with 0, got 1");
  refuses(sparse({0, 2, 1, 2}, {0, 1}), "indptr must not descend: at least 2 expected, got 1");
  refuses(sparse({0, 1, 2, 3}, {0, 1}), "indptr must end with the number of entries, 2, got 3");
  refuses(sparse({0, 1, 2, 2}, {0, 3}), "indices must lie between 0 and 2, got 3");
  refuses(sparse({0, 1, 2, 2}, {-1, 0}), "indices must lie between 0 and 2, got -1");
  const std::int64_t inside = 2, outside = 3;
  const auto connection = [&](const std::int64_t* from, const std::int64_t* to) {
    return [=, &values] { ShiftsRecurrence<double>({3, 1, true, 0, nullptr, nullptr, 1, from, to, values}); };
  };
  refuses(connection(&outside, &inside), "'from' must lie between 0 and 2, got 3");
  refuses(connection(&inside, &outside), "'to' must lie between 0 and 2, got 3");
}

template <typename Scalar>
static void test_all() {
  for (const Index n_parts : {1, 2}) {
    for (const Index n : {1, 2, 3, 15, 16, 17, 31, 33, 50, 64, 70})
      for (const Rows rows : {even, uneven, real_only}) test_sparse<Scalar>(n, n_parts, 0.3, rows);
    test_sparse<Scalar>(20, n_parts, 0, even);  // nothing is heard at all
    test_sparse<Scalar>(420, n_parts, 0.15, uneven);  // lanes go over the rows in parts
    for (const bool real_weights : {false, true})
      for (const Index n : {1, 2, 5, 16, 33, 70}) {
        for (const bool cyclic : {true, false}) {
          test_shifts<Scalar>(n, n_parts, cyclic, {1}, {n - 1}, {0}, real_weights);
          test_shifts<Scalar>(n, n_parts, cyclic, {1, -1}, {}, {}, real_weights);
          test_shifts<Scalar>(n, n_parts, cyclic, {1, -1, 1 - n, 3, 0, 1, n, -n - 2}, {0, n / 2, n - 1, 0}, {n / 2, 0, n / 3, n / 2}, real_weights);
          test_shifts<Scalar>(n, n_parts, cyclic, {}, {n - 1}, {0}, real_weights);
        }
      }
    for (const Index size : {1, 2, 7, 8, 12, 13, 20, 70})
      for (const Index n_blocks : {1, 3}) test_blocks<Scalar>(n_blocks, size, n_parts);
  }
  test_many_columns<Scalar>(most_short_columns);
  test_many_columns<Scalar>(most_short_columns + 1);
}

int main() {
  at_every_isa([] {
    test_all<float>();
    test_all<double>();
  });
  test_refused();
  return verdict();
}
