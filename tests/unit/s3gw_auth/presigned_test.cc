#include <gtest/gtest.h>

#include "s3gw/auth.h"
#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

struct Presigned {
  bool v2;
  bool has_headers;  // content-type, content-md5 and x-amz-meta-a are part of it
  const char* virtual_bucket;
  const char* method;
  const char* host;
  const char* target;
};

// What botocore 1.43 (boto3, AWS CLI) presigns for an hour on 2013-05-24T00:00:00Z: get_object with
// an overridden type and a version, put_object with type, MD5 and metadata, upload_part,
// list_objects_v2; by path and by host.
constexpr Presigned kByBotocore[] = {
    {.v2 = false,
     .has_headers = false,
     .virtual_bucket = "",
     .method = "GET",
     .host = "localhost:8333",
     .target = "/bucket/a%20b%2Bc/%C3%A9.txt?response-content-type=text%2Fplain%3B%20x&versionId=a"
               "bc&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F201305"
               "24%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=3600&"
               "X-Amz-SignedHeaders=host&X-Amz-Signature=78048a0a131aa1a9e9704e8ed80b7b1c26b25aa62"
               "4ef10a92203aa431db78c8d"},
    {.v2 = false,
     .has_headers = true,
     .virtual_bucket = "",
     .method = "PUT",
     .host = "localhost:8333",
     .target = "/bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2"
               "F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expire"
               "s=3600&X-Amz-SignedHeaders=content-md5%3Bcontent-type%3Bhost%3Bx-amz-meta-a&X-Amz-"
               "Signature=63348efd4d404aa04e44c26b0b9a7fdd92947ece83025a848d53bcc80b894f43"},
    {.v2 = false,
     .has_headers = false,
     .virtual_bucket = "",
     .method = "PUT",
     .host = "localhost:8333",
     .target = "/bucket/k?uploadId=U%2F%2B%3D&partNumber=3&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-"
               "Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-D"
               "ate=20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=e"
               "1335edee06bb07c665da4e1545c38be5e3111ee99d87825d7ce3d2d7827a9e0"},
    {.v2 = false,
     .has_headers = false,
     .virtual_bucket = "",
     .method = "GET",
     .host = "localhost:8333",
     .target = "/bucket?list-type=2&prefix=x%2Fy&encoding-type=url&X-Amz-Algorithm=AWS4-HMAC-SHA25"
               "6&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
               "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Sig"
               "nature=a1a75e9b7d68f416b7bb68a7ea08cb25cde3b8409b9672b791f797a55e87b367"},
    {.v2 = false,
     .has_headers = false,
     .virtual_bucket = "bucket",
     .method = "GET",
     .host = "bucket.s3.example.com",
     .target = "/a%20b%2Bc/%C3%A9.txt?response-content-type=text%2Fplain%3B%20x&versionId=abc&X-Am"
               "z-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus"
               "-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=3600&X-Amz-S"
               "ignedHeaders=host&X-Amz-Signature=bda5fd213e351330d32aff1022a4e6105f7260fd3ce845e1"
               "3cb8a3138a2ea179"},
    {.v2 = false,
     .has_headers = true,
     .virtual_bucket = "bucket",
     .method = "PUT",
     .host = "bucket.s3.example.com",
     .target = "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F201305"
               "24%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=3600&"
               "X-Amz-SignedHeaders=content-md5%3Bcontent-type%3Bhost%3Bx-amz-meta-a&X-Amz-Signatu"
               "re=4c909a04ba9cc92d0deb4e29951f181e722c99010f8b96d9cc0de1c6f4f7d4e4"},
    {.v2 = false,
     .has_headers = false,
     .virtual_bucket = "bucket",
     .method = "PUT",
     .host = "bucket.s3.example.com",
     .target = "/k?uploadId=U%2F%2B%3D&partNumber=3&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credent"
               "ial=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=201"
               "30524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=0969d41d"
               "be92fd2113b785bfb7956b256012c5318000d9bb38cd864dc02d1be3"},
    {.v2 = false,
     .has_headers = false,
     .virtual_bucket = "bucket",
     .method = "GET",
     .host = "bucket.s3.example.com",
     .target = "/?list-type=2&prefix=x%2Fy&encoding-type=url&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Am"
               "z-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz"
               "-Date=20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature"
               "=56b7028304dd9df1ff001d97cb098b99c40a7a3d41a96e02816139f00e548ea4"},
    {.v2 = true,
     .has_headers = false,
     .virtual_bucket = "",
     .method = "GET",
     .host = "localhost:8333",
     .target = "/bucket/a%20b%2Bc/%C3%A9.txt?response-content-type=text%2Fplain%3B%20x&versionId=a"
               "bc&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=FqJ8%2Fcp2b%2BPyKyHLn1mlONBlQII%3"
               "D&Expires=1369357200"},
    {.v2 = true,
     .has_headers = true,
     .virtual_bucket = "",
     .method = "PUT",
     .host = "localhost:8333",
     .target = "/bucket/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=EOoBRYk1rGMBRJcQFHcek77GKr"
               "8%3D&content-type=text%2Fhtml&x-amz-meta-a=b%20c&content-md5=XUFAKrxLKna5cZ2REBfFk"
               "g%3D%3D&Expires=1369357200"},
    {.v2 = true,
     .has_headers = false,
     .virtual_bucket = "",
     .method = "PUT",
     .host = "localhost:8333",
     .target = "/bucket/k?uploadId=U%2F%2B%3D&partNumber=3&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Sig"
               "nature=nY%2FrbyX7mbI9%2F1%2FJdELWwZ4HN7s%3D&Expires=1369357200"},
    {.v2 = true,
     .has_headers = false,
     .virtual_bucket = "",
     .method = "GET",
     .host = "localhost:8333",
     .target = "/bucket?list-type=2&prefix=x%2Fy&encoding-type=url&AWSAccessKeyId=AKIAIOSFODNN7EXA"
               "MPLE&Signature=yKu3coAPevCxwTl5RaphIKOHyWY%3D&Expires=1369357200"},
    {.v2 = true,
     .has_headers = false,
     .virtual_bucket = "bucket",
     .method = "GET",
     .host = "bucket.s3.example.com",
     .target = "/a%20b%2Bc/%C3%A9.txt?response-content-type=text%2Fplain%3B%20x&versionId=abc&AWSA"
               "ccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=FqJ8%2Fcp2b%2BPyKyHLn1mlONBlQII%3D&Expir"
               "es=1369357200"},
    {.v2 = true,
     .has_headers = true,
     .virtual_bucket = "bucket",
     .method = "PUT",
     .host = "bucket.s3.example.com",
     .target = "/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=EOoBRYk1rGMBRJcQFHcek77GKr8%3D&co"
               "ntent-type=text%2Fhtml&x-amz-meta-a=b%20c&content-md5=XUFAKrxLKna5cZ2REBfFkg%3D%3D"
               "&Expires=1369357200"},
    {.v2 = true,
     .has_headers = false,
     .virtual_bucket = "bucket",
     .method = "PUT",
     .host = "bucket.s3.example.com",
     .target = "/k?uploadId=U%2F%2B%3D&partNumber=3&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature="
               "nY%2FrbyX7mbI9%2F1%2FJdELWwZ4HN7s%3D&Expires=1369357200"},
    {.v2 = true,
     .has_headers = false,
     .virtual_bucket = "bucket",
     .method = "GET",
     .host = "bucket.s3.example.com",
     .target = "/?list-type=2&prefix=x%2Fy&encoding-type=url&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&S"
               "ignature=yKu3coAPevCxwTl5RaphIKOHyWY%3D&Expires=1369357200"},
};

