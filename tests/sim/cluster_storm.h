#pragma once

#include <string>

#include "tests/sim/cluster_world.h"

namespace kelp::test {

/// The cluster of a seed: its size, its habits and which faults it meets are drawn from it.
[[nodiscard]] ClusterOptions options_of(std::uint64_t seed);

/// What came of a seed.
struct StormOutcome {
  std::uint64_t acks = 0;
  std::uint64_t reads = 0;
  std::uint64_t refused = 0;  ///< Puts that a client gave up.
  std::uint64_t packed = 0;   ///< Volumes of copies that became shards.
  std::uint64_t terms = 0;
  std::uint64_t steps = 0;
  std::uint64_t trace_hash = 0;
  double simulated_seconds = 0;
  double healed_seconds = 0;
  std::vector<std::string> violations;
  std::string trace;  ///< When it was asked for.
};

/// Clients write and read while faults come and go; then everything heals and every promise is
/// checked. With schemes larger needles lie in shards, and full volumes become shards.
struct StormSchemes {
  EcScheme large;
  EcScheme seal;
};
[[nodiscard]] StormOutcome run_storm(std::uint64_t seed, bool tracing = false,
                                     StormSchemes schemes = {});

}  // namespace kelp::test
