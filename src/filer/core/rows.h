#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/events.h"
#include "wire/namespace.h"

namespace kelp {

// Values of the rows that only the filer reads (docs/formats/metadata-keys.md). Decoders answer
// kCorruption, or kUnimplemented for a newer format, naming both versions.

/// A multipart upload that is neither completed nor aborted.
struct UploadRow {
  std::uint64_t epoch = 0;  ///< Rises when a part is replaced, so that a racing Complete notices.
  WallTime created;
  std::string owner_id;
  ObjectHeaders headers;
  std::optional<ChecksumAlgorithm> checksum_algorithm;
  ChecksumType checksum_type = ChecksumType::kComposite;
  friend bool operator==(const UploadRow&, const UploadRow&) = default;
};
/// The row's value, in the newest format.
[[nodiscard]] std::string encode_upload(const UploadRow& upload);
[[nodiscard]] Result<UploadRow> decode_upload(std::string_view row);

/// An uploaded part of an upload under way.
struct PartRow {
  WallTime modified;
  std::uint64_t size_bytes = 0;
  std::string md5;  ///< Raw.
  std::vector<Checksum> checksums;
  std::vector<Chunk> chunks;
  bool counted = true;  ///< Its bytes are in the bucket's counters; not so in rows of format 1.
  friend bool operator==(const PartRow&, const PartRow&) = default;
};
/// The row's value, in the oldest format that can say it.
[[nodiscard]] std::string encode_part(const PartRow& part);
[[nodiscard]] Result<PartRow> decode_part(std::string_view row);
/// What a part adds to its bucket's counters.
[[nodiscard]] inline std::int64_t counted_bytes(const PartRow& part) {
  return part.counted ? static_cast<std::int64_t>(part.size_bytes) : 0;
}

/// The chunks of a long stretch, in their order: what a Chunk with the manifest's number stands for
/// (core/manifest.h). Never changes.
[[nodiscard]] std::string encode_manifest(const std::vector<Chunk>& chunks);
[[nodiscard]] Result<std::vector<Chunk>> decode_manifest(std::string_view row);

/// What a completed upload answered: so answers a repeated Complete.
struct FinishedRow {
  WallTime finished;
  BucketId bucket;
  std::string key;
  std::string etag;  ///< etag_text().
  std::uint64_t version = 0;
  std::vector<Checksum> checksums;
  std::optional<std::uint64_t> version_id = {};  ///< As CompletedUpload::version_id.
  friend bool operator==(const FinishedRow&, const FinishedRow&) = default;
};
/// The row's value, in the oldest format that can say it.
[[nodiscard]] std::string encode_finished(const FinishedRow& finished);
[[nodiscard]] Result<FinishedRow> decode_finished(std::string_view row);

/// What a rename with a token answered: so answers a repeated one.
struct RenamedRow {
  WallTime finished;
  std::string digest;  ///< IdempotencyToken::digest.
  WriteOutcome outcome;
};
/// The row's value, in the newest format.
[[nodiscard]] std::string encode_renamed(const RenamedRow& renamed);
[[nodiscard]] Result<RenamedRow> decode_renamed(std::string_view row);

/// Whose turn it is to collect.
struct CollectorRow {
  std::uint64_t holder = 0;
  WallTime until;
};
/// The row's value, in the newest format.
[[nodiscard]] std::string encode_collector(const CollectorRow& collector);
[[nodiscard]] Result<CollectorRow> decode_collector(std::string_view row);

/// How far the lifecycle of all buckets came (lifecycle_runner.h).
struct LifecycleRow {
  WallTime ended;           ///< When the last pass over all buckets was over.
  bool under_way = false;   ///< A pass is, and got here:
  std::string bucket;       ///< names before this one are done;
  bool in_uploads = false;  ///< of this one versions are done,
  std::string after;        ///< and rows of keys, or of uploads, before this.
  friend bool operator==(const LifecycleRow&, const LifecycleRow&) = default;
};
/// The row's value, in the newest format.
[[nodiscard]] std::string encode_lifecycle(const LifecycleRow& place);
[[nodiscard]] Result<LifecycleRow> decode_lifecycle(std::string_view row);

/// A dropped bucket's row says when, and what it was called, for people.
[[nodiscard]] std::string encode_dropped(WallTime when, std::string_view name);

/// A setting of a bucket.
[[nodiscard]] std::string encode_setting(std::string_view value);
[[nodiscard]] Result<std::string> decode_setting(std::string_view row);

/// A needle or manifest that lost a name.
struct DeadRow {
  std::uint64_t size_bytes = 0;  ///< Of its body, for reports.
  bool shared = false;           ///< Whether it has other names stands in its count.
  bool manifest = false;         ///< As the file id in the row's key says.
  friend bool operator==(const DeadRow&, const DeadRow&) = default;
};
/// The row's value, in the oldest format that can say it.
[[nodiscard]] std::string encode_dead(const DeadRow& dead);
[[nodiscard]] Result<DeadRow> decode_dead(std::string_view row);

/// A set of annotations that no version names.
struct LooseSetRow {
  bool staged = false;  ///< One may name it yet; else it is to be taken apart.
  WallTime since;       ///< When it was made, or when its version went.
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;  ///< As Annotations::bytes.
  friend bool operator==(const LooseSetRow&, const LooseSetRow&) = default;
};
/// The row's value, in the newest format.
[[nodiscard]] std::string encode_loose_set(const LooseSetRow& loose);
[[nodiscard]] Result<LooseSetRow> decode_loose_set(std::string_view row);

/// The row of an event; its place is in the key.
[[nodiscard]] std::string encode_event(const ObjectEvent& event);
[[nodiscard]] Result<ObjectEvent> decode_event(std::string_view row);
/// A row that holds one number: the next id to lease, which journal there is, the last number of a
/// stream of events or of the journal that was cut off. `what`: the row, for errors.
[[nodiscard]] std::string encode_number(std::uint64_t number);
[[nodiscard]] Result<std::uint64_t> decode_number(std::string_view row, std::string_view what);

/// The key floor.
[[nodiscard]] std::string encode_key_floor(NeedleKey floor);
[[nodiscard]] Result<NeedleKey> decode_key_floor(std::string_view row);

/// Appends what guards an inline body in its row: a CRC-32C over the body and its id.
void seal_body(std::uint64_t inline_id, std::string& body);
/// Checks the guard and takes it off. kCorruption, naming the id.
[[nodiscard]] Result<void> open_body(std::uint64_t inline_id, std::string& row);

}  // namespace kelp
