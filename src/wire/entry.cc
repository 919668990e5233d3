#include "wire/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/assert.h"
#include "base/encoding.h"
#include "wire/row_format.h"
#include "wire/row_pieces.h"

namespace kelp {
namespace {

// 2 says of each chunk whether it is shared; else as 1, which is written where none is. 3 is as 2
// and has a second byte of flags, which is written where one of them is set. 4 is as 3, its flags
// may be 0, and written where there is a lock.
constexpr std::uint8_t kPlainEntryFormat = 1;
constexpr std::uint8_t kSharedEntryFormat = 2;
constexpr std::uint8_t kFlaggedEntryFormat = 3;
constexpr std::uint8_t kLockedEntryFormat = 4;
constexpr std::uint8_t kManifestEntryFormat = 5;  // as 4, may lack a lock; a manifest is named
constexpr std::uint8_t kGuardedEntryFormat = 6;  // as 5, may lack a manifest; grants, or encryption
constexpr std::uint8_t kEntryFormat = 7;         // as 6, may lack both; annotations

// The second byte of an entry's row.
constexpr std::uint8_t kDeleteMarker = 1 << 0;
constexpr std::uint8_t kEtagIsMd5 = 1 << 1;    // 16 raw bytes; else a text
constexpr std::uint8_t kEtagOfParts = 1 << 2;  // N follows the ETag
constexpr std::uint8_t kInlineOwnId = 1 << 3;  // the body's row has the version's number
constexpr std::uint8_t kHasLayout = 1 << 4;    // any other layout than that and than none
constexpr std::uint8_t kHasPartList = 1 << 5;
constexpr std::uint8_t kKnownFlags = (1 << 6) - 1;

// The third byte of an entry's row from format 3 on.
constexpr std::uint8_t kHasId = 1 << 0;
constexpr std::uint8_t kHasOlderNull = 1 << 1;    // its number comes behind the parts
constexpr std::uint8_t kHasAnnotations = 1 << 2;  // of format 7: they end the row
constexpr std::uint8_t kKnownMoreFlags = (1 << 3) - 1;

// Stored as their index plus 1 (encode_known). Only ever append.
constexpr std::string_view kStorageClasses[] = {
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA",     "INTELLIGENT_TIERING",
    "GLACIER",  "DEEP_ARCHIVE",       "GLACIER_IR",  "EXPRESS_ONEZONE"};

// The descriptor byte of a checksum: the algorithm in its low three bits, then these.
constexpr std::uint8_t kComposite = 1 << 3;
constexpr std::uint8_t kOddLength = 1 << 4;  // a text follows, not the algorithm's length
constexpr std::uint8_t kHasPartCount = 1 << 5;
constexpr std::uint8_t kAlgorithmOver7 = 1 << 6;  // it is eight more than the low bits say
constexpr std::uint8_t kKnownDescriptor = (1 << 7) - 1;

constexpr std::uint8_t kNoOwner = 0;
constexpr std::uint8_t kPackedOwner = 1;  // 32 bytes, shown as 64 lower-case hex digits
constexpr std::uint8_t kTextOwner = 2;
constexpr std::size_t kPackedOwnerBytes = 32;
constexpr std::size_t kMd5Bytes = 16;

/// A checksum's front: what a listing needs of it, its value skipped as a view.
struct ChecksumView {
  ChecksumAlgorithm algorithm{};
  ChecksumType type = ChecksumType::kFullObject;
  std::string_view value;
  std::uint32_t part_count = 0;
};

ChecksumView decode_checksum(ByteReader& in) {
  const auto descriptor = in.fixed<std::uint8_t>();
  ChecksumView view;
  const int over = (descriptor & kAlgorithmOver7) != 0 ? 8 : 0;
  view.algorithm = static_cast<ChecksumAlgorithm>((descriptor & 7) + over);
  const std::size_t length = checksum_bytes(view.algorithm);
  if (length == 0 || (descriptor & ~kKnownDescriptor) != 0) {
    spoil(in);
    return view;
  }
  if ((descriptor & kComposite) != 0) view.type = ChecksumType::kComposite;
  view.value = (descriptor & kOddLength) != 0 ? in.text() : in.raw(length);
  if ((descriptor & kHasPartCount) != 0) view.part_count = decode_u32(in);
  return view;
}

bool packs(std::string_view owner_id) {
  return owner_id.size() == 2 * kPackedOwnerBytes && std::ranges::all_of(owner_id, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

struct OwnerView {
  std::string_view bytes;
  bool packed = false;
};

OwnerView decode_owner_view(ByteReader& in) {
  switch (in.fixed<std::uint8_t>()) {
    case kNoOwner:
      return {};
    case kPackedOwner:
      return {in.raw(kPackedOwnerBytes), true};
    case kTextOwner:
      return {in.text(), false};
    default:
      spoil(in);
      return {};
  }
}

std::string text_of(OwnerView owner) {
  return owner.packed ? hex_encode(owner.bytes) : std::string(owner.bytes);
}

std::uint8_t flags_of(const ObjectEntry& entry) {
  std::uint8_t flags = 0;
  if (entry.delete_marker) flags |= kDeleteMarker;
  if (entry.etag.size() == kMd5Bytes) flags |= kEtagIsMd5;
  if (entry.etag_parts != 0) flags |= kEtagOfParts;
  const Layout& layout = entry.layout;
  const bool own_id = layout.inline_id != 0 && layout.inline_id == entry.version;
  if (own_id && layout.chunks.empty()) {
    flags |= kInlineOwnId;
  } else if (layout.inline_id != 0 || !layout.chunks.empty()) {
    flags |= kHasLayout;
  }
  if (!entry.parts.empty()) flags |= kHasPartList;
  return flags;
}

std::uint8_t more_flags_of(const ObjectEntry& entry) {
  std::uint8_t flags = 0;
  if (entry.has_id) flags |= kHasId;
  if (entry.older_null != 0) flags |= kHasOlderNull;
  if (entry.layout.annotations.set != 0) flags |= kHasAnnotations;
  return flags;
}

void encode_annotations(const Annotations& annotations, std::string& out) {
  ByteWriter to(out);
  to.varint(annotations.set);
  to.varint(annotations.count);
  to.varint(annotations.bytes);
  to.varint(annotations.revision);
}

Annotations decode_annotations(ByteReader& in) {
  Annotations annotations;
  annotations.set = in.varint();
  annotations.count = decode_u32(in);
  annotations.bytes = in.varint();
  annotations.revision = in.varint();
  if (annotations.set == 0 || annotations.count == 0) spoil(in);
  return annotations;
}

void encode_parts(const std::vector<PartInfo>& parts, std::string& out) {
  ByteWriter to(out);
  to.varint(parts.size());
  for (const PartInfo& part : parts) {
    to.varint(part.part_number);
    to.varint(part.size_bytes);
    encode_checksums(part.checksums, out);
  }
}

std::vector<PartInfo> decode_parts(ByteReader& in) {
  std::vector<PartInfo> parts;
  const std::uint64_t count = in.varint();
  parts.reserve(std::min<std::uint64_t>(count, in.remaining() / 3));
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    PartInfo& part = parts.emplace_back();
    part.part_number = decode_u32(in);
    part.size_bytes = in.varint();
    part.checksums = decode_checksums(in);
  }
  return parts;
}

std::string etag_text(std::string_view etag, std::uint32_t parts) {
  std::string text = hex_encode(etag);
  if (parts != 0) text += fmt::format("-{}", parts);
  return text;
}

struct Flags {
  std::uint8_t first = 0;
  std::uint8_t more = 0;
};

/// The front of an entry: what ListedEntry has. `each(view)` gets every checksum.
template <typename EachChecksum>
Flags decode_front(ByteReader& in, std::uint8_t format, ListedEntry& entry, EachChecksum each) {
  const auto flags = in.fixed<std::uint8_t>();
  if ((flags & ~kKnownFlags) != 0) spoil(in);
  const auto more = format >= kFlaggedEntryFormat ? in.fixed<std::uint8_t>() : std::uint8_t{0};
  if ((more & ~kKnownMoreFlags) != 0) spoil(in);
  entry.has_id = (more & kHasId) != 0;
  entry.delete_marker = (flags & kDeleteMarker) != 0;
  entry.version = in.varint();
  entry.modified = decode_time(in);
  entry.size_bytes = in.varint();
  entry.etag = (flags & kEtagIsMd5) != 0 ? in.raw(kMd5Bytes) : in.text();
  if ((flags & kEtagOfParts) != 0) entry.etag_parts = decode_u32(in);
  const OwnerView owner = decode_owner_view(in);
  entry.owner = owner.bytes;
  entry.owner_is_packed = owner.packed;
  entry.storage_class = decode_known(kStorageClasses, in);
  const std::uint64_t checksums = in.varint();
  for (std::uint64_t i = 0; i < checksums && !in.failed(); ++i) each(decode_checksum(in));
  return {flags, more};
}

}  // namespace

std::string etag_text(const ObjectEntry& entry) {
  return etag_text(entry.etag, entry.etag_parts);
}

std::string etag_text(const ListedEntry& entry) {
  return etag_text(entry.etag, entry.etag_parts);
}

std::string owner_text(const ListedEntry& entry) {
  return text_of({entry.owner, entry.owner_is_packed});
}

std::string encode_entry(const ObjectEntry& entry) {
  std::string row;
  row.reserve(128);
  ByteWriter to(row);
  const std::uint8_t flags = flags_of(entry);
  const std::uint8_t more = more_flags_of(entry);
  const bool locked = entry.headers.lock.any();
  const bool manifest = any_manifest(entry.layout.chunks);
  const bool guarded = entry.headers.guarded();
  const bool flagged = guarded || manifest || locked || more != 0;
  const ChunkForm form = flagged ? ChunkForm::kWithShared : form_of(entry.layout.chunks);
  const bool annotated = (more & kHasAnnotations) != 0;
  to.fixed(annotated                   ? kEntryFormat
           : guarded                   ? kGuardedEntryFormat
           : manifest                  ? kManifestEntryFormat
           : locked                    ? kLockedEntryFormat
           : flagged                   ? kFlaggedEntryFormat
           : form == ChunkForm::kPlain ? kPlainEntryFormat
                                       : kSharedEntryFormat);
  to.fixed(flags);
  if (flagged) to.fixed(more);
  to.varint(entry.version);
  encode_time(entry.modified, row);
  to.varint(entry.size_bytes);
  if ((flags & kEtagIsMd5) != 0) {
    to.raw(entry.etag);
  } else {
    to.text(entry.etag);
  }
  if (entry.etag_parts != 0) to.varint(entry.etag_parts);
  encode_owner(entry.owner_id, row);
  encode_known(entry.headers.storage_class, kStorageClasses, row);
  encode_checksums(entry.checksums, row);
  // Here ends what decode_listed() reads.
  encode_headers(entry.headers, row);
  if ((flags & kHasLayout) != 0) encode_layout(entry.layout, form, row);
  if ((flags & kHasPartList) != 0) encode_parts(entry.parts, row);
  if (entry.older_null != 0) to.varint(entry.older_null);
  if (annotated) encode_annotations(entry.layout.annotations, row);
  return row;
}

Result<ObjectEntry> decode_entry(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, take_format(in, kEntryFormat, "entry row"));
  const auto form = format == kPlainEntryFormat ? ChunkForm::kPlain : ChunkForm::kWithShared;
  ObjectEntry entry;
  ListedEntry front;
  const auto [flags, more] = decode_front(in, format, front, [&](const ChecksumView& view) {
    entry.checksums.emplace_back(view.algorithm, view.type, std::string(view.value),
                                 view.part_count);
  });
  entry.version = front.version;
  entry.modified = front.modified;
  entry.size_bytes = front.size_bytes;
  entry.etag = front.etag;
  entry.etag_parts = front.etag_parts;
  entry.owner_id = owner_text(front);
  entry.delete_marker = front.delete_marker;
  entry.has_id = front.has_id;
  entry.headers = decode_headers(in);
  entry.headers.storage_class = front.storage_class;
  if ((flags & kInlineOwnId) != 0) entry.layout.inline_id = entry.version;
  if ((flags & kHasLayout) != 0) entry.layout = decode_layout(in, form);
  if ((flags & kHasPartList) != 0) entry.parts = decode_parts(in);
  if ((more & kHasOlderNull) != 0) entry.older_null = in.varint();
  if ((more & kHasAnnotations) != 0) entry.layout.annotations = decode_annotations(in);
  KELP_CHECK(in.finish("entry row"));
  // Else another format would have been written, or another flag.
  const bool manifest = any_manifest(entry.layout.chunks);
  const bool locked = entry.headers.lock.any();
  const bool guarded = entry.headers.guarded();
  const bool annotated = entry.layout.annotations.set != 0;
  const std::uint8_t least = annotated  ? kEntryFormat
                             : guarded  ? kGuardedEntryFormat
                             : manifest ? kManifestEntryFormat
                             : locked   ? kLockedEntryFormat
                                        : std::uint8_t{0};
  const bool odd =
      more_flags_of(entry) != more || (least != 0 ? format != least : format > kFlaggedEntryFormat);
  if (odd || (format == kFlaggedEntryFormat && more == 0)) {
    return Error(Errc::kCorruption, "entry row: flags that no encoder writes");
  }
  return entry;
}

Result<ListedEntry> decode_listed(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, take_format(in, kEntryFormat, "entry row"));
  ListedEntry entry;
  decode_front(in, format, entry, [&](const ChecksumView& view) {
    if (entry.checksum_count == 0) entry.checksum_type = view.type;
    if (entry.checksum_count == entry.checksum_algorithms.size()) return;
    entry.checksum_algorithms[entry.checksum_count++] = view.algorithm;
  });
  if (in.failed()) return Error(Errc::kCorruption, "entry row: truncated or malformed");
  return entry;
}

