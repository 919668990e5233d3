// What VolumeFile does for the service: reading, removing, listing and verifying needles.

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "volume/core/packing.h"
#include "volume/store/volume_file.h"

namespace kelp {
namespace {

constexpr std::uint64_t kPageBytes = 4096;           ///< Granularity of holes.
constexpr std::uint64_t kMinHoleBodyBytes = 8192;    ///< Smaller bodies wait for vacuum.
constexpr std::size_t kVerifyPage = 256;             ///< Needles listed at a time.
constexpr std::uint64_t kVerifyBytes = 16ULL << 20;  ///< About as much is read in one job.
constexpr std::size_t kTombstoneBytes = layout_of(0, 0).total_bytes;

/// What a list says of a needle: metadata knows the length of the whole body, not of a shard or of
/// a stub.
std::uint64_t told_bytes(const NeedleHeader& header) {
  if (header.packed_bytes > 0) return header.packed_bytes;
  return header.part ? header.part->body_bytes : header.body_bytes;
}

}  // namespace

/// On the caller's thread when memory knows.
Task<Result<std::optional<NeedlePlace>>> VolumeFile::find_for_client(
    std::shared_ptr<VolumeFile> self, NeedleKey key) {
  if (const auto known = self->find_at_once(key)) co_return *known;
  auto job = [self, key] { return self->find(key); };
  co_return co_await offload<std::optional<NeedlePlace>>(self->shared_->pool, std::move(job));
}

Task<Result<void>> VolumeFile::read(std::shared_ptr<VolumeFile> self, FileId fid,
                                    NeedleReader::Range range) {
  KELP_CO_TRY(const auto place, co_await find_for_client(self, fid.key));
  if (!place.has_value()) {
    co_return Error(Errc::kNotFound, fmt::format("needle {} is not here", to_string(fid)));
  }
  Result<bool> outcome = false;
  if (self->cached_ != nullptr) {
    CachedLog::Look<bool> look = [place = *place, fid, range](NeedleReader& reader, ReadMode mode) {
      return reader.read(place, fid, range, mode);
    };
    CachedLog::Where where{*place, range.offset, self};
    outcome = co_await self->cached_->read(std::move(where), self->shared_->pool, self->reader_,
                                           std::move(look));
  } else {
    outcome = self->reader_.read(*place, fid, range, ReadMode::kCachedOnly);
  }
  if (outcome.has_value() && !*outcome) {
    auto job = [self, place = *place, fid, range] {
      return self->reader_.read(place, fid, range, ReadMode::kMayWait);
    };
    outcome = co_await offload<bool>(self->shared_->pool, std::move(job));
  }
  if (!outcome.has_value()) co_return self->explain(std::move(outcome).error(), fid, *place);
  self->shared_->probe.read_bytes.Increment(static_cast<double>(range.buffer.size()));
  co_return Result<void>();
}

PinnedPages VolumeFile::try_pin(const FileId& fid, std::uint64_t offset, std::size_t bytes) {
  const auto known = find_at_once(fid.key);
  if (!known.has_value() || !known->has_value()) return {};
  const NeedlePlace place = **known;
  PinnedPages pages = cached_ != nullptr ? cached_->try_pin(place, fid, offset, bytes)
                                         : reader_.try_pin(place, fid, offset, bytes);
  shared_->probe.read_bytes.Increment(static_cast<double>(pages.size()));
  return pages;
}

Task<Result<PackedPlace>> VolumeFile::find_packed(std::shared_ptr<VolumeFile> self, FileId fid) {
  KELP_CO_TRY(const auto place, co_await find_for_client(self, fid.key));
  if (!place.has_value()) {
    co_return Error(Errc::kNotFound, fmt::format("needle {} is not here", to_string(fid)));
  }
  const IndexEntry entry{fid.key, *place};
  using Found = std::optional<NeedleReader::Stub>;
  Result<Found> found = Found();
  if (self->cached_ != nullptr) {
    CachedLog::Look<Found> look = [entry](NeedleReader& reader, ReadMode mode) {
      return reader.read_stub(entry, mode);
    };
    CachedLog::Where where{*place, 0, self};
    found = co_await self->cached_->read(std::move(where), self->shared_->pool, self->reader_,
                                         std::move(look));
  } else {
    found = self->reader_.read_stub(entry, ReadMode::kCachedOnly);
  }
  if (found.has_value() && !found->has_value()) {
    auto job = [self, entry] { return self->reader_.read_stub(entry, ReadMode::kMayWait); };
    found = co_await offload<Found>(self->shared_->pool, std::move(job));
  }
  if (!found.has_value()) {
    const Result<void> explained = self->explain(std::move(found).error(), fid, *place);
    co_return explained.error();
  }
  if ((*found)->header.cookie == fid.cookie) co_return (*found)->place;
  co_return Error(Errc::kNotFound, fmt::format("needle {}: cookie differs", to_string(fid)));
}

/// Tells damage from a needle that was removed while it was read.
Result<void> VolumeFile::explain(Error error, const FileId& fid, NeedlePlace place) {
  if (error.code() != Errc::kCorruption) return error;
  const IndexEntry entry{fid.key, place};
  if (!still_at(entry)) {
    return Error(Errc::kNotFound, fmt::format("needle {} was removed", to_string(fid)));
  }
  shared_->probe.corruptions.Increment();
  note_damaged(entry, error);
  return Error(Errc::kCorruption, fmt::format("needle {}: {}", to_string(fid), error.detail()));
}

bool VolumeFile::note_damaged(const IndexEntry& entry, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    const auto there = look_up(entry.key);
    if (!there.has_value() || *there != entry.place || successor_ != nullptr) return false;
    if (!damaged_.insert(entry.key).second) return false;
  }
  shared_->probe.damaged_needles.Increment();
  logger("volume").error("needle_corrupt volume={} key={:x} offset={} bytes={} error={}",
                         superblock_.volume.value, entry.key.value, entry.place.offset,
                         entry.place.bytes, log_value(error.detail()));
  return true;
}

