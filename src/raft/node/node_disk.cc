#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "raft/core/membership.h"
#include "raft/node/node_impl.h"

namespace kelp::raft {
namespace {

Membership first_members(std::vector<NodeId> voters) {
  std::ranges::sort(voters);
  const auto doubles = std::ranges::unique(voters);
  voters.erase(doubles.begin(), doubles.end());
  return {.voters = std::move(voters), .old_voters = {}, .learners = {}};
}

Error damaged(const NodeOptions& options, std::string_view why) {
  return {
      Errc::kCorruption,
      fmt::format("raft directory {} is damaged: {}; this member cannot vouch for what it "
                  "promised: remove it from the group and add it again, with an empty directory "
                  "and a new node id",
                  options.dir, why)};
}

/// Joins snapshot and log. What of the log does not fit the snapshot is behind it or of a term that
/// lost; a `reset` says so in the log.
struct Joined {
  StoredState stored;
  WalChange change;  ///< To be stored before anything else; may be empty.
};

Result<Joined> join(const NodeOptions& options, const SnapshotMark& mark, Wal::Opened& log) {
  if (log.base.index > mark.index) {
    return damaged(options, fmt::format("the log begins behind entry {}, the snapshot ends at {}",
                                        log.base.index.value, mark.index.value));
  }
  Joined joined{.stored = {.hard = log.hard, .snapshot = mark}};
  const std::uint64_t behind = mark.index.value - log.base.index.value;
  const bool long_enough = behind <= log.entries.size();
  const Term term = !long_enough  ? Term{}
                    : behind == 0 ? log.base.term
                                  : log.entries[behind - 1].term;
  if (long_enough && term == mark.term) {
    joined.stored.entries.assign(std::make_move_iterator(log.entries.begin() + behind),
                                 std::make_move_iterator(log.entries.end()));
  } else {
    joined.change.reset = LogPosition{.index = mark.index, .term = mark.term};
  }
  HardState& hard = joined.stored.hard;
  // A snapshot that was received is of a term that the log may not know yet.
  if (hard.term < mark.term)
    hard = {.term = mark.term, .vote = std::nullopt, .commit = hard.commit};
  hard.commit = std::max(hard.commit, mark.index);
  if (hard.term != log.hard.term) joined.change.hard = hard;
  return joined;
}

}  // namespace

Result<NodeDisk> open_node_disk(FileIo& io, const NodeOptions& options, std::uint64_t salt) {
  KELP_CHECK(io.make_dirs(options.dir));
  KELP_TRY(auto opened, SnapshotStore::open(io, options.dir, options.cluster_id));
  NodeDisk disk{.snapshots = std::move(opened.store), .state = std::move(opened.state)};
  const bool fresh = !disk.snapshots->newest().has_value();
  WalOptions wal_options{.dir = options.dir,
                         .cluster_id = options.cluster_id,
                         .node = options.self,
                         .segment_bytes = options.log_segment_bytes,
                         .salt = salt};
  KELP_TRY(Wal::Opened log, Wal::open(io, std::move(wal_options), fresh));
  if (fresh) {
    // The first snapshot is written last: without it nothing has been promised.
    if (log.hard != HardState{} || log.base.index != LogIndex{} || !log.entries.empty()) {
      return damaged(options, "its snapshot is missing");
    }
    const SnapshotMark first{.membership = first_members(options.bootstrap)};
    KELP_CHECK(disk.snapshots->save(first, {}));
  }
  KELP_TRY(Joined joined, join(options, *disk.snapshots->newest(), log));
  if (joined.change.reset || joined.change.hard) {
    const std::array<WalChange, 1> changes{std::move(joined.change)};
    KELP_CHECK(log.wal->append(changes));
  }
  disk.wal = std::move(log.wal);
  disk.stored = std::move(joined.stored);
  return disk;
}

}  // namespace kelp::raft
