#include "s3gw/core/sigv4.h"

#include <gtest/gtest.h>

#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

std::string canonical_path(std::string_view raw, EncodedSlash slash = EncodedSlash::kKept) {
  std::string out;
  return append_uri_canonical(raw, UriPart::kPath, slash, out) ? out : "refused";
}

std::string canonical_of(const SigV4Request& request) {
  std::string out;
  const auto ok = append_canonical_request(request, EncodedSlash::kKept, out);
  return ok ? out : std::string(text_of(ok.error().code).code);
}

TEST(SigV4Path, EncodesEachByteOnceAndNormalisesNothing) {
  EXPECT_EQ(canonical_path("/a b"), "/a%20b");
  EXPECT_EQ(canonical_path("/a%20b"), "/a%20b");
  EXPECT_EQ(canonical_path("/a+b"), "/a%2Bb");
  EXPECT_EQ(canonical_path("/a//b/../c/."), "/a//b/../c/.");
  EXPECT_EQ(canonical_path("/%7Etilde%2e"), "/~tilde.");
  EXPECT_EQ(canonical_path("/%c3%a9"), "/%C3%A9");
  EXPECT_EQ(canonical_path("/\xc3\xa9(x)"), "/%C3%A9%28x%29");
  EXPECT_EQ(canonical_path("/a%252Fb"), "/a%252Fb");
  EXPECT_EQ(canonical_path("/a%2fb"), "/a%2Fb");
  EXPECT_EQ(canonical_path("/a%2fb", EncodedSlash::kDecoded), "/a/b");
}

TEST(SigV4Path, RefusesBrokenEscapes) {
  for (const char* raw : {"/%", "/%4", "/%zz", "/a%2", "/%%41", "/%-1"}) {
    EXPECT_EQ(canonical_path(raw), "refused") << raw;
  }
}

TEST(SigV4Query, SortsByNameThenValueAndKeepsEverything) {
  const std::vector<HttpHeader> headers = {{"Host", "h"}};
  const SigV4Request request{.method = "GET",
                             .path = "/",
                             .query = "x-id=List&b=2&a-b=0&b=1&a=%2f+&acl&&X-Amz-Signature=beef",
                             .headers = headers,
                             .signed_headers = "host",
                             .payload_hash = "UNSIGNED-PAYLOAD"};
  EXPECT_EQ(canonical_of(request),
            "GET\n/\na=%2F%20&a-b=0&acl=&b=1&b=2&x-id=List\nhost:h\n\nhost\nUNSIGNED-PAYLOAD");
}

TEST(SigV4Headers, JoinsRepeatedOnesAndCollapsesSpace) {
  const std::vector<HttpHeader> headers = {
      {"X-Amz-Meta-A", "  one   two\t three "}, {"HOST", "h"}, {"x-amz-meta-a", "four"}};
  const SigV4Request request{.method = "PUT",
                             .path = "/",
                             .query = "",
                             .headers = headers,
                             .signed_headers = "host;x-amz-meta-a",
                             .payload_hash = "-"};
  EXPECT_EQ(canonical_of(request),
            "PUT\n/\n\nhost:h\nx-amz-meta-a:one two three,four\n\nhost;x-amz-meta-a\n-");
}

TEST(SigV4Credential, IsReadFromTheRight) {
  SigV4Scope scope;
  ASSERT_TRUE(parse_credential("a/key/20130524/eu-1/s3/aws4_request", scope));
  EXPECT_EQ(scope.access_key, "a/key");
  EXPECT_EQ(scope.date, "20130524");
  EXPECT_EQ(scope.region, "eu-1");
  EXPECT_EQ(scope.service, "s3");
  EXPECT_EQ(scope.terminal, "aws4_request");
  EXPECT_EQ(scope.text, "20130524/eu-1/s3/aws4_request");
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("a/b/c/d"), std::string("/1/2/3/4"),
        std::string("a/1//3/4"), std::string("a/1/2/3/"), "a/1/" + std::string(65, 'r') + "/s3/x",
        std::string(129, 'k') + "/1/2/3/4"}) {
    EXPECT_FALSE(parse_credential(text, scope)) << text;
  }
}

TEST(SigV4Authorization, TakesAnyOrderAndSpacing) {
  const auto claim = parse_authorization(
      "AWS4-HMAC-SHA256 Signature=ab,SignedHeaders=host ,  Credential=k/d/r/s3/aws4_request");
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->signature, "ab");
  EXPECT_EQ(claim->signed_headers, "host");
  EXPECT_EQ(claim->scope.access_key, "k");
}

TEST(SigV4Authorization, RefusesMissingRepeatedAndUnknownParts) {
  for (const char* text :
       {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=k/d/r/s3/aws4_request",
        "AWS4-HMAC-SHA256 Credential=k/d/r/s3/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=k/d/r/s3/aws4_request, SignedHeaders=host, Signature=",
        "AWS4-HMAC-SHA256 Credential=k/d/r/s3/x, SignedHeaders=host, Signature=a, Signature=b",
        "AWS4-HMAC-SHA256 Credential=k/d/r/s3/x, SignedHeaders=host, Signature=a, Evil=b",
        "AWS4-HMAC-SHA256 Credential=k, SignedHeaders=host, Signature=a"}) {
    EXPECT_EQ(code_of(parse_authorization(text)), "AuthorizationHeaderMalformed") << text;
  }
}

}  // namespace
}  // namespace kelp::s3
