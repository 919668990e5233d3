#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "kelp/result.h"
#include "wire/encryption.h"
#include "wire/fid.h"
#include "wire/object_lock.h"

namespace kelp {

/// Stands for no volume: a file id in it names a manifest, by its number as the key.
inline constexpr VolumeId kManifests{0};

/// A stretch of an object's bytes: in one needle, or in those that a manifest lists.
struct Chunk {
  FileId fid;
  std::uint64_t size_bytes = 0;
  /// Others may name the needle or manifest too: how many is counted
  /// (docs/formats/metadata-keys.md). Only of the filer's rows; what it answers never says so.
  bool shared = false;
  [[nodiscard]] bool is_manifest() const { return fid.volume == kManifests; }
  friend bool operator==(const Chunk&, const Chunk&) = default;
};
/// Whether a manifest is among them.
[[nodiscard]] bool any_manifest(const std::vector<Chunk>& chunks);

/// Whether a list of chunks says of each whether it is shared. Rows do so only when one is: their
/// format 2.
enum class ChunkForm : std::uint8_t { kPlain, kWithShared };
/// The form that `chunks` need.
[[nodiscard]] ChunkForm form_of(const std::vector<Chunk>& chunks);

/// The annotations of a version: rows of their own, under the number of their set
/// (docs/adr/0026-annotations.md). A set is named by one version at most.
struct Annotations {
  std::uint64_t set = 0;       ///< Never used again; 0: there are none.
  std::uint32_t count = 0;     ///< From 1.
  std::uint64_t bytes = 0;     ///< Of their payloads; they count for the bucket as the object's do.
  std::uint64_t revision = 0;  ///< Another one after every change.
  friend bool operator==(const Annotations&, const Annotations&) = default;
};

/// Where an object's bytes are: a row of the metadata store (small) or needles, in order. Empty
/// objects have neither.
struct Layout {
  std::uint64_t inline_id = 0;  ///< Row of the inline body; 0 for none. Never together with chunks.
  std::vector<Chunk> chunks;
  Annotations annotations = {};  ///< What else lives and dies with the version.
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// Values are stored: never renumber.
enum class ChecksumAlgorithm : std::uint8_t {
  kCrc32 = 1,
  kCrc32c = 2,
  kCrc64Nvme = 3,
  kSha1 = 4,
  kSha256 = 5,
  kSha512 = 6,
  kMd5 = 7,
  kXxhash64 = 8,
  kXxhash3 = 9,  ///< 64 bits.
  kXxhash128 = 10
};
/// Of the whole object, or of its parts' checksums. Values are stored: never renumber.
enum class ChecksumType : std::uint8_t { kFullObject = 1, kComposite = 2 };

/// A checksum that a client sent and we verified, or that we computed for it.
struct Checksum {
  ChecksumAlgorithm algorithm{};
  ChecksumType type = ChecksumType::kFullObject;
  std::string value;  ///< Raw bytes, big-endian for CRCs and XXHASH (as in their base64 form).
  std::uint32_t part_count = 0;  ///< kComposite: the N of "value-N".
  friend bool operator==(const Checksum&, const Checksum&) = default;
};

/// One of the client's parts of a multipart object, in part order.
struct PartInfo {
  std::uint32_t part_number = 0;  ///< From 1.
  std::uint64_t size_bytes = 0;
  std::vector<Checksum> checksums;
  friend bool operator==(const PartInfo&, const PartInfo&) = default;
};

/// What a client may attach to an object.
struct ObjectHeaders {
  std::string content_type;  ///< Empty: none was sent.
  /// The other stored standard headers that were sent, by lower-case name: cache-control,
  /// content-disposition, content-encoding, content-language, expires,
  /// x-amz-website-redirect-location.
  std::vector<std::pair<std::string, std::string>> standard;
  /// User metadata: lower-case names without "x-amz-meta-".
  std::vector<std::pair<std::string, std::string>> user;
  std::string storage_class;  ///< Empty: STANDARD.
  std::vector<std::pair<std::string, std::string>> tags;
  ObjectLock lock;
  std::string acl;  ///< The grants, as the gateway wrote them; empty: the owner's alone.
  Encryption encryption;
  /// Whether one of the last two says something: rows of before could not.
  [[nodiscard]] bool guarded() const { return !acl.empty() || encryption.any(); }
  friend bool operator==(const ObjectHeaders&, const ObjectHeaders&) = default;
};

/// The current version of a key, or one of its older ones: what the metadata row holds.
struct ObjectEntry {
  std::uint64_t version = 0;  ///< Unique in the cluster and rising per key; given at the commit.
  WallTime modified;
  std::uint64_t size_bytes = 0;
  std::string etag;              ///< Raw: 16 bytes of MD5.
  std::uint32_t etag_parts = 0;  ///< 0: etag is the body's MD5; else the N of "md5(md5s)-N".
  std::string owner_id;          ///< Canonical id of the owning account.
  bool delete_marker = false;
  /// Made while the bucket had versions: its id is its number. Else its id is "null"; a key has at
  /// most one such version.
  bool has_id = false;
  /// Of the newest version of a key, when the null version is an older one: that one's number.
  std::uint64_t older_null = 0;
  ObjectHeaders headers;
  std::vector<Checksum> checksums;
  std::vector<PartInfo> parts;  ///< Multipart objects only.
  Layout layout;
  friend bool operator==(const ObjectEntry&, const ObjectEntry&) = default;
};

/// The most that a bucket may hold.
struct BucketQuota {
  std::uint64_t max_bytes = 0;    ///< Of objects and parts of uploads; 0: no limit.
  std::uint64_t max_objects = 0;  ///< 0: no limit.
  std::uint64_t id = 0;           ///< Another one each time the quota is set.
  [[nodiscard]] bool limits() const { return max_bytes != 0 || max_objects != 0; }
  friend bool operator==(const BucketQuota&, const BucketQuota&) = default;
};

/// Whether a bucket keeps older versions. Values are stored: never renumber.
enum class Versioning : std::uint8_t { kNever = 0, kEnabled = 1, kSuspended = 2 };

/// Whether and how long a bucket keeps its events (wire/events.h).
struct BucketEvents {
  std::uint32_t keep_seconds = 0;  ///< 0: it keeps none.
  std::uint64_t log = 0;           ///< Another one each time it is switched on; 0: none.
  friend bool operator==(const BucketEvents&, const BucketEvents&) = default;
};

/// The row of a bucket.
struct BucketEntry {
  BucketId id;
  std::string name;
  std::string owner_id;
  std::string region;  ///< LocationConstraint as given; empty for us-east-1.
  WallTime created;
  BucketQuota quota;
  Versioning versioning = Versioning::kNever;
  BucketEvents events;
  std::string storage_class;  ///< Of objects that are written without one; empty: STANDARD.
  BucketLock lock;
  friend bool operator==(const BucketEntry&, const BucketEntry&) = default;
};

/// The ETag as S3 writes it, without quotes: 32 hex digits, "-N" for multipart.
[[nodiscard]] std::string etag_text(const ObjectEntry& entry);

/// Row values (docs/formats/entry.md). Decoders answer kCorruption, or kUnimplemented for a newer
/// format, naming both versions.
[[nodiscard]] std::string encode_entry(const ObjectEntry& entry);
[[nodiscard]] Result<ObjectEntry> decode_entry(std::string_view row);
[[nodiscard]] std::string encode_bucket(const BucketEntry& bucket);
[[nodiscard]] Result<BucketEntry> decode_bucket(std::string_view row);

/// What a listing needs of an entry's row, without the rest of it and without an allocation. Views
/// point into the row, or at constants.
struct ListedEntry {
  std::uint64_t version = 0;
  WallTime modified;
  std::uint64_t size_bytes = 0;
  std::string_view etag;  ///< Raw.
  std::uint32_t etag_parts = 0;
  std::string_view owner;  ///< See owner_text().
  bool owner_is_packed = false;
  bool delete_marker = false;
  bool has_id = false;
  std::string_view storage_class;
  /// The algorithms of the first `checksum_count` checksums; an entry with more lists these.
  std::array<ChecksumAlgorithm, 5> checksum_algorithms{};
  std::uint8_t checksum_count = 0;
  ChecksumType checksum_type = ChecksumType::kFullObject;  ///< Of the first checksum.
};

/// Reads only the front of what encode_entry() wrote; errors as decode_entry(), for that part.
[[nodiscard]] Result<ListedEntry> decode_listed(std::string_view row);
/// The owner's id as it was given to encode_entry().
[[nodiscard]] std::string owner_text(const ListedEntry& entry);
/// etag_text() of the entry that the row holds.
[[nodiscard]] std::string etag_text(const ListedEntry& entry);

/// Raw length of a checksum: 4, 8, 20 or 32 bytes; 0 for a value that is no algorithm.
[[nodiscard]] std::size_t checksum_bytes(ChecksumAlgorithm algorithm);

// Pieces of rows, shared by every row and message that holds them (docs/formats/entry.md). The
// encoders append; the decoders latch the reader's failed() on bytes that no encoder makes.
void encode_layout(const Layout& layout, ChunkForm form, std::string& out);
[[nodiscard]] Layout decode_layout(ByteReader& in, ChunkForm form);
void encode_chunks(const std::vector<Chunk>& chunks, ChunkForm form, std::string& out);
[[nodiscard]] std::vector<Chunk> decode_chunks(ByteReader& in, ChunkForm form);
void encode_checksums(const std::vector<Checksum>& checksums, std::string& out);
[[nodiscard]] std::vector<Checksum> decode_checksums(ByteReader& in);
/// All but the storage class, which an entry keeps in its front.
void encode_headers(const ObjectHeaders& headers, std::string& out);
[[nodiscard]] ObjectHeaders decode_headers(ByteReader& in);
void encode_storage_class(std::string_view storage_class, std::string& out);
[[nodiscard]] std::string decode_storage_class(ByteReader& in);
/// An account's id: 64 lower-case hex digits take 33 bytes.
void encode_owner(std::string_view owner_id, std::string& out);
[[nodiscard]] std::string decode_owner(ByteReader& in);
void encode_time(WallTime time, std::string& out);
[[nodiscard]] WallTime decode_time(ByteReader& in);

}  // namespace kelp
