#include "s3gw/auth.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

std::string authorization(std::string_view signed_headers, std::string_view signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
         "SignedHeaders=" +
         std::string(signed_headers) + ",Signature=" + std::string(signature);
}

// The examples of "Signature Calculations for the Authorization Header: Transferring Payload in a
// Single Chunk".
TEST(AuthHeader, TakesTheDocumentedGetObject) {
  TestRequest request;
  request.target = "/test.txt";
  request.headers = {
      {"Host", "examplebucket.s3.amazonaws.com"},
      {"Authorization",
       authorization("host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")},
      {"Range", "bytes=0-9"},
      {"x-amz-content-sha256", std::string(kEmptyHash)},
      {"x-amz-date", "20130524T000000Z"}};
  const auto result = request.check("20130524T000000Z", "us-east-1");
  ASSERT_TRUE(result) << code_of(result);
  EXPECT_EQ(result->kind, AuthKind::kHeaderV4);
  EXPECT_EQ(result->credential->account.id, "abc");
  EXPECT_EQ(result->payload.mode, PayloadMode::kSigned);
}

TEST(AuthHeader, TakesTheDocumentedPutObjectDatedByItsDateHeader) {
  TestRequest request;
  request.method = "PUT";
  request.target = "/test$file.text";
  request.headers = {
      {"Host", "examplebucket.s3.amazonaws.com"},
      {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"Authorization",
       authorization("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}};
  EXPECT_EQ(code_of(request.check()), "");
}

TEST(AuthHeader, TakesTheDocumentedLifecycleAndListRequests) {
  TestRequest request;
  request.target = "/?lifecycle";
  request.headers = {
      {"Host", "examplebucket.s3.amazonaws.com"},
      {"Authorization",
       authorization("host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-content-sha256", std::string(kEmptyHash)}};
  EXPECT_EQ(code_of(request.check()), "");
  request.target = "/?max-keys=2&prefix=J";
  EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch");
  request.set("Authorization",
              authorization("host;x-amz-content-sha256;x-amz-date",
                            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
  EXPECT_EQ(code_of(request.check()), "");
}

TEST(AuthHeader, TakesWhatItSignsItself) {
  TestRequest request;
  request.target = "/b/a%20b//./..%2F+?x-id=GetObject&list-type=2&prefix=%C3%A9";
  request.sign();
  EXPECT_EQ(code_of(request.check()), "");
  EXPECT_EQ(code_of(request.check()), "") << "with the cached signing key";
}

TEST(AuthHeader, TakesAnEncodedSlashSignedEitherWay) {
  TestRequest request;
  request.target = "/bucket/a%2fb";
  request.sign();
  EXPECT_EQ(code_of(request.check()), "");
  request.target = "/bucket/a/b";
  request.sign();
  request.target = "/bucket/a%2Fb";
  EXPECT_EQ(code_of(request.check()), "");
  request.target = "/bucket/a%252Fb";
  EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch");
}

struct Alteration {
  const char* part;
  std::function<void(TestRequest&)> alter;
  const char* code;
};

// Every part that the signature covers, changed after signing.
TEST(AuthHeader, RefusesEveryAlteredPart) {
  const auto change_authorization = [](std::string_view from, std::string_view to) {
    return [=](TestRequest& request) {
      std::string& value = *request.find("Authorization");
      const std::size_t at = value.find(from);
      ASSERT_NE(at, std::string::npos) << from;
      value.replace(at, from.size(), to);
    };
  };
  const Alteration cases[] = {
      {"method", [](auto& r) { r.method = "DELETE"; }, "SignatureDoesNotMatch"},
      {"bucket", [](auto& r) { r.target = "/other/key?a=1&b=2"; }, "SignatureDoesNotMatch"},
      {"key", [](auto& r) { r.target = "/bucket/Key?a=1&b=2"; }, "SignatureDoesNotMatch"},
      {"parameter value", [](auto& r) { r.target = "/bucket/key?a=1&b=3"; },
       "SignatureDoesNotMatch"},
      {"parameter name", [](auto& r) { r.target = "/bucket/key?a=1&c=2"; },
       "SignatureDoesNotMatch"},
      {"parameter added", [](auto& r) { r.target += "&acl"; }, "SignatureDoesNotMatch"},
      {"parameter removed", [](auto& r) { r.target = "/bucket/key?a=1"; }, "SignatureDoesNotMatch"},
      {"host", [](auto& r) { r.set("Host", "localhost:8334"); }, "SignatureDoesNotMatch"},
      {"header value", [](auto& r) { r.set("x-amz-meta-a", "2"); }, "SignatureDoesNotMatch"},
      {"header repeated", [](auto& r) { r.headers.emplace_back("x-amz-meta-a", "1"); },
       "SignatureDoesNotMatch"},
      {"header removed", [](auto& r) { r.remove("x-amz-meta-a"); }, "SignatureDoesNotMatch"},
      {"header added", [](auto& r) { r.set("x-amz-acl", "public-read"); }, "AccessDenied"},
      {"time", [](auto& r) { r.set("x-amz-date", "20130524T000001Z"); }, "SignatureDoesNotMatch"},
      {"day", [](auto& r) { r.set("x-amz-date", "20130525T000000Z"); },
       "AuthorizationHeaderMalformed"},
      {"payload hash", [](auto& r) { r.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD"); },
       "SignatureDoesNotMatch"},
      {"scope date", change_authorization("20130524/", "20130523/"),
       "AuthorizationHeaderMalformed"},
      {"scope region", change_authorization("us-east-1", "us-east-2"), "SignatureDoesNotMatch"},
      {"scope service", change_authorization("/s3/", "/s4/"), "AuthorizationHeaderMalformed"},
      {"scope end", change_authorization("aws4_request", "aws5_request"),
       "AuthorizationHeaderMalformed"},
      {"access key", change_authorization("AKIAIOSFODNN7", "AKIAIOSFODNN8"), "InvalidAccessKeyId"},
      {"host not signed", change_authorization("SignedHeaders=host;", "SignedHeaders="),
       "AccessDenied"},
      {"one header less signed", change_authorization(";x-amz-meta-a", ""), "AccessDenied"},
      {"one more header signed", change_authorization("SignedHeaders=", "SignedHeaders=accept;"),
       "SignatureDoesNotMatch"},
      {"signed headers unsorted",
       change_authorization("host;x-amz-content-sha256", "x-amz-content-sha256;host"),
       "AuthorizationHeaderMalformed"},
      {"signed header twice", change_authorization("host;", "host;host;"),
       "AuthorizationHeaderMalformed"},
      {"signature cut", [](auto& r) { r.find("Authorization")->pop_back(); },
       "SignatureDoesNotMatch"},
      {"algorithm", change_authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
       "InvalidArgument"},
      {"broken path", [](auto& r) { r.target = "/bucket/%zz?a=1&b=2"; }, "InvalidURI"},
      {"broken query", [](auto& r) { r.target = "/bucket/key?a=%&b=2"; }, "InvalidURI"},
  };
  for (const Alteration& item : cases) {
    TestRequest request;
    request.target = "/bucket/key?a=1&b=2";
    request.set("x-amz-meta-a", "1");
    request.signed_headers += ";x-amz-meta-a";
    request.sign();
    ASSERT_EQ(code_of(request.check()), "") << item.part;
    item.alter(request);
    EXPECT_EQ(code_of(request.check()), item.code) << item.part;
  }
}

TEST(AuthHeader, FlipsOfTheSignatureAreAllRefused) {
  TestRequest request;
  request.sign();
  const std::string good = *request.find("Authorization");
  for (std::size_t i = good.size() - 64; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == '0' ? '1' : '0';
    request.set("Authorization", bad);
    ASSERT_EQ(code_of(request.check()), "SignatureDoesNotMatch") << i;
  }
}

TEST(AuthHeader, NamesTheRegionThatItExpects) {
  TestRequest request;
  request.sign();
  const auto result = request.check("20130524T000000Z", "eu-west-1");
  EXPECT_EQ(code_of(result), "AuthorizationHeaderMalformed");
  EXPECT_EQ(message_of(result),
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting "
            "'eu-west-1'");
  EXPECT_EQ(field_of(result, "Region"), "eu-west-1");
}

TEST(AuthHeader, AllowsFifteenMinutesEitherWay) {
  TestRequest request;
  request.set("x-amz-date", "20130524T120000Z");
  request.sign();
  EXPECT_EQ(code_of(request.check("20130524T121500Z")), "");
  EXPECT_EQ(code_of(request.check("20130524T114500Z")), "");
  EXPECT_EQ(code_of(request.check("20130524T121501Z")), "RequestTimeTooSkewed");
  EXPECT_EQ(code_of(request.check("20130524T114459Z")), "RequestTimeTooSkewed");
  EXPECT_EQ(field_of(request.check("20130524T121501Z"), "ServerTime"), "2013-05-24T12:15:01Z");
  EXPECT_EQ(field_of(request.check("20130524T121501Z"), "RequestTime"), "20130524T120000Z");
}

TEST(AuthHeader, ShowsWhatItSignedWhenTheSignatureIsWrong) {
  TestRequest request;
  request.sign();
  request.method = "PUT";
  const auto result = request.check();
  EXPECT_EQ(field_of(result, "AWSAccessKeyId"), kAccessKey);
  EXPECT_TRUE(field_of(result, "StringToSign").starts_with("AWS4-HMAC-SHA256\n20130524T000000Z\n"));
  EXPECT_TRUE(field_of(result, "StringToSignBytes").starts_with("41 57 53 34 2d "));
  EXPECT_EQ(field_of(result, "SignatureProvided").size(), 64U);
  EXPECT_TRUE(field_of(result, "CanonicalRequest").starts_with("PUT\n/bucket/key\n"));
  EXPECT_TRUE(field_of(result, "CanonicalRequestBytes").starts_with("50 55 54 0a "));
}

TEST(AuthHeader, RefusesWhatItDoesNotKnow) {
  TestRequest request;
  request.set("Authorization", "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=");
  EXPECT_EQ(code_of(request.check()), "InvalidRequest");
  EXPECT_EQ(message_of(request.check()),
            "The authorization mechanism you have provided is not supported. Please use "
            "AWS4-HMAC-SHA256.");
  request.set("Authorization", "Basic c2VjcmV0OnNlY3JldA==");
  EXPECT_EQ(message_of(request.check()), "Unsupported Authorization Type");
  EXPECT_EQ(field_of(request.check(), "ArgumentValue"), "Basic");
  request.set("Authorization", std::string(10'240, 'A'));
  EXPECT_EQ(code_of(request.check()), "InvalidArgument");
}

TEST(AuthHeader, RefusesAHugeAccessKeyAndAnUnknownOne) {
  TestRequest request;
  request.set("Authorization", "AWS4-HMAC-SHA256 Credential=" + std::string(10'240, 'K') +
                                   "/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, "
                                   "Signature=00");
  EXPECT_EQ(code_of(request.check()), "AuthorizationHeaderMalformed");
  request.set("Authorization",
              "AWS4-HMAC-SHA256 Credential=nobody/20130524/us-east-1/s3/aws4_request, "
              "SignedHeaders=host, Signature=00");
  EXPECT_EQ(code_of(request.check()), "InvalidAccessKeyId");
  EXPECT_EQ(field_of(request.check(), "AWSAccessKeyId"), "nobody");
}

TEST(AuthHeader, NeedsADateAndAPayloadHash) {
  TestRequest request;
  request.sign();
  request.set("x-amz-date", "yesterday");
  EXPECT_EQ(code_of(request.check()), "AccessDenied");
  request.remove("x-amz-date");
  EXPECT_EQ(message_of(request.check()),
            "AWS authentication requires a valid Date or x-amz-date header");

  TestRequest bare;
  bare.remove("x-amz-content-sha256");
  bare.signed_headers = "host;x-amz-date";
  bare.sign();
  EXPECT_EQ(code_of(bare.check()), "InvalidRequest");
  EXPECT_EQ(message_of(bare.check()),
            "Missing required header for this request: x-amz-content-sha256");
  for (const char* hash : {"E3B0", "STREAMING-MAGIC", "unsigned-payload"}) {
    TestRequest odd;
    odd.set("x-amz-content-sha256", hash);
    odd.sign();
    EXPECT_EQ(code_of(odd.check()), "InvalidArgument") << hash;
    EXPECT_EQ(field_of(odd.check(), "ArgumentValue"), hash);
  }
}

TEST(AuthHeader, TakesEveryPayloadModeAndGivesTheChunkContext) {
  const std::pair<const char*, PayloadMode> modes[] = {
      {"UNSIGNED-PAYLOAD", PayloadMode::kUnsigned},
      {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadMode::kStreamingSigned},
      {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadMode::kStreamingSignedTrailer},
      {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadMode::kStreamingUnsignedTrailer}};
  for (const auto& [text, mode] : modes) {
    TestRequest request;
    request.set("x-amz-content-sha256", text);
    request.sign();
    const auto result = request.check();
    ASSERT_TRUE(result) << text;
    EXPECT_EQ(result->payload.mode, mode);
    EXPECT_EQ(result->chunk_signing.has_value(), has_chunk_signatures(mode)) << text;
    if (!result->chunk_signing) continue;
    EXPECT_EQ(result->chunk_signing->scope, "20130524/us-east-1/s3/aws4_request");
    EXPECT_TRUE(request.find("Authorization")->ends_with(result->chunk_signing->seed_signature));
  }
}

TEST(AuthHeader, RefusesTokensAndRepeatedHeaders) {
  TestRequest request;
  request.set("x-amz-security-token", "FwoGZ");
  request.signed_headers += ";x-amz-security-token";
  request.sign();
  EXPECT_EQ(code_of(request.check()), "InvalidToken");

  TestRequest twice;
  twice.sign();
  twice.headers.push_back(twice.headers.back());
  EXPECT_EQ(code_of(twice.check()), "InvalidRequest");
}

TEST(AuthHeader, ATemporaryKeyNeedsItsTokenAndItsTime) {
  const WallTime now = at("20130524T000000Z");
  const auto ask = [now](const std::string& token, std::optional<WallTime> expires) {
    OneCredential store;
    store.credential.session_token = "FwoGZ";
    store.credential.expires = expires;
    TestRequest request;
    if (!token.empty()) {
      request.set("x-amz-security-token", token);
      request.signed_headers += ";x-amz-security-token";
    }
    request.sign();
    const auto lines = request.views();
    const auto result = authenticate({.method = request.method,
                                      .target = request.target,
                                      .headers = lines,
                                      .virtual_bucket = {}},
                                     store, now, {});
    return result ? std::string("ok") : std::string(text_of(result.error().code).code);
  };
  EXPECT_EQ(ask("FwoGZ", std::nullopt), "ok");
  EXPECT_EQ(ask("FwoGZ", now + std::chrono::nanoseconds(1)), "ok");
  EXPECT_EQ(ask("FwoGZ", now), "ExpiredToken");
  EXPECT_EQ(ask("FwoGz", now + std::chrono::hours(1)), "InvalidToken");
  EXPECT_EQ(ask("FwoG", now + std::chrono::hours(1)), "InvalidToken");
  EXPECT_EQ(ask("", now + std::chrono::hours(1)), "InvalidToken");
  EXPECT_EQ(ask(std::string(16'385, 'F'), std::nullopt), "InvalidToken");
}

TEST(AuthHeader, OtherServicesSignTheirNameAndTheBody) {
  const auto ask = [](const std::string& scope, const AuthOptions& options) {
    TestRequest request;
    request.method = "POST";
    request.target = "/";
    request.scope = scope;
    request.set("x-amz-content-sha256", std::string(64, 'a'));
    request.sign();
    // What the header says of the body is signed and does not count.
    const auto lines = request.views();
    const OneCredential store;
    const auto result = authenticate({.method = request.method,
                                      .target = request.target,
                                      .headers = lines,
                                      .virtual_bucket = {}},
                                     store, at("20130524T000000Z"), options);
    return result ? std::string("ok") : std::string(text_of(result.error().code).code);
  };
  const std::string iam = "20130524/us-east-1/iam/aws4_request";
  const AuthOptions options{.region = {}, .service = "iam", .payload_hash = std::string(64, 'a')};
  EXPECT_EQ(ask(iam, options), "ok");
  EXPECT_EQ(ask(iam, {}), "AuthorizationHeaderMalformed");
  EXPECT_EQ(ask("20130524/us-east-1/sts/aws4_request", options), "AuthorizationHeaderMalformed");
  AuthOptions other = options;
  other.payload_hash = std::string(64, 'b');
  EXPECT_EQ(ask(iam, other), "SignatureDoesNotMatch");
}

TEST(AuthHeader, ForgetsAKeyWhenItsSecretChanges) {
  TestRequest request;
  request.sign();
  const auto lines = request.views();
  const AuthRequest plain{
      .method = request.method, .target = request.target, .headers = lines, .virtual_bucket = {}};
  OneCredential store;
  EXPECT_EQ(code_of(authenticate(plain, store, at("20130524T000000Z"), {})), "");
  store.credential.secret_key = "changed";
  EXPECT_EQ(code_of(authenticate(plain, store, at("20130524T000000Z"), {})),
            "SignatureDoesNotMatch");
  store.credential.secret_key = "";
  EXPECT_EQ(code_of(authenticate(plain, store, at("20130524T000000Z"), {})), "InvalidAccessKeyId");
}

TEST(AuthAnonymous, IsReportedAndNotDecided) {
  TestRequest request;
  request.headers = {{"Host", "localhost"}};
  const auto result = request.check();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->kind, AuthKind::kAnonymous);
  EXPECT_EQ(result->credential, nullptr);
  request.set("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  EXPECT_EQ(code_of(request.check()), "AccessDenied");
}

TEST(AuthBoth, HeaderAndQueryTogetherAreRefused) {
  TestRequest request;
  request.sign();
  for (const char* query :
       {"?X-Amz-Signature=00", "?X-Amz-Algorithm=x", "?Signature=x", "?a=1&AWSAccessKeyId=k"}) {
    request.target = "/bucket/key" + std::string(query);
    const auto result = request.check();
    EXPECT_EQ(code_of(result), "InvalidArgument") << query;
    EXPECT_TRUE(message_of(result).starts_with("Only one auth mechanism allowed;"));
  }
}

}  // namespace
}  // namespace kelp::s3
