#include <gtest/gtest.h>

#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

// An example of AWS's page, "Signing and Authenticating REST Requests"
// (userguide/RESTAuthentication.html).
struct Documented {
  const char* method;
  const char* target;
  const char* bucket;  // of the Host
  const char* date;
  const char* now;
  const char* signature;
  const char* content_type = nullptr;
};

constexpr Documented kDocumented[] = {
    {"GET", "/photos/puppy.jpg", "awsexamplebucket1", "Tue, 27 Mar 2007 19:36:42 +0000",
     "20070327T193642Z", "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="},
    {"PUT", "/photos/puppy.jpg", "awsexamplebucket1", "Tue, 27 Mar 2007 21:15:45 +0000",
     "20070327T211545Z", "iqRzw+ileNPu1fhspnRs8nOjjIA=", "image/jpeg"},
    {"GET", "/?prefix=photos&max-keys=50&marker=puppy", "awsexamplebucket1",
     "Tue, 27 Mar 2007 19:42:41 +0000", "20070327T194241Z", "m0WP8eCtspQl5Ahe6L1SozdX9YA="},
    {"GET", "/?acl", "awsexamplebucket1", "Tue, 27 Mar 2007 19:44:46 +0000", "20070327T194446Z",
     "82ZHiFIjc+WbcwFKGUVEQspPn+0="},
    {"GET", "/", "", "Wed, 28 Mar 2007 01:29:59 +0000", "20070328T012959Z",
     "qGdzdERIC03wnaRNKh6OqZehG9s="},
};

TestRequest request_of(const Documented& item) {
  TestRequest request;
  request.method = item.method;
  request.target = item.target;
  request.virtual_bucket = item.bucket;
  request.header_v2 = true;
  request.headers = {{"Host", "s3.us-west-1.amazonaws.com"},
                     {"Date", item.date},
                     {"Authorization", "AWS " + std::string(kAccessKey) + ":" + item.signature}};
  if (item.content_type != nullptr) request.set("Content-Type", item.content_type);
  return request;
}

TEST(HeaderV2, TakesWhatIsDocumented) {
  for (const Documented& item : kDocumented) {
    const auto proven = request_of(item).check(item.now);
    ASSERT_TRUE(proven) << item.target << ' ' << code_of(proven);
    EXPECT_EQ(proven->kind, AuthKind::kHeaderV2);
    EXPECT_EQ(proven->credential->access_key, kAccessKey);
  }
}

TEST(HeaderV2, IsRefusedUnlessItIsSwitchedOn) {
  TestRequest request = request_of(kDocumented[0]);
  request.header_v2 = false;
  EXPECT_EQ(code_of(request.check(kDocumented[0].now)), "InvalidRequest");
}

// What the signature covers cannot be changed, and it lives for a quarter of an hour.
TEST(HeaderV2, RefusesWhatWasNotSigned) {
  const char* const now = kDocumented[0].now;
  const TestRequest good = request_of(kDocumented[0]);
  const auto altered = [&](auto&& alter) {
    TestRequest request = good;
    alter(request);
    return code_of(request.check(now));
  };
  EXPECT_EQ(altered([](TestRequest&) {}), "");
  EXPECT_EQ(altered([](TestRequest& r) { r.method = "PUT"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.target = "/photos/kitten.jpg"; }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.target += "?acl"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.virtual_bucket = "other"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.set("x-amz-acl", "public-read"); }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.set("Content-Type", "text/html"); }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.set("Date", "Tue, 27 Mar 2007 19:36:43 +0000"); }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(altered([](TestRequest& r) { r.set("Date", "yesterday"); }), "AccessDenied");
  EXPECT_EQ(altered([](TestRequest& r) { r.remove("Date"); }), "AccessDenied");
  EXPECT_EQ(altered([](TestRequest& r) { r.set("Authorization", "AWS nobody:x"); }),
            "InvalidAccessKeyId");
  for (const char* broken : {"AWS ", "AWS x", "AWS :x", "AWS x:"}) {
    EXPECT_EQ(altered([&](TestRequest& r) { r.set("Authorization", broken); }), "InvalidArgument")
        << broken;
  }
  EXPECT_EQ(code_of(good.check("20070327T195142Z")), "");
  EXPECT_EQ(code_of(good.check("20070327T195143Z")), "RequestTimeTooSkewed");
  EXPECT_EQ(code_of(good.check("20070327T192141Z")), "RequestTimeTooSkewed");
}

TEST(HeaderV2, GoesByTheDateOfAmzWhereThereIsOne) {
  TestRequest request = request_of(kDocumented[0]);
  request.method = "DELETE";
  request.set("x-amz-date", "Tue, 27 Mar 2007 21:20:26 +0000");
  request.set("Authorization", "AWS " + std::string(kAccessKey) + ":Ri1hpB1zpS9pGqR7y8kuNFCl4sE=");
  EXPECT_EQ(code_of(request.check("20070327T212026Z")), "");
  EXPECT_EQ(code_of(request.check("20070327T193642Z")), "RequestTimeTooSkewed");
}

}  // namespace
}  // namespace kelp::s3
