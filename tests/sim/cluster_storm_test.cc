// Whole clusters of production code - masters, volume servers, clients - under every fault that we
// know how to play, each from one seed. tests/sim/README.md says how to run and replay them.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "tests/sim/cluster_storm.h"

namespace kelp::test {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kStorms = 15;
constexpr std::uint64_t kStripedStorms = 5;
constexpr std::uint64_t kSealedStorms = 5;
#else
constexpr std::uint64_t kStorms = 400;
constexpr std::uint64_t kStripedStorms = 100;
constexpr std::uint64_t kSealedStorms = 100;
#endif

std::uint64_t setting(const char* name, std::uint64_t usual) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

/// For an assertion that stops the process: what to replay.
std::uint64_t running = 0;
void say_seed(int) {
  fmt::print(stderr, "stopped in seed {}: replay with KELP_SEED={} KELP_SEEDS=1\n", running,
             running);
}

void set_up() {
  const char* const level = std::getenv("KELP_LOG");
  if (level != nullptr) {
    static_cast<void>(set_log_level(level));
  } else {
    spdlog::set_level(spdlog::level::off);
    static_cast<void>(set_log_level("critical"));
  }
  std::signal(SIGABRT, say_seed);
}

StormOutcome run(std::uint64_t seed, bool tracing = false, StormSchemes schemes = {}) {
  running = seed;
  return run_storm(seed, tracing, schemes);
}

/// Of a seed whose larger needles lie in shards.
EcScheme scheme_of(std::uint64_t seed) {
  return seed % 3 == 0 ? EcScheme{.data = 4, .parity = 2} : EcScheme{.data = 2, .parity = 2};
}

/// Runs a seed again to tell how it went wrong.
void explain(std::uint64_t seed, StormSchemes schemes) {
  const StormOutcome again = run(seed, true, schemes);
  std::string text = fmt::format("seed {}: replay with KELP_SEED={} KELP_SEEDS=1\n", seed, seed);
  for (const std::string& violation : again.violations) text += "  broken: " + violation + "\n";
  ADD_FAILURE() << text << again.trace;
}

/// Copies; larger needles in shards; full volumes of copies as well.
enum class Kind : std::uint8_t { kCopies, kStriped, kSealed };

/// So many seeds.
void run_storms(std::uint64_t usual_count, Kind kind) {
  set_up();
  const std::uint64_t first = setting("KELP_SEED", 1);
  const std::uint64_t count = setting("KELP_SEEDS", usual_count);
  StormOutcome sum;
  double longest = 0;
  std::uint64_t slowest = first;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    StormSchemes schemes;
    if (kind == Kind::kStriped || seed % 4 == 1) schemes.large = scheme_of(seed);
    if (kind == Kind::kCopies) schemes = {};
    if (kind == Kind::kSealed) schemes.seal = scheme_of(seed);
    const StormOutcome one = run(seed, std::getenv("KELP_TRACE") != nullptr, schemes);
    fmt::print("{}", one.trace);
    if (!one.violations.empty()) return explain(seed, schemes);
    sum.packed += one.packed;
    sum.acks += one.acks;
    sum.reads += one.reads;
    sum.refused += one.refused;
    sum.terms += one.terms;
    sum.steps += one.steps;
    sum.simulated_seconds += one.simulated_seconds;
    if (one.healed_seconds > longest) slowest = seed;
    longest = std::max(longest, one.healed_seconds);
  }
  fmt::print(
      "{} seeds: {} puts, {} given up, {} reads, {} leaders, {} steps, {:.0f} simulated s; "
      "whole again after {:.1f} s at most (seed {})\n",
      count, sum.acks, sum.refused, sum.reads, sum.terms, sum.steps, sum.simulated_seconds, longest,
      slowest);
  if (kind == Kind::kSealed) fmt::print("{} volumes were packed\n", sum.packed);
  if (count < 15) return;
  if (kind == Kind::kSealed) EXPECT_GT(sum.packed, count);
  // The worlds are not empty ones.
  EXPECT_GT(sum.acks, 50 * count);
  EXPECT_GT(sum.reads, 50 * count);
  EXPECT_GT(sum.terms, count);
}

TEST(ClusterStorm, NothingAcknowledgedIsLostWhateverHappens) {
  run_storms(kStorms, Kind::kCopies);
}

TEST(ClusterStorm, NothingInShardsIsLostWhateverHappens) {
  run_storms(kStripedStorms, Kind::kStriped);
}

TEST(ClusterStorm, NothingPackedIsLostWhateverHappens) {
  run_storms(kSealedStorms, Kind::kSealed);
}

TEST(ClusterStorm, AStormIsTheSameTwice) {
  set_up();
  EXPECT_EQ(run(3).trace_hash, run(3).trace_hash);
  EXPECT_NE(run(3).trace_hash, run(4).trace_hash);
}

}  // namespace
}  // namespace kelp::test
