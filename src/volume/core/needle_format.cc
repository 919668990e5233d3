#include "volume/core/needle_format.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/crc.h"

namespace kelp {
namespace {

constexpr std::uint8_t kFlagTombstone = 1;
constexpr std::uint8_t kFlagOrigin = 2;     ///< Of a stub; else the version says it.
constexpr std::uint8_t kWholeVersion = 1;   ///< Of needles that are no shards.
constexpr std::uint8_t kShardVersion = 2;   ///< Of those that are.
constexpr std::uint8_t kPlainVersion = 3;   ///< Of either, without an origin.
constexpr std::uint8_t kOriginVersion = 4;  ///< Of either, with one.
constexpr std::uint8_t kStubVersion = 5;    ///< Of stubs, and of nothing else.

/// The header as it lies on disk; little-endian, no padding. `crc` covers all in front of it.
struct RawHeader {
  std::uint32_t magic;
  std::uint8_t version;
  std::uint8_t flags;
  std::uint16_t back_pointer_bytes;
  std::uint64_t key;
  std::uint64_t body_bytes;
  std::int64_t created_ns;
  std::uint64_t bucket;
  std::uint32_t cookie;
  // Zero when it is no shard.
  std::uint8_t data_shards;
  std::uint8_t parity_shards;
  std::uint8_t shard;
  std::uint8_t reserved;
  std::array<std::uint32_t, 2> whole_bytes;  ///< Low half first: 44 is no multiple of 8.
  std::uint32_t more_reserved;
  std::uint32_t crc;
};
static_assert(sizeof(RawHeader) == kNeedleHeaderBytes);
static_assert(offsetof(RawHeader, crc) == kNeedleHeaderBytes - 4);
static_assert(kMaxNeedleBytes / kNeedleAlignment < (1U << 24), "the index keeps 24 bits");

Error corrupt(std::string detail) {
  return {Errc::kCorruption, std::move(detail)};
}

/// The part of a stripe that a header tells.
StripePart part_of(const RawHeader& raw) {
  const std::uint64_t high = raw.whole_bytes[1];
  return {.scheme = {.data = raw.data_shards, .parity = raw.parity_shards},
          .shard = raw.shard,
          .body_bytes = high << 32 | raw.whole_bytes[0]};
}

bool is_shard(const RawHeader& raw) {
  return raw.version != kStubVersion && part_of(raw) != StripePart{};
}

bool stub_is_sane(const RawHeader& raw) {
  const StripePart part = part_of(raw);
  return !part.scheme && part.shard == 0 && part.body_bytes > 0 &&
         part.body_bytes <= kMaxNeedleBodyBytes && raw.flags <= kFlagOrigin &&
         raw.flags != kFlagTombstone && raw.body_bytes > 0 &&
         (raw.flags == kFlagOrigin ? raw.back_pointer_bytes > 0
                                   : raw.back_pointer_bytes <= kMaxObjectKeyBytes);
}

bool part_is_sane(const RawHeader& raw) {
  const StripePart part = part_of(raw);
  if (!is_shard(raw)) return raw.version != kShardVersion;
  return raw.version != kWholeVersion && raw.flags == 0 && check_part(part).has_value() &&
         raw.body_bytes == stored_bytes(part);
}

/// What a header that checks may still say wrong; each would be a bug of its writer or a forgery.
Result<NeedleHeader> interpret(const RawHeader& raw) {
  if (raw.version < kWholeVersion || raw.version > kNeedleVersion) {
    return Error(Errc::kUnimplemented,
                 fmt::format("needle of format version {}, this program knows versions {} to {}",
                             raw.version, kWholeVersion, kNeedleVersion));
  }
  const bool stub = raw.version == kStubVersion;
  const bool tombstone = raw.flags == kFlagTombstone;
  const bool origin = stub ? raw.flags == kFlagOrigin : raw.version == kOriginVersion;
  const bool fits = raw.body_bytes <= kMaxNeedleBodyBytes &&
                    raw.back_pointer_bytes <= kMaxBackPointerBytes && raw.reserved == 0 &&
                    raw.more_reserved == 0;
  const bool sane = fits && (stub ? stub_is_sane(raw)
                                  : raw.flags <= kFlagTombstone &&
                                        tombstone == (raw.body_bytes == 0) && part_is_sane(raw) &&
                                        (origin ? !tombstone && raw.back_pointer_bytes > 0
                                                : raw.back_pointer_bytes <= kMaxObjectKeyBytes));
  if (!sane) return corrupt("needle header: a field out of range");
  return NeedleHeader{.key = NeedleKey{raw.key},
                      .cookie = Cookie{raw.cookie},
                      .tombstone = tombstone,
                      .body_bytes = raw.body_bytes,
                      .created_ns = raw.created_ns,
                      .bucket = BucketId{raw.bucket},
                      .back_pointer_bytes = raw.back_pointer_bytes,
                      .has_origin = origin,
                      .part = is_shard(raw) ? std::optional(part_of(raw)) : std::nullopt,
                      .packed_bytes = stub ? part_of(raw).body_bytes : 0};
}

std::uint8_t version_of(const NeedleHeader& header) {
  if (header.packed_bytes > 0) return kStubVersion;
  return header.has_origin ? kOriginVersion : kPlainVersion;
}

/// Of an encoded header with the back pointer, and block checksums. Without the header's own
/// checksum: a CRC over bytes and their CRC is the same whatever they are, so that in versions 1
/// and 2 any header went with any trailer.
std::uint32_t trailer_crc(ByteSpan head, ByteSpan table) {
  RawHeader raw;
  std::memcpy(&raw, head.data(), sizeof raw);
  const std::size_t covered = raw.version < kPlainVersion ? sizeof raw : offsetof(RawHeader, crc);
  const std::uint32_t crc = crc32c(head.first(covered));
  return crc32c(table, crc32c(head.subspan(sizeof raw), crc));
}

std::string trailer_of(ByteSpan head, ByteSpan table) {
  std::string out;
  out.reserve(table.size() + 4 + kNeedleAlignment);
  ByteWriter writer(out);
  writer.raw(as_text(table));
  writer.fixed(trailer_crc(head, table));
  return out;
}

}  // namespace

NeedleSeed::NeedleSeed(ByteSpan salt) : salt_crc_(crc32c(salt)) {}

std::uint32_t NeedleSeed::at(std::uint64_t offset) const {
  return crc32c(std::as_bytes(std::span(&offset, 1)), salt_crc_);
}

void encode_needle_header(const NeedleHeader& header, std::uint32_t seed, MutableByteSpan out) {
  KELP_ASSERT(header.body_bytes <= kMaxNeedleBodyBytes, "the caller bounds bodies");
  KELP_ASSERT(header.back_pointer_bytes <= kMaxBackPointerBytes, "the caller bounds back pointers");
  KELP_ASSERT(header.tombstone == (header.body_bytes == 0), "only a tombstone has no body");
  StripePart part = header.part.value_or(StripePart{});
  KELP_ASSERT(!header.part || header.body_bytes == stored_bytes(part), "a shard of its length");
  const bool stub = header.packed_bytes > 0;
  KELP_ASSERT(!stub || (!header.part && !header.tombstone), "a stub is nothing else");
  if (stub) part.body_bytes = header.packed_bytes;
  RawHeader raw{.magic = kNeedleMagic,
                .version = version_of(header),
                .flags = header.tombstone            ? kFlagTombstone
                         : stub && header.has_origin ? kFlagOrigin
                                                     : std::uint8_t{0},
                .back_pointer_bytes = header.back_pointer_bytes,
                .key = header.key.value,
                .body_bytes = header.body_bytes,
                .created_ns = header.created_ns,
                .bucket = header.bucket.value,
                .cookie = header.cookie.value,
                .data_shards = part.scheme.data,
                .parity_shards = part.scheme.parity,
                .shard = part.shard,
                .reserved = 0,
                .whole_bytes = {static_cast<std::uint32_t>(part.body_bytes),
                                static_cast<std::uint32_t>(part.body_bytes >> 32)},
                .more_reserved = 0,
                .crc = 0};
  const ByteSpan bytes = std::as_bytes(std::span(&raw, 1));
  raw.crc = crc32c(bytes.first(offsetof(RawHeader, crc)), seed);
  std::memcpy(out.data(), &raw, sizeof raw);
}

std::string encode_back_pointer(const BackPointer& pointer) {
  KELP_ASSERT(pointer.origin.size() <= kMaxOriginBytes, "the caller bounds origins");
  std::string out;
  if (!pointer.origin.empty()) {
    out.push_back(static_cast<char>(pointer.origin.size()));
    out += pointer.origin;
  }
  return out.append(pointer.key);
}

Result<BackPointer> split_back_pointer(const NeedleHeader& header, std::string_view bytes) {
  if (!header.has_origin) return BackPointer{.origin = {}, .key = bytes};
  const std::size_t length = bytes.empty() ? 0 : static_cast<unsigned char>(bytes.front());
  if (length == 0 || bytes.size() <= length) {
    return corrupt(fmt::format("needle origin: {} of {} bytes", bytes.size(), length));
  }
  return BackPointer{.origin = bytes.substr(1, length), .key = bytes.substr(1 + length)};
}

Result<void> check_part(const StripePart& part) {
  KELP_CHECK(check_scheme(part.scheme));
  if (part.shard < part.scheme.shards() && part.body_bytes > 0 &&
      part.body_bytes <= kMaxNeedleBodyBytes) {
    return {};
  }
  return Error(Errc::kInvalidArgument,
               fmt::format("shard {} of {} of a body of {} bytes; a body has 1 to {}", part.shard,
                           to_string(part.scheme), part.body_bytes, kMaxNeedleBodyBytes));
}

Result<NeedleHeader> decode_needle_header(ByteSpan bytes, std::uint32_t seed) {
  if (bytes.size() < kNeedleHeaderBytes) {
    return corrupt(fmt::format("needle header: {} of {} bytes", bytes.size(), kNeedleHeaderBytes));
  }
  RawHeader raw;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != kNeedleMagic) return corrupt("needle header: wrong magic");
  if (raw.crc != crc32c(bytes.first(offsetof(RawHeader, crc)), seed)) {
    return corrupt("needle header: wrong checksum");
  }
  return interpret(raw);
}