std::size_t checksum_bytes(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc32:
    case ChecksumAlgorithm::kCrc32c:
      return 4;
    case ChecksumAlgorithm::kCrc64Nvme:
    case ChecksumAlgorithm::kXxhash64:
    case ChecksumAlgorithm::kXxhash3:
      return 8;
    case ChecksumAlgorithm::kMd5:
    case ChecksumAlgorithm::kXxhash128:
      return 16;
    case ChecksumAlgorithm::kSha1:
      return 20;
    case ChecksumAlgorithm::kSha256:
      return 32;
    case ChecksumAlgorithm::kSha512:
      return 64;
  }
  return 0;
}

void encode_checksums(const std::vector<Checksum>& checksums, std::string& out) {
  ByteWriter to(out);
  to.varint(checksums.size());
  for (const Checksum& checksum : checksums) {
    const std::size_t length = checksum_bytes(checksum.algorithm);
    KELP_ASSERT(length != 0, "a checksum without an algorithm reached a row");
    const auto number = static_cast<std::uint8_t>(checksum.algorithm);
    auto descriptor = static_cast<std::uint8_t>(number & 7);
    if (number > 7) descriptor |= kAlgorithmOver7;
    if (checksum.type == ChecksumType::kComposite) descriptor |= kComposite;
    if (checksum.value.size() != length) descriptor |= kOddLength;
    if (checksum.part_count != 0) descriptor |= kHasPartCount;
    to.fixed(descriptor);
    if ((descriptor & kOddLength) != 0) {
      to.text(checksum.value);
    } else {
      to.raw(checksum.value);
    }
    if (checksum.part_count != 0) to.varint(checksum.part_count);
  }
}

