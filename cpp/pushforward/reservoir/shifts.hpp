#pragma once
// W_rec of a ring, a delay line, or a cycle with jumps (Rodan and Tino 2011, 2012): every unit hears units at the same few distances.
//
//   a[i] = Σ_k weight[k] s[i − shift[k]] + Σ_{m: to[m] = i} value[m] s[from[m]]      indices modulo n_units (cyclic), or s is zero outside
//
// A shift is one or two scaled copies of neighbouring numbers: nothing is gathered, and W takes no memory.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../core/ops.hpp"
#include "../core/stream_ops.hpp"
#include "recurrence.hpp"

namespace pushforward {

template <typename Scalar>
struct ShiftsSettings {
  Index n_units = 0, n_parts = 1;
  bool cyclic = true;
  Index n_shifts = 0;
  const std::int64_t* shift = nullptr;  // (n_shifts)
  const Scalar* weight = nullptr;       // (n_shifts, n_parts)
  Index n_connections = 0;
  const std::int64_t* from = nullptr;   // (n_connections)
  const std::int64_t* to = nullptr;     // (n_connections)
  const Scalar* value = nullptr;        // (n_connections, n_parts)
};

template <typename Scalar>
class ShiftsRecurrence final : public Recurrence<Scalar> {
 public:
  explicit ShiftsRecurrence(const ShiftsSettings<Scalar>& settings) : n_(settings.n_units), n_parts_(settings.n_parts) {
    const auto number = [&](const Scalar* x, Index k) { return Number{x[k * n_parts_], n_parts_ == 2 ? x[2 * k + 1] : Scalar(0)}; };
    if (n_ < 1) throw std::invalid_argument("W_rec: n_units must be at least 1, got " + std::to_string(n_));
    // every shift as ranges of units: `count` units from `from` on are heard by those from `to` on
    for (Index k = 0; k < settings.n_shifts; ++k) {
      const std::int64_t shift = settings.shift[k];
      const Number w = number(settings.weight, k);
      if (settings.cyclic) {
        const Index d = (shift % n_ + n_) % n_;
        add(0, d, n_ - d, w);
        add(n_ - d, 0, d, w);
      } else if (-n_ < shift && shift < n_) {
        add(std::max<Index>(0, -shift), std::max<Index>(0, shift), n_ - std::max<Index>(shift, -shift), w);
      }
    }
    for (Index m = 0; m < settings.n_connections; ++m) {
      for (const auto& [name, at] : {std::pair{"from", settings.from[m]}, std::pair{"to", settings.to[m]}})
        if (at < 0 || at >= n_)
          throw std::invalid_argument(std::string("W_rec: '") + name + "' must lie between 0 and " + std::to_string(n_ - 1) + ", got " +
                                      std::to_string(at));
      connections_.push_back({settings.from[m], settings.to[m], 1, number(settings.value, m)});
    }
    // ranges that nothing was heard in before are written, not added; units that no such range writes begin with zero
    std::vector<bool> heard(static_cast<std::size_t>(n_)), written = heard;
    for (Range& r : ranges_) {
      r.begins = std::find(heard.begin() + r.to, heard.begin() + r.to + r.count, true) == heard.begin() + r.to + r.count;
      std::fill_n(heard.begin() + r.to, r.count, true);
      if (r.begins) std::fill_n(written.begin() + r.to, r.count, true);
    }
    for (Index i = 0; i < n_;) {
      const bool silent = !written[static_cast<std::size_t>(i)];
      const auto end = static_cast<Index>(std::find(written.begin() + i, written.end(), silent) - written.begin());
      if (silent) silent_.push_back({0, i, end - i, {}});
      i = end;
    }
  }
  Index n_units() const override { return n_; }

  void apply(const Scalar* s, Scalar* a, Index n_lanes) const override {
    const Index plane = padded<Scalar>(n_ * n_lanes);
    for (const Range& r : silent_)
      for (Index part = 0; part < n_parts_; ++part) std::fill_n(a + part * plane + r.to * n_lanes, r.count * n_lanes, Scalar(0));
    for (const Range& r : ranges_) {
      const Scalar* from = s + r.from * n_lanes;
      Scalar* to = a + r.to * n_lanes;
      const Index count = r.count * n_lanes;
      if (n_parts_ == 2) stream_ops<Scalar>().complex_scale(count, r.weight.re, r.weight.im, from, to, plane, !r.begins);
      else if (r.begins) ops<Scalar>().scale_rows(1, count, &r.weight.re, from, count, to, count);
      else ops<Scalar>().axpy(count, r.weight.re, from, to);
    }
    for (const Range& c : connections_) {
      const Scalar* from = s + c.from * n_lanes;
      Scalar* to = a + c.to * n_lanes;
      for (Index l = 0; l < n_lanes; ++l) {
        to[l] += c.weight.re * from[l];
        if (n_parts_ == 1) continue;
        to[l] -= c.weight.im * from[plane + l];
        to[plane + l] += c.weight.re * from[plane + l] + c.weight.im * from[l];
      }
    }
  }

 private:
  struct Number {
    Scalar re, im;
  };
  struct Range {
    Index from, to, count;
    Number weight;
    bool begins = false;
  };

  void add(Index from, Index to, Index count, Number weight) {
    if (count > 0) ranges_.push_back({from, to, count, weight});
  }

  Index n_, n_parts_;
  std::vector<Range> ranges_, connections_, silent_;
};

}  // namespace pushforward
