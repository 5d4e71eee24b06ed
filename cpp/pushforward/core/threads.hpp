#pragma once
// A small pool of threads. The caller takes part; workers sleep between jobs; a job that finds the pool busy (another Python thread is using
// it) runs in the caller alone. Tasks must not depend on which thread runs them, so results never depend on the number of threads.
// After fork() the child starts with an empty pool (pthread_atfork).

#include <type_traits>

#include "types.hpp"

namespace pushforward {

int available_cpus();                 // CPUs this process may run on (affinity mask)
int default_threads();                // the global default: available_cpus() until set
void set_default_threads(int n);      // n ≥ 1, else std::invalid_argument

// Calls body(context, task) for task = 0 … n_tasks−1 on at most n_threads threads. Tasks are handed out in order, one at a time.
// Bodies must not throw. Allocates nothing once the pool has grown to n_threads.
void parallel_for(int n_threads, Index n_tasks, void (*body)(void* context, Index task), void* context);

// The same for any callable, without allocating.
template <typename Body>
void parallel_for(int n_threads, Index n_tasks, Body&& body) {
  parallel_for(
      n_threads, n_tasks, [](void* context, Index task) { (*static_cast<std::remove_reference_t<Body>*>(context))(task); }, &body);
}

}  // namespace pushforward
