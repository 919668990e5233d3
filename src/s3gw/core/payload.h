#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/http_header.h"
#include "crypto/md5.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/chunked_signature.h"
#include "s3gw/core/payload_mode.h"
#include "s3gw/s3_error.h"
#include "wire/entry.h"

namespace kelp::s3 {

/// What the head of a request promises about its body, and what is to be computed of it.
struct PayloadSpec {
  PayloadClaim claim;
  std::uint64_t decoded_bytes = 0;  ///< Length of the data: what will be stored.
  bool is_length_limit = false;     ///< The data may be shorter than that: only its end tells.
  std::optional<ChunkSigning> chunk_signing;
  std::optional<std::string> content_md5;  ///< Raw, 16 bytes.
  std::optional<Checksum> checksum;        ///< The value of an x-amz-checksum-* header.
  /// The checksum that a trailer will bring.
  std::optional<ChecksumAlgorithm> trailer_checksum;
  /// What to compute when the client sent no checksum.
  std::optional<ChecksumAlgorithm> default_checksum;
  bool compute_md5 = true;
};

/// What parse_payload_spec() looks at.
struct PayloadHead {
  std::span<const HttpHeader> headers;  ///< Hoisted query parameters included.
  std::optional<std::uint64_t> content_length;
  PayloadClaim claim;                         ///< Authenticated::payload.
  std::optional<ChunkSigning> chunk_signing;  ///< Authenticated::chunk_signing.
  /// False when x-amz-checksum-* speak of something else than this body (CompleteMultipartUpload:
  /// of the object).
  bool checksum_of_body = true;
  bool compute_md5 = true;  ///< Also without Content-MD5: the ETag.
  /// What to compute when the client sent none: CRC64NVME for objects; nothing for XML.
  std::optional<ChecksumAlgorithm> default_checksum;
};

/// Checks everything that the headers alone can tell, before a byte of the body is read.
/// Errors  MissingContentLength (none, or a decoded length that is no number), InvalidDigest
///         (Content-MD5 is not base64 of 16 bytes), InvalidRequest (checksum headers: several,
///         unknown, malformed, or an announced algorithm without a value; trailers without a
///         trailer mode).
[[nodiscard]] S3Result<PayloadSpec> parse_payload_spec(const PayloadHead& head);

/// What came out of a body that is what it promised.
struct PayloadResult {
  std::string md5;                  ///< Raw, 16 bytes; empty when it was not computed.
  std::vector<Checksum> checksums;  ///< The client's verified one, or the default: at most one.
  std::uint64_t decoded_bytes = 0;
};

/// Decodes and verifies a body as it arrives. Meant for a worker thread: it owns all it needs,
/// never waits, and may be moved from thread to thread between calls.
///
/// Data is returned before it is proven (a hash is known at the end only): nothing may become
/// visible before finish() has succeeded.
class PayloadDecoder {
 public:
  explicit PayloadDecoder(PayloadSpec spec);

  /// Takes the next bytes as read from the connection; returns the data among them, a part of `raw`
  /// that was moved together within it.
  /// Errors  as ChunkedDecoder::feed(); IncompleteBody for more than was announced.
  [[nodiscard]] S3Result<MutableByteSpan> feed(MutableByteSpan raw);
  /// feed() in steps, for those who compute the MD5 of many bodies at once: decode(), then update
  /// md5() and add() with what that returned.
  [[nodiscard]] S3Result<MutableByteSpan> decode(MutableByteSpan raw);
  /// Null when no MD5 is wanted. Moves with this.
  [[nodiscard]] Md5* md5() { return md5_ ? &*md5_ : nullptr; }
  /// Takes decoded bytes into every hash but the MD5.
  void add(ByteSpan data);

  /// Call once, at the end of the body.
  /// Errors  IncompleteBody, XAmzContentSHA256Mismatch, BadDigest (Content-MD5 or a checksum),
  ///         InvalidRequest (a trailer's value is malformed), MalformedTrailerError,
  ///         SignatureDoesNotMatch.
  [[nodiscard]] S3Result<PayloadResult> finish();

  [[nodiscard]] const PayloadSpec& spec() const { return spec_; }

 private:
  [[nodiscard]] S3Result<void> check_sha256();
  [[nodiscard]] S3Result<void> check_md5(const std::string& md5) const;
  [[nodiscard]] S3Result<std::optional<Checksum>> check_checksum();

  PayloadSpec spec_;
  std::optional<ChunkedDecoder> chunked_;
  std::optional<Md5> md5_;
  std::optional<Digest> sha256_;
  std::optional<ChecksumHasher> checksum_;
  std::uint64_t decoded_bytes_ = 0;
};

}  // namespace kelp::s3
