#pragma once
// Reverse mode within units: what a block of steps is to units that see nothing but themselves.
//
//   of each step, as it is recorded     D_s (b, b, n), M_s (b, n_gates)             what units do to themselves (own_jacobians in cell.hpp)
//   from the newest step back           λ_k += (W_outᵀ δ_s)_k                       where a loss is pending
//                                       a_s[gate] = Σ_k M_s[k, gate] λ_k            λ_l ← Σ_k D_s[k, l] λ_k
//                                       E_s[k, gate] = Σ_l Φ_kl M_s[l, gate]        Φ_kl ← Σ_m Φ_km D_s[m, l]       from Φ = I
//
// k, l, m < b = n_state / n: a unit's states. Numbers of neighbouring units lie side by side; a chunk of units goes through a whole block at a time,
// so that its a and E stay in cache.
//
// SnAp-1 keeps of J what a gate reaches within its step. Where that is not all of its unit's states (an output gate moves h, not c), the gate's
// sums run over those it keeps: λ and Φ are made once for each such set.

#include <algorithm>
#include <vector>

#include "../core/random.hpp"
#include "sweep.hpp"

namespace pushforward {

// What the sweep leaves behind for the units first … first + count − 1. A unit's gates are counted: the q-th of unit i is gate q n + i.
template <typename Scalar>
struct OwnBlock {
  Index first = 0, count = 0;
  bool reads = false, moves = false;  // λ and a are there; Φ and E are there
  Index stride = 0, gates = 0, n_own = 1;
  const Scalar *a = nullptr, *E = nullptr;         // (n_steps, gates, stride), (n_steps, n_own, gates, stride)
  const Scalar *lambda = nullptr, *Phi = nullptr;  // for each set of states (n_own, stride), (n_own, n_own, stride)
  const Index* set_of = nullptr;                   // (gates): what the q-th gates keep

  // The move of the q-th gates, but for J, G and U
  OwnMove<Scalar> move(Index q, Index n_steps) const {
    OwnMove<Scalar> m;
    m.n_rows = count;
    m.n_own = n_own;
    m.n_steps = n_steps;
    m.unit_stride = stride;
    if (reads) m.lambda = lambda + set_of[q] * n_own * stride, m.A = a + q * stride;
    if (moves) m.Phi = Phi + set_of[q] * n_own * n_own * stride, m.E = E + q * stride;
    m.A_step_stride = gates * stride;
    m.E_state_stride = gates * stride;
    m.E_step_stride = n_own * gates * stride;
    return m;
  }
};

template <typename Scalar>
class OwnSweep {
 public:
  // leak_only: D as if the recurrent weights were zero. one_step: a gate keeps the states it reaches within a step, else all of its unit's.
  OwnSweep(const Cell<Scalar>& cell, Index capacity, int n_threads, bool leak_only, bool one_step)
      : cell_(cell), leak_only_(leak_only), n_(cell.n_units()), b_(cell.n_state() / n_), gates_(cell.n_gates() / n_), capacity_(capacity),
        kept_(static_cast<std::size_t>(gates_), (1u << b_) - 1), record_size_(b_ * (b_ * n_ + cell.n_gates())), records_(capacity * record_size_) {
    if (one_step && b_ > 1) probe();
    for (const unsigned set : kept_) {
      const auto found = std::find(sets_.begin(), sets_.end(), set);
      set_of_.push_back(found - sets_.begin());
      if (found == sets_.end()) sets_.push_back(set);
    }
    // Units in a chunk: a quarter of them, but enough to be worth a call, and no more than what of a and E stays close to the processor (bytes).
    // Never by the number of threads, on which no bit may depend.
    constexpr Index least = 8 * padded<Scalar>(1), whole = 256, most = 1024, cached = 1 << 16;
    const Index unit = capacity * gates_ * (1 + b_) * static_cast<Index>(sizeof(Scalar)), fit = cached / unit / least * least;
    chunk_ = std::min({std::clamp(fit, least, most), std::max(whole, padded<Scalar>((n_ + 3) / 4)), padded<Scalar>(n_)});
    scratch_size_ = chunk_ * (capacity * gates_ * (1 + b_) + 2 * n_sets() * b_ * (1 + b_));
    scratch_ = Buffer<Scalar>(n_threads * scratch_size_);
  }

