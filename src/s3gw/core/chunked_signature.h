#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "s3gw/s3_error.h"

// The aws-chunked body: `size;chunk-signature=…` CRLF data CRLF, a chunk of size 0, trailers.
// Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
// Chunks" and "… with trailing headers" of the S3 API reference.

namespace kelp::s3 {

/// What the signature of each chunk is computed from. Owns its parts: it outlives the request head.
struct ChunkSigning {
  Sha256 signing_key{};
  std::string date;            ///< As signed, "20130524T000000Z".
  std::string scope;           ///< "20130524/us-east-1/s3/aws4_request".
  std::string seed_signature;  ///< The request's own, 64 hex digits.
};

/// The signature of a chunk over `data_hash`, following `previous`.
[[nodiscard]] std::string chunk_signature(const ChunkSigning& signing, std::string_view previous,
                                          const Sha256& data_hash);
/// The signature of the trailers, given as "name:value\n" each.
[[nodiscard]] std::string trailer_signature(const ChunkSigning& signing, std::string_view previous,
                                            std::string_view trailers);

/// What a chunked body must be.
struct ChunkedSpec {
  std::uint64_t decoded_bytes = 0;         ///< x-amz-decoded-content-length.
  std::optional<ChunkSigning> signing;     ///< Given: every chunk is signed.
  bool trailers_allowed = false;           ///< One of the -TRAILER modes.
  std::vector<std::string> trailer_names;  ///< Announced in x-amz-trailer, lower-case.
};

/// Decodes an aws-chunked body in place, as it arrives, and verifies what is signed: a chunk's
/// signature when the chunk ends, so data may be returned before it is proven; nothing counts until
/// finish() succeeds. Feeding byte by byte gives the same as feeding all at once. After an error
/// every further call gives the same error. Movable between threads; used by one at a time.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(ChunkedSpec spec);

  /// Takes the next bytes of the body. Returns their data: a part of `raw`, moved together within
  /// it.
  /// Errors  IncompleteBody (framing, or more data than announced), InvalidChunkSizeError (a chunk
  ///         under 8 KiB that is not the last), SignatureDoesNotMatch, MalformedTrailerError.
  [[nodiscard]] S3Result<MutableByteSpan> feed(MutableByteSpan raw);

  /// Call at the end of the body. IncompleteBody when it ends early or is not of the announced
  /// length; MalformedTrailerError when an announced trailer or its signature is missing.
  [[nodiscard]] S3Result<void> finish();

  /// The trailers received, lower-case names, without the signature. Proven after finish() only.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& trailers() const {
    return trailers_;
  }
  [[nodiscard]] std::uint64_t decoded_bytes() const { return decoded_bytes_; }

 private:
  enum class State { kHeader, kData, kDataEnd, kTrailer, kDone };

  S3Result<bool> take_line(std::string_view& rest);
  S3Result<void> begin_chunk();
  S3Result<void> end_data();
  S3Result<void> take_data_end(std::string_view& rest);
  S3Result<void> take_trailer();
  S3Result<void> check_trailers();
  [[nodiscard]] S3Error incomplete() const;

  ChunkedSpec spec_;
  State state_ = State::kHeader;
  std::string line_;  // the line so far, without its end
  std::uint64_t chunk_number_ = 0;
  std::uint64_t chunk_bytes_ = 0;  // of the current data chunk
  std::uint64_t chunk_left_ = 0;
  std::uint64_t decoded_bytes_ = 0;
  int data_end_seen_ = 0;
  std::optional<Digest> hash_;
  std::string claimed_;   // the current chunk's signature as sent
  std::string previous_;  // the last signature proven
  std::vector<std::pair<std::string, std::string>> trailers_;
  std::optional<std::string> trailer_signature_;
  bool bare_line_ = false;    // line_ ended with a line feed alone
  bool bare_before_ = false;  // the trailer before this line did
  bool may_end_ = false;      // trailers ended as MinIO's SDKs end them
  std::optional<S3Error> failed_;
};

}  // namespace kelp::s3
