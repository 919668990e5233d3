#include "mount/core/signing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/encoding.h"
#include "crypto/digest.h"

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

struct PublishedExample {
  std::string method;
  std::string path;
  std::string query;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string signature;
};

// Source  Amazon S3 API Reference, "Signature Calculations for the Authorization Header:
//         Transferring Payload in a Single Chunk", its four examples.
TEST(MountSigning, SignsBodiesAsAmazonsExamplesDo) {
  const PublishedExample examples[] = {
      {"GET",
       "/test.txt",
       "",
       "",
       {{"range", "bytes=0-9"}},
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT",
       "/test%24file.text",
       "",
       "Welcome to Amazon S3.",
       {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET",
       "/",
       "lifecycle",
       "",
       {},
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"GET",
       "/",
       "max-keys=2&prefix=J",
       "",
       {},
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}};
  const SigningKeys keys{.access_key = "AKIAIOSFODNN7EXAMPLE",
                         .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
  for (const PublishedExample& example : examples) {
    OutgoingRequest request{.method = example.method,
                            .path = example.path,
                            .query = example.query,
                            .headers = example.headers,
                            .payload_hash = hex_encode(view(sha256(example.body)))};
    sign(keys, "examplebucket.s3.amazonaws.com",
         std::chrono::sys_seconds(std::chrono::seconds(1369353600)), request);
    EXPECT_TRUE(header(request, "authorization").ends_with("Signature=" + example.signature))
        << example.method << example.path << example.query;
    EXPECT_EQ(header(request, "x-amz-content-sha256"), request.payload_hash);
  }
}

}  // namespace
}  // namespace kelp::mount