  Index chunk() const { return chunk_; }
  Index n_chunks() const { return (n_ + chunk_ - 1) / chunk_; }
  bool keeps(Index gate, Index state) const { return kept_[static_cast<std::size_t>(gate / n_)] >> state & 1; }

  // The newest step, with its own weights. Doing it again changes nothing.
  void record(const WeightHistory<Scalar>& weights, const Window<Scalar>& window) {
    const Index p = window.last();
    Scalar* D = records_.data() + p * record_size_;
    cell_.own_jacobians(leak_only_ ? nullptr : weights.recurrent(window.version(p)), window.slopes(p), D, D + b_ * b_ * n_);
  }

  OwnBlock<Scalar> pull_back(const Window<Scalar>& window, const Readout<Scalar>& readout, Index chunk, Index worker, bool reads, bool moves) {
    Scalar* const a = scratch_.data() + worker * scratch_size_;
    Scalar* const E = a + capacity_ * gates_ * chunk_;
    Scalar* const ends = E + capacity_ * gates_ * b_ * chunk_;  // λ and Φ of every set, twice
    const Index size = n_sets() * b_ * (1 + b_) * chunk_, vectors = n_sets() * b_ * chunk_;
    OwnBlock<Scalar> x;
    x.first = chunk * chunk_;
    x.count = std::min(chunk_, n_ - x.first);
    x.reads = reads, x.moves = moves;
    x.stride = chunk_, x.gates = gates_, x.n_own = b_;
    x.a = a, x.E = E;
    x.set_of = set_of_.data();
    std::fill_n(ends, 2 * size, Scalar(0));
    Scalar *now = ends, *before = ends + size;
    for (Index set = 0; moves && set < n_sets(); ++set)
      each(set, [&](Index k) { std::fill_n(now + vectors + (set * b_ + k) * b_ * chunk_ + k * chunk_, x.count, Scalar(1)); });
    for (Index s = window.count(); s > 0; --s) {
      const Index p = window.place(s - 1);
      for (Index set = 0; set < n_sets(); ++set) {
        const Index at = set * b_ * chunk_;
        Scalar *lambda = now + at, *Phi = now + vectors + at * b_;
        if (reads && window.pending(p)) add_readout(window.delta(p), readout, x, set, lambda);
        gates(x, set, p, lambda, Phi, a + p * gates_ * chunk_, E + p * b_ * gates_ * chunk_);
        states(x, set, p, lambda, Phi, before + at, before + vectors + at * b_);
      }
      std::swap(now, before);
    }
    x.lambda = now, x.Phi = now + vectors;
    return x;
  }

  void clear() { records_.clear(); }
  void visit(Archive<Scalar>& archive, const std::string& name) { archive.numbers(name, records_.data(), records_.size()); }

 private:
  Index n_sets() const { return static_cast<Index>(sets_.size()); }
  template <typename Body>
  void each(Index set, Body&& body) const {
    for (Index k = 0; k < b_; ++k)
      if (sets_[static_cast<std::size_t>(set)] >> k & 1) body(k);
  }
  const Scalar* D(Index place, Index k, Index l, const OwnBlock<Scalar>& x) const {
    return records_.data() + place * record_size_ + (k * b_ + l) * n_ + x.first;
  }
  const Scalar* M(Index place, Index k, Index q, const OwnBlock<Scalar>& x) const {
    return records_.data() + place * record_size_ + b_ * b_ * n_ + k * cell_.n_gates() + q * n_ + x.first;
  }

  // λ_k += (W_outᵀ δ)_k, the chunk's part of it
  void add_readout(const Scalar* delta, const Readout<Scalar>& readout, const OwnBlock<Scalar>& x, Index set, Scalar* lambda) const {
    const Index seen = cell_.first_feature(), end = seen + cell_.n_features();
    each(set, [&](Index k) {
      const Index at = k * n_ + x.first, from = std::max(at, seen), to = std::min(at + x.count, end);
      if (from < to)
        ops<Scalar>().matvec_transposed(readout.n_outputs, to - from, readout.W_out + from - seen, padded<Scalar>(cell_.n_features()), delta,
                                        lambda + k * chunk_ + from - at, true);
    });
  }

