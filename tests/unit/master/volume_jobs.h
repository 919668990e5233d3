#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "master/core/commands.h"

namespace kelp::master {

// What tests of jobs that make something else beside what a full volume has have in common.

inline constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};

inline std::vector<NodeNumber> nodes(const std::vector<std::uint32_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

/// A job on volume 1 in its first generation.
inline StartJob job_at(JobKind kind, const std::vector<std::uint32_t>& targets, EcScheme scheme) {
  JobRecord job{kind, JobStep::kFreeze, VolumeId{1}, std::nullopt, NodeNumber{targets.at(0)}};
  job.scheme = scheme;
  job.targets = nodes(targets);
  return {std::move(job), Generation{1}, {}};
}

/// A cluster of five nodes with volume 1, which is full.
inline MasterState state_with_full(VolumeRecord volume) {
  MasterState state;
  state.cluster_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  for (int i = 1; i <= 5; ++i) {
    const NodeIdentity node{"node-" + std::to_string(i), "10.0.0.1:18080", "dc1", "rack1", {}};
    EXPECT_TRUE(apply_command(state, RegisterNode{node}).has_value());
  }
  volume.generation = Generation{1};
  EXPECT_TRUE(apply_command(state, CreateVolume{VolumeId{1}, std::move(volume)}).has_value());
  EXPECT_TRUE(apply_command(state, ActivateVolume{VolumeId{1}}).has_value());
  EXPECT_TRUE(apply_command(state, SealVolume{VolumeId{1}}).has_value());
  return state;
}

/// ec(2,2): shards 2, 0, 3, 1 on nodes 1 to 4.
inline VolumeRecord in_shards() {
  VolumeRecord volume;
  volume.scheme = kTwoTwo;
  volume.members = nodes({1, 2, 3, 4});
  volume.shards = {2, 0, 3, 1};
  return volume;
}

inline bool applies(MasterState& state, const Command& command) {
  const MasterState before = state;
  const bool applied = apply_command(state, command).has_value();
  if (!applied) EXPECT_EQ(state, before) << "a refused command changes nothing";
  return applied;
}

/// Job 1 does as many of its steps.
inline void advance(MasterState& state, int steps) {
  for (int i = 0; i < steps; ++i) {
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, state.jobs.at(JobId{1}).step}));
  }
}

}  // namespace kelp::master
