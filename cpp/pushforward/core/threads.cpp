// One pool for the process.
//
// A job has seats: at most n_threads − 1 workers sit down, each takes tasks from a shared counter until none are left, and gets up. The caller
// takes tasks too. When none are left it closes the job (a worker that wakes late finds no seat and goes back to sleep, nobody waits
// for it) and waits for those who sat down. Workers look for the next job during some tens of microseconds, as long as the serial part of a step takes, then sleep on
// a condition variable (woken, they may find themselves on the caller's core and help nobody for milliseconds); the caller waits for them an even
// shorter while, then sleeps too: a bare spin costs milliseconds as soon as the cores are shared.
//
// The pool is never destroyed. Its workers sleep in it until the process ends, and a destructor that joined them would hang at exit
// wherever something else (a fork, an interpreter that is shutting down) has already taken the threads away.

#include "threads.hpp"
#include "denormals.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace pushforward {
namespace {

constexpr int caller_pauses = 300, worker_pauses = 2000;  // 5 to 10, 30 to 80 µs

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename Condition>
bool spin_until(int n_pauses, Condition&& condition) {
  for (int i = 0; i < n_pauses; ++i) {
    if (condition()) return true;
    pause();
  }
  return condition();
}

class Pool {
 public:
  using Body = void (*)(void* context, Index task);

  // False, and nothing done, when another caller (or this one, further up its stack) is using the pool.
  bool try_run(int n_threads, Index n_tasks, Body body, void* context) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    const Index n_helpers = std::min<Index>(n_threads, n_tasks) - 1;
    grow(static_cast<int>(n_helpers));
    const int n_seats = std::min(static_cast<int>(n_helpers), n_workers_);
    {
      std::lock_guard lock(mutex_);
      body_ = body;
      context_ = context;
      n_tasks_ = n_tasks;
      next_.store(0, std::memory_order_relaxed);
      n_seats_.store(n_seats, std::memory_order_relaxed);
    }
    for (int i = 0; i < n_seats; ++i) opened_.notify_one();
    take_tasks();
    {
      std::lock_guard lock(mutex_);
      n_seats_.store(0, std::memory_order_relaxed);  // closed
    }
    const auto all_up = [this] { return n_seated_.load(std::memory_order_acquire) == 0; };
    if (!spin_until(caller_pauses, all_up)) {
      std::unique_lock lock(mutex_);
      finished_.wait(lock, all_up);
    }
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  void take_tasks() {
    for (Index task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < n_tasks_;) body_(context_, task);
  }

  void work() {
    const FlushDenormals scope;  // as the callers have it: results must not depend on who takes a task
    const auto open = [this] { return n_seats_.load(std::memory_order_relaxed) > 0; };
    for (;;) {
      spin_until(worker_pauses, open);
      {
        std::unique_lock lock(mutex_);
        opened_.wait(lock, open);
        n_seats_.fetch_sub(1, std::memory_order_relaxed);
        n_seated_.fetch_add(1, std::memory_order_relaxed);
      }
      take_tasks();
      std::lock_guard lock(mutex_);  // so that the caller cannot fall asleep between the last count and the notice
      if (n_seated_.fetch_sub(1, std::memory_order_release) == 1) finished_.notify_one();
    }
  }

  // Fewer workers than asked for (a limit on threads) is no error: the caller does the rest. Signals stay with the threads we did not make.
  void grow(int n_wanted) {
    if (n_workers_ >= n_wanted) return;
#if defined(__unix__) || defined(__APPLE__)
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
    try {
      for (; n_workers_ < n_wanted; ++n_workers_) std::thread([this] { work(); }).detach();
    } catch (...) {
    }
#if defined(__unix__) || defined(__APPLE__)
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  }

  std::atomic<bool> busy_{false};  // a caller's job is running; the members below belong to that caller
  int n_workers_ = 0;

  std::mutex mutex_;
  std::condition_variable opened_, finished_;
  Body body_ = nullptr;  // the job: written under the mutex by the caller, read by those who sat down under it
  void* context_ = nullptr;
  Index n_tasks_ = 0;
  std::atomic<int> n_seats_{0}, n_seated_{0};  // changed under the mutex, watched without it
  alignas(cache_line) std::atomic<Index> next_{0};
};

constinit std::atomic<Pool*> the_pool{nullptr};
constinit std::atomic<int> the_default{0};  // 0: not set

Pool& pool() {
  Pool* current = the_pool.load(std::memory_order_acquire);
  if (current) return *current;
  auto* fresh = new Pool;
  if (the_pool.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) return *fresh;
  delete fresh;  // another thread was first; no worker has seen this one
  return *current;
}

#if defined(__unix__) || defined(__APPLE__)
// fork() copies the forking thread alone: in the child the pool's workers are gone, its counts still speak of them, and its mutex may be held
// for ever by one of them. Nothing in it can be trusted or even destroyed, so the child leaks it (a few hundred bytes) and makes its own at its
// first job. As the child never looks at the old pool, fork() need not wait for a running job: there is nothing to lock before it.
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr, std::memory_order_release); });
#endif

}  // namespace

int available_cpus() {
#if defined(__linux__)
  for (int n = CPU_SETSIZE; n <= (1 << 20); n *= 2) {  // the kernel refuses a mask smaller than its own
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(n));
    if (!set) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(n));
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int default_threads() {
  const int n = the_default.load(std::memory_order_relaxed);
  return n > 0 ? n : available_cpus();
}

void set_default_threads(int n) {
  if (n < 1) throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n));
  the_default.store(n, std::memory_order_relaxed);
}

void parallel_for(int n_threads, Index n_tasks, void (*body)(void* context, Index task), void* context) {
  if (n_threads > 1 && n_tasks > 1 && pool().try_run(n_threads, n_tasks, body, context)) return;
  for (Index task = 0; task < n_tasks; ++task) body(context, task);
}

}  // namespace pushforward
