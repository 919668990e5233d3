#include "mount/core/signing.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kelp::mount {
namespace {

std::string header(const OutgoingRequest& request, std::string_view name) {
  const auto found =
      std::ranges::find(request.headers, name, &std::pair<std::string, std::string>::first);
  return found == request.headers.end() ? "" : found->second;
}

// The signature was computed by tools/kelpdev/s3.py for the same request.
TEST(MountSigning, SignsAsAnotherImplementationDoes) {
  OutgoingRequest request{.method = "GET",
                          .path = "/bucket/a%20b/%C3%A9",
                          .query = "list-type=2&prefix=x%2Fy",
                          .headers = {{"range", "bytes=0-9"}}};
  sign({.access_key = "AKIDEXAMPLE", .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
       "localhost:8333", std::chrono::sys_seconds(std::chrono::seconds(1369353600)), request);
  EXPECT_EQ(header(request, "host"), "localhost:8333");
  EXPECT_EQ(header(request, "x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(header(request, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(header(request, "authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=66a16477f88f1a10aef2115b3c89922dcf9db925014895c4c64b02cc13a7df59");
}

}  // namespace
}  // namespace kelp::mount
