#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "async/timers.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/node_health.h"
#include "client/volume_nodes.h"
#include "ec/layout.h"

namespace kelp {

/// What reads of striped needles share; everything outlives them.
struct StripedReadParts {
  VolumeNodes& nodes;
  NodeHealth& health;
  Clock& clock;
  Timers& timers;
  prometheus::Counter& hedged;
  prometheus::Counter& rebuilt;  ///< Reads that computed a shard from others.
};

/// One read of a needle that lies in shards. The data shards that hold the range are read at once;
/// for one that fails, is late, or whose server failed lately, the same range of k others is read
/// and it is computed. Only verified bytes go into that. Use once, on one executor; run() joins all
/// that it begins.
class StripedRead {
 public:
  struct Range {
    FileId fid;
    std::uint64_t offset = 0;
    MutableByteSpan buffer;  ///< Filled by run() when it succeeds.
  };
  StripedRead(StripedReadParts parts, VolumeLocation location, Range range);

  /// kInvalidArgument past the end; else the error of a shard, with how many could be read:
  /// kNotFound only when nothing else is wrong than that servers do not have theirs.
  Task<Result<void>> run();

 private:
  /// A read of one shard, under way or done.
  struct Fetch {
    VolumeMember member;
    ShardRange range;
    std::string bytes;
    std::optional<Result<void>> outcome;
    bool late = false;  ///< Under way for longer than its server usually takes.
    [[nodiscard]] bool good() const { return outcome && outcome->has_value(); }
    [[nodiscard]] bool hopeful() const { return good() || (!outcome && !late); }
    [[nodiscard]] bool covers(ShardRange other) const {
      return range.begin <= other.begin && other.end <= range.end;
    }
  };

  void start(const VolumeMember& member, ShardRange range, TaskGroup& group);
  Task<void> fetch(Fetch* fetch);
  Task<void> watch(Fetch* fetch);
  /// True when the buffer is filled.
  Result<bool> look(TaskGroup& group);
  [[nodiscard]] const Fetch* good_fetch(std::uint32_t shard, ShardRange range) const;
  [[nodiscard]] std::optional<ShardRange> range_to_rebuild() const;
  [[nodiscard]] const VolumeMember* next_source(ShardRange range) const;
  Result<void> rebuild(ShardRange range);
  void gather();
  [[nodiscard]] Error failure() const;

  const StripedReadParts parts_;
  const VolumeLocation location_;
  const Range range_;
  const EcScheme scheme_;
  std::array<const VolumeMember*, kMostShards> members_{};  ///< By shard; null: nobody has it.
  std::array<ShardRange, kMostShards> wanted_{};            ///< By data shard; of the range.
  std::set<std::uint32_t> given_up_;  ///< Wanted shards that are to be computed.
  std::vector<std::unique_ptr<Fetch>> fetches_;
  std::array<std::string, kMostShards> rebuilt_;  ///< By shard, over rebuilt_range_.
  ShardRange rebuilt_range_;
  Event changed_;
};

}  // namespace kelp
