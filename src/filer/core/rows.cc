#include "filer/core/rows.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc.h"

namespace kelp {
namespace {

constexpr std::uint8_t kFormat = 1;                   // of every row kind, first
constexpr std::uint8_t kVersionedFinishedFormat = 2;  // 1: in a bucket that never had versions
constexpr std::uint8_t kSharedDeadFormat = 2;         // 1: of a needle that has one name
constexpr std::uint8_t kManifestDeadFormat = 3;       // of a manifest; says whether it is shared
constexpr std::uint8_t kCountedPartFormat = 2;        // 1: not counted
constexpr std::uint8_t kLockedUploadFormat = 2;       // 1: without a lock
constexpr std::uint8_t kGuardedUploadFormat = 3;  // as 2, may lack a lock; grants, or encryption
constexpr std::uint8_t kSharedPartFormat = 3;  // as 2, and says of each chunk whether it is shared
constexpr std::uint8_t kManifestPartFormat = 4;    // as 3, of which one is a manifest
constexpr std::uint8_t kSharedManifestFormat = 2;  // 1: shares no needle
constexpr std::uint8_t kFormatWithOrigin = 2;      // of an event; 1: nobody said
constexpr std::uint8_t kFormatWithRequest = 3;     // as 2, and the request
constexpr std::size_t kSealBytes = 5;

/// The format of a row, at most `known`.
Result<std::uint8_t> check_format(ByteReader& in, std::string_view what,
                                  std::uint8_t known = kFormat) {
  const auto format = in.fixed<std::uint8_t>();
  if (in.failed() || format == 0) {
    return Error(Errc::kCorruption, fmt::format("{} row: no format number", what));
  }
  if (format > known) {
    return Error(Errc::kUnimplemented,
                 fmt::format("{} row: format {}, this build knows {}", what, format, known));
  }
  return format;
}

}  // namespace

std::string encode_upload(const UploadRow& upload) {
  std::string row;
  ByteWriter to(row);
  to.fixed(upload.headers.guarded()    ? kGuardedUploadFormat
           : upload.headers.lock.any() ? kLockedUploadFormat
                                       : kFormat);
  to.varint(upload.epoch);
  encode_time(upload.created, row);
  to.fixed(upload.checksum_algorithm ? static_cast<std::uint8_t>(*upload.checksum_algorithm)
                                     : std::uint8_t{0});
  to.fixed(static_cast<std::uint8_t>(upload.checksum_type));
  encode_owner(upload.owner_id, row);
  encode_storage_class(upload.headers.storage_class, row);
  encode_headers(upload.headers, row);
  return row;
}

Result<UploadRow> decode_upload(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, check_format(in, "upload", kGuardedUploadFormat));
  UploadRow upload;
  upload.epoch = in.varint();
  upload.created = decode_time(in);
  const auto algorithm = static_cast<ChecksumAlgorithm>(in.fixed<std::uint8_t>());
  if (checksum_bytes(algorithm) != 0) {
    upload.checksum_algorithm = algorithm;
  } else if (static_cast<std::uint8_t>(algorithm) != 0) {
    return Error(Errc::kCorruption, "upload row: unknown checksum algorithm");
  }
  upload.checksum_type = static_cast<ChecksumType>(in.fixed<std::uint8_t>());
  upload.owner_id = decode_owner(in);
  std::string storage_class = decode_storage_class(in);
  upload.headers = decode_headers(in);
  upload.headers.storage_class = std::move(storage_class);
  KELP_CHECK(in.finish("upload row"));
  const bool guarded = upload.headers.guarded();
  if (guarded != (format == kGuardedUploadFormat) ||
      (!guarded && upload.headers.lock.any() != (format == kLockedUploadFormat))) {
    return Error(Errc::kCorruption, "upload row: headers in the wrong format");
  }
  if (upload.checksum_type != ChecksumType::kComposite &&
      upload.checksum_type != ChecksumType::kFullObject) {
    return Error(Errc::kCorruption, "upload row: unknown checksum type");
  }
  return upload;
}

