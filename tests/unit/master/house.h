#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "master/core/commands.h"
#include "master/core/plans.h"

namespace kelp::master {

/// What a healthy copy says of itself.
inline VolumeStatus status_of(VolumeId volume, Generation generation, std::uint64_t bytes = 4096) {
  VolumeStatus status;
  status.volume = volume;
  status.generation = generation;
  status.file_bytes = bytes;
  return status;
}

inline LeaseRequest request_for(std::uint64_t bytes) {
  LeaseRequest request;
  request.bytes = bytes;
  return request;
}

/// A cluster as a test builds it: nodes that are heard, volumes that they say they have.
struct House {
  explicit House(std::uint32_t nodes, std::uint32_t copies = 1) {
    options.standard.spread.other_nodes = static_cast<std::uint8_t>(copies - 1);
    options.free_reserve_bytes = 0;
    topology.reset(now);
    for (std::uint32_t i = 1; i <= nodes; ++i) add_node("default", "default");
  }

  NodeNumber add_node(const std::string& data_centre, const std::string& rack,
                      std::vector<std::string> tags = {}) {
    const NodeNumber number = state.next_node;
    const std::string id = "node-" + std::to_string(number.value);
    apply(RegisterNode{{id, "host:" + id, data_centre, rack, std::move(tags)}});
    Heartbeat& beat = beats[number];
    beat.identity = state.nodes.at(number).identity;
    beat.process = number.value;
    beat.full = true;
    beat.status.node_id = id;
    beat.status.total_bytes = 100ULL << 30;
    beat.status.free_bytes = 10ULL << 30;
    hear(number);
    return number;
  }
  /// A writable volume that its members have, with `bytes` in it.
  VolumeId add_volume(const std::vector<std::uint32_t>& members, std::uint64_t bytes = 4096) {
    const VolumeId id = state.next_volume;
    VolumeRecord record;
    record.generation = Generation{1};
    record.spread = options.standard.spread;
    for (const auto member : members) record.members.emplace_back(member);
    apply(CreateVolume{id, record});
    apply(ActivateVolume{id});
    for (const auto member : members) {
      beats[NodeNumber{member}].status.volumes.push_back(status_of(id, Generation{1}, bytes));
      hear(NodeNumber{member});
    }
    return id;
  }
  VolumeStatus& copy(std::uint32_t node, VolumeId volume) {
    for (auto& status : beats[NodeNumber{node}].status.volumes) {
      if (status.volume == volume) return status;
    }
    ADD_FAILURE() << "node " << node << " has no volume " << volume.value;
    return beats[NodeNumber{node}].status.volumes.emplace_back();
  }
  /// The node says everything that it has.
  void hear(NodeNumber number) {
    Heartbeat& beat = beats[number];
    ++beat.sequence;
    beat.volumes_hash = 0;
    for (const auto& status : beat.status.volumes) beat.volumes_hash += hash_of(status);
    const auto answer = topology.take(number, beat, now);
    ASSERT_TRUE(answer.has_value()) << answer.error().message();
    EXPECT_FALSE(answer->send_full);
  }
  void hear_all_but(std::uint32_t silent) {
    for (const auto& [number, beat] : beats) {
      if (number.value != silent) hear(number);
    }
  }
  /// So much time passes, in which all but `silent` are heard.
  void pass(std::chrono::seconds time, std::uint32_t silent = 0) {
    for (std::int64_t i = 0; i < time.count(); ++i) {
      now += std::chrono::seconds(1);
      hear_all_but(silent);
    }
  }
  void apply(const Command& command) {
    const auto applied = apply_command(state, command);
    ASSERT_TRUE(applied.has_value()) << applied.error().message();
  }

  [[nodiscard]] PlacementView view() const { return {state, topology, promised, options, now}; }
  [[nodiscard]] Result<Placement> decide() const { return place(view(), request); }

  MonoTime now{std::chrono::hours(1)};
  MasterState state;
  Topology topology;
  Reservations promised;
  LeaseRequest request = request_for(1000);
  PlacementOptions options;
  PlanOptions plan;
  std::map<NodeNumber, Heartbeat> beats;
};

}  // namespace kelp::master
