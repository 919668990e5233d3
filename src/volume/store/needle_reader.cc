#include "volume/store/needle_reader.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "rpc/rpc_types.h"
#include "volume/core/packing.h"

namespace kelp {
namespace {

/// Largest needle with a body of one block.
constexpr std::size_t kSmallNeedleBytes =
    layout_of(kNeedleBlockBytes, kMaxBackPointerBytes).total_bytes;

/// Room for one block with all around it; one per thread, so that no read allocates.
MutableByteSpan scratch(std::size_t size) {
  KELP_ASSERT(size <= kSmallNeedleBytes, "scratch holds one block");
  thread_local const auto kRoom = std::make_unique<std::array<std::byte, kSmallNeedleBytes>>();
  return MutableByteSpan(*kRoom).first(size);
}

std::string name_of(const NeedleHeader& header) {
  if (header.packed_bytes > 0) return "packed";
  if (!header.part) return "a whole needle";
  return fmt::format("shard {} of {}", header.part->shard, to_string(header.part->scheme));
}

Result<void> check_place(const NeedleHeader& header, NeedleKey key) {
  if (header.key == key && !header.tombstone) return {};
  return Error(Errc::kCorruption, "another needle lies at its place");
}

/// Says whether the needle is what is asked for, and what of the range is stored: a shard's rest is
/// filled with zeros here. Only the right shard may go into a reconstruction, and a shard must
/// never be taken for the whole needle.
Result<NeedleReader::Range> admit(const NeedleHeader& header, const FileId& fid,
                                  NeedleReader::Range range) {
  KELP_CHECK(check_place(header, fid.key));
  if (header.cookie != fid.cookie) {
    return Error(Errc::kNotFound, fmt::format("needle {}: cookie differs", to_string(fid)));
  }
  const bool as_asked = range.shard ? header.part && header.part->scheme == range.shard->scheme &&
                                          header.part->shard == range.shard->number
                                    : !header.part && header.packed_bytes == 0;
  if (!as_asked) {
    return Error(Errc::kConflict, fmt::format("needle {} is {} here, not what is asked for",
                                              to_string(fid), name_of(header)));
  }
  const std::uint64_t whole = header.part ? header.part->body_bytes : header.body_bytes;
  const std::uint64_t end =
      range.shard ? range.shard->body_end : range.offset + range.buffer.size();
  if (end > whole || end < range.buffer.size()) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("needle {}: {} bytes at {} of a body of {}", to_string(fid),
                             range.buffer.size(), range.offset, whole));
  }
  const std::uint64_t stored = header.body_bytes - std::min(range.offset, header.body_bytes);
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(range.buffer.size(), stored));
  std::ranges::fill(range.buffer.subspan(take), std::byte{0});
  range.buffer = range.buffer.first(take);
  return range;
}

Error wrong_body() {
  return {Errc::kCorruption, "needle body: wrong checksum"};
}

}  // namespace

NeedleReader::NeedleReader(std::shared_ptr<File> file, NeedleSeed seed)
    : file_(std::move(file)), seed_(seed) {}

Result<bool> NeedleReader::read(const NeedlePlace& place, const FileId& fid, Range range,
                                ReadMode mode) {
  // The longest needle of one block is also longer than some of two; those are read the other way.
  if (place.bytes <= kNeedleBlockBytes) return read_small(place, fid, range, mode);
  KELP_TRY(const MetaPtr meta, meta_of(place, mode));
  if (meta == nullptr) return false;
  KELP_TRY(const Range stored, admit(meta->header, fid, range));
  if (stored.buffer.empty()) return true;
  return read_blocks(*meta, stored, mode);
}

PinnedPages NeedleReader::try_pin(const NeedlePlace& place, const FileId& fid, std::uint64_t offset,
                                  std::size_t bytes) {
  if (place.bytes <= kNeedleBlockBytes || offset % kNeedleBlockBytes != 0) return {};
  const auto meta = meta_of(place, ReadMode::kCachedOnly);
  if (!meta.has_value() || *meta == nullptr) return {};
  const NeedleHeader& header = (*meta)->header;
  // There is no buffer yet: only its end is checked.
  if (offset + bytes < offset ||
      !admit(header, fid, {.offset = offset + bytes, .buffer = {}}).has_value())
    return {};
  const std::uint64_t end = offset + bytes;
  if (end % kNeedleBlockBytes != 0 && end != header.body_bytes) return {};
  const File::Check check = [first = offset / kNeedleBlockBytes, table = as_bytes((*meta)->table)](
                                ByteSpan body) { return blocks_match(body, first, table); };
  return file_->try_pin((*meta)->body_offset + offset, bytes, check);
}

