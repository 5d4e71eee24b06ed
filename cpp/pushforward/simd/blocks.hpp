#pragma once
// How a length is cut.

#include "../core/types.hpp"

namespace pushforward {
namespace {

// n things in the fewest blocks of at most `most`; the first n mod n_blocks are one larger.
struct Split {
  Index n_blocks, size, n_larger;
  Split(Index n, Index most) : n_blocks((n + most - 1) / most), size(n_blocks ? n / n_blocks : 0), n_larger(n_blocks ? n % n_blocks : 0) {}
  Index first(Index block) const { return block * size + (block < n_larger ? block : n_larger); }
  Index count(Index block) const { return size + (block < n_larger); }
};

}  // namespace
}  // namespace pushforward