Error VolumeFile::does_not_check(const IndexEntry& entry) {
  shared_->probe.corruptions.Increment();
  Error error(Errc::kCorruption, fmt::format("needle {:x} of volume {} does not check",
                                             entry.key.value, superblock_.volume.value));
  note_damaged(entry, error);
  return error;
}

std::vector<NeedleKey> VolumeFile::damaged() const {
  const std::lock_guard lock(mutex_);
  return {damaged_.begin(), damaged_.end()};
}

Result<void> VolumeFile::rewrite_snapshot() {
  {
    const std::lock_guard lock(mutex_);
    ++changes_;
  }
  return write_snapshot();
}

Task<Result<void>> VolumeFile::remove(std::vector<FileId> fids) {
  auto volume = shared_from_this();
  while (true) {
    KELP_CO_TRY(const bool removed, co_await volume->remove_here(fids));
    if (removed) co_return Result<void>();
    volume = co_await volume->newest();
  }
}

/// False, with nothing done, when another log takes over.
Task<Result<bool>> VolumeFile::remove_here(const std::vector<FileId>& fids) {
  const auto self = shared_from_this();
  auto picked = pick(fids, ReadMode::kCachedOnly);
  if (picked.has_value() && !picked->has_value()) {
    auto job = [self, &fids] { return self->pick(fids, ReadMode::kMayWait); };
    picked = co_await offload<std::optional<std::vector<Doomed>>>(shared_->pool, std::move(job));
  }
  if (!picked.has_value()) co_return std::move(picked).error();
  const std::vector<Doomed> doomed = std::move(**picked);
  if (doomed.empty()) co_return !is_moving();
  const auto reserved = reserve_tombstones(doomed.size(), kTombstoneBytes);
  if (!reserved.has_value() && is_moving()) co_return false;
  KELP_CO_TRY(const NeedlePlace place, reserved);
  const std::string tombstones = encode_tombstones(doomed, place.offset);
  const LogWrite write{.offset = place.offset, .bytes = as_bytes(tombstones)};
  const Result<void> committed = co_await commit(write);
  if (!committed.has_value()) {
    const std::lock_guard lock(mutex_);
    open_places_.erase(place.offset);
    end_finishing(place.offset);
    co_return committed.error();
  }
  auto give = [self, dropped = drop(doomed, place.offset)]() -> Result<void> {
    self->give_back(dropped);
    return {};
  };
  (void)co_await offload<void>(shared_->pool,
                               std::move(give));  // best effort; vacuum does the rest
  co_return true;
}