  // a and E of a step
  void gates(const OwnBlock<Scalar>& x, Index set, Index p, const Scalar* lambda, const Scalar* Phi, Scalar* a, Scalar* E) const {
    const Ops<Scalar>& o = ops<Scalar>();
    for (Index q = 0; q < gates_; ++q) {
      if (x.set_of[q] != set) continue;
      bool more = false;
      each(set, [&](Index l) {
        if (x.reads) o.multiply(x.count, M(p, l, q, x), lambda + l * chunk_, a + q * chunk_, more);
        for (Index k = 0; x.moves && k < b_; ++k)  // a state that the gate does not keep has a row of zeros in Φ
          o.multiply(x.count, M(p, l, q, x), Phi + (k * b_ + l) * chunk_, E + (k * gates_ + q) * chunk_, more);
        more = true;
      });
    }
  }

  // λ and Φ before a step
  void states(const OwnBlock<Scalar>& x, Index set, Index p, const Scalar* lambda, const Scalar* Phi, Scalar* lambda_before,
              Scalar* Phi_before) const {
    const Ops<Scalar>& o = ops<Scalar>();
    each(set, [&](Index l) {
      bool more = false;
      each(set, [&](Index m) {
        if (x.reads) o.multiply(x.count, D(p, m, l, x), lambda + m * chunk_, lambda_before + l * chunk_, more);
        each(set, [&](Index k) {
          if (x.moves) o.multiply(x.count, D(p, m, l, x), Phi + (k * b_ + m) * chunk_, Phi_before + (k * b_ + l) * chunk_, more);
        });
        more = true;
      });
    });
  }

  // Which of its unit's states a gate moves within a step: asked once, at positive weights, states and inputs, where nothing cancels or is off.
  void probe() {
    Buffer<Scalar> W(cell_.n_weights()), x(cell_.n_inputs()), state(cell_.n_state()), next(cell_.n_state()), u(cell_.n_presynaptic());
    Buffer<Scalar> slopes(padded<Scalar>(cell_.n_slopes())), recurrent(cell_.n_recurrent());
    const Random random(0, 0, 0);
    const auto fill = [&](Buffer<Scalar>& to) {
      for (Index i = 0; i < to.size(); ++i) to[i] = static_cast<Scalar>(0.1 + 0.4 * random.uniform(i));
    };
    fill(W), fill(x), fill(state);
    Input<Scalar> input;
    input.dense = x.data();
    cell_.forward(W.data(), state.data(), input, next.data(), u.data(), slopes.data());
    cell_.recurrent_weights(W.data(), recurrent.data());
    const Scalar* const M = records_.data() + b_ * b_ * n_;
    cell_.own_jacobians(recurrent.data(), slopes.data(), records_.data(), records_.data() + b_ * b_ * n_);
    for (Index q = 0; q < gates_; ++q) {
      kept_[static_cast<std::size_t>(q)] = 0;
      for (Index k = 0; k < b_; ++k)
        for (Index i = 0; i < n_; ++i)
          if (M[k * cell_.n_gates() + q * n_ + i] != 0) kept_[static_cast<std::size_t>(q)] |= 1u << k;
    }
    records_.clear();
  }

  const Cell<Scalar>& cell_;
  bool leak_only_;
  Index n_, b_, gates_, capacity_;  // gates_: of a unit
  std::vector<unsigned> kept_;      // of the q-th gates, a bit for each state
  std::vector<unsigned> sets_;      // those that differ
  std::vector<Index> set_of_;
  Index record_size_, chunk_ = 0, scratch_size_ = 0;
  Buffer<Scalar> records_;          // evolving: (capacity) D, M
  Buffer<Scalar> scratch_;          // one for each thread
};

}  // namespace pushforward
