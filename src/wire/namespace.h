#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/event_origin.h"

namespace kelp {

/// The number that stands for the null version where a version is named by its id.
inline constexpr std::uint64_t kNullVersion = 0;
/// By which id clients name a version: its number, or kNullVersion.
template <typename Entry>
[[nodiscard]] std::uint64_t version_id_of(const Entry& entry) {
  return entry.has_id ? entry.version : kNullVersion;
}
/// The same, nothing where clients are not told: in a bucket that never had versions.
[[nodiscard]] inline std::optional<std::uint64_t> shown_version_id(const BucketEntry& bucket,
                                                                   const ObjectEntry& entry) {
  if (bucket.versioning == Versioning::kNever) return std::nullopt;
  return version_id_of(entry);
}

/// What must hold of the current version of a key for a write to happen, or of the version that is
/// named; tested inside the commit. A delete marker counts as no version. And what the event of the
/// write says besides.
struct WriteConditions {
  bool if_none_match_any = false;       ///< `If-None-Match: *`: no current version.
  std::optional<std::string> if_match;  ///< An ETag as etag_text() gives it, or "*".
  /// Of a delete: what keeps a version is no retention in governance mode.
  bool bypass_governance = false;
  EventOrigin origin = {};
};

/// An object to make visible.
struct PutObject {
  std::string bucket;
  std::string key;    ///< Bytes, 1 to 1,024.
  ObjectEntry entry;  ///< version, modified, and layout.inline_id are the filer's to fill.
  std::optional<std::string>
      inline_body;  ///< At most FilerClient::inline_limit_bytes(); then entry.layout is empty.
  WriteConditions conditions;
};

/// What a write made.
struct WriteOutcome {
  std::uint64_t version = 0;
  WallTime modified;
  /// The id of the new version, or kNullVersion; nothing: the bucket never had versions.
  std::optional<std::uint64_t> version_id = {};
};

/// Names a version of a key.
struct ObjectKey {
  std::string bucket;
  std::string key;
  std::optional<std::uint64_t> version_id = {};  ///< Or kNullVersion; nothing: the current one.
};

/// An object to make visible whose needles, or some of them, are those of another one, too.
struct ShareObject {
  PutObject put;
  ObjectKey from;                  ///< Without a version id:
  std::uint64_t from_version = 0;  ///< the number of the version, as its entry was read.
};

/// A put over the current version of its key that keeps the needles of that one.
struct AppendObject {
  /// The whole object as it will be: entry.layout.chunks begins with all of the current version's;
  /// an inline body is all of it.
  PutObject put;
  std::uint64_t version = 0;  ///< The number of the current version, as its entry was read.
};

/// What makes a request that is sent again one that is done once.
struct IdempotencyToken {
  std::string id;      ///< The same of every sending, at most 64 bytes; empty: none.
  std::string digest;  ///< Of what is asked for.
};

/// An object that is to be found under another key.
struct RenameObject {
  ObjectKey from;                  ///< Without a version id: the current version.
  std::uint64_t from_version = 0;  ///< Its number, as its entry was read; 0: whatever it is.
  ObjectKey to;                    ///< The same; its bucket has the same owner.
  WriteConditions conditions;      ///< Of the current version of `to`.
  IdempotencyToken token = {};     ///< Of the bucket of `to`.
};

/// Asks for what a rename with a token did.
struct FindRename {
  std::string bucket;
  std::string token;  ///< IdempotencyToken::id.
};

/// A rename that happened, as long as it is remembered.
struct DoneRename {
  std::string digest;  ///< IdempotencyToken::digest; empty: none happened.
  WriteOutcome outcome = {};
};

/// Objects of a bucket whose keys are to begin otherwise.
struct RenamePrefix {
  std::string bucket;
  std::string from;            ///< Not empty.
  std::string to;              ///< Not empty; none of the two begins with the other.
  std::string start_after;     ///< Of keys with `from`, those up to and including this stay.
  std::uint32_t limit = 1000;  ///< At most so many objects, 1 to 1,000.
};

/// What rename_prefix did.
struct RenamedPrefix {
  std::uint64_t objects = 0;
  bool more = false;  ///< There may be more:
  std::string next;   ///< the start_after that carries on.
};

/// What a delete found, or made.
struct DeleteOutcome {
  bool existed = false;
  bool delete_marker = false;  ///< A delete marker was made; of a named version: it was one.
  /// The id of the marker that was made or of the version that was named, or kNullVersion; nothing
  /// in a bucket that never had versions.
  std::optional<std::uint64_t> version_id = {};
};

/// Keys of a bucket to delete, in one commit.
struct DeleteObjects {
  std::string bucket;
  std::vector<std::string> keys;  ///< At most 1,000.
  /// What ObjectKey::version_id is, for each of `keys`; empty: all name the current version.
  std::vector<std::optional<std::uint64_t>> version_ids = {};
  bool bypass_governance = false;  ///< WriteConditions::bypass_governance, for all of them.
  EventOrigin origin = {};         ///< WriteConditions::origin, for all of them.
};

/// What get_object answers.
struct FoundObject {
  BucketEntry bucket;
  ObjectEntry entry;
  std::optional<std::string> inline_body;  ///< When it was asked for and the layout is inline.
};

/// Asks for one page of a bucket's keys.
struct ListObjects {
  std::string bucket;
  std::string prefix;
  std::string delimiter;       ///< Empty: none.
  std::string start_after;     ///< Keys and common prefixes up to and including this are left out.
  std::uint32_t limit = 1000;  ///< Keys and common prefixes together, 0 to 1,000.
};

/// What a listing needs of an entry.
struct ListedObject {
  std::string key;
  std::uint64_t size_bytes = 0;
  WallTime modified;
  std::string etag;      ///< etag_text().
  std::string owner_id;  ///< Empty: the bucket's owner.
  std::string storage_class;
  std::vector<ChecksumAlgorithm> checksum_algorithms;
  ChecksumType checksum_type = ChecksumType::kFullObject;
};

/// A page of a listing, both parts in byte order.
struct ListedPage {
  BucketEntry bucket;
  std::vector<ListedObject> objects;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next;  ///< When truncated: the start_after that carries on.
};

/// Asks for one page of a bucket's versions.
struct ListVersions {
  std::string bucket;
  std::string prefix;
  std::string delimiter;   ///< Empty: none.
  std::string key_marker;  ///< Keys and common prefixes up to and including this are left out,
  /// but, with this, for the versions of the key that are older than the one of this id.
  std::optional<std::uint64_t> version_id_marker;
  std::uint32_t limit = 1000;  ///< Versions and common prefixes together, 0 to 1,000.
};

/// What a listing needs of a version.
struct ListedVersion {
  ListedObject object;  ///< Of a delete marker: key, modified and owner.
  std::uint64_t version_id = kNullVersion;
  bool is_latest = false;
  bool delete_marker = false;
};

/// A page of versions, by key and then the newest first, and of common prefixes in byte order.
struct ListedVersions {
  BucketEntry bucket;
  std::vector<ListedVersion> versions;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next_key;  ///< When truncated: the markers that carry on.
  std::optional<std::uint64_t> next_version_id;
};

/// A tag of a version.
struct Tag {
  std::string key;
  std::string value;
};

/// The tags that a version has from now on.
struct SetObjectTags {
  ObjectKey name;
  std::vector<Tag> tags;
  EventOrigin origin = {};
};

/// The grants that a version has from now on: ObjectHeaders::acl.
struct SetObjectAcl {
  ObjectKey name;
  std::string acl;
  EventOrigin origin = {};
};

/// What set_object_tags and set_object_acl answer.
struct TaggedVersion {
  /// Its id, or kNullVersion; nothing in a bucket that never had versions.
  std::optional<std::uint64_t> version_id;
};

/// How a version is locked from now on; what is not named stays.
struct SetObjectLock {
  ObjectKey name;
  std::optional<Retention> retention;  ///< Without a mode: none any more.
  std::optional<LegalHold> hold;
  bool bypass_governance = false;  ///< Retention in governance mode may be shortened and removed.
};

/// A multipart upload to begin.
struct CreateUpload {
  std::string bucket;
  std::string key;
  std::string owner_id;
  ObjectHeaders headers;
  std::optional<ChecksumAlgorithm> checksum_algorithm;
  ChecksumType checksum_type = ChecksumType::kComposite;
};

/// A multipart upload under way.
struct UploadInfo {
  std::string upload_id;
  std::string key;
  std::string owner_id;
  WallTime created;
  ObjectHeaders headers;
  std::optional<ChecksumAlgorithm> checksum_algorithm;
  ChecksumType checksum_type = ChecksumType::kComposite;
};

/// Names a multipart upload.
struct UploadName {
  std::string bucket;
  std::string key;
  std::string upload_id;
};

/// A part whose needles are written.
struct PutPart {
  UploadName upload;
  std::uint32_t part_number = 0;  ///< 1 to 10,000.
  std::uint64_t size_bytes = 0;
  std::string md5;  ///< Raw, 16 bytes.
  std::vector<Checksum> checksums;
  std::vector<Chunk> chunks;  ///< Parts are never inline.
};

/// A part whose needles, or some of them, are those of an object, too.
struct SharePart {
  PutPart put;
  ObjectKey from;                  ///< Without a version id:
  std::uint64_t from_version = 0;  ///< the number of the version, as its entry was read.
};

/// What a listing needs of a part.
struct ListedPart {
  std::uint32_t part_number = 0;
  std::uint64_t size_bytes = 0;
  WallTime modified;
  std::string md5;
  std::vector<Checksum> checksums;
};

/// A page of an upload's parts, by number.
struct ListedParts {
  UploadInfo upload;
  std::vector<ListedPart> parts;
  bool truncated = false;
};

/// Asks for one page of a bucket's uploads.
struct ListUploads {
  std::string bucket;
  std::string prefix;
  std::string delimiter;
  std::string key_marker;
  std::string upload_id_marker;
  std::uint32_t limit = 1000;
};

/// A page of a bucket's uploads.
struct ListedUploads {
  std::vector<UploadInfo> uploads;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next_key_marker;
  std::string next_upload_id_marker;
};

/// A part as the client names it in CompleteMultipartUpload.
struct NamedPart {
  std::uint32_t part_number = 0;
  std::string etag;  ///< Without quotes.
  std::vector<Checksum>
      checksums;  ///< Values the client repeated; they must equal the stored ones.
};

/// An upload to turn into an object.
struct CompleteUpload {
  UploadName upload;
  std::vector<NamedPart> parts;
  WriteConditions conditions;
  std::optional<std::uint64_t> object_bytes;  ///< x-amz-mp-object-size, when sent.
  std::optional<Checksum>
      full_checksum;  ///< A FULL_OBJECT value that the client sent; must equal ours.
};

/// What it became.
struct CompletedUpload {
  std::string etag;  ///< etag_text().
  std::uint64_t version = 0;
  std::vector<Checksum> checksums;
  std::optional<std::uint64_t> version_id = {};  ///< As WriteOutcome::version_id.
};

/// Asks for one page of an account's buckets.
struct ListBuckets {
  std::string owner_id;  ///< Only this account's; empty: of all accounts.
  std::string prefix;
  std::string start_after;
  std::uint32_t limit = 10'000;
};

/// A page of buckets, by name.
struct ListedBuckets {
  std::vector<BucketEntry> buckets;
  bool truncated = false;
};

/// What a bucket holds, by its counters: exact after every commit.
struct BucketUsage {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;         ///< Of objects, and of parts of uploads under way.
  std::int64_t upload_bytes = 0;  ///< Of `bytes`: of those parts.
  friend bool operator==(const BucketUsage&, const BucketUsage&) = default;
};

/// The most that a bucket may hold from now on; 0: no limit. What it holds already stays.
struct SetBucketQuota {
  std::string name;
  std::uint64_t max_bytes = 0;  ///< At most 2^62.
  std::uint64_t max_objects = 0;
};

/// Whether a bucket keeps older versions from now on.
struct SetBucketVersioning {
  std::string name;
  bool enabled = false;  ///< Else suspended: what there is stays, new versions are null.
};

/// From now on versions of a bucket can be locked, and are by default as `lock` says.
struct SetBucketLock {
  std::string name;
  BucketLock lock;  ///< Enabled.
};

/// The storage class of what is written to a bucket without one; empty: STANDARD.
struct SetBucketClass {
  std::string name;
  std::string storage_class;
};

/// A setting of a bucket that the filer only keeps, by its name: "tagging".
struct BucketSetting {
  std::string bucket;
  std::string name;
  std::optional<std::string> value;  ///< Nothing: it is not set. At most 1 MiB.
};

/// A body that is about to be sent: an object's, or a part's when `part_number` is not 0.
struct AskForRoom {
  std::string bucket;
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string upload_id;
  std::uint32_t part_number = 0;
};

}  // namespace kelp