std::string encode_part(const PartRow& part) {
  std::string row;
  ByteWriter to(row);
  const bool manifest = any_manifest(part.chunks);
  const ChunkForm form = manifest ? ChunkForm::kWithShared : form_of(part.chunks);
  const bool shared = form == ChunkForm::kWithShared;
  KELP_ASSERT(part.counted || !shared, "rows of before, which are not counted, share nothing");
  to.fixed(manifest       ? kManifestPartFormat
           : shared       ? kSharedPartFormat
           : part.counted ? kCountedPartFormat
                          : kFormat);
  encode_time(part.modified, row);
  to.varint(part.size_bytes);
  to.text(part.md5);
  encode_checksums(part.checksums, row);
  encode_chunks(part.chunks, form, row);
  return row;
}

Result<PartRow> decode_part(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, check_format(in, "part", kManifestPartFormat));
  PartRow part;
  part.counted = format != kFormat;
  part.modified = decode_time(in);
  part.size_bytes = in.varint();
  part.md5 = in.text();
  part.checksums = decode_checksums(in);
  part.chunks =
      decode_chunks(in, format >= kSharedPartFormat ? ChunkForm::kWithShared : ChunkForm::kPlain);
  KELP_CHECK(in.finish("part row"));
  if (any_manifest(part.chunks) != (format == kManifestPartFormat)) {
    return Error(Errc::kCorruption, "part row: a manifest in the wrong format");
  }
  return part;
}

std::string encode_manifest(const std::vector<Chunk>& chunks) {
  KELP_ASSERT(!any_manifest(chunks), "a manifest lists needles");
  std::string row;
  ByteWriter to(row);
  const ChunkForm form = form_of(chunks);
  to.fixed(form == ChunkForm::kWithShared ? kSharedManifestFormat : kFormat);
  encode_chunks(chunks, form, row);
  return row;
}

Result<std::vector<Chunk>> decode_manifest(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, check_format(in, "manifest", kSharedManifestFormat));
  const ChunkForm form =
      format == kSharedManifestFormat ? ChunkForm::kWithShared : ChunkForm::kPlain;
  std::vector<Chunk> chunks = decode_chunks(in, form);
  KELP_CHECK(in.finish("manifest row"));
  if (any_manifest(chunks) || form_of(chunks) != form) {
    return Error(Errc::kCorruption, "manifest row: chunks that no encoder writes");
  }
  return chunks;
}

std::string encode_finished(const FinishedRow& finished) {
  std::string row;
  ByteWriter to(row);
  to.fixed(finished.version_id ? kVersionedFinishedFormat : kFormat);
  encode_time(finished.finished, row);
  to.varint(finished.bucket.value);
  to.text(finished.key);
  to.text(finished.etag);
  to.varint(finished.version);
  encode_checksums(finished.checksums, row);
  if (finished.version_id) to.varint(*finished.version_id);
  return row;
}

Result<FinishedRow> decode_finished(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format,
           check_format(in, "finished upload", kVersionedFinishedFormat));
  FinishedRow finished;
  finished.finished = decode_time(in);
  finished.bucket = BucketId(in.varint());
  finished.key = in.text();
  finished.etag = in.text();
  finished.version = in.varint();
  finished.checksums = decode_checksums(in);
  if (format == kVersionedFinishedFormat) finished.version_id = in.varint();
  KELP_CHECK(in.finish("finished upload row"));
  return finished;
}

std::string encode_renamed(const RenamedRow& renamed) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  encode_time(renamed.finished, row);
  to.text(renamed.digest);
  to.varint(renamed.outcome.version);
  encode_time(renamed.outcome.modified, row);
  to.fixed(static_cast<std::uint8_t>(renamed.outcome.version_id.has_value()));
  to.varint(renamed.outcome.version_id.value_or(0));
  return row;
}