/// The needles of `fids` that are there under that cookie. Nothing when the disk would have to be
/// waited for.
Result<std::optional<std::vector<VolumeFile::Doomed>>> VolumeFile::pick(
    const std::vector<FileId>& fids, ReadMode mode) {
  std::vector<Doomed> doomed;
  boost::unordered_flat_set<std::uint64_t> seen;
  for (const FileId& fid : fids) {
    if (mode == ReadMode::kCachedOnly && !find_at_once(fid.key)) return std::nullopt;
    KELP_TRY(const auto place, find(fid.key));
    if (!place.has_value() || !seen.insert(fid.key.value).second) continue;
    NeedleHeader header;
    const auto there = reader_.read_header(*place, mode, header);
    // A damaged needle cannot show its cookie; it can only be removed.
    if (!there.has_value() && there.error().code() != Errc::kCorruption) return there.error();
    if (there.has_value() && !*there) return std::nullopt;
    if (!there.has_value()) {
      doomed.push_back({.entry = {fid.key, *place}, .header = std::nullopt});
    } else if (header.cookie == fid.cookie) {
      doomed.push_back({.entry = {fid.key, *place}, .header = header});
    }
  }
  return doomed;
}

/// Room for tombstones: allowed at the volume's limit, because they are what gives room back.
Result<NeedlePlace> VolumeFile::reserve_tombstones(std::size_t count, std::size_t each_bytes) {
  KELP_CHECK(check_writable());
  const std::lock_guard lock(mutex_);
  KELP_CHECK(check_place_is_given());
  const NeedlePlace place{.offset = end_, .bytes = static_cast<std::uint32_t>(count * each_bytes)};
  open_places_.insert(open_places_.end(), end_);
  finishing_.insert(end_);
  end_ += place.bytes;
  return place;
}

std::string VolumeFile::encode_tombstones(const std::vector<Doomed>& doomed,
                                          std::uint64_t offset) const {
  const auto now = shared_->clock.wall().time_since_epoch();
  std::string out;
  out.reserve(doomed.size() * kTombstoneBytes);
  for (const Doomed& each : doomed) {
    NeedleHeader header{.key = each.entry.key, .tombstone = true, .created_ns = now.count()};
    if (each.header.has_value()) {
      header.cookie = each.header->cookie;
      header.bucket = each.header->bucket;
    }
    out += encode_needle(header, "", {}, seed_.at(offset + out.size()));
  }
  return out;
}

/// Takes needles whose tombstones are durable out of the index; those that this call took.
std::vector<VolumeFile::Doomed> VolumeFile::drop(const std::vector<Doomed>& doomed,
                                                 std::uint64_t tombstones_at) {
  std::vector<Doomed> dropped;
  {
    const std::lock_guard lock(mutex_);
    for (const Doomed& each : doomed) {
      if (!index_.erase_known(each.entry)) continue;
      dropped.push_back(each);
      note_change(each.entry.key);
      if (damaged_.erase(each.entry.key) > 0) shared_->probe.damaged_needles.Decrement();
    }
    open_places_.erase(tombstones_at);
    end_finishing(tombstones_at);
  }
  shared_->probe.needles_removed.Increment(static_cast<double>(dropped.size()));
  count_changes(doomed.size());
  return dropped;
}

/// Makes holes of the bodies, headers and trailers kept so that a scan steps over them.
void VolumeFile::give_back(const std::vector<Doomed>& dropped) {
  for (const Doomed& each : dropped) {
    if (!each.header.has_value() || each.header->body_bytes < kMinHoleBodyBytes) continue;
    const NeedleLayout layout = layout_of(*each.header);
    const std::uint64_t at = each.entry.place.offset;
    const std::uint64_t begin =
        (at + layout.body_offset + kPageBytes - 1) / kPageBytes * kPageBytes;
    const std::uint64_t end = (at + layout.trailer_offset) / kPageBytes * kPageBytes;
    if (begin < end) (void)file_->punch_hole(begin, end - begin);
  }
}