Result<bool> NeedleReader::read_small(const NeedlePlace& place, const FileId& fid, Range range,
                                      ReadMode mode) {
  const MutableByteSpan bytes = scratch(place.bytes);
  KELP_TRY(const bool there, fetch(place.offset, bytes, mode));
  if (!there) return false;
  KELP_TRY(const WholeNeedle needle, decode_needle(bytes, seed_.at(place.offset)));
  KELP_TRY(const Range stored, admit(needle.header, fid, range));
  if (!stored.buffer.empty()) {
    std::memcpy(stored.buffer.data(), needle.body.data() + stored.offset, stored.buffer.size());
  }
  return true;
}

Result<std::optional<NeedleReader::Stub>> NeedleReader::read_stub(const IndexEntry& entry,
                                                                  ReadMode mode) {
  const auto& [key, place] = entry;
  const Error not_packed(Errc::kConflict, fmt::format("needle {:x} is not packed here", key.value));
  if (place.bytes > kNeedleBlockBytes) return not_packed;  // longer than any stub
  const MutableByteSpan bytes = scratch(place.bytes);
  KELP_TRY(const bool there, fetch(place.offset, bytes, mode));
  if (!there) return std::nullopt;
  KELP_TRY(const WholeNeedle needle, decode_needle(bytes, seed_.at(place.offset)));
  KELP_CHECK(check_place(needle.header, key));
  if (needle.header.packed_bytes == 0) return not_packed;
  KELP_TRY(PackedPlace packed, decode_stub(needle.header, needle.body));
  return Stub{needle.header, std::move(packed)};
}

/// Whole blocks go straight into the caller's buffer; the pieces at the two ends by way of scratch.
Result<bool> NeedleReader::read_blocks(const Meta& meta, Range range, ReadMode mode) {
  if (const std::uint64_t skip = range.offset % kNeedleBlockBytes; skip != 0) {
    const std::size_t take = std::min<std::size_t>(range.buffer.size(), kNeedleBlockBytes - skip);
    KELP_TRY(const bool there,
             read_part_of_block(meta, {range.offset, range.buffer.first(take)}, mode));
    if (!there) return false;
    range = {range.offset + take, range.buffer.subspan(take)};
  }
  std::size_t whole = range.buffer.size();
  if (range.offset + whole < meta.header.body_bytes) whole -= whole % kNeedleBlockBytes;
  if (whole > 0) {
    const MutableByteSpan target = range.buffer.first(whole);
    KELP_TRY(const bool there, fetch(meta.body_offset + range.offset, target, mode));
    if (!there) return false;
    if (!blocks_match(target, range.offset / kNeedleBlockBytes, as_bytes(meta.table))) {
      return wrong_body();
    }
    range = {range.offset + whole, range.buffer.subspan(whole)};
  }
  if (range.buffer.empty()) return true;
  return read_part_of_block(meta, range, mode);
}

Result<bool> NeedleReader::read_part_of_block(const Meta& meta, Range range, ReadMode mode) {
  const std::uint64_t block = range.offset / kNeedleBlockBytes;
  const std::uint64_t begin = block * kNeedleBlockBytes;
  const auto size = static_cast<std::size_t>(
      std::min<std::uint64_t>(kNeedleBlockBytes, meta.header.body_bytes - begin));
  const MutableByteSpan bytes = scratch(size);
  KELP_TRY(const bool there, fetch(meta.body_offset + begin, bytes, mode));
  if (!there) return false;
  if (!blocks_match(bytes, block, as_bytes(meta.table))) return wrong_body();
  std::memcpy(range.buffer.data(), bytes.data() + (range.offset - begin), range.buffer.size());
  return true;
}

Result<bool> NeedleReader::read_header(const NeedlePlace& place, ReadMode mode,
                                       NeedleHeader& header) {
  std::array<std::byte, kNeedleHeaderBytes> bytes;
  KELP_TRY(const bool there, fetch(place.offset, bytes, mode));
  if (!there) return false;
  KELP_TRY(header, decode_needle_header(bytes, seed_.at(place.offset)));
  return true;
}

