#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "wire/fid.h"

namespace kelp {

/// A stretch of an object's bytes in one needle.
struct Chunk {
  FileId fid;
  std::uint64_t size_bytes = 0;
  friend bool operator==(const Chunk&, const Chunk&) = default;
};

/// Where an object's bytes are: a row of the metadata store (small) or needles, in order. Empty
/// objects have neither.
struct Layout {
  std::uint64_t inline_id = 0;  ///< Row of the inline body; 0 for none. Never together with chunks.
  std::vector<Chunk> chunks;
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// Values are stored: never renumber.
enum class ChecksumAlgorithm : std::uint8_t {
  kCrc32 = 1,
  kCrc32c = 2,
  kCrc64Nvme = 3,
  kSha1 = 4,
  kSha256 = 5
};
enum class ChecksumType : std::uint8_t { kFullObject = 1, kComposite = 2 };

/// A checksum that a client sent and we verified, or that we computed for it.
struct Checksum {
  ChecksumAlgorithm algorithm{};
  ChecksumType type = ChecksumType::kFullObject;
  std::string value;             ///< Raw bytes, big-endian for the CRCs (as in their base64 form).
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
  ObjectHeaders headers;
  std::vector<Checksum> checksums;
  std::vector<PartInfo> parts;  ///< Multipart objects only.
  Layout layout;
  friend bool operator==(const ObjectEntry&, const ObjectEntry&) = default;
};

/// The row of a bucket.
struct BucketEntry {
  BucketId id;
  std::string name;
  std::string owner_id;
  std::string region;  ///< LocationConstraint as given; empty for us-east-1.
  WallTime created;
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
void encode_layout(const Layout& layout, std::string& out);
void encode_checksums(const std::vector<Checksum>& checksums, std::string& out);

}  // namespace kelp
