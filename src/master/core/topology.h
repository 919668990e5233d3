#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "master/core/state.h"
#include "wire/cluster.h"

namespace kelp::master {

/// What a node said of one copy. 40 bytes: there may be a million.
struct ObservedCopy {
  VolumeId volume;
  Generation generation;
  std::uint64_t file_bytes = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t needles = 0;
  bool read_only = false;
  bool frozen = false;
};

/// What is known of one node since this leader heard it first.
struct ObservedNode {
  std::string node_id;
  std::string address;
  std::uint64_t process = 0;
  std::uint64_t sequence = 0;
  MonoTime heard;
  MonoTime first_heard;
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t volumes_hash = 0;
  bool complete = false;                   ///< A full heartbeat was taken and every one since.
  std::uint32_t flaps = 0;                 ///< How often it went silent lately.
  std::chrono::microseconds write_time{};  ///< NodeStatus::write_micros.
  std::optional<MonoTime> slow_since;  ///< Every heartbeat since was much slower than the others'.
  std::optional<MonoTime> slow_until;  ///< Its disk counts as slow until then.
  std::vector<ObservedCopy> copies;    ///< By volume id.

  /// The copy of `volume`, or null.
  [[nodiscard]] const ObservedCopy* find(VolumeId volume) const;
};

/// How long silence lasts before it means something.
struct LivenessOptions {
  std::chrono::milliseconds suspect_after{3'000};  ///< No new data goes there.
  std::chrono::milliseconds dead_after{30'000};    ///< What it held is repaired.
  /// A node that went silent so often within `flap_window` takes new data only after it was heard
  /// for `flap_hold` without a break.
  std::uint32_t flap_limit = 3;
  std::chrono::seconds flap_window{600};
  std::chrono::seconds flap_hold{60};
  /// A disk whose writes take `slow_factor` times what those of the other nodes take (the median),
  /// and at least `slow_least`, in every heartbeat of `slow_after`, counts as slow until that was
  /// not so for `slow_hold`.
  std::uint32_t slow_factor = 10;
  std::chrono::milliseconds slow_least{50};
  std::chrono::milliseconds slow_after{1000};
  std::chrono::seconds slow_hold{15};
};

/// What the nodes say, as the leader heard it: observed, never decided. A new leader starts with an
/// empty one, and believes nobody dead before it has led for dead_after. Pure; not thread-safe.
class Topology {
 public:
  explicit Topology(LivenessOptions options = {}) : options_(options) {}

  /// Forgets everything: leadership begins at `now`.
  void reset(MonoTime now);
  /// Takes a heartbeat of node `number`. Answers whether a full one is needed. kConflict when
  /// another process with the same id was heard within suspect_after: two machines share a disk
  /// image. Whoever else was heard from the node's address before is not alive any more, also when
  /// a word of it comes late: it lost its disk, and what is sent there reaches the new node.
  Result<HeartbeatAnswer> take(NodeNumber number, const Heartbeat& beat, MonoTime now);
  /// Whether `beat` may be of the node `number` that is registered at `address`, before it is taken
  /// or registered. kConflict as take(), and when it comes from another address while the one at
  /// `address` may still be there: two machines share a disk image.
  [[nodiscard]] Result<void> check_single(NodeNumber number, const Heartbeat& beat,
                                          const std::string& address, MonoTime now) const;
  /// A copy at `number` was just made, or its role was set: believed until its server says more.
  void assume(NodeNumber number, VolumeId volume, Generation generation, bool frozen);
  void forget(NodeNumber number) { nodes_.erase(number); }

  [[nodiscard]] const ObservedNode* find(NodeNumber number) const;
  /// Leadership began less than suspect_after ago: who was not heard yet may be well.
  [[nodiscard]] bool young(MonoTime now) const { return now - since_ <= options_.suspect_after; }
  /// Heard lately and complete: reads and copies may use it.
  [[nodiscard]] bool alive(NodeNumber number, MonoTime now) const;
  /// Alive and not flapping: may take new data.
  [[nodiscard]] bool steady(NodeNumber number, MonoTime now) const;
  /// Its disk takes writes much slower than those of the others: new data goes elsewhere when it
  /// can.
  [[nodiscard]] bool slow(NodeNumber number, MonoTime now) const;
  /// Whether any node is slow().
  [[nodiscard]] bool any_slow(MonoTime now) const;
  /// Silent for dead_after, counted from the beginning of leadership at the earliest.
  [[nodiscard]] bool dead(NodeNumber number, MonoTime now) const;
  /// The copy of `volume` at `number` when it may be trusted: the node is alive, and its generation
  /// is `record`'s.
  [[nodiscard]] const ObservedCopy* trusted(NodeNumber number, VolumeId volume,
                                            const VolumeRecord& record, MonoTime now) const;
  [[nodiscard]] const std::map<NodeNumber, ObservedNode>& nodes() const { return nodes_; }

 private:
  [[nodiscard]] bool lags(NodeNumber number, const ObservedNode& node, MonoTime now) const;
  void judge_disk(NodeNumber number, ObservedNode& node, MonoTime now);

  LivenessOptions options_;
  MonoTime since_{};
  std::map<NodeNumber, ObservedNode> nodes_;
  std::map<std::string, NodeNumber> at_;  ///< Who was heard from each address last.
};

}  // namespace kelp::master