Result<RenamedRow> decode_renamed(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "rename"));
  RenamedRow renamed;
  renamed.finished = decode_time(in);
  renamed.digest = in.text();
  renamed.outcome.version = in.varint();
  renamed.outcome.modified = decode_time(in);
  const bool has_id = in.fixed<std::uint8_t>() != 0;
  if (const std::uint64_t id = in.varint(); has_id) renamed.outcome.version_id = id;
  KELP_CHECK(in.finish("rename row"));
  return renamed;
}

std::string encode_dropped(WallTime when, std::string_view name) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  encode_time(when, row);
  to.text(name);
  return row;
}

std::string encode_setting(std::string_view value) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  to.text(value);
  return row;
}

Result<std::string> decode_setting(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "setting"));
  std::string value(in.text());
  KELP_CHECK(in.finish("setting row"));
  return value;
}

std::string encode_dead(const DeadRow& dead) {
  std::string row;
  ByteWriter to(row);
  to.fixed(dead.manifest ? kManifestDeadFormat : dead.shared ? kSharedDeadFormat : kFormat);
  to.varint(dead.size_bytes);
  if (dead.manifest) to.fixed(static_cast<std::uint8_t>(dead.shared));
  return row;
}

Result<DeadRow> decode_dead(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, check_format(in, "dead", kManifestDeadFormat));
  DeadRow dead{.size_bytes = in.varint(), .shared = format == kSharedDeadFormat};
  dead.manifest = format == kManifestDeadFormat;
  if (dead.manifest) dead.shared = in.fixed<std::uint8_t>() != 0;
  KELP_CHECK(in.finish("dead row"));
  return dead;
}

std::string encode_loose_set(const LooseSetRow& loose) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  to.fixed(static_cast<std::uint8_t>(loose.staged));
  encode_time(loose.since, row);
  to.varint(loose.count);
  to.varint(loose.bytes);
  return row;
}

Result<LooseSetRow> decode_loose_set(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "loose set"));
  LooseSetRow loose;
  const auto staged = in.fixed<std::uint8_t>();
  loose.staged = staged == 1;
  loose.since = decode_time(in);
  const std::uint64_t count = in.varint();
  loose.count = static_cast<std::uint32_t>(count);
  loose.bytes = in.varint();
  KELP_CHECK(in.finish("loose set row"));
  if (staged > 1 || count != loose.count) {
    return Error(Errc::kCorruption, "loose set row: values that no encoder writes");
  }
  return loose;
}

std::string encode_collector(const CollectorRow& collector) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  to.fixed(collector.holder);
  to.fixed(static_cast<std::uint64_t>(collector.until.time_since_epoch().count()));
  return row;
}

Result<CollectorRow> decode_collector(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "collector"));
  CollectorRow collector;
  collector.holder = in.fixed<std::uint64_t>();
  const auto until = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  collector.until = WallTime(std::chrono::nanoseconds(until));
  KELP_CHECK(in.finish("collector"));
  return collector;
}

std::string encode_lifecycle(const LifecycleRow& place) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  encode_time(place.ended, row);
  to.fixed(static_cast<std::uint8_t>(place.under_way));
  to.text(place.bucket);
  to.fixed(static_cast<std::uint8_t>(place.in_uploads));
  to.text(place.after);
  return row;
}

Result<LifecycleRow> decode_lifecycle(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "lifecycle"));
  LifecycleRow place;
  place.ended = decode_time(in);
  place.under_way = in.fixed<std::uint8_t>() != 0;
  place.bucket = in.text();
  place.in_uploads = in.fixed<std::uint8_t>() != 0;
  place.after = in.text();
  KELP_CHECK(in.finish("lifecycle"));
  return place;
}

