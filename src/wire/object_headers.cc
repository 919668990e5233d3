#include "wire/entry.h"
#include "wire/row_pieces.h"

namespace kelp {
namespace {

// Stored as their index plus 1 (encode_known). Only ever append.
constexpr std::string_view kContentTypes[] = {"application/octet-stream",
                                              "binary/octet-stream",
                                              "text/plain",
                                              "text/html",
                                              "text/css",
                                              "text/csv",
                                              "text/javascript",
                                              "application/javascript",
                                              "application/json",
                                              "application/xml",
                                              "text/xml",
                                              "application/pdf",
                                              "application/zip",
                                              "application/gzip",
                                              "application/x-gzip",
                                              "application/x-tar",
                                              "application/x-www-form-urlencoded",
                                              "image/jpeg",
                                              "image/png",
                                              "image/gif",
                                              "image/webp",
                                              "image/svg+xml",
                                              "image/avif",
                                              "image/tiff",
                                              "video/mp4",
                                              "video/webm",
                                              "video/mpeg",
                                              "audio/mpeg",
                                              "audio/ogg",
                                              "audio/wav",
                                              "application/x-parquet",
                                              "application/vnd.apache.parquet",
                                              "application/x-ndjson",
                                              "text/markdown",
                                              "application/wasm",
                                              "font/woff2",
                                              "application/x-directory",
                                              "application/x-directory; charset=UTF-8",
                                              "text/plain; charset=utf-8",
                                              "text/html; charset=utf-8",
                                              "application/x-sh",
                                              "text/x-python"};

using Pairs = std::vector<std::pair<std::string, std::string>>;

void encode_pairs(const Pairs& pairs, std::string& out) {
  ByteWriter to(out);
  to.varint(pairs.size());
  for (const auto& [name, value] : pairs) {
    to.text(name);
    to.text(value);
  }
}

Pairs decode_pairs(ByteReader& in) {
  Pairs pairs;
  const std::uint64_t count = in.varint();
  pairs.reserve(std::min<std::uint64_t>(count, in.remaining() / 2));
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    const std::string_view name = in.text();
    pairs.emplace_back(name, in.text());
  }
  return pairs;
}

// A byte: the mode, and the hold from its fourth bit on; then until when, with a mode.
void encode_lock(const ObjectLock& lock, std::string& out) {
  const auto mode = static_cast<unsigned>(lock.retention.mode);
  ByteWriter(out).fixed(static_cast<std::uint8_t>(mode | static_cast<unsigned>(lock.hold) << 4));
  if (mode != 0) encode_time(lock.retention.until, out);
}

ObjectLock decode_lock(ByteReader& in) {
  ObjectLock lock;
  const auto facts = in.fixed<std::uint8_t>();
  lock.retention.mode = RetentionMode{static_cast<std::uint8_t>(facts & 15)};
  lock.hold = LegalHold{static_cast<std::uint8_t>(facts >> 4)};
  if (lock.retention.mode != RetentionMode::kNone) lock.retention.until = decode_time(in);
  const bool known =
      lock.retention.mode <= RetentionMode::kCompliance && lock.hold <= LegalHold::kOn;
  if (!known || !lock.any()) spoil(in);
  return lock;
}

// A byte: the kind, and its fourth bit the bucket key; then texts: the key's id and the context of
// kKms, and the wrapped key.
constexpr std::uint8_t kBucketKey = 1 << 3;

void encode_encryption(const Encryption& encryption, std::string& out) {
  ByteWriter to(out);
  auto facts = static_cast<std::uint8_t>(encryption.kind);
  if (encryption.bucket_key) facts |= kBucketKey;
  to.fixed(facts);
  if (encryption.kind == EncryptionKind::kKms) {
    to.text(encryption.key_id);
    to.text(encryption.context);
  }
  to.text(encryption.wrapped_key);
}

Encryption decode_encryption(ByteReader& in) {
  Encryption encryption;
  const auto facts = in.fixed<std::uint8_t>();
  encryption.kind = EncryptionKind{static_cast<std::uint8_t>(facts & ~kBucketKey)};
  encryption.bucket_key = (facts & kBucketKey) != 0;
  const bool kms = encryption.kind == EncryptionKind::kKms;
  if (kms) {
    encryption.key_id = in.text();
    encryption.context = in.text();
  }
  encryption.wrapped_key = in.text();
  const bool known = encryption.any() && encryption.kind <= EncryptionKind::kCustomer;
  if (!known || encryption.wrapped_key.empty() || (encryption.bucket_key && !kms)) spoil(in);
  return encryption;
}

constexpr std::uint8_t kStandard = 1 << 0;
constexpr std::uint8_t kUser = 1 << 1;
constexpr std::uint8_t kTags = 1 << 2;
constexpr std::uint8_t kLock = 1 << 3;
constexpr std::uint8_t kAcl = 1 << 4;
constexpr std::uint8_t kEncryption = 1 << 5;
constexpr std::uint8_t kKnownParts = (1 << 6) - 1;

}  // namespace

// One byte says what follows, so that an object without any of it takes two bytes in all.
void encode_headers(const ObjectHeaders& headers, std::string& out) {
  encode_known(headers.content_type, kContentTypes, out);
  std::uint8_t parts = 0;
  if (!headers.standard.empty()) parts |= kStandard;
  if (!headers.user.empty()) parts |= kUser;
  if (!headers.tags.empty()) parts |= kTags;
  if (headers.lock.any()) parts |= kLock;
  if (!headers.acl.empty()) parts |= kAcl;
  if (headers.encryption.any()) parts |= kEncryption;
  ByteWriter(out).fixed(parts);
  if ((parts & kStandard) != 0) encode_pairs(headers.standard, out);
  if ((parts & kUser) != 0) encode_pairs(headers.user, out);
  if ((parts & kTags) != 0) encode_pairs(headers.tags, out);
  if ((parts & kLock) != 0) encode_lock(headers.lock, out);
  if ((parts & kAcl) != 0) ByteWriter(out).text(headers.acl);
  if ((parts & kEncryption) != 0) encode_encryption(headers.encryption, out);
}

ObjectHeaders decode_headers(ByteReader& in) {
  ObjectHeaders headers;
  headers.content_type = decode_known(kContentTypes, in);
  const auto parts = in.fixed<std::uint8_t>();
  if ((parts & ~kKnownParts) != 0) spoil(in);
  if ((parts & kStandard) != 0) headers.standard = decode_pairs(in);
  if ((parts & kUser) != 0) headers.user = decode_pairs(in);
  if ((parts & kTags) != 0) headers.tags = decode_pairs(in);
  if ((parts & kLock) != 0) headers.lock = decode_lock(in);
  if ((parts & kAcl) != 0) {
    headers.acl = in.text();
    if (headers.acl.empty()) spoil(in);
  }
  if ((parts & kEncryption) != 0) headers.encryption = decode_encryption(in);
  return headers;
}

}  // namespace kelp
