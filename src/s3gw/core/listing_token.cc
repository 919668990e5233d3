#include "s3gw/core/listing_token.h"

#include "base/encoding.h"

namespace kelp::s3 {
namespace {
constexpr char kVersion = 1;
}

std::string make_listing_token(std::string_view start_after) {
  std::string bytes(1, kVersion);
  bytes += start_after;
  return base64_encode(bytes);
}

S3Result<std::string> read_listing_token(std::string_view token) {
  auto bytes = base64_decode(token);
  if (!bytes || bytes->empty() || bytes->front() != kVersion) {
    return std::unexpected(S3Error{S3Code::kInvalidArgument,
                                   "The continuation token provided is incorrect",
                                   {{"ArgumentName", "continuation-token"}}});
  }
  return bytes->substr(1);
}

}  // namespace kelp::s3