std::string encode_event(const ObjectEvent& event) {
  std::string row;
  row.reserve(64 + event.key.size());
  ByteWriter to(row);
  const EventOrigin& origin = event.origin;
  const bool has_origin = origin != EventOrigin{};
  const bool has_request = !origin.address.empty() || !origin.request_id.empty();
  to.fixed(has_request ? kFormatWithRequest : has_origin ? kFormatWithOrigin : kFormat);
  to.fixed(static_cast<std::uint8_t>(event.kind));
  encode_time(event.time, row);
  to.text(event.key);
  to.varint(event.version);
  to.fixed(static_cast<std::uint8_t>(event.version_id.has_value()));
  to.varint(event.version_id.value_or(0));
  to.varint(event.size_bytes);
  to.text(event.etag);
  if (has_origin) {
    to.fixed(static_cast<std::uint8_t>(origin.cause));
    to.text(origin.requester);
  }
  if (has_request) {
    to.text(origin.address);
    to.text(origin.request_id);
  }
  return row;
}

Result<ObjectEvent> decode_event(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, check_format(in, "event", kFormatWithRequest));
  ObjectEvent event;
  event.kind = static_cast<EventKind>(in.fixed<std::uint8_t>());
  event.time = decode_time(in);
  event.key = in.text();
  event.version = in.varint();
  const bool has_id = in.fixed<std::uint8_t>() != 0;
  if (const std::uint64_t id = in.varint(); has_id) event.version_id = id;
  event.size_bytes = in.varint();
  event.etag = in.text();
  if (format >= kFormatWithOrigin) {
    event.origin.cause = static_cast<EventCause>(in.fixed<std::uint8_t>());
    event.origin.requester = in.text();
  }
  if (format >= kFormatWithRequest) {
    event.origin.address = in.text();
    event.origin.request_id = in.text();
  }
  KELP_CHECK(in.finish("event row"));
  if (event.kind < EventKind::kPut || event.kind > EventKind::kEncryption) {
    return Error(Errc::kCorruption, "event row: an unknown kind of event");
  }
  if (event.origin.cause > EventCause::kTransition) {
    return Error(Errc::kCorruption, "event row: an unknown cause");
  }
  return event;
}

std::string encode_number(std::uint64_t number) {
  std::string row;
  ByteWriter to(row);
  to.fixed(kFormat);
  to.fixed(number);
  return row;
}

Result<std::uint64_t> decode_number(std::string_view row, std::string_view what) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, what));
  const auto number = in.fixed<std::uint64_t>();
  KELP_CHECK(in.finish(what));
  return number;
}

std::string encode_key_floor(NeedleKey floor) {
  return encode_number(floor.value);
}

Result<NeedleKey> decode_key_floor(std::string_view row) {
  KELP_TRY(const std::uint64_t key, decode_number(row, "key floor"));
  return NeedleKey(key);
}

// The guard stands behind the body, so that neither sealing nor opening moves the body's bytes.
void seal_body(std::uint64_t inline_id, std::string& body) {
  const ByteSpan id(reinterpret_cast<const std::byte*>(&inline_id), sizeof inline_id);
  const std::uint32_t crc = crc32c(id, crc32c(as_bytes(body)));
  ByteWriter to(body);
  to.fixed(crc);
  to.fixed(kFormat);
}

Result<void> open_body(std::uint64_t inline_id, std::string& row) {
  if (row.size() < kSealBytes) {
    return Error(Errc::kCorruption,
                 fmt::format("inline body {}: {} bytes are too few", inline_id, row.size()));
  }
  const auto format = static_cast<std::uint8_t>(row.back());
  if (format != kFormat) {
    return Error(Errc::kUnimplemented, fmt::format("inline body {}: format {}, this build knows {}",
                                                   inline_id, format, kFormat));
  }
  ByteReader guard(std::string_view(row).substr(row.size() - kSealBytes));
  const auto stored = guard.fixed<std::uint32_t>();
  row.resize(row.size() - kSealBytes);
  const ByteSpan id(reinterpret_cast<const std::byte*>(&inline_id), sizeof inline_id);
  const std::uint32_t crc = crc32c(id, crc32c(as_bytes(row)));
  if (crc != stored) {
    return Error(Errc::kCorruption, fmt::format("inline body {}: checksum {:08x}, stored {:08x}",
                                                inline_id, crc, stored));
  }
  return {};
}

}  // namespace kelp
