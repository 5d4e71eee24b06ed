#pragma once
// Numbers below the smallest normal one (1e-38 in float32) are taken as zero while a kernel runs.
//
// A contracting net makes them by itself: Φ is a product of hundreds of contractions. Processors handle them a hundred times slower than other
// numbers. The setting belongs to the thread and is put back on the way out: nothing outside this library sees it.

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace pushforward {

class FlushDenormals {
 public:
  FlushDenormals() : before_(read()) { write(before_ | flush); }
  ~FlushDenormals() { write(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__x86_64__) || defined(_M_X64)
  using Word = unsigned int;
  static constexpr Word flush = 0x8040;  // results to zero, operands to zero
  static Word read() { return _mm_getcsr(); }
  static void write(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = unsigned long;
  static constexpr Word flush = 1ul << 24;
  static Word read() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = unsigned int;
  static constexpr Word flush = 0;
  static Word read() { return 0; }
  static void write(Word) {}
#endif
  Word before_;
};

}  // namespace pushforward
