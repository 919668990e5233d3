// A bucket as a website, through the gateway: what AWS's website endpoints answer.
#include <gmock/gmock.h>

#include "s3gw/core/access_block.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kDocuments =
    "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
    "<ErrorDocument><Key>error.html</Key></ErrorDocument>";
constexpr const char* kRead =
    R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::site/*"}})";
constexpr const char* kReadAndList =
    R"({"Statement":{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],
    "Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"]}})";

class WebsiteTest : public GatewayTest {
 protected:
  WebsiteTest() {
    options.website_domains = {"web.example"};
    send("PUT", "/site");
    send("DELETE", "/site?publicAccessBlock");
    allow(kReadAndList);
    configure(kDocuments);
    put("index.html", "the index");
    put("dir/index.html", "of dir");
    put("page", "a page");
    put("error.html", "custom");
  }

  void allow(const std::string& policy) {
    EXPECT_EQ(send("PUT", "/site?policy", policy).status, 204);
  }
  void configure(const std::string& inside) {
    EXPECT_EQ(
        send("PUT", "/site?website", "<WebsiteConfiguration>" + inside + "</WebsiteConfiguration>")
            .status,
        200);
  }
  void put(const std::string& key, const std::string& body, const std::string& redirect = {}) {
    auto request = outgoing("PUT", "/site/" + key, body);
    add(request, "Content-Type", "text/html");
    if (!redirect.empty()) add(request, "x-amz-website-redirect-location", redirect);
    EXPECT_EQ(send(std::move(request)).status, 200) << key;
  }
  /// A browser's request.
  Answer visit(std::string target, std::string method = "GET",
               std::vector<std::pair<std::string, std::string>> headers = {},
               std::string host = "site.web.example") {
    Outgoing request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers = std::move(headers);
    request.headers.emplace_back("Host", std::move(host));
    return send(std::move(request), false);
  }
};

TEST_F(WebsiteTest, ServesObjectsAndIndexDocuments) {
  EXPECT_EQ(visit("/page").body, "a page");
  EXPECT_EQ(visit("/page").header("Content-Type"), "text/html");
  EXPECT_EQ(visit("/").body, "the index");
  EXPECT_EQ(visit("/?x=1").body, "the index");
  EXPECT_EQ(visit("/dir/").body, "of dir");
  EXPECT_EQ(visit("/page", "GET", {{"Range", "bytes=2-3"}}).body, "pa");
  const Answer head = visit("/page", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.announced, 6U);
  const std::string etag = visit("/page").header("ETag");
  EXPECT_EQ(visit("/page", "GET", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(visit("/page", "GET", {}, "SITE.Web.Example:8333").body, "a page");
}

TEST_F(WebsiteTest, SendsToTheDirectoryWhereOnlyItsIndexIs) {
  const Answer answer = visit("/dir");
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(answer.header("Location"), "/dir/");
  put("dir", "an object");
  EXPECT_EQ(visit("/dir").body, "an object");
  // The same for who may not know what there is.
  send("DELETE", "/site/dir");
  allow(kRead);
  EXPECT_EQ(visit("/dir").status, 302);
  EXPECT_EQ(visit("/none").status, 403);
}

TEST_F(WebsiteTest, AnIndexThatNobodyMaySeeIsNoDirectory) {
  allow(R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::site/*"},{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::site/dir/*"}]})");
  EXPECT_EQ(visit("/dir").status, 403);
  EXPECT_EQ(visit("/dir/").status, 403);
}

TEST_F(WebsiteTest, ErrorsHaveTheErrorDocumentUnderTheirStatus) {
  const Answer missing = visit("/none");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "custom");
  EXPECT_EQ(visit("/none", "HEAD").status, 404);
  const Answer ranged = visit("/none", "GET", {{"Range", "bytes=0-1"}, {"If-None-Match", "*"}});
  EXPECT_EQ(ranged.status, 404);
  EXPECT_EQ(ranged.body, "custom") << "range and conditions are of another object";
  allow(kRead);
  EXPECT_EQ(visit("/none").status, 403);
  EXPECT_EQ(visit("/none").body, "custom");
}

TEST_F(WebsiteTest, PagesTellOfErrors) {
  send("DELETE", "/site/error.html");
  const Answer page = visit("/%3Cscript%3E");
  EXPECT_EQ(page.status, 404);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("x-amz-error-code"), "NoSuchKey");
  EXPECT_THAT(page.body, HasSubstr("<li>Key: &lt;script&gt;</li>"));
  EXPECT_THAT(page.body, HasSubstr("Custom Error Document"));
  EXPECT_THAT(page.body, HasSubstr("<li>RequestId: " + page.header("x-amz-request-id")));
  EXPECT_THAT(page.body, Not(HasSubstr("<script>")));
  configure("<IndexDocument><Suffix>index.html</Suffix></IndexDocument>");
  EXPECT_THAT(visit("/none").body, Not(HasSubstr("Custom Error Document")));
  EXPECT_EQ(visit("/none", "HEAD").body, "");
}

TEST_F(WebsiteTest, TakesGetAndHeadOnly) {
  for (const char* method : {"PUT", "POST", "DELETE", "OPTIONS", "PATCH"}) {
    const Answer answer = visit("/page", method);
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_THAT(answer.body, HasSubstr("MethodNotAllowed"));
    EXPECT_EQ(answer.header("Allow"), "GET, HEAD");
  }
  EXPECT_EQ(visit("/page").body, "a page");
  // A form would be IAM's elsewhere.
  EXPECT_EQ(visit("/", "POST", {{"Content-Type", "application/x-www-form-urlencoded"}}).status,
            405);
}

TEST_F(WebsiteTest, EverybodyIsAnonymousAndTheQueryMeansNothing) {
  // A right signature of the owner does not open what the public may not see.
  allow(R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::site/index.html"}})");
  Outgoing request = outgoing("GET", "/page");
  request.set("Host", "site.web.example");
  EXPECT_EQ(send(std::move(request)).status, 403);
  EXPECT_EQ(visit("/index.html?response-content-type=text/evil").header("Content-Type"),
            "text/html");
  EXPECT_EQ(visit("/index.html?versionId=nonsense").body, "the index");
  EXPECT_EQ(visit("/index.html?acl").body, "the index");
  EXPECT_EQ(visit("/?list-type=2").body, "the index");
  EXPECT_EQ(visit("/index.html?partNumber=9").body, "the index");
}

TEST_F(WebsiteTest, BlockedBucketsStayShut) {
  send("PUT", "/site?publicAccessBlock",
       "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets>"
       "</PublicAccessBlockConfiguration>");
  EXPECT_EQ(visit("/page").status, 403);
  EXPECT_EQ(visit("/").status, 403);
}

TEST_F(WebsiteTest, BucketsWithoutAWebsiteHaveNone) {
  send("DELETE", "/site?website");
  const Answer none = visit("/page");
  EXPECT_EQ(none.status, 404);
  EXPECT_THAT(none.body, HasSubstr("NoSuchWebsiteConfiguration"));
  const Answer missing = visit("/page", "GET", {}, "other.web.example");
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body, HasSubstr("NoSuchBucket"));
  EXPECT_EQ(visit("/page", "GET", {}, "no_bucket.web.example").status, 404);
  EXPECT_EQ(visit("/%", "GET").status, 400);
  // The domain itself is S3, as every other name.
  EXPECT_THAT(visit("/site/page", "GET", {}, "web.example").header("Content-Type"), "text/html");
  options.website_domains.clear();
  EXPECT_EQ(visit("/site/page").body, "a page");
}

TEST_F(WebsiteTest, RulesSendElsewhere) {
  configure(std::string(kDocuments) +
            "<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals>"
            "</Condition><Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith>"
            "<HttpRedirectCode>307</HttpRedirectCode></Redirect></RoutingRule>"
            "<RoutingRule><Condition><HttpErrorCodeReturnedEquals>404"
            "</HttpErrorCodeReturnedEquals></Condition><Redirect><HostName>else.example</HostName>"
            "</Redirect></RoutingRule></RoutingRules>");
  const Answer old = visit("/old/a%20b");
  EXPECT_EQ(old.status, 307);
  EXPECT_EQ(old.header("Location"), "http://site.web.example/new/a%20b");
  const Answer missing = visit("/none");
  EXPECT_EQ(missing.status, 301);
  EXPECT_EQ(missing.header("Location"), "http://else.example/none");
  EXPECT_EQ(visit("/page").body, "a page");
  configure("<RedirectAllRequestsTo><HostName>all.example</HostName></RedirectAllRequestsTo>");
  EXPECT_EQ(visit("/page").header("Location"), "http://all.example/page");
}

TEST_F(WebsiteTest, ObjectsSendElsewhere) {
  put("moved", "", "https://elsewhere.example/x");
  const Answer answer = visit("/moved");
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(answer.header("Location"), "https://elsewhere.example/x");
  EXPECT_EQ(visit("/moved", "HEAD").status, 301);
  const Answer kept = send("GET", "/site/moved");
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(kept.header("x-amz-website-redirect-location"), "https://elsewhere.example/x");
  allow(R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::site/page"}})");
  EXPECT_EQ(visit("/moved").status, 403) << "a redirect is content";
}

TEST_F(WebsiteTest, RefusesRedirectsThatLeadNowhere) {
  for (const std::string& location : {std::string("javascript:alert(1)"), std::string("elsewhere"),
                                      "/" + std::string(2048, 'a')}) {
    auto request = outgoing("PUT", "/site/moved", "x");
    add(request, "x-amz-website-redirect-location", location);
    const Answer answer = send(std::move(request));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.element("Code"), "InvalidRedirectLocation");
  }
}

TEST_F(WebsiteTest, TrustedProxiesSayWhoVisits) {
  allow(R"({"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::site/*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.7"}}}})");
  const std::vector<std::pair<std::string, std::string>> told{{"X-Forwarded-For", "192.0.2.7"}};
  EXPECT_EQ(visit("/page", "GET", told).status, 403) << "nobody is trusted";
  options.trusted_proxies = {*policy::parse_range("127.0.0.1")};
  EXPECT_EQ(visit("/page", "GET", told).status, 200);
  EXPECT_EQ(visit("/page", "GET", {{"X-Forwarded-For", "192.0.2.7, 192.0.2.8"}}).status, 403);
  EXPECT_EQ(visit("/page").status, 403);
}

}  // namespace
}  // namespace kelp::s3::test