void BlockChecksums::update(ByteSpan piece) {
  while (!piece.empty()) {
    const std::size_t take = std::min(piece.size(), kNeedleBlockBytes - filled_);
    current_ = crc32c(piece.first(take), current_);
    filled_ += take;
    piece = piece.subspan(take);
    if (filled_ == kNeedleBlockBytes) {
      done_.push_back(current_);
      current_ = 0;
      filled_ = 0;
    }
  }
}

std::vector<std::uint32_t> BlockChecksums::finish() && {
  if (filled_ > 0) done_.push_back(current_);
  filled_ = 0;
  return std::move(done_);
}

std::string encode_needle_trailer(ByteSpan head, const std::vector<std::uint32_t>& blocks) {
  return trailer_of(head, std::as_bytes(std::span(blocks)));
}

std::string encode_needle_frame(const NeedleFrame& frame, std::uint32_t seed) {
  std::string out(kNeedleHeaderBytes, '\0');
  encode_needle_header(frame.header, seed, std::as_writable_bytes(std::span(out)));
  out += frame.back_pointer;
  return out + trailer_of(as_bytes(out), as_bytes(frame.table));
}

Result<NeedleFrame> decode_needle_frame(ByteSpan bytes, std::uint32_t seed) {
  KELP_TRY(const NeedleHeader header, decode_needle_header(bytes, seed));
  const NeedleLayout layout = layout_of(header);
  if (bytes.size() != layout.body_offset + layout.trailer_bytes) {
    return corrupt(fmt::format("needle frame: {} of {} bytes", bytes.size(),
                               layout.body_offset + layout.trailer_bytes));
  }
  const ByteSpan head = bytes.first(layout.body_offset);
  const ByteSpan trailer = bytes.subspan(layout.body_offset);
  if (!needle_trailer_matches(header, head, trailer)) {
    return corrupt("needle trailer: wrong checksum");
  }
  return NeedleFrame{.header = header,
                     .back_pointer = std::string(as_text(head.subspan(kNeedleHeaderBytes))),
                     .table = std::string(as_text(trailer.first(trailer.size() - 4)))};
}

