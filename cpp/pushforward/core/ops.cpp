// Which table is in use. Compiled for the oldest processor of the build, like everything that is not in simd/.

#include "koopman_ops.hpp"
#include "ops.hpp"
#include "stream_ops.hpp"
#include "wide_ops.hpp"

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>

namespace pushforward {

#if defined(PUSHFORWARD_ISA_LEVELS_X86)
const Ops<float>* ops_f32_v4();
const StreamOps<float>* stream_ops_f32_v4();
const KoopmanOps<float>* koopman_ops_f32_v4();
const WideOps<float>* wide_ops_f32_v4();
const Ops<float>* ops_f32_v3();
const StreamOps<float>* stream_ops_f32_v3();
const KoopmanOps<float>* koopman_ops_f32_v3();
const WideOps<float>* wide_ops_f32_v3();
const Ops<float>* ops_f32_v2();
const StreamOps<float>* stream_ops_f32_v2();
const KoopmanOps<float>* koopman_ops_f32_v2();
const WideOps<float>* wide_ops_f32_v2();
const Ops<double>* ops_f64_v4();
const StreamOps<double>* stream_ops_f64_v4();
const KoopmanOps<double>* koopman_ops_f64_v4();
const WideOps<double>* wide_ops_f64_v4();
const Ops<double>* ops_f64_v3();
const StreamOps<double>* stream_ops_f64_v3();
const KoopmanOps<double>* koopman_ops_f64_v3();
const WideOps<double>* wide_ops_f64_v3();
const Ops<double>* ops_f64_v2();
const StreamOps<double>* stream_ops_f64_v2();
const KoopmanOps<double>* koopman_ops_f64_v2();
const WideOps<double>* wide_ops_f64_v2();
#else
const Ops<float>* ops_f32_base();
const StreamOps<float>* stream_ops_f32_base();
const KoopmanOps<float>* koopman_ops_f32_base();
const WideOps<float>* wide_ops_f32_base();
const Ops<double>* ops_f64_base();
const StreamOps<double>* stream_ops_f64_base();
const KoopmanOps<double>* koopman_ops_f64_base();
const WideOps<double>* wide_ops_f64_base();
#endif

namespace {

struct Level {
  std::string_view name;
  bool (*usable)();
  const Ops<float>* (*f32)();
  const Ops<double>* (*f64)();
  const StreamOps<float>* (*stream_f32)();
  const StreamOps<double>* (*stream_f64)();
  const KoopmanOps<float>* (*koopman_f32)();
  const KoopmanOps<double>* (*koopman_f64)();
  const WideOps<float>* (*wide_f32)();
  const WideOps<double>* (*wide_f64)();
};

// best first
#if defined(PUSHFORWARD_ISA_LEVELS_X86)
constexpr std::array<Level, 3> levels = {{
    {"x86-64-v4", [] { return __builtin_cpu_supports("x86-64-v4") != 0; }, ops_f32_v4, ops_f64_v4, stream_ops_f32_v4, stream_ops_f64_v4,
     koopman_ops_f32_v4, koopman_ops_f64_v4, wide_ops_f32_v4, wide_ops_f64_v4},
    {"x86-64-v3", [] { return __builtin_cpu_supports("x86-64-v3") != 0; }, ops_f32_v3, ops_f64_v3, stream_ops_f32_v3, stream_ops_f64_v3,
     koopman_ops_f32_v3, koopman_ops_f64_v3, wide_ops_f32_v3, wide_ops_f64_v3},
    {"x86-64-v2", [] { return __builtin_cpu_supports("x86-64-v2") != 0; }, ops_f32_v2, ops_f64_v2, stream_ops_f32_v2, stream_ops_f64_v2,
     koopman_ops_f32_v2, koopman_ops_f64_v2, wide_ops_f32_v2, wide_ops_f64_v2},
}};
#else
constexpr std::array<Level, 1> levels = {{{"base", [] { return true; }, ops_f32_base, ops_f64_base, stream_ops_f32_base, stream_ops_f64_base,
                                            koopman_ops_f32_base, koopman_ops_f64_base, wide_ops_f32_base, wide_ops_f64_base}}};
#endif

template <typename Scalar>
std::atomic<const Ops<Scalar>*> current{nullptr};
template <typename Scalar>
std::atomic<const StreamOps<Scalar>*> current_stream{nullptr};
template <typename Scalar>
std::atomic<const KoopmanOps<Scalar>*> current_koopman{nullptr};
template <typename Scalar>
std::atomic<const WideOps<Scalar>*> current_wide{nullptr};
std::atomic<const Level*> current_level{nullptr};

void use(const Level& level) {
  current<float>.store(level.f32(), std::memory_order_release);
  current<double>.store(level.f64(), std::memory_order_release);
  current_stream<float>.store(level.stream_f32(), std::memory_order_release);
  current_stream<double>.store(level.stream_f64(), std::memory_order_release);
  current_koopman<float>.store(level.koopman_f32(), std::memory_order_release);
  current_koopman<double>.store(level.koopman_f64(), std::memory_order_release);
  current_wide<float>.store(level.wide_f32(), std::memory_order_release);
  current_wide<double>.store(level.wide_f64(), std::memory_order_release);
  current_level.store(&level, std::memory_order_release);
}

const Level& best() {
  for (const Level& level : levels)
    if (level.usable()) return level;
  throw std::runtime_error("this processor is older than " + std::string(levels.back().name) + ", the least that pushforward was built for");
}

const Level& level_in_use() {
  static const bool chosen = (use(best()), true);  // once, and before any set_isa
  static_cast<void>(chosen);
  return *current_level.load(std::memory_order_acquire);
}

}  // namespace

template <typename Table>
const Table& in_use(const std::atomic<const Table*>& entry) {
  const Table* table = entry.load(std::memory_order_acquire);
  if (!table) {
    level_in_use();
    table = entry.load(std::memory_order_acquire);
  }
  return *table;
}

template <typename Scalar>
const Ops<Scalar>& ops() {
  return in_use(current<Scalar>);
}

template <typename Scalar>
const StreamOps<Scalar>& stream_ops() {
  return in_use(current_stream<Scalar>);
}

template <typename Scalar>
const KoopmanOps<Scalar>& koopman_ops() {
  return in_use(current_koopman<Scalar>);
}

template <typename Scalar>
const WideOps<Scalar>& wide_ops() {
  return in_use(current_wide<Scalar>);
}

template const Ops<float>& ops<float>();
template const Ops<double>& ops<double>();
template const StreamOps<float>& stream_ops<float>();
template const StreamOps<double>& stream_ops<double>();
template const KoopmanOps<float>& koopman_ops<float>();
template const KoopmanOps<double>& koopman_ops<double>();
template const WideOps<float>& wide_ops<float>();
template const WideOps<double>& wide_ops<double>();

std::string_view isa() { return level_in_use().name; }

std::vector<std::string_view> usable_isas() {
  std::vector<std::string_view> names;
  for (const Level& level : levels)
    if (level.usable()) names.push_back(level.name);
  return names;
}

void set_isa(std::string_view name) {
  level_in_use();
  std::string known;
  for (const Level& level : levels) {
    if (!level.usable()) continue;
    if (level.name == name) return use(level);
    known += (known.empty() ? "" : ", ") + std::string(level.name);
  }
  throw std::invalid_argument("isa must be one of " + known + " on this processor, got '" + std::string(name) + "'");
}

}  // namespace pushforward
