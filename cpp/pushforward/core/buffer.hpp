#pragma once
// Zeroed memory that begins on a cache line. Allocated once, at construction; a time step allocates nothing.

#include <cstdlib>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "types.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pushforward {

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index size) : size_(size) {
    if (size == 0) return;
    constexpr std::size_t huge_page = std::size_t{1} << 21;
    constexpr auto most = (std::numeric_limits<std::ptrdiff_t>::max() - static_cast<std::ptrdiff_t>(huge_page)) / static_cast<std::ptrdiff_t>(sizeof(T));
    if (size < 0 || size > most) throw std::bad_alloc();
    std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
    const std::size_t alignment = bytes >= 4 * huge_page ? huge_page : cache_line;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    data_ = static_cast<T*>(std::aligned_alloc(alignment, bytes));
    if (!data_) throw std::bad_alloc();
#if defined(__linux__)
    if (alignment == huge_page) madvise(data_, bytes, MADV_HUGEPAGE);  // an influence of gigabytes would otherwise miss the TLB on every row
#endif
    std::memset(static_cast<void*>(data_), 0, bytes);
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  Index size() const { return size_; }
  T& operator[](Index i) { return data_[i]; }
  const T& operator[](Index i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  void clear() {
    if (size_) std::memset(static_cast<void*>(data_), 0, static_cast<std::size_t>(size_) * sizeof(T));
  }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  T* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace pushforward
