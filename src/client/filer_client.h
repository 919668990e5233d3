#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "wire/entry.h"

namespace kelp {

/// What must hold of the current version of a key for a write to happen; tested inside the commit.
struct WriteConditions {
  bool if_none_match_any = false;       ///< `If-None-Match: *`: no current version.
  std::optional<std::string> if_match;  ///< An ETag as etag_text() gives it, or "*".
};

struct PutObject {
  std::string bucket;
  std::string key;    ///< Bytes, 1 to 1,024.
  ObjectEntry entry;  ///< version, modified, and layout.inline_id are the filer's to fill.
  std::optional<std::string>
      inline_body;  ///< At most FilerClient::inline_limit_bytes(); then entry.layout is empty.
  WriteConditions conditions;
};

struct WriteOutcome {
  std::uint64_t version = 0;
  WallTime modified;
};

struct ObjectKey {
  std::string bucket;
  std::string key;
};

struct DeleteOutcome {
  bool existed = false;
};

struct FoundObject {
  BucketEntry bucket;
  ObjectEntry entry;
  std::optional<std::string> inline_body;  ///< When it was asked for and the layout is inline.
};

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
  std::string etag;  ///< etag_text().
  std::string owner_id;
  std::string storage_class;
  std::vector<ChecksumAlgorithm> checksum_algorithms;
  ChecksumType checksum_type = ChecksumType::kFullObject;
};

struct ListedPage {
  BucketEntry bucket;
  std::vector<ListedObject> objects;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next;  ///< When truncated: the start_after that carries on.
};

struct CreateUpload {
  std::string bucket;
  std::string key;
  std::string owner_id;
  ObjectHeaders headers;
  std::optional<ChecksumAlgorithm> checksum_algorithm;
  ChecksumType checksum_type = ChecksumType::kComposite;
};

struct UploadInfo {
  std::string upload_id;
  std::string key;
  std::string owner_id;
  WallTime created;
  ObjectHeaders headers;
  std::optional<ChecksumAlgorithm> checksum_algorithm;
  ChecksumType checksum_type = ChecksumType::kComposite;
};

struct UploadName {
  std::string bucket;
  std::string key;
  std::string upload_id;
};

struct PutPart {
  UploadName upload;
  std::uint32_t part_number = 0;  ///< 1 to 10,000.
  std::uint64_t size_bytes = 0;
  std::string md5;  ///< Raw, 16 bytes.
  std::vector<Checksum> checksums;
  std::vector<Chunk> chunks;  ///< Parts are never inline.
};

struct ListedPart {
  std::uint32_t part_number = 0;
  std::uint64_t size_bytes = 0;
  WallTime modified;
  std::string md5;
  std::vector<Checksum> checksums;
};

struct ListedParts {
  UploadInfo upload;
  std::vector<ListedPart> parts;
  bool truncated = false;
};

struct ListUploads {
  std::string bucket;
  std::string prefix;
  std::string delimiter;
  std::string key_marker;
  std::string upload_id_marker;
  std::uint32_t limit = 1000;
};

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

struct CompleteUpload {
  UploadName upload;
  std::vector<NamedPart> parts;
  WriteConditions conditions;
  std::optional<std::uint64_t> object_bytes;  ///< x-amz-mp-object-size, when sent.
  std::optional<Checksum>
      full_checksum;  ///< A FULL_OBJECT value that the client sent; must equal ours.
};

struct CompletedUpload {
  std::string etag;  ///< etag_text().
  std::uint64_t version = 0;
  std::vector<Checksum> checksums;
};

struct ListBuckets {
  std::string owner_id;  ///< Only this account's.
  std::string prefix;
  std::string start_after;
  std::uint32_t limit = 10'000;
};

struct ListedBuckets {
  std::vector<BucketEntry> buckets;
  bool truncated = false;
};

struct BucketUsage {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
};

/// The namespace, from whoever holds it: in process in `kelp server`, over rpc in a cluster. Every
/// call is one metadata commit or read. Safe from any io thread. Besides the errors named, all give
/// kUnavailable, kResourceExhausted, kIo and kCorruption. Reasons: kelp/error.h; calls that name a
/// bucket give kNotFound with kNoSuchBucket.
class FilerClient {
 public:
  virtual ~FilerClient() = default;

  /// Largest body that travels in the metadata commit; 0 when the engine takes none.
  [[nodiscard]] virtual std::uint64_t inline_limit_bytes() const = 0;

  /// kAlreadyExists with kBucketOwnedByYou or kBucketExists.
  virtual Task<Result<BucketEntry>> create_bucket(BucketEntry bucket) = 0;
  virtual Task<Result<BucketEntry>> get_bucket(std::string name) = 0;
  /// kConflict with kBucketNotEmpty while it holds an object or an upload.
  virtual Task<Result<void>> delete_bucket(std::string name) = 0;
  virtual Task<Result<ListedBuckets>> list_buckets(ListBuckets request) = 0;
  virtual Task<Result<BucketUsage>> bucket_usage(std::string name) = 0;

  /// Makes the object visible and queues what it replaced for deletion, in one commit.
  /// kPrecondition with kConditionFailed; kNotFound with kNoSuchKey for if_match without a current
  /// version; kConflict with kConditionConflict when other writers kept winning.
  virtual Task<Result<WriteOutcome>> put_object(PutObject request) = 0;
  /// kNotFound with kNoSuchKey.
  virtual Task<Result<FoundObject>> get_object(ObjectKey name, bool with_inline_body) = 0;
  virtual Task<Result<DeleteOutcome>> delete_object(ObjectKey name, WriteConditions conditions) = 0;
  /// One commit for all; outcomes in the order of `keys` (at most 1,000).
  virtual Task<Result<std::vector<Result<DeleteOutcome>>>> delete_objects(
      std::string bucket, std::vector<std::string> keys) = 0;
  virtual Task<Result<ListedPage>> list_objects(ListObjects request) = 0;

  virtual Task<Result<UploadInfo>> create_upload(CreateUpload request) = 0;
  /// kNotFound with kNoSuchUpload, as all that follow.
  virtual Task<Result<UploadInfo>> get_upload(UploadName name) = 0;
  virtual Task<Result<void>> put_part(PutPart request) = 0;
  virtual Task<Result<ListedParts>> list_parts(UploadName name, std::uint32_t after_part,
                                               std::uint32_t limit) = 0;
  virtual Task<Result<ListedUploads>> list_uploads(ListUploads request) = 0;
  virtual Task<Result<void>> abort_upload(UploadName name) = 0;
  /// Answers a repeated call of a finished upload as the first one (for 7 days). kInvalidArgument
  /// with kInvalidPart, kInvalidPartOrder or kPartTooSmall; conditions as put_object.
  virtual Task<Result<CompletedUpload>> complete_upload(CompleteUpload request) = 0;
};

}  // namespace kelp