TestRequest request_of(const Presigned& item) {
  TestRequest request;
  request.method = item.method;
  request.target = item.target;
  request.virtual_bucket = item.virtual_bucket;
  request.headers = {{"Host", item.host}};
  if (item.has_headers) {
    request.set("Content-Type", "text/html");
    request.set("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==");
    if (!item.v2) request.set("x-amz-meta-a", "b c");
  }
  return request;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from << " in " << text;
  text.replace(at, from.size(), to);
}

TEST(Presigned, TakesWhatBotocoreSigns) {
  for (const Presigned& item : kByBotocore) {
    const auto result = request_of(item).check("20130524T003000Z", item.v2 ? "" : "us-east-1");
    ASSERT_TRUE(result) << item.target << "\n" << field_of(result, "StringToSign");
    EXPECT_EQ(result->kind, item.v2 ? AuthKind::kPresignedV2 : AuthKind::kPresignedV4);
    EXPECT_EQ(result->payload.mode, PayloadMode::kUnsigned);
    EXPECT_FALSE(result->chunk_signing.has_value());
  }
}

TEST(Presigned, LivesUntilItsLastSecond) {
  for (const Presigned& item : kByBotocore) {
    const TestRequest request = request_of(item);
    EXPECT_EQ(code_of(request.check("20130524T010000Z")), "") << item.target;
    const auto late = request.check("20130524T010001Z");
    EXPECT_EQ(code_of(late), "AccessDenied");
    EXPECT_EQ(message_of(late), "Request has expired");
    EXPECT_EQ(field_of(late, "Expires"), "2013-05-24T01:00:00Z");
    EXPECT_EQ(field_of(late, "ServerTime"), "2013-05-24T01:00:01Z");
    EXPECT_EQ(field_of(late, "X-Amz-Expires"), item.v2 ? "" : "3600");
  }
}