Task<Result<std::vector<NeedleInfo>>> VolumeFile::list_needles(NeedleKey after,
                                                               std::uint32_t limit) {
  auto page = [self = shared_from_this(), after, limit] { return self->list(after, limit); };
  KELP_CO_TRY(std::vector<IndexEntry> entries,
              co_await offload<std::vector<IndexEntry>>(shared_->pool, std::move(page)));
  // No metadata names extents: only who asks for them sees them.
  if (after < kLastNeedleKey) {
    std::erase_if(entries, [](const IndexEntry& entry) { return is_extent(entry.key); });
  }
  auto job = [self = shared_from_this(), entries = std::move(entries)] {
    return self->describe(entries);
  };
  co_return co_await offload<std::vector<NeedleInfo>>(shared_->pool, std::move(job));
}

/// Reads the headers of `entries`; a damaged one is told with what the index knows.
Result<std::vector<NeedleInfo>> VolumeFile::describe(const std::vector<IndexEntry>& entries) {
  std::vector<NeedleInfo> infos;
  infos.reserve(entries.size());
  for (const IndexEntry& entry : entries) {
    NeedleHeader header;
    const auto there = reader_.read_header(entry.place, ReadMode::kMayWait, header);
    if (!there.has_value() && there.error().code() != Errc::kCorruption) return there.error();
    const bool intact = there.has_value() && header.key == entry.key;
    infos.push_back({.key = entry.key,
                     .cookie = intact ? header.cookie : Cookie{},
                     .body_bytes = intact ? told_bytes(header) : entry.place.bytes,
                     .bucket = intact ? header.bucket : BucketId{}});
  }
  return infos;
}

Task<Result<std::vector<NeedleInfo>>> VolumeFile::verify(Pass pass) {
  const auto self = shared_from_this();
  std::vector<NeedleInfo> failed;
  std::optional<NeedleKey> after;
  while (true) {
    auto page = [self, after] { return self->list(after, kVerifyPage); };
    KELP_CO_TRY(const auto entries,
                co_await offload<std::vector<IndexEntry>>(shared_->pool, std::move(page)));
    if (entries.empty()) break;
    auto job = [self, &entries, &failed] { return self->verify_some(entries, failed); };
    KELP_CO_TRY(after, co_await offload<NeedleKey>(shared_->pool, std::move(job)));
    if (!pass) continue;
    std::uint64_t bytes = 0;
    for (const IndexEntry& entry : entries) bytes += entry.key <= *after ? entry.place.bytes : 0;
    KELP_CO_CHECK(co_await pass(bytes));
  }
  co_return failed;
}

/// Verifies entries until about kVerifyBytes were read; the last key that was done.
Result<NeedleKey> VolumeFile::verify_some(const std::vector<IndexEntry>& entries,
                                          std::vector<NeedleInfo>& failed) {
  std::uint64_t bytes = 0;
  NeedleKey last;
  for (const IndexEntry& entry : entries) {
    const auto verified = reader_.verify(entry);
    const Errc code = verified.has_value() ? Errc{} : verified.error().code();
    // A sector that cannot be read is this needle's loss, not the volume's.
    if (!verified.has_value() && code != Errc::kCorruption && code != Errc::kIo) {
      return verified.error();
    }
    if (!verified.has_value() && still_at(entry)) {
      NeedleInfo info{
          .key = entry.key, .cookie = {}, .body_bytes = entry.place.bytes, .bucket = {}};
      if (const auto known = describe({entry}); known.has_value()) info = known->front();
      failed.push_back(info);
      (void)explain(verified.error(), {superblock_.volume, entry.key, info.cookie}, entry.place);
    }
    last = entry.key;
    bytes += entry.place.bytes;
    if (bytes > kVerifyBytes) break;
  }
  return last;
}

}  // namespace kelp
