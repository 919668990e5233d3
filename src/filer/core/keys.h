#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/fid.h"

namespace kelp {

/// First byte of the rows that hold inline bodies: the bulk prefix of RocksKv.
inline constexpr char kBulkPrefix = 'I';
/// First byte of the rows of the journal (core/journal_format.h), which hold bodies too.
inline constexpr char kJournalPrefix = 'J';
/// These two.
inline constexpr std::uint8_t kBulkPrefixes = 2;

/// The key space of the metadata store (docs/formats/metadata-keys.md). Every row's first byte says
/// its kind; integers in keys are big-endian, so that byte order is number order.
namespace keys {

/// The smallest key behind every key that begins with `prefix`; empty when there is none.
[[nodiscard]] std::string behind(std::string prefix);
/// Every row that begins with `prefix`.
[[nodiscard]] KvRange within(std::string prefix);
/// Every row but inline bodies and the journal.
[[nodiscard]] KvRange all_metadata();

/// The row of the bucket with this name.
[[nodiscard]] std::string bucket(std::string_view name);
/// The name in a bucket row's key.
[[nodiscard]] std::string_view bucket_name(std::string_view row_key);

/// The row of an object's current version; `key` is raw bytes and ends the row key.
[[nodiscard]] std::string object(BucketId bucket, std::string_view key);
struct ObjectRowKey {
  BucketId bucket;
  std::string_view key;  ///< Points into the row key.
};
/// kCorruption for anything that object() would not make.
[[nodiscard]] Result<ObjectRowKey> parse_object(std::string_view row_key);

/// What the rows of older versions and delete markers begin with, of keys with `key_prefix`.
[[nodiscard]] std::string versions_of(BucketId bucket, std::string_view key_prefix = {});
/// The same of one key: the newest first.
[[nodiscard]] std::string versions_of_key(BucketId bucket, std::string_view key);
/// The row of an older version or a delete marker; `version` is its number.
[[nodiscard]] std::string version(BucketId bucket, std::string_view key, std::uint64_t version);
struct VersionRowKey {
  BucketId bucket;
  std::string key;
  std::uint64_t version = 0;
};
/// kCorruption for anything that version() would not make.
[[nodiscard]] Result<VersionRowKey> parse_version(std::string_view row_key);

/// What the upload rows of `bucket` whose keys begin with `key_prefix` begin with.
[[nodiscard]] std::string uploads_of(BucketId bucket, std::string_view key_prefix = {});
/// What the rows of all uploads of one key begin with.
[[nodiscard]] std::string uploads_of_key(BucketId bucket, std::string_view key);
/// The row of an upload; its parts' rows follow it at once.
[[nodiscard]] std::string upload(BucketId bucket, std::string_view key, std::uint64_t upload_id);
/// `part_number` is 1 to 10,000.
[[nodiscard]] std::string part(std::string_view upload_row_key, std::uint32_t part_number);
/// The rows of an upload's parts behind `after_part`; 0 for all.
[[nodiscard]] KvRange parts_behind(std::string_view upload_row_key, std::uint32_t after_part);
struct UploadRowKey {
  BucketId bucket;
  std::string key;
  std::uint64_t upload_id = 0;
  std::uint32_t part_number = 0;     ///< 0 for the upload's own row.
  std::size_t upload_key_bytes = 0;  ///< Length of the upload's own row key.
};
/// Of an upload's own row or a part's. kCorruption for any other.
[[nodiscard]] Result<UploadRowKey> parse_upload(std::string_view row_key);

/// The chunks of a long stretch (core/manifest.h).
[[nodiscard]] std::string manifest(std::uint64_t id);
/// kCorruption for anything that manifest() would not make.
[[nodiscard]] Result<std::uint64_t> parse_manifest(std::string_view row_key);

/// What the rows of a set of annotations whose names begin with `prefix` begin with.
[[nodiscard]] std::string annotations_of(std::uint64_t set, std::string_view prefix = {});
/// The row of an annotation; `name` is raw bytes and ends the row key.
[[nodiscard]] std::string annotation(std::uint64_t set, std::string_view name);
struct AnnotationRowKey {
  std::uint64_t set = 0;
  std::string_view name;  ///< Points into the row key.
};
/// kCorruption for anything that annotation() would not make.
[[nodiscard]] Result<AnnotationRowKey> parse_annotation(std::string_view row_key);
/// That no version names a set of annotations: not yet, or not any more.
[[nodiscard]] std::string loose_set(std::uint64_t set);
/// kCorruption for anything that loose_set() would not make.
[[nodiscard]] Result<std::uint64_t> parse_loose_set(std::string_view row_key);

/// A needle or manifest that nothing names any more, since `since`.
[[nodiscard]] std::string dead(WallTime since, const FileId& fid);
/// The dead rows up to and including `until`.
[[nodiscard]] KvRange dead_until(WallTime until);
struct DeadRowKey {
  WallTime since;
  FileId fid;
};
/// kCorruption for anything that dead() would not make.
[[nodiscard]] Result<DeadRowKey> parse_dead(std::string_view row_key);

/// How many names a shared needle or manifest has besides one (core/shares.h).
[[nodiscard]] std::string share(const FileId& fid);
struct ShareRowKey {
  VolumeId volume;
  NeedleKey key;
};
/// kCorruption for anything that share() would not make.
[[nodiscard]] Result<ShareRowKey> parse_share(std::string_view row_key);

/// What a counter row sums up: bytes of objects and of parts of uploads, objects, or of those bytes
/// the ones of parts. The value stands in the row key.
enum class Counter : char { kBytes = 'b', kObjects = 'o', kUploadBytes = 'u' };
/// Counters are sums over their shards; a filer writes its own.
[[nodiscard]] std::string count(BucketId bucket, Counter what, std::uint8_t shard);
[[nodiscard]] KvRange counts_of(BucketId bucket);
struct CountRowKey {
  BucketId bucket;
  Counter what{};
  std::uint8_t shard = 0;
};
/// kCorruption for anything that count() would not make.
[[nodiscard]] Result<CountRowKey> parse_count(std::string_view row_key);

/// A setting of a bucket by its name.
[[nodiscard]] std::string setting(BucketId bucket, std::string_view name);
[[nodiscard]] KvRange settings_of(BucketId bucket);

/// That the bucket has targets of notifications (core/notify_rows.h).
[[nodiscard]] std::string notified(BucketId bucket);
/// The rows of all such buckets.
[[nodiscard]] KvRange all_notified();
/// kCorruption for anything that notified() would not make.
[[nodiscard]] Result<BucketId> parse_notified(std::string_view row_key);

/// What the rows of an event log begin with (core/event_log.h).
[[nodiscard]] std::string events_of(std::uint64_t log);
/// What the rows of one of its streams begin with.
[[nodiscard]] std::string event_stream(std::uint64_t log, std::uint64_t stream);
/// The row of an event; 0 of what says how far the stream was cut.
[[nodiscard]] std::string event(std::uint64_t log, std::uint64_t stream, std::uint64_t number);
struct EventRowKey {
  std::uint64_t log = 0;
  std::uint64_t stream = 0;
  std::uint64_t number = 0;
};
/// kCorruption for anything that event() would not make.
[[nodiscard]] Result<EventRowKey> parse_event(std::string_view row_key);

/// Which journal the store keeps, if it keeps one.
[[nodiscard]] std::string journal();
/// Up to where a stream of it was cut off.
[[nodiscard]] std::string journal_cut(std::uint64_t journal, std::uint64_t stream);
/// What the rows of a journal begin with.
[[nodiscard]] std::string journal_rows(std::uint64_t journal);
/// What the rows of one of its streams begin with.
[[nodiscard]] std::string journal_stream(std::uint64_t journal, std::uint64_t stream);
[[nodiscard]] std::string journal_row(std::uint64_t journal, std::uint64_t stream,
                                      std::uint64_t number);
struct JournalRowKey {
  std::uint64_t journal = 0;
  std::uint64_t stream = 0;
  std::uint64_t number = 0;  ///< 0 of a cut's row.
};
/// The key of an increment's `nth` row (from 1): not of a store's.
[[nodiscard]] std::string increment_row(std::uint64_t nth);
/// Of journal_row(). kCorruption for any other.
[[nodiscard]] Result<JournalRowKey> parse_journal_row(std::string_view row_key);
/// Of journal_cut(). kCorruption for any other.
[[nodiscard]] Result<JournalRowKey> parse_journal_cut(std::string_view row_key);

/// The answer of a completed upload.
[[nodiscard]] std::string finished(std::uint64_t upload_id);
/// The answer of a rename with that token.
[[nodiscard]] std::string renamed(BucketId bucket, std::string_view token);
/// A bucket that was dropped and whose rows still go (dropped_buckets.h).
[[nodiscard]] std::string dropped(BucketId bucket);
/// kCorruption for anything that dropped() would not make.
[[nodiscard]] Result<BucketId> parse_dropped(std::string_view row_key);
/// An inline body.
[[nodiscard]] std::string body(std::uint64_t inline_id);
[[nodiscard]] Result<std::uint64_t> parse_body(std::string_view row_key);
/// The next id that was never leased.
[[nodiscard]] std::string ids();
/// Which cluster's metadata this is, on an engine that others could use too.
[[nodiscard]] std::string cluster();
/// A load of the metadata is under way, or broke off (meta_copy.h).
[[nodiscard]] std::string loading();
/// Whose turn it is to collect (collector_turn.h).
[[nodiscard]] std::string collector();
/// What a job that goes on and on needs to know, by its name.
[[nodiscard]] std::string job(std::string_view name);
/// The key floor (core/key_floor.h).
[[nodiscard]] std::string key_floor();

// Everything of one kind begins with this byte.
inline constexpr char kIdentity = 'a';  ///< See filer_identities.h.
inline constexpr char kBucket = 'b';
inline constexpr char kCount = 'c';
inline constexpr char kDead = 'd';
inline constexpr char kEvent = 'e';
inline constexpr char kFinished = 'f';
inline constexpr char kLooseSet = 'g';
inline constexpr char kShare = 'h';
inline constexpr char kJob = 'j';
inline constexpr char kKeyFloor = 'k';
inline constexpr char kCollector = 'l';
inline constexpr char kCluster = 'm';
inline constexpr char kIds = 'n';
inline constexpr char kObject = 'o';
inline constexpr char kManifest = 'p';
inline constexpr char kLoading = 'q';
inline constexpr char kRenamed = 'r';
inline constexpr char kSetting = 's';
inline constexpr char kAnnotation = 't';
inline constexpr char kUpload = 'u';
inline constexpr char kVersion = 'v';
inline constexpr char kDropped = 'x';
inline constexpr char kJournal = 'y';

}  // namespace keys
}  // namespace kelp
