#pragma once
// Many small least-squares problems on all threads. A task takes some problems one group of lanes after the other; no result depends on which.

#include <algorithm>
#include <atomic>

#include "../core/buffer.hpp"
#include "../core/denormals.hpp"
#include "../core/koopman_ops.hpp"
#include "../core/threads.hpp"

namespace pushforward {

// Problems first … first + count − 1. Returns the first of them that holds what is not finite, or −1.
template <typename Scalar>
Index solve_batch(const LstsqBatch<Scalar>& batch, Index first, Index count, int n_threads) {
  constexpr Index group = cache_line / sizeof(Scalar), tasks_per_thread = 8;  // group: whole registers of every instruction set
  const FlushDenormals scope;  // as the threads of the pool have it
  const KoopmanOps<Scalar>& table = koopman_ops<Scalar>();
  const Index n_groups = (count + group - 1) / group, n_tasks = std::min<Index>(n_groups, n_threads * tasks_per_thread);
  const Index size = padded<Scalar>(table.lstsq_work(batch.k, batch.p));
  Buffer<Scalar> work(n_tasks * size);
  std::atomic<Index> bad{-1};
  parallel_for(n_threads, n_tasks, [&](Index task) {
    const Index from = n_groups * task / n_tasks * group, to = std::min(count, n_groups * (task + 1) / n_tasks * group);
    const Index found = table.lstsq(batch, first + from, to - from, work.data() + task * size);
    for (Index before = bad.load(); found >= 0 && (before < 0 || found < before) && !bad.compare_exchange_weak(before, found);) {
    }
  });
  return bad.load();
}

}  // namespace pushforward
