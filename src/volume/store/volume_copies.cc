// What VolumeFile does so that other servers can have copies of it.

#include <fmt/core.h>

#include <algorithm>

#include "async/completion.h"
#include "base/rng.h"
#include "volume/core/packing.h"
#include "volume/store/volume_file.h"
#include "volume/store/volume_role.h"

namespace kelp {
namespace {

constexpr std::size_t kPage = 1024;

/// Spreads what identifies a needle over 64 bits, so that sums of it show any difference.
std::uint64_t hash_of(const IndexEntry& entry) {
  return Rng(entry.key.value * 0x9e3779b97f4a7c15ULL + entry.place.bytes).next();
}

}  // namespace

CopyRole VolumeFile::role() const {
  const std::lock_guard lock(mutex_);
  return role_;
}

Task<Result<void>> VolumeFile::set_role(Generation oldest, CopyRole role) {
  const auto self = shared_from_this();
  KELP_CO_TRY(const auto successor, accept_role(oldest, role));
  if (successor != nullptr) co_return co_await successor->set_role(oldest, role);
  co_await await_finishing();
  auto job = [self] { return self->store_role(); };
  co_return co_await offload<void>(shared_->pool, std::move(job));
}

/// From here on no upload of another generation is let finish. The log that took over, when one
/// did: then nothing was done.
Result<std::shared_ptr<VolumeFile>> VolumeFile::accept_role(Generation oldest, CopyRole role) {
  const std::lock_guard lock(mutex_);
  if (successor_ != nullptr) return successor_;
  if (role_.generation < oldest || role_.generation > role.generation) {
    return Error(Errc::kConflict,
                 fmt::format("volume {} is of generation {}; it should be {} to {}",
                             superblock_.volume.value, role_.generation.value, oldest.value,
                             role.generation.value));
  }
  role_ = role;
  return nullptr;
}

Task<void> VolumeFile::await_finishing() {
  auto start = [this](std::function<void(bool)> done) {
    {
      const std::lock_guard lock(mutex_);
      if (!finishing_.empty()) return role_waiters_.push_back(std::move(done));
    }
    done(true);
  };
  co_await await_callback<bool>(std::move(start));
}

void VolumeFile::end_finishing(std::uint64_t offset) {
  if (finishing_.erase(offset) == 0 || !finishing_.empty()) return;
  for (const auto& done : std::exchange(role_waiters_, {})) done(true);
}

std::shared_ptr<VolumeFile> VolumeFile::successor_of() const {
  const std::lock_guard lock(mutex_);
  return successor_;
}

/// What is stored is the role of this moment, so that the newest one is stored last.
Result<void> VolumeFile::store_role() {
  const std::lock_guard one_at_a_time(role_mutex_);
  if (const auto successor = successor_of(); successor != nullptr) return successor->store_role();
  return write_file_atomically(shared_->io, role_path(shared_->directory, superblock_.volume),
                               encode_volume_role(superblock_.volume, role()));
}

Result<VolumeDigest> VolumeFile::digest() const {
  VolumeDigest digest;
  std::optional<NeedleKey> after;
  while (true) {
    const std::lock_guard lock(mutex_);
    digest.generation = role_.generation;
    KELP_TRY(const auto page, look_through(after, kPage));
    for (const IndexEntry& entry : page) {
      ++digest.needles;
      digest.live_bytes += entry.place.bytes;
      digest.keys_hash += hash_of(entry);
    }
    if (page.size() < kPage) return digest;
    after = page.back().key;
  }
}

Result<std::optional<NeedleKey>> VolumeFile::last_key() const {
  std::optional<NeedleKey> last;
  while (true) {
    KELP_TRY(const auto page, list(last, kPage));
    if (page.empty()) return last;
    last = page.back().key;
  }
}

/// Calls `visit` with each live needle with a key over `after`, by key.
Result<void> VolumeFile::each_needle(std::optional<NeedleKey> after,
                                     const std::function<Result<void>(const IndexEntry&)>& visit) {
  while (true) {
    KELP_TRY(const auto page, list(after, kPage));
    for (const IndexEntry& entry : page) {
      KELP_CHECK(visit(entry));
    }
    if (page.size() < kPage) return {};
    after = page.back().key;
  }
}

Result<std::string> VolumeFile::read_needles(NeedleKey after, std::uint64_t bytes) {
  KELP_TRY(const auto entries, list(after, kPage));
  std::string batch;
  LogStream log = stream();
  for (const IndexEntry& entry : entries) {
    if (!batch.empty() && batch.size() + entry.place.bytes > bytes) break;
    KELP_CHECK(append_image(entry, log, batch));
  }
  return batch;
}

Result<std::string> VolumeFile::read_needle(NeedleKey key) {
  KELP_TRY(const IndexEntry entry, entry_of(key));
  std::string image;
  LogStream log(file_, nullptr);
  KELP_CHECK(append_image(entry, log, image));
  return image;
}

Result<std::optional<NeedlePart>> VolumeFile::read_part(NeedleKey key, std::uint64_t offset,
                                                        std::size_t bytes, ReadMode mode) {
  KELP_TRY(const IndexEntry entry, entry_of(key));
  auto part = reader_.read_part(entry, offset, bytes, mode);
  if (part.has_value() || part.error().code() != Errc::kCorruption) return part;
  return gone_or_damaged(entry);
}

Result<IndexEntry> VolumeFile::entry_of(NeedleKey key) const {
  KELP_TRY(const auto place, find(key));
  if (place.has_value()) return IndexEntry{key, *place};
  return Error(Errc::kNotFound,
               fmt::format("needle {:x} is not in volume {}", key.value, superblock_.volume.value));
}

/// Verified, under the seed of images.
Result<void> VolumeFile::append_image(const IndexEntry& entry, LogStream& stream,
                                      std::string& batch) {
  const std::size_t begin = batch.size();
  batch.resize(begin + entry.place.bytes);
  const MutableByteSpan image = std::as_writable_bytes(std::span(batch)).subspan(begin);
  const std::uint64_t at = entry.place.offset;
  KELP_TRY(std::size_t got, stream.read_at(at, image));
  auto needle = decode_needle(image.first(got), seed_.at(at));
  if (!needle.has_value() && stream.is_direct()) {
    KELP_TRY(got, file_->read_at(at, image));
    needle = decode_needle(image.first(got), seed_.at(at));
  }
  if (!needle.has_value() || needle->header.key != entry.key) return gone_or_damaged(entry);
  reseal_needle(needle->header, image, kImageSeed);
  return {};
}

Error VolumeFile::gone_or_damaged(const IndexEntry& entry) {
  if (still_at(entry)) return does_not_check(entry);
  return {Errc::kNotFound, fmt::format("needle {:x} was removed", entry.key.value)};
}

Result<NeedleKey> VolumeFile::take_needles(MutableByteSpan batch) {
  NeedleKey last;
  while (!batch.empty()) {
    KELP_TRY(const WholeNeedle needle, decode_needle(batch, kImageSeed));
    const MutableByteSpan image = batch.first(layout_of(needle.header).total_bytes);
    batch = batch.subspan(image.size());
    last = needle.header.key;
    NeedlePlace place;
    {
      const std::lock_guard lock(mutex_);
      KELP_TRY(const auto there, look_up(last));
      if (there.has_value()) continue;
      place = {.offset = end_, .bytes = static_cast<std::uint32_t>(image.size())};
      end_ += image.size();
    }
    reseal_needle(needle.header, image, seed_at(place.offset));
    const ByteSpan piece = image;
    KELP_CHECK(write(place.offset, std::span(&piece, 1)));
    const std::lock_guard lock(mutex_);
    index_.add(last, place);
    note_change(last);
    ++changes_;
  }
  leave_memory();
  return last;
}

Result<void> VolumeFile::sync() {
  auto synced = file_->sync();
  if (!synced.has_value()) group_commit_->fail(synced.error());
  return synced;
}

}  // namespace kelp
