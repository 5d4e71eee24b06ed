#pragma once
// What the programs of this folder share: a check that counts, a generator, and a walk over the instruction sets.

#include <cstdio>
#include <random>

#include "pushforward/core/ops.hpp"

using namespace pushforward;

static int n_failures = 0;

#define CHECK(holds, ...)                                                              \
  do {                                                                                 \
    if (!(holds) && ++n_failures <= 40) {                                              \
      std::printf("FAILED %s:%d [%s] %s  ", __FILE__, __LINE__, isa().data(), #holds); \
      std::printf(__VA_ARGS__);                                                        \
      std::printf("\n");                                                               \
    }                                                                                  \
  } while (false)

using Wide = long double;
static std::mt19937_64 generator(20261120);

// body() at every level this processor can run
template <typename Body>
static void at_every_isa(Body&& body) {
  for (const std::string_view level : usable_isas()) {
    set_isa(level);
    CHECK(isa() == level, "set_isa");
    body();
  }
}

static int verdict() {
  std::printf(n_failures ? "%d checks failed\n" : "all checks passed\n", n_failures);
  return n_failures != 0;
}