bool needle_trailer_matches(const NeedleHeader& header, ByteSpan head, ByteSpan trailer) {
  const NeedleLayout layout = layout_of(header);
  if (head.size() != layout.body_offset || trailer.size() < layout.trailer_bytes) return false;
  const ByteSpan table = trailer.first(layout.trailer_bytes - 4);
  std::uint32_t stored = 0;
  std::memcpy(&stored, trailer.data() + table.size(), sizeof stored);
  return stored == trailer_crc(head, table);
}

bool blocks_match(ByteSpan bytes, std::size_t first_block, ByteSpan table) {
  for (std::size_t block = first_block; !bytes.empty(); ++block) {
    const std::size_t take = std::min(bytes.size(), kNeedleBlockBytes);
    if ((block + 1) * sizeof(std::uint32_t) > table.size()) return false;
    std::uint32_t stored = 0;
    std::memcpy(&stored, table.data() + block * sizeof stored, sizeof stored);
    if (crc32c(bytes.first(take)) != stored) return false;
    bytes = bytes.subspan(take);
  }
  return true;
}

std::string encode_needle(NeedleHeader header, std::string_view back_pointer, ByteSpan body,
                          std::uint32_t seed) {
  header.back_pointer_bytes = static_cast<std::uint16_t>(back_pointer.size());
  header.body_bytes = body.size();
  const NeedleLayout layout = layout_of(header);
  std::string out(kNeedleHeaderBytes, '\0');
  out.reserve(layout.total_bytes);
  encode_needle_header(header, seed, std::as_writable_bytes(std::span(out.data(), out.size())));
  out += back_pointer;
  BlockChecksums checksums;
  checksums.update(body);
  const std::string trailer = encode_needle_trailer(as_bytes(out), std::move(checksums).finish());
  out += as_text(body);
  out += trailer;
  out.resize(layout.total_bytes, '\0');
  return out;
}

