#include "volume/store/cached_file.h"

#include <algorithm>
#include <array>

namespace kelp {
namespace {

constexpr std::size_t kChunk = BlockCache::kChunkBytes;

Error for_reading() {
  return {Errc::kUnimplemented, "a cached log is for reading"};
}

}  // namespace

CachedFile::CachedFile(std::shared_ptr<File> disk, BlockCache& cache, Settled settled)
    : disk_(std::move(disk)),
      cache_(cache),
      settled_(std::move(settled)),
      log_(cache.begin_log()) {}

CachedFile::~CachedFile() {
  cache_.end_log(log_);
}

ChunkId CachedFile::chunk_at(std::uint64_t offset) const {
  return {log_, static_cast<std::uint32_t>(offset / kChunk)};
}

CachedFile::Piece CachedFile::first_piece(std::uint64_t offset, MutableByteSpan buffer) const {
  const std::size_t at = offset % kChunk;
  return {chunk_at(offset), at, buffer.first(std::min(kChunk - at, buffer.size()))};
}

Result<std::size_t> CachedFile::read_at(std::uint64_t offset, MutableByteSpan buffer) {
  if (!works()) return disk_->read_at(offset, buffer);
  std::size_t missed = 0;  // bytes up to `done` that the disk is to be asked for, at once
  std::size_t done = 0;
  while (true) {
    const Piece piece = first_piece(offset + done, buffer.subspan(done));
    const bool end = piece.buffer.empty();
    if (!end) cache_.note(piece.id);
    const bool hit = !end && cache_.read(piece.id, piece.at, piece.buffer, true);
    if ((hit || end) && missed > 0) {
      const std::size_t from = done - missed;
      KELP_TRY(const std::size_t got, read_disk(offset + from, buffer.subspan(from, missed)));
      if (got < missed) return from + got;
      missed = 0;
    }
    if (end) return done;
    done += piece.buffer.size();
    if (!hit) missed += piece.buffer.size();
  }
}

Result<bool> CachedFile::try_read_at(std::uint64_t offset, MutableByteSpan buffer) {
  if (!works()) return disk_->try_read_at(offset, buffer);
  std::size_t chunks = 0;
  std::size_t here = 0;
  for (std::uint64_t at = offset; at < offset + buffer.size(); at = (at / kChunk + 1) * kChunk) {
    ++chunks;
    here += has(at) ? 1 : 0;
  }
  if (here == 0) return disk_->try_read_at(offset, buffer);
  if (here < chunks) return false;
  const MutableByteSpan whole = buffer;
  for (std::size_t done = 0; done < whole.size();) {
    const Piece piece = first_piece(offset + done, whole.subspan(done));
    if (!cache_.read(piece.id, piece.at, piece.buffer, false)) return false;
    cache_.note(piece.id);
    done += piece.buffer.size();
  }
  return true;
}

/// What the cache does not have. Some of it may come in.
Result<std::size_t> CachedFile::read_disk(std::uint64_t offset, MutableByteSpan buffer) {
  KELP_TRY(const std::size_t got, disk_->read_at(offset, buffer));
  const std::uint64_t settled = settled_();
  std::size_t chunks = 0;
  for (std::size_t done = 0; done < got; ++chunks) {
    const Piece piece = first_piece(offset + done, buffer.first(got).subspan(done));
    keep(piece, settled);
    done += piece.buffer.size();
  }
  cache_.count_misses(chunks);
  return got;
}

/// Puts the chunk of `piece` into the cache when it may come in. Only what lies before the settled
/// length stays as it is; holes that are made there are of needles that nobody finds any more.
void CachedFile::keep(const Piece& piece, std::uint64_t settled) {
  const std::uint64_t begin = std::uint64_t{piece.id.number} * kChunk;
  if (begin + kChunk > settled) return;
  const auto slot = cache_.admit(piece.id);
  if (!slot.has_value()) return;
  if (piece.buffer.size() == kChunk) return cache_.put(*slot, piece.id, piece.buffer);
  thread_local const auto kRoom = std::make_unique<std::array<std::byte, kChunk>>();
  const auto got = disk_->read_at(begin, *kRoom);
  if (got.value_or(0) < kChunk) return cache_.give_up(*slot);
  cache_.put(*slot, piece.id, *kRoom);
}

bool CachedFile::has(std::uint64_t offset) const {
  return log_ != 0 && cache_.has(chunk_at(offset));
}

std::size_t CachedFile::forget(std::uint64_t offset, std::uint64_t bytes) {
  std::size_t dropped = 0;
  for (std::uint64_t at = offset; at < offset + bytes; at = (at / kChunk + 1) * kChunk) {
    dropped += cache_.drop(chunk_at(at)) ? 1 : 0;
  }
  return dropped;
}

Result<void> CachedFile::write_at(std::uint64_t /*offset*/, std::span<const ByteSpan> /*pieces*/) {
  return for_reading();
}
Result<void> CachedFile::sync() {
  return for_reading();
}
Result<void> CachedFile::truncate(std::uint64_t /*size*/) {
  return for_reading();
}
Result<void> CachedFile::punch_hole(std::uint64_t /*offset*/, std::uint64_t /*length*/) {
  return for_reading();
}

}  // namespace kelp
