#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "s3gw/call.h"
#include "s3gw/core/payload.h"
#include "s3gw/ops/byte_sink.h"

namespace kelp::s3 {

/// What an operation wants to know of its body.
struct BodyNeeds {
  bool checksum_of_body = true;
  bool compute_md5 = true;
  std::optional<ChecksumAlgorithm> default_checksum;
};
/// The promises of the request's head about its body; see parse_payload_spec().
[[nodiscard]] S3Result<PayloadSpec> payload_spec(const Call& call, BodyNeeds needs);

/// EntityTooLarge, with its fields, when the data is larger than a part or object may be in one
/// request (5 GiB).
[[nodiscard]] S3Result<void> check_upload_size(const PayloadSpec& spec);

/// A body that is what it promised.
struct ReceivedBody {
  std::string data;
  PayloadResult result;
};

/// Reads a body into memory and verifies it; the caller bounds `spec.decoded_bytes`. Where the
/// length of the request is known, as of all but chunked ones (SDKs over https send these), it is
/// decoded in place. Errors as of receive_stream().
[[nodiscard]] Task<S3Result<ReceivedBody>> receive_whole(Call& call, PayloadSpec spec);

/// Reads a body of any length through two buffers of the pool: while one piece is hashed on a
/// worker and appended to `sink`, the next one is read. Nothing is proven before this returns.
/// SlowDown when no buffers are left.
[[nodiscard]] Task<S3Result<PayloadResult>> receive_stream(Call& call, PayloadSpec spec,
                                                           ByteSink& sink);

/// The verified body of a request whose body is XML, of at most `limit_bytes`; empty when there is
/// none. MaxMessageLengthExceeded.
[[nodiscard]] Task<S3Result<std::string>> read_request_xml(Call& call, std::size_t limit_bytes,
                                                           bool checksum_of_body = true);

}  // namespace kelp::s3
