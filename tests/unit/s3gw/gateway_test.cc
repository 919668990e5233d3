#include <algorithm>

#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

TEST_F(GatewayTest, AnswersHealthWithoutAuthentication) {
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    EXPECT_EQ(send(outgoing(method, "/healthz"), false).status, 200) << method;
  }
  EXPECT_EQ(send(outgoing("GET", "/readyz"), false).status, 200);
  options.ready = []() -> Task<bool> { co_return false; };
  EXPECT_EQ(send(outgoing("GET", "/readyz"), false).status, 503);
  EXPECT_EQ(send(outgoing("GET", "/healthz"), false).status, 200);
}

TEST_F(GatewayTest, RefusesTheAnonymousAndTheForged) {
  send("PUT", "/bucket");
  filer.calls = 0;
  const Answer anonymous = send(outgoing("GET", "/"), false);
  EXPECT_EQ(anonymous.status, 403);
  EXPECT_EQ(anonymous.element("Code"), "AccessDenied");
  Outgoing forged = outgoing("GET", "/bucket/key");
  forged.signed_headers = signed_names(forged);
  forged.sign();
  forged.target = "/bucket/other";
  EXPECT_EQ(send(forged, false).element("Code"), "SignatureDoesNotMatch");
  EXPECT_EQ(filer.calls, 0);
  EXPECT_EQ(send(outgoing("GET", "/bucket/key"), false).status, 403);
  EXPECT_EQ(send(outgoing("GET", "/missing/key"), false).element("Code"), "NoSuchBucket");
}

TEST_F(GatewayTest, EveryAnswerCarriesItsIds) {
  const Answer answer = send("GET", "/missing/key");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("Server"), "Kelp");
  const std::string id = answer.header("x-amz-request-id");
  EXPECT_EQ(id.size(), 16U);
  EXPECT_TRUE(std::ranges::all_of(id, [](char c) { return std::isxdigit(c) && !std::islower(c); }));
  EXPECT_EQ(answer.element("RequestId"), id);
  EXPECT_EQ(answer.element("HostId"), answer.header("x-amz-id-2"));
  EXPECT_NE(send("GET", "/missing/key").header("x-amz-request-id"), id);
}

TEST_F(GatewayTest, AccountsDoNotSeeEachOther) {
  make_foreign_bucket("foreign");
  filer.buckets["foreign"].objects["k"] = {};
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/foreign/k"},
           {"HEAD", "/foreign/k"},
           {"GET", "/foreign/missing"},
           {"GET", "/foreign"},
           {"GET", "/foreign?list-type=2"},
           {"GET", "/foreign?versions"},
           {"GET", "/foreign?uploads"},
           {"GET", "/foreign?acl"},
           {"GET", "/foreign?policy"},
           {"GET", "/foreign/k?acl"},
           {"GET", "/foreign/k?tagging"},
           {"GET", "/foreign/k?uploadId=1"},
           {"HEAD", "/foreign"},
           {"DELETE", "/foreign"},
           {"DELETE", "/foreign/k"},
           {"DELETE", "/foreign/k?uploadId=1"},
           {"POST", "/foreign/k?uploads"},
           {"PUT", "/foreign/k?partNumber=1&uploadId=1"}}) {
    EXPECT_EQ(send(method, target).status, 403) << method << ' ' << target;
  }
  EXPECT_EQ(send("PUT", "/foreign").element("Code"), "BucketAlreadyExists");
  send("PUT", "/bucket");
  Outgoing copy = outgoing("PUT", "/bucket/copy");
  add(copy, "x-amz-copy-source", "foreign/k");
  EXPECT_EQ(send(copy).element("Code"), "AccessDenied");
  EXPECT_EQ(filer.buckets["foreign"].objects.size(), 1U);
}

TEST_F(GatewayTest, OverloadIsAnsweredWithSlowDown) {
  send("PUT", "/bucket");
  pool.full = true;
  const Answer answer = send("PUT", "/bucket/k", bytes_of(100'000));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.element("Code"), "SlowDown");
  EXPECT_EQ(answer.header("Retry-After"), "1");
}

TEST_F(GatewayTest, CountsRequestsByOperation) {
  send("PUT", "/bucket");
  send("GET", "/bucket/missing");
  const std::string text = metrics.text();
  EXPECT_NE(text.find("kelp_s3_requests_total{operation=\"CreateBucket\",status=\"2xx\"} 1"),
            std::string::npos);
  EXPECT_NE(text.find("kelp_s3_requests_total{operation=\"GetObject\",status=\"4xx\"} 1"),
            std::string::npos);
}

TEST_F(GatewayTest, BucketsMayStandInTheHost) {
  options.domains = {"s3.example.com"};
  send("PUT", "/bucket");
  Outgoing put = outgoing("PUT", "/dir/k", "v");
  put.set("Host", "bucket.s3.example.com");
  EXPECT_EQ(send(put).status, 200);
  EXPECT_EQ(send("GET", "/bucket/dir/k").body, "v");
}

TEST_F(GatewayTest, SignaturesMayHaveTheAddressOutsideOfAProxy) {
  send("PUT", "/bucket");
  // What the client signed, and what the proxy made of it.
  const auto through_proxy = [&](const std::string& host, const std::string& prefix) {
    Outgoing request = outgoing("GET", prefix + "/bucket?location");
    request.set("Host", host);
    request.signed_headers = signed_names(request);
    request.sign();
    request.target = "/bucket?location";
    request.set("Host", "10.0.0.1:8333");
    return send(request, false);
  };
  EXPECT_EQ(through_proxy("s3.example.com", "").status, 403);
  options.external_urls = {*parse_external_url("https://s3.example.com"),
                           *parse_external_url("http://data.example.com:8080/s3/store/")};
  EXPECT_EQ(through_proxy("s3.example.com", "").status, 200);
  EXPECT_EQ(through_proxy("data.example.com:8080", "/s3/store").status, 200);
  EXPECT_EQ(through_proxy("10.0.0.1:8333", "").status, 200);
  EXPECT_EQ(through_proxy("s3.example.com", "/s3/store").status, 403);
  const Answer refused = through_proxy("other.example.com", "");
  EXPECT_EQ(refused.element("Code"), "SignatureDoesNotMatch");
  EXPECT_NE(refused.element("CanonicalRequest").find("host:10.0.0.1:8333"), std::string::npos)
      << "as it was received: " << refused.body;
}

TEST(ExternalUrl, IsAnAddressWithoutAQuery) {
  EXPECT_EQ(parse_external_url("https://a.b:443/"), (ExternalUrl{"a.b", ""}));
  EXPECT_EQ(parse_external_url("http://a.b:80"), (ExternalUrl{"a.b", ""}));
  EXPECT_EQ(parse_external_url("http://a.b:443/x/y"), (ExternalUrl{"a.b:443", "/x/y"}));
  for (const char* text : {"", "a.b", "ftp://a.b", "https://", "https:///x", "https://:443",
                           "https://a.b?x", "https://u@a.b", "https://a b", "https://a.b/%41"}) {
    EXPECT_FALSE(parse_external_url(text)) << text;
  }
}

}  // namespace
}  // namespace kelp::s3::test