std::vector<Checksum> decode_checksums(ByteReader& in) {
  std::vector<Checksum> checksums;
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    const ChecksumView view = decode_checksum(in);
    checksums.emplace_back(view.algorithm, view.type, std::string(view.value), view.part_count);
  }
  return checksums;
}

void encode_storage_class(std::string_view storage_class, std::string& out) {
  encode_known(storage_class, kStorageClasses, out);
}

std::string decode_storage_class(ByteReader& in) {
  return std::string(decode_known(kStorageClasses, in));
}

void encode_owner(std::string_view owner_id, std::string& out) {
  ByteWriter to(out);
  if (owner_id.empty()) return to.fixed(kNoOwner);
  if (!packs(owner_id)) {
    to.fixed(kTextOwner);
    return to.text(owner_id);
  }
  to.fixed(kPackedOwner);
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < owner_id.size(); i += 2) {
    out.push_back(static_cast<char>(digit(owner_id[i]) << 4 | digit(owner_id[i + 1])));
  }
}

std::string decode_owner(ByteReader& in) {
  return text_of(decode_owner_view(in));
}

void encode_time(WallTime time, std::string& out) {
  ByteWriter(out).fixed(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

WallTime decode_time(ByteReader& in) {
  const auto count = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  return WallTime(std::chrono::nanoseconds(count));
}

}  // namespace kelp
