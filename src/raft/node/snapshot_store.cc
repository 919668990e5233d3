#include "raft/node/snapshot_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "raft/node/snapshot_format.h"

namespace kelp::raft {
namespace {

constexpr std::string_view kPrefix = "snapshot-";
constexpr std::string_view kSuffix = ".snap";
constexpr std::uint64_t kLimitBytes = 16ULL << 30;

std::optional<LogIndex> index_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  LogIndex index;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index.value);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return index;
}

}  // namespace

std::string SnapshotStore::path_of(LogIndex index) const {
  return fmt::format("{}/{}{:020}{}", dir_, kPrefix, index.value, kSuffix);
}

/// Newest first.
Result<std::vector<LogIndex>> SnapshotStore::list() const {
  KELP_TRY(const auto names, io_.list(dir_));
  std::vector<LogIndex> found;
  for (const auto& name : names) {
    if (const auto index = index_of(name)) found.push_back(*index);
  }
  std::ranges::sort(found, std::ranges::greater());
  return found;
}

Result<SnapshotStore::Opened> SnapshotStore::open(FileIo& io, std::string dir,
                                                  std::string cluster_id) {
  Opened opened;
  opened.store.reset(new SnapshotStore(io, std::move(dir), std::move(cluster_id)));
  SnapshotStore& store = *opened.store;
  KELP_TRY(const bool left_over, io.exists(store.incoming_path()));
  if (left_over) {
    KELP_CHECK(io.remove(store.incoming_path()));
  }
  KELP_TRY(const auto found, store.list());
  std::optional<Error> refused;
  for (const LogIndex index : found) {
    const std::string path = store.path_of(index);
    KELP_TRY(const std::string bytes, read_whole_file(io, path, kLimitBytes));
    const auto snapshot = decode_snapshot(bytes);
    if (!snapshot && snapshot.error().code() == Errc::kUnimplemented) return snapshot.error();
    if (!snapshot) {
      logger("raft").error("bad_snapshot file={} error={}", path,
                           log_value(snapshot.error().detail()));
      if (!refused) refused = Error(Errc::kCorruption, path + ": " + snapshot.error().detail());
      continue;
    }
    if (snapshot->cluster_id != store.cluster_id_) {
      return Error(Errc::kPrecondition, fmt::format("{} belongs to cluster {}, not to {}", path,
                                                    snapshot->cluster_id, store.cluster_id_));
    }
    KELP_CHECK(io.sync_dir(store.dir_));  // its rename may not have been durable yet
    opened.state = snapshot->state;
    store.became_newest(snapshot->mark);
    return opened;
  }
  if (refused) return *std::move(refused);
  return opened;
}

std::optional<SnapshotMark> SnapshotStore::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

Result<void> SnapshotStore::save(const SnapshotMark& mark, std::string_view state) {
  const std::string bytes = encode_snapshot(cluster_id_, mark, state);
  KELP_CHECK(write_file_atomically(io_, path_of(mark.index), bytes));
  const std::lock_guard lock(mutex_);
  became_newest(mark);
  return {};
}

/// Older files only cost room: one that cannot be removed is tried again with the next.
void SnapshotStore::became_newest(const SnapshotMark& mark) {
  if (newest_ && newest_->index >= mark.index) return;
  newest_ = mark;
  const auto found = list();
  if (!found) return;
  for (const LogIndex index : *found) {
    if (index < mark.index) static_cast<void>(io_.remove(path_of(index)));
  }
}

/// The file's bytes, if they are the snapshot for `mark`.
Result<std::string> SnapshotStore::read_checked(const SnapshotMark& mark,
                                                const std::string& path) const {
  KELP_TRY(std::string bytes, read_whole_file(io_, path, kLimitBytes));
  const auto snapshot = decode_snapshot(bytes);
  if (!snapshot) return Error(snapshot.error().code(), path + ": " + snapshot.error().detail());
  if (snapshot->cluster_id != cluster_id_) {
    return Error(Errc::kPermissionDenied, fmt::format("a snapshot of cluster {}, not of {}",
                                                      snapshot->cluster_id, cluster_id_));
  }
  if (snapshot->mark == mark) return bytes;
  return Error(Errc::kCorruption, fmt::format("{} is a snapshot at {}, not at {}", path,
                                              snapshot->mark.index.value, mark.index.value));
}

Result<std::string> SnapshotStore::load(const SnapshotMark& mark) const {
  const std::lock_guard lock(mutex_);
  if (newest_ != mark) {
    return Error(Errc::kNotFound, fmt::format("no snapshot at {}", mark.index.value));
  }
  KELP_TRY(const std::string bytes, read_checked(mark, path_of(mark.index)));
  return std::string(decode_snapshot(bytes)->state);
}

Result<SnapshotSource> SnapshotStore::source() const {
  const std::lock_guard lock(mutex_);
  if (!newest_) return Error(Errc::kNotFound, "no snapshot");
  SnapshotSource source{.mark = *newest_};
  KELP_TRY(source.file, io_.open(path_of(newest_->index), OpenMode::kRead));
  KELP_TRY(source.total_bytes, source.file->size());
  return source;
}

Result<bool> SnapshotStore::receive(const SnapshotChunk& chunk) {
  const std::lock_guard lock(mutex_);
  if (chunk.bytes.empty() || chunk.bytes.size() > kChunkBytes || chunk.total_bytes > kLimitBytes ||
      chunk.offset > chunk.total_bytes || chunk.bytes.size() > chunk.total_bytes - chunk.offset) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("a piece of {} bytes at {} of a snapshot of {}", chunk.bytes.size(),
                             chunk.offset, chunk.total_bytes));
  }
  const bool same = incoming_ && incoming_->from == chunk.from && incoming_->mark == chunk.mark &&
                    incoming_->total_bytes == chunk.total_bytes;
  const std::uint64_t end = chunk.offset + chunk.bytes.size();
  if (same && end <= incoming_->received_bytes) return false;
  if (!same && chunk.offset == 0) {
    KELP_CHECK(begin_incoming(chunk));
  } else if (!same || chunk.offset != incoming_->received_bytes) {
    return Error(Errc::kConflict,
                 fmt::format("a piece at {} of a snapshot of which {} bytes are here", chunk.offset,
                             same ? incoming_->received_bytes : 0));
  }
  const std::array<ByteSpan, 1> pieces{as_bytes(chunk.bytes)};
  auto done = incoming_->file->write_at(chunk.offset, pieces);
  if (done) incoming_->received_bytes = end;
  if (done && end < chunk.total_bytes) return false;
  if (done) done = finish_incoming();
  incoming_.reset();
  if (!done) return done.error();
  return true;
}

Result<void> SnapshotStore::begin_incoming(const SnapshotChunk& chunk) {
  incoming_.reset();
  KELP_TRY(auto file, io_.open(incoming_path(), OpenMode::kCreate));
  KELP_CHECK(file->truncate(0));
  incoming_ = Incoming{.from = chunk.from,
                       .mark = chunk.mark,
                       .total_bytes = chunk.total_bytes,
                       .file = std::move(file)};
  return {};
}

Result<void> SnapshotStore::finish_incoming() {
  const SnapshotMark mark = incoming_->mark;
  KELP_CHECK(incoming_->file->sync());
  KELP_TRY(const std::string bytes, read_checked(mark, incoming_path()));
  if (newest_ && newest_->index >= mark.index) return io_.remove(incoming_path());
  KELP_CHECK(io_.rename(incoming_path(), path_of(mark.index)));
  KELP_CHECK(io_.sync_dir(dir_));
  became_newest(mark);
  return {};
}

}  // namespace kelp::raft
