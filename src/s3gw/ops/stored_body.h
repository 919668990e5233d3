#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/call.h"
#include "s3gw/core/payload.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/request_body.h"

namespace kelp::s3 {

/// What a body became: proven, and durable where it is not inline.
struct StoredBody {
  PayloadResult result;
  std::optional<std::string> inline_body;
  std::vector<Chunk> chunks;
};

/// Reads the body of an object, `call.request.key` of `bucket`, to where objects of `storage_class`
/// (as in ObjectHeaders) lie, sealed with `key` when that is one. `sink` is
/// made when there are needles, and must live until the commit that names them has returned. What
/// can be refused was refused: the body is asked for here.
/// Errors  those of receive_whole() and receive_stream().
[[nodiscard]] Task<S3Result<StoredBody>> store_body(Call& call, PayloadSpec spec,
                                                    std::optional<NeedleSink>& sink,
                                                    BucketId bucket,
                                                    std::string_view storage_class = {},
                                                    BodyKey key = {});

/// How long an inline body may be whose stored form may have `limit_bytes`.
[[nodiscard]] std::uint64_t inline_plain_bytes(const BodyKey& key, std::uint64_t limit_bytes);

/// Makes `stored` the body of `request`: size, ETag, checksums, and where the bytes are.
void take_body(StoredBody stored, PutObject& request);

}  // namespace kelp::s3
