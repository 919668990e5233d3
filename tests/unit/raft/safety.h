#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "raft/core/raft_core.h"

namespace kelp::raft {

/// A log and what belongs to it, as a disk has it or will have it.
struct DiskImage {
  HardState hard;
  SnapshotMark snapshot;
  std::uint64_t snapshot_state = 0;  ///< Stands for the state machine's bytes.
  std::vector<Entry> entries;

  [[nodiscard]] LogIndex last() const { return LogIndex{snapshot.index.value + entries.size()}; }
  /// Nothing when it is not there any more, or not yet.
  [[nodiscard]] std::optional<Term> term_at(LogIndex index) const;
  /// Replaces whatever the log has from the entry's index on.
  void write(const Entry& entry);
  void install(const SnapshotMark& mark, std::uint64_t state);
  /// A snapshot of the node's own state machine.
  void compact(const SnapshotMark& mark, std::uint64_t state);
};

/// Watches all nodes of a run from outside and knows what Raft promises (figure 3.2). The first
/// broken promise is kept.
class Safety {
 public:
  [[nodiscard]] const std::string& violation() const { return violation_; }
  void fail(std::string what);

  /// Election safety, leader completeness: `node` leads `term` with the log `log`.
  void leads(NodeId node, Term term, const DiskImage& log);
  /// Log matching; leader append-only when `leading` (then `last` was its log's end before).
  void appends(NodeId node, const std::vector<Entry>& entries, const DiskImage& log, bool leading);
  /// State machine safety.
  void applies(NodeId node, const Entry& entry, std::uint64_t state);
  void restores(NodeId node, const SnapshotMark& mark, std::uint64_t state);
  /// Votes are never given twice, promises only about what is on disk.
  void speaks(const Message& message, const DiskImage& disk, bool check_disk);
  void read_begins(std::uint64_t request) { reads_[request] = decided_; }
  /// The read came back and is served by a state machine at `applied`.
  void read_ends(std::uint64_t request, std::optional<LogIndex> applied);

  void decided(NodeId node, const Entry& entry);
  [[nodiscard]] LogIndex decided_to() const { return decided_; }
  [[nodiscard]] std::size_t leaderships() const { return leaders_.size(); }

 private:
  struct Place {
    Term previous_term;
    EntryKind kind;
    std::string data;
  };
  std::string violation_;
  std::map<Term, NodeId> leaders_;
  std::map<std::pair<LogIndex, Term>, Place> places_;
  std::map<LogIndex, Term> chosen_;
  std::map<LogIndex, std::uint64_t> states_;
  std::map<std::pair<NodeId, Term>, NodeId> votes_;
  std::map<std::uint64_t, LogIndex> reads_;  ///< What was decided when each read began.
  LogIndex decided_;
};

}  // namespace kelp::raft