TEST(Presigned, RefusesAnotherMethodKeyHostOrParameter) {
  for (const Presigned& item : kByBotocore) {
    TestRequest request = request_of(item);
    request.method = "DELETE";
    EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch") << item.target;
    request = request_of(item);
    request.target.insert(1, "x");
    EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch") << item.target;
    request = request_of(item);
    request.target += item.v2 ? "&versionId=2" : "&anything=2";
    EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch") << item.target;
    if (item.v2) continue;
    request = request_of(item);
    request.set("Host", "elsewhere");
    EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch") << item.target;
  }
}

TEST(Presigned, OverridesOfTheAnswerAreSigned) {
  for (const Presigned& item : kByBotocore) {
    TestRequest request = request_of(item);
    request.target += "&response-content-type=text/html";
    EXPECT_EQ(code_of(request.check()), "SignatureDoesNotMatch") << item.target;
  }
}

// "Authenticating Requests: Using Query Parameters" of the S3 API reference.
TestRequest documented() {
  TestRequest request;
  request.target =
      "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
      "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
      "&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  request.headers = {{"Host", "examplebucket.s3.amazonaws.com"}};
  return request;
}

TEST(PresignedV4, TakesTheDocumentedGet) {
  EXPECT_EQ(code_of(documented().check("20130524T235959Z", "us-east-1")), "");
  EXPECT_EQ(code_of(documented().check("20130523T235959Z")), "") << "clocks differ a little";
  EXPECT_EQ(message_of(documented().check("20130523T234459Z")), "Request is not yet valid");
}

TEST(PresignedV4, RefusesBadParametersByName) {
  struct Case {
    const char* from;
    const char* to;
    const char* code;
    const char* message;
  };
  constexpr auto kParameters = "AuthorizationQueryParametersError";
  const Case cases[] = {
      {"X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", kParameters, ""},
      {"X-Amz-Date=20130524T000000Z&", "", kParameters, ""},
      {"X-Amz-Expires=86400&", "", kParameters, ""},
      {"X-Amz-SignedHeaders=host&", "", kParameters, ""},
      {"X-Amz-Credential", "X-Amz-Other", kParameters, ""},
      {"X-Amz-Signature", "X-Amz-Other", kParameters, ""},
      {"HMAC-SHA256", "HMAC-SHA1", kParameters, "X-Amz-Algorithm only supports"},
      {"=86400", "=0", kParameters, "X-Amz-Expires must be non-negative"},
      {"=86400", "=-1", kParameters, "X-Amz-Expires must be non-negative"},
      {"=86400", "=604801", kParameters, "X-Amz-Expires must be less than a week"},
      {"=86400", "=99999999999999999999", kParameters, "X-Amz-Expires must be less than a week"},
      {"=86400", "=day", kParameters, "X-Amz-Expires should be a number"},
      {"=86400", "=1e3", kParameters, "X-Amz-Expires should be a number"},
      {"=86400", "=604800", "SignatureDoesNotMatch", ""},
      {"20130524T000000Z", "2013-05-24", kParameters, "X-Amz-Date must be in the ISO8601"},
      {"20130524T000000Z", "20130523T235959Z", kParameters,
       "Error parsing the X-Amz-Credential parameter; Invalid credential date"},
      {"%2Fs3%2F", "%2Fec2%2F", kParameters,
       "Error parsing the X-Amz-Credential parameter; incorrect service \"ec2\""},
      {"us-east-1", "us-west-9", kParameters,
       "Error parsing the X-Amz-Credential parameter; the region 'us-west-9' is wrong"},
      {"%2F20130524%2F", "%2F", kParameters,
       "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed"},
      {"=host", "=accept%3Bhost", "SignatureDoesNotMatch", ""},
      {"=host", "=accept", "AccessDenied", "There were headers present"},
      {"IOSFODNN7", "IOSFODNN8", "InvalidAccessKeyId", ""},
      {"aeeed9bb", "AEEED9BB", "SignatureDoesNotMatch", ""},
      {"=host", "=host&X-Amz-Security-Token=abc", "InvalidToken", ""},
      {"=host", "=host&X-Amz-Content-Sha256=junk", "InvalidArgument", ""},
      {"=host", "=host&bad=%zz", "InvalidURI", ""},
  };
  for (const Case& item : cases) {
    TestRequest request = documented();
    replace(request.target, item.from, item.to);
    const auto result = request.check("20130524T000000Z", "us-east-1");
    EXPECT_EQ(code_of(result), item.code) << item.from << " -> " << item.to;
    EXPECT_TRUE(message_of(result).starts_with(item.message)) << message_of(result);
  }
}