Result<std::optional<NeedlePart>> NeedleReader::read_part(const IndexEntry& entry,
                                                          std::uint64_t offset, std::size_t bytes,
                                                          ReadMode mode) {
  KELP_TRY(const MetaPtr meta, meta_of(entry.place, mode));
  if (meta == nullptr) return std::nullopt;
  KELP_CHECK(check_place(meta->header, entry.key));
  const std::uint64_t left = meta->header.body_bytes - std::min(offset, meta->header.body_bytes);
  NeedlePart part{encode_needle_frame(*meta, kImageSeed),
                  uninitialized(std::min<std::uint64_t>(bytes, left))};
  if (part.body.empty()) return part;
  const auto body = std::as_writable_bytes(std::span(part.body));
  KELP_TRY(const bool there, read_blocks(*meta, {offset, body}, mode));
  if (!there) return std::nullopt;
  return part;
}

Result<void> NeedleReader::verify(const IndexEntry& entry) {
  KELP_TRY(const MetaPtr meta, load_meta(entry.place, ReadMode::kMayWait));
  KELP_CHECK(check_place(meta->header, entry.key));
  const std::uint64_t body_bytes = meta->header.body_bytes;
  for (std::uint64_t at = 0; at < body_bytes; at += kNeedleBlockBytes) {
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(kNeedleBlockBytes, body_bytes - at));
    const MutableByteSpan bytes = scratch(size);
    KELP_CHECK(fetch(meta->body_offset + at, bytes, ReadMode::kMayWait));
    if (!blocks_match(bytes, at / kNeedleBlockBytes, as_bytes(meta->table))) return wrong_body();
  }
  return {};
}

/// Null when the disk would have to be waited for.
Result<NeedleReader::MetaPtr> NeedleReader::meta_of(const NeedlePlace& place, ReadMode mode) {
  {
    const std::lock_guard lock(cache_mutex_);
    for (const Slot& slot : cache_) {
      if (slot.offset == place.offset && slot.meta != nullptr) return slot.meta;
    }
  }
  KELP_TRY(MetaPtr meta, load_meta(place, mode));
  if (meta != nullptr) {
    const std::lock_guard lock(cache_mutex_);
    cache_[next_slot_] = {place.offset, meta};
    next_slot_ = (next_slot_ + 1) % cache_.size();
  }
  return meta;
}

Result<NeedleReader::MetaPtr> NeedleReader::load_meta(const NeedlePlace& place, ReadMode mode) {
  std::array<std::byte, kNeedleHeaderBytes + kMaxBackPointerBytes> front;
  const auto front_bytes = std::min<std::size_t>(front.size(), place.bytes);
  KELP_TRY(const bool front_there,
           fetch(place.offset, MutableByteSpan(front).first(front_bytes), mode));
  if (!front_there) return nullptr;
  KELP_TRY(const NeedleHeader header, decode_needle_header(front, seed_.at(place.offset)));
  const NeedleLayout layout = layout_of(header);
  if (layout.total_bytes != place.bytes) {
    return Error(Errc::kCorruption, "needle header: another length than in the index");
  }
  auto meta = std::make_shared<Meta>();
  meta->header = header;
  meta->body_offset = place.offset + layout.body_offset;
  meta->table.resize(layout.trailer_bytes);
  KELP_TRY(const bool trailer_there, fetch(place.offset + layout.trailer_offset,
                                           std::as_writable_bytes(std::span(meta->table)), mode));
  if (!trailer_there) return nullptr;
  if (!needle_trailer_matches(header, ByteSpan(front).first(layout.body_offset),
                              as_bytes(meta->table))) {
    return Error(Errc::kCorruption, "needle trailer: wrong checksum");
  }
  meta->table.resize(layout.trailer_bytes - 4);
  meta->back_pointer.assign(
      as_text(ByteSpan(front).subspan(kNeedleHeaderBytes, header.back_pointer_bytes)));
  return meta;
}

Result<bool> NeedleReader::fetch(std::uint64_t offset, MutableByteSpan buffer, ReadMode mode) {
  if (mode == ReadMode::kCachedOnly) return file_->try_read_at(offset, buffer);
  KELP_TRY(const std::size_t got, file_->read_at(offset, buffer));
  if (got != buffer.size()) {
    return Error(Errc::kCorruption, fmt::format("the file ends after {} of {} bytes at {}", got,
                                                buffer.size(), offset));
  }
  return true;
}

}  // namespace kelp