void reseal_needle(const NeedleHeader& header, MutableByteSpan needle, std::uint32_t seed) {
  const NeedleLayout layout = layout_of(header);
  KELP_ASSERT(needle.size() >= layout.total_bytes, "the needle is whole");
  encode_needle_header(header, seed, needle.first(kNeedleHeaderBytes));
  const MutableByteSpan trailer = needle.subspan(layout.trailer_offset, layout.trailer_bytes);
  const ByteSpan table = trailer.first(trailer.size() - 4);
  const std::uint32_t crc = trailer_crc(needle.first(layout.body_offset), table);
  std::memcpy(trailer.data() + table.size(), &crc, sizeof crc);
}

Result<WholeNeedle> decode_needle(ByteSpan bytes, std::uint32_t seed) {
  KELP_TRY(const NeedleHeader header, decode_needle_header(bytes, seed));
  const NeedleLayout layout = layout_of(header);
  if (bytes.size() < layout.total_bytes) {
    return corrupt(fmt::format("needle: {} of {} bytes", bytes.size(), layout.total_bytes));
  }
  const ByteSpan head = bytes.first(layout.body_offset);
  const ByteSpan body = bytes.subspan(layout.body_offset, header.body_bytes);
  const ByteSpan trailer = bytes.subspan(layout.trailer_offset, layout.trailer_bytes);
  if (!needle_trailer_matches(header, head, trailer)) {
    return corrupt("needle trailer: wrong checksum");
  }
  if (!blocks_match(body, 0, trailer)) return corrupt("needle body: wrong checksum");
  const auto padding =
      bytes.first(layout.total_bytes).subspan(layout.trailer_offset + layout.trailer_bytes);
  if (std::ranges::any_of(padding, [](std::byte b) { return b != std::byte{0}; })) {
    return corrupt("needle padding: not zero");
  }
  return WholeNeedle{
      .header = header, .back_pointer = as_text(head.subspan(kNeedleHeaderBytes)), .body = body};
}

}  // namespace kelp