TEST(PresignedV4, RefusesHeadersThatNobodySigned) {
  TestRequest request = documented();
  request.set("X-Amz-Acl", "public-read");
  const auto result = request.check();
  EXPECT_EQ(code_of(result), "AccessDenied");
  EXPECT_EQ(message_of(result), "There were headers present in the request which were not signed");
  EXPECT_EQ(field_of(result, "HeadersNotSigned"), "x-amz-acl");
  request = documented();
  request.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
  request.set("x-amz-user-agent", "browser");
  EXPECT_EQ(code_of(request.check()), "");
}

TEST(PresignedV2, GivesTheHoistedHeaders) {
  for (const Presigned& item : kByBotocore) {
    if (!item.v2 || !item.has_headers) continue;
    TestRequest request = request_of(item);
    request.remove("Content-Type");
    request.remove("Content-MD5");
    const auto result = request.check();
    ASSERT_TRUE(result);
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"content-type", "text/html"},
        {"x-amz-meta-a", "b c"},
        {"content-md5", "XUFAKrxLKna5cZ2REBfFkg=="}};
    EXPECT_EQ(result->hoisted, expected);
    request.set("X-Amz-Meta-A", "b c");
    const auto repeated = request.check();
    ASSERT_TRUE(repeated) << "the parameter repeats a header";
    EXPECT_EQ(repeated->hoisted.size(), 2U);
  }
}

TEST(PresignedV2, RefusesBadParametersByName) {
  struct Case {
    const char* from;
    const char* to;
    const char* code;
    const char* message;
  };
  const Case cases[] = {
      {"&Expires=1369357200", "", "AccessDenied", "Query-string authentication requires"},
      {"Expires=1369357200", "Expires=", "AccessDenied", "Invalid date"},
      {"Expires=1369357200", "Expires=-1", "AccessDenied", "Invalid date"},
      {"Expires=1369357200", "Expires=99999999999999999999", "AccessDenied", "Invalid date"},
      {"Expires=1369357200", "Expires=1369357201", "SignatureDoesNotMatch", ""},
      {"AWSAccessKeyId=", "AWSAccessKeyId=x", "InvalidAccessKeyId", ""},
      {"Signature=E", "Signature=F", "SignatureDoesNotMatch", ""},
      {"text%2Fhtml", "text%2Fplain", "SignatureDoesNotMatch", ""},
      {"x-amz-meta-a=b", "x-amz-meta-a=c", "SignatureDoesNotMatch", ""},
      {"x-amz-meta-a=b%20c", "x-amz-meta-a=b%20c&x-amz-acl=private", "SignatureDoesNotMatch", ""},
      {"&Signature=", "&x-amz-security-token=t&Signature=", "InvalidToken", ""},
  };
  for (const Case& item : cases) {
    TestRequest request = request_of(kByBotocore[9]);
    request.remove("Content-Type");
    replace(request.target, item.from, item.to);
    const auto result = request.check();
    EXPECT_EQ(code_of(result), item.code) << item.from << " -> " << item.to;
    EXPECT_TRUE(message_of(result).starts_with(item.message)) << message_of(result);
  }
}

TEST(PresignedV2, TakesAnUnescapedPlusInTheSignature) {
  TestRequest request = request_of(kByBotocore[8]);
  replace(request.target, "2b%2BPy", "2b+Py");
  EXPECT_EQ(code_of(request.check()), "");
}

TEST(PresignedV2, RefusesSignedChunks) {
  TestRequest request = request_of(kByBotocore[10]);
  request.set("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  EXPECT_NE(code_of(request.check()), "");
}

}  // namespace
}  // namespace kelp::s3
