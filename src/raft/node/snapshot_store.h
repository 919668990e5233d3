#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/file_io.h"
#include "raft/core/types.h"
#include "raft/node/transport.h"

namespace kelp::raft {

inline constexpr std::size_t kChunkBytes = 1 << 20;

/// A snapshot file that is open for sending; stays readable when a newer one takes its place.
struct SnapshotSource {
  SnapshotMark mark;
  std::uint64_t total_bytes = 0;
  std::shared_ptr<File> file;
};

/// The snapshots of a member: files `snapshot-<index>.snap`, of which the newest counts, and one
/// that is being received. Everything but newest() blocks. Thread-safe.
class SnapshotStore {
 public:
  struct Opened;
  /// Takes the newest file that checks and removes what a crash left over. Errors: kCorruption when
  /// there are files and none checks (names one), kPrecondition for another cluster's,
  /// kUnimplemented for a newer format; kIo.
  [[nodiscard]] static Result<Opened> open(FileIo& io, std::string dir, std::string cluster_id);

  /// Nothing before the first save().
  [[nodiscard]] std::optional<SnapshotMark> newest() const;
  /// Makes `state` at `mark` durable and removes older ones.
  [[nodiscard]] Result<void> save(const SnapshotMark& mark, std::string_view state);
  /// The newest one's state, checked. kCorruption; kNotFound when it is not for `mark`.
  [[nodiscard]] Result<std::string> load(const SnapshotMark& mark) const;
  /// Opens the newest one for sending.
  [[nodiscard]] Result<SnapshotSource> source() const;
  /// Takes a piece of a snapshot file. True: it was the last one, everything checks and is durable.
  /// A piece that is here already is taken again. Errors: kConflict when pieces before it are
  /// missing (begin at 0), kInvalidArgument, kCorruption when the whole does not check (begin at
  /// 0).
  [[nodiscard]] Result<bool> receive(const SnapshotChunk& chunk);

 private:
  struct Incoming {
    NodeId from;
    SnapshotMark mark;
    std::uint64_t total_bytes = 0;
    std::uint64_t received_bytes = 0;
    std::unique_ptr<File> file;
  };

  SnapshotStore(FileIo& io, std::string dir, std::string cluster_id)
      : io_(io), dir_(std::move(dir)), cluster_id_(std::move(cluster_id)) {}
  [[nodiscard]] std::string path_of(LogIndex index) const;
  [[nodiscard]] std::string incoming_path() const { return dir_ + "/incoming.tmp"; }
  Result<std::vector<LogIndex>> list() const;
  Result<std::string> read_checked(const SnapshotMark& mark, const std::string& path) const;
  Result<void> begin_incoming(const SnapshotChunk& chunk);
  Result<void> finish_incoming();
  void became_newest(const SnapshotMark& mark);

  FileIo& io_;
  const std::string dir_;
  const std::string cluster_id_;
  mutable std::mutex mutex_;
  std::optional<SnapshotMark> newest_;
  std::optional<Incoming> incoming_;
};

/// The store and the state of its newest snapshot.
struct SnapshotStore::Opened {
  std::unique_ptr<SnapshotStore> store;
  std::string state;  ///< Empty when there is no snapshot.
};

}  // namespace kelp::raft
