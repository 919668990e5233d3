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
#else
constexpr std::uint64_t kStorms = 400;
constexpr std::uint64_t kStripedStorms = 100;
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

StormOutcome run(std::uint64_t seed, bool tracing = false, EcScheme large = {}) {
  running = seed;
  return run_storm(seed, tracing, large);
}

/// Of a seed whose larger needles lie in shards.
EcScheme scheme_of(std::uint64_t seed) {
  return seed % 3 == 0 ? EcScheme{.data = 4, .parity = 2} : EcScheme{.data = 2, .parity = 2};
}

/// Runs a seed again to tell how it went wrong.
void explain(std::uint64_t seed, EcScheme large) {
  const StormOutcome again = run(seed, true, large);
  std::string text = fmt::format("seed {}: replay with KELP_SEED={} KELP_SEEDS=1\n", seed, seed);
  for (const std::string& violation : again.violations) text += "  broken: " + violation + "\n";
  ADD_FAILURE() << text << again.trace;
}

/// So many seeds; with `striped` larger needles lie in shards.
void run_storms(std::uint64_t usual_count, bool striped) {
  set_up();
  const std::uint64_t first = setting("KELP_SEED", 1);
  const std::uint64_t count = setting("KELP_SEEDS", usual_count);
  StormOutcome sum;
  double longest = 0;
  std::uint64_t slowest = first;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const EcScheme large = striped ? scheme_of(seed) : EcScheme{};
    const StormOutcome one = run(seed, std::getenv("KELP_TRACE") != nullptr, large);
    fmt::print("{}", one.trace);
    if (!one.violations.empty()) return explain(seed, large);
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
  if (count < 15) return;
  // The worlds are not empty ones.
  EXPECT_GT(sum.acks, 50 * count);
  EXPECT_GT(sum.reads, 50 * count);
  EXPECT_GT(sum.terms, count);
}

TEST(ClusterStorm, NothingAcknowledgedIsLostWhateverHappens) {
  run_storms(kStorms, false);
}

TEST(ClusterStorm, NothingInShardsIsLostWhateverHappens) {
  run_storms(kStripedStorms, true);
}

TEST(ClusterStorm, AStormIsTheSameTwice) {
  set_up();
  EXPECT_EQ(run(3).trace_hash, run(3).trace_hash);
  EXPECT_NE(run(3).trace_hash, run(4).trace_hash);
}

}  // namespace
}  // namespace kelp::test
