// The pool, without Python: run plainly, under valgrind, and under the address and thread sanitizers (see CONTRIBUTING.md).

#include "pushforward/core/threads.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

static std::atomic<long> n_allocations{0};
#if !defined(__SANITIZE_ADDRESS__)  // it wants its own
void* operator new(std::size_t bytes) {
  n_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
#endif

namespace {

using pushforward::Index;
using pushforward::parallel_for;

#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) {                                                          \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
      std::_Exit(1);                                                             \
    }                                                                            \
  } while (false)

// Each task writes its own place, with no lock: lost or doubled tasks, and returning too early, both show in the sum.
Index sum_of_squares(int n_threads, Index n_tasks, std::vector<Index>& out) {
  parallel_for(n_threads, n_tasks, [&](Index task) { out[static_cast<std::size_t>(task)] += task * task; });
  Index sum = 0;
  for (Index task = 0; task < n_tasks; ++task) {
    sum += out[static_cast<std::size_t>(task)];
    out[static_cast<std::size_t>(task)] = 0;
  }
  return sum;
}

void many_jobs(int n_threads, int n_jobs) {
  std::vector<Index> out(64);
  for (int job = 0; job < n_jobs; ++job) {
    const Index n = job % 64;
    CHECK(sum_of_squares(n_threads, n, out) == (n - 1) * n * (2 * n - 1) / 6);
  }
}

void nested() {
  std::atomic<Index> count{0};
  for (int job = 0; job < 200; ++job)
    parallel_for(3, 5, [&](Index) { parallel_for(4, 7, [&](Index) { count.fetch_add(1, std::memory_order_relaxed); }); });
  CHECK(count.load() == 200 * 5 * 7);
}

void callers_at_once() {
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) callers.emplace_back([c] { many_jobs(2 + c % 3, 2000); });
  for (auto& caller : callers) caller.join();
}

void a_lone_thread_takes_tasks_in_order() {
  std::vector<Index> order;
  parallel_for(1, 9, [&](Index task) { order.push_back(task); });
  parallel_for(8, 1, [&](Index task) { order.push_back(task + 9); });
  parallel_for(8, 0, [&](Index) { CHECK(false); });
  for (std::size_t i = 0; i < 10; ++i) CHECK(order[i] == static_cast<Index>(i));
}

void workers_do_take_part() {  // two tasks that wait for each other end only if two threads run them
  std::atomic<int> n_arrived{0};
  parallel_for(2, 2, [&](Index) {
    n_arrived.fetch_add(1);
    while (n_arrived.load() < 2) std::this_thread::yield();
  });
}

void nothing_is_allocated() {
  std::vector<Index> out(64);
  sum_of_squares(4, 64, out);
  const long before = n_allocations.load();
  for (int job = 0; job < 100; ++job) sum_of_squares(4, 64, out);
  CHECK(n_allocations.load() == before);
}

[[maybe_unused]] void child_works(pid_t child) {
  if (child == 0) {
    many_jobs(3, 200);
    workers_do_take_part();
    std::_Exit(0);
  }
  CHECK(child > 0);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

[[maybe_unused]] void fork_between_jobs() {
  many_jobs(4, 50);
  child_works(fork());
  many_jobs(4, 50);
}

[[maybe_unused]] void fork_during_jobs() {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop.load()) many_jobs(3, 20);
  });
  for (int i = 0; i < 10; ++i) child_works(fork());
  stop.store(true);
  busy.join();
}

void the_default() {
  CHECK(pushforward::available_cpus() >= 1);
  CHECK(pushforward::default_threads() == pushforward::available_cpus());
  pushforward::set_default_threads(3);
  CHECK(pushforward::default_threads() == 3);
  for (int bad : {0, -1}) {
    bool refused = false;
    try {
      pushforward::set_default_threads(bad);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused && pushforward::default_threads() == 3);
  }
}

}  // namespace

int main() {
  alarm(120);  // a hang is a failure
  a_lone_thread_takes_tasks_in_order();
  for (int n_threads = 1; n_threads <= 4; ++n_threads) many_jobs(n_threads, 5000);
  workers_do_take_part();
  nested();
  callers_at_once();
  nothing_is_allocated();
#if !defined(__SANITIZE_THREAD__)  // it can't follow a child that makes threads ("dup thread with used id")
  fork_between_jobs();
  fork_during_jobs();
#endif
  the_default();
  std::puts("threads: ok");
}
