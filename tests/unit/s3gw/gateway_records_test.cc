// What is told of requests: audit records, access logs, metrics of buckets; and what is refused for
// their number, and whose requester pays.
#include <gmock/gmock.h>

#include <algorithm>

#include "policy/document.h"
#include "s3gw/bucket_metrics.h"
#include "s3gw/core/access_block.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Keeps records as short lines.
class Records final : public RequestSink {
 public:
  void take(const RequestRecord& record) override {
    std::string line(record.service);
    for (const std::string_view part : {record.operation, record.bucket, record.key,
                                        record.error_code, record.access_key, record.account}) {
      line += ' ';
      line += part.empty() ? std::string_view("-") : part;
    }
    lines.push_back(line + ' ' + std::to_string(record.status));
    bytes_in = record.bytes_in;
    bytes_out = record.bytes_out;
    remote = record.remote_address;
    version_id = record.version_id;
  }
  std::vector<std::string> lines;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string remote;
  std::string version_id;
};

class RecordsTest : public GatewayTest {
 protected:
  RecordsTest() { send("PUT", "/bucket"); }

  Answer anonymous(std::string method, std::string target,
                   std::vector<std::pair<std::string, std::string>> headers = {}) {
    Outgoing request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers = std::move(headers);
    request.headers.emplace_back("Host", "localhost");
    return send(std::move(request), false);
  }
  void become(const Account& account) {
    credentials.mine.account = account;
    credentials.mine.who = root_of(account);
  }
  void allow_all(const std::string& more = {}) {
    become({"abc", "tester"});
    EXPECT_EQ(send("DELETE", "/bucket?publicAccessBlock").status, 204);
    EXPECT_EQ(send("PUT", "/bucket?policy",
                   R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*",
        "Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]})" +
                       more + "]}")
                  .status,
              204);
  }
  std::string key() const { return std::string(kAccessKey); }
};

TEST_F(RecordsTest, EveryRequestHasOne) {
  Records records;
  options.audit = &records;
  send("PUT", "/bucket/a", "four");
  EXPECT_EQ(records.bytes_in, 4U);
  EXPECT_EQ(records.remote, "127.0.0.1");
  send("GET", "/bucket/a?versionId=null");
  EXPECT_EQ(records.bytes_out, 4U);
  EXPECT_EQ(records.version_id, "null");
  send("GET", "/bucket/none");
  anonymous("GET", "/bucket/a");
  auto wrong = outgoing("GET", "/bucket/a");
  wrong.sign();
  wrong.set("x-amz-date", "20130524T000001Z");
  send(std::move(wrong), false);
  send("GET", "/");
  anonymous("GET", "/%");
  const std::string by = " " + key() + " abc ";
  EXPECT_THAT(
      records.lines,
      ElementsAre("s3 PutObject bucket a -" + by + "200", "s3 GetObject bucket a -" + by + "200",
                  "s3 GetObject bucket none NoSuchKey" + by + "404",
                  "s3 GetObject bucket a AccessDenied - - 403",
                  "s3 GetObject bucket a SignatureDoesNotMatch - - 403",
                  "s3 ListBuckets - - -" + by + "200", "s3 - - - InvalidURI - - 400"));
}

TEST_F(RecordsTest, WebsitesAndProxiesHaveThem) {
  Records records;
  options.audit = &records;
  options.website_domains = {"web.example"};
  options.trusted_proxies = {*policy::parse_range("127.0.0.0/8")};
  anonymous("GET", "/x", {{"Host", "bucket.web.example"}, {"X-Forwarded-For", "192.0.2.7"}});
  EXPECT_THAT(records.lines,
              ElementsAre("website GetObject bucket x NoSuchWebsiteConfiguration - - 404"));
  EXPECT_EQ(records.remote, "192.0.2.7");
}

class AccessLogTest : public RecordsTest {
 protected:
  AccessLogTest() {
    send("PUT", "/logs");
    EXPECT_EQ(log_to("logs").status, 200);
    send("PUT", "/bucket/a", "four");
    objects().clear();
  }
  Answer log_to(const std::string& target) {
    return send("PUT", "/bucket?logging",
                "<BucketLoggingStatus><LoggingEnabled><TargetBucket>" + target +
                    "</TargetBucket><TargetPrefix>p/</TargetPrefix></LoggingEnabled>"
                    "</BucketLoggingStatus>");
  }
  std::map<std::string, FakeFiler::Stored>& objects() { return filer.buckets["logs"].objects; }
  /// The text of all logs; the fixture's gateway puts them when it ends.
  std::string logs() {
    std::string text;
    for (const auto& [name, stored] : objects()) text += stored.body.value_or("");
    return text;
  }
  double dropped() { return metrics.counter("kelp_s3_access_log_dropped_total", "").Value(); }
};

TEST_F(AccessLogTest, RequestsAreLoggedInTheTarget) {
  auto request = outgoing("GET", "/bucket/a?x-id=GetObject");
  add(request, "User-Agent", "agent \"1\"");
  const Answer answer = send(std::move(request));
  ASSERT_EQ(objects().size(), 1U);
  const auto& [name, stored] = *objects().begin();
  EXPECT_THAT(name, StartsWith("p/2013-05-24-00-00-00-"));
  EXPECT_EQ(name.size(), std::string("p/2013-05-24-00-00-00-0123456789ABCDEF").size());
  EXPECT_EQ(stored.entry.owner_id, "abc");
  EXPECT_EQ(stored.entry.headers.content_type, "text/plain");
  EXPECT_EQ(stored.body, "abc bucket [24/May/2013:00:00:00 +0000] 127.0.0.1 abc " +
                             answer.header("x-amz-request-id") +
                             " REST.GET.OBJECT a \"GET /bucket/a?x-id=GetObject HTTP/1.1\" 200 - 4 "
                             "4 0 0 - \"agent %221%22\" - " +
                             answer.header("x-amz-id-2") +
                             " SigV4 - AuthHeader localhost%3A8333 - - -\n");
}

TEST_F(AccessLogTest, RefusalsAreLoggedToo) {
  anonymous("GET", "/bucket/a");
  send("GET", "/bucket/none");
  EXPECT_THAT(logs(), HasSubstr(" 403 AccessDenied "));
  EXPECT_THAT(logs(), HasSubstr(" 404 NoSuchKey "));
}

TEST_F(AccessLogTest, TheWritingOfLogsIsNotLogged) {
  // The bucket logs into itself: each log of a log would be another.
  EXPECT_EQ(log_to("bucket").status, 200);
  auto& own = filer.buckets["bucket"].objects;
  const auto count = [&] {
    return std::ranges::count_if(own, [](const auto& o) { return o.first.starts_with("p/"); });
  };
  const auto before = count();
  send("GET", "/bucket/a");
  EXPECT_EQ(count(), before + 1);
}

TEST_F(AccessLogTest, WithoutLoggingThereAreNone) {
  EXPECT_EQ(send("PUT", "/bucket?logging", "<BucketLoggingStatus/>").status, 200);
  objects().clear();
  send("GET", "/bucket/a");
  EXPECT_TRUE(objects().empty());
}

TEST_F(AccessLogTest, TheTargetMayRefuseThem) {
  EXPECT_EQ(send("PUT", "/logs?policy",
                 R"({"Statement":{"Effect":"Deny","Principal":{"Service":
      "logging.s3.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/*",
      "Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"}}}})")
                .status,
            204);
  send("GET", "/bucket/a");
  EXPECT_TRUE(objects().empty());
  EXPECT_EQ(dropped(), 1);
}

TEST_F(AccessLogTest, NoOtherAccountGetsThem) {
  filer.buckets["logs"].entry.owner_id = "other";
  send("GET", "/bucket/a");
  EXPECT_TRUE(objects().empty());
  EXPECT_EQ(dropped(), 1);
  filer.buckets.erase("logs");
  send("GET", "/bucket/a");
  EXPECT_EQ(dropped(), 2);
}

TEST_F(AccessLogTest, WhoMayNotWriteThereMayNotHaveItDone) {
  credentials.mine.who.arn = "arn:aws:iam::" + credentials.mine.who.account + ":user/ann";
  credentials.mine.permissions.identity.push_back(
      std::make_shared<policy::Document>(*policy::Document::parse(
          R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::bucket",
          "arn:aws:s3:::bucket/*"]}})",
          policy::PolicyKind::kIdentity)));
  const Answer refused = log_to("logs");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.element("Code"), "InvalidTargetBucketForLogging");
  // The bucket's own word is enough.
  filer.buckets["logs"].settings["policy"] =
      R"({"Statement":{"Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},
      "Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/p/*"}})";
  EXPECT_EQ(log_to("logs").status, 200);
}

TEST_F(RecordsTest, BucketsHaveMetrics) {
  options.bucket_metrics = 1;
  send("PUT", "/bucket/a", "four");
  send("GET", "/bucket/a");
  send("GET", "/bucket/none");
  send("GET", "/missing/a");
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("kelp_s3_bucket_requests_total{bucket=\"bucket\",class=\"write\","
                              "status=\"2xx\"} 1"));
  EXPECT_THAT(text, HasSubstr("class=\"read\",status=\"4xx\"} 1"));
  EXPECT_THAT(text, HasSubstr("kelp_s3_bucket_received_bytes_total{bucket=\"bucket\"} 4"));
  EXPECT_THAT(text, HasSubstr("kelp_s3_bucket_sent_bytes_total{bucket=\"bucket\"} "));
  EXPECT_THAT(text, Not(HasSubstr("\"missing\""))) << "names that anybody makes up";
}

TEST_F(RecordsTest, BucketMetricsAreBounded) {
  BucketMetrics bounded(metrics, 2);
  for (const char* bucket : {"one", "two", "three", "four", "one"}) {
    bounded.count({.bucket = bucket, .status = 200, .bytes_in = 1}, Operation::kPutObject);
  }
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("received_bytes_total{bucket=\"one\"} 2"));
  EXPECT_THAT(text, HasSubstr("received_bytes_total{bucket=\"_other\"} 2"));
  EXPECT_THAT(text, Not(HasSubstr("three")));
}

TEST_F(RecordsTest, BucketsHaveNoMetricsUnlessAsked) {
  send("PUT", "/bucket/a", "four");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("kelp_s3_bucket_requests_total")));
}

/// Several requests of one gateway.
class LimitsTest : public RecordsTest {
 protected:
  std::vector<int> statuses(std::vector<Outgoing> requests) {
    std::vector<int> out;
    ::kelp::test::run_coro(converse(requests, out));
    return out;
  }
  Task<void> converse(const std::vector<Outgoing>& requests, std::vector<int>& out) {
    KeyLeases leases(master, clock, co_await asio::this_coro::executor);
    {
      Gateway gateway(deps_with(leases), options);
      for (const Outgoing& request : requests) {
        const auto lines = request.views();
        const HttpRequest http{.method = request.method,
                               .target = request.target,
                               .headers = lines,
                               .content_length = request.content_length,
                               .remote_address = "127.0.0.1"};
        FakeBody body;
        body.data = request.body;
        FakeResponse response;
        const HttpExchange asked{.request = http, .body = body, .response = response};
        co_await gateway.handle(asked);
        out.push_back(response.status);
        if (response.status == 503) {
          EXPECT_FALSE(body.asked) << "no body of a refused request is read";
          EXPECT_THAT(response.lines, HasSubstr("Retry-After: 1"));
          EXPECT_THAT(response.body, HasSubstr("<Code>SlowDown</Code>"));
        }
      }
    }
    co_await leases.close();
  }
  Outgoing proven(std::string method, std::string target, std::string body = {}) {
    auto request = outgoing(std::move(method), std::move(target), std::move(body));
    request.signed_headers = signed_names(request);
    request.sign();
    return request;
  }
  Outgoing unproven(std::string target) {
    Outgoing request;
    request.target = std::move(target);
    request.headers = {{"Host", "localhost"}};
    return request;
  }
};

TEST_F(LimitsTest, KeysAreCountedWhenTheyAreProven) {
  options.limits.key.per_second = 2;
  auto wrong = proven("GET", "/bucket");
  wrong.set("x-amz-date", "20130524T000001Z");
  EXPECT_THAT(statuses({wrong, wrong, wrong, proven("GET", "/bucket"), unproven("/bucket"),
                        proven("PUT", "/bucket/a", "x"), proven("PUT", "/bucket/a", "x"),
                        proven("GET", "/bucket"), unproven("/bucket")}),
              ElementsAre(403, 403, 403, 200, 403, 200, 503, 503, 403))
      << "who does not have the key cannot use it up";
}

TEST_F(LimitsTest, BucketsAndTheGatewayAreCounted) {
  options.limits.bucket.per_second = 2;
  send("PUT", "/second");
  EXPECT_THAT(statuses({proven("GET", "/bucket"), proven("GET", "/bucket"),
                        proven("GET", "/bucket"), proven("GET", "/second"), proven("GET", "/")}),
              ElementsAre(200, 200, 503, 200, 200));
  options.limits = {.gateway = {.per_second = 2}};
  EXPECT_THAT(statuses({proven("GET", "/bucket"), proven("GET", "/second"),
                        proven("PUT", "/bucket/a", "x"), unproven("/healthz")}),
              ElementsAre(200, 200, 503, 200))
      << "health is always answered";
}

TEST_F(LimitsTest, RequestsThatEndedAreNotUnderWay) {
  options.limits = {.gateway = {.at_once = 1}, .bucket = {.at_once = 1}, .key = {.at_once = 1}};
  EXPECT_THAT(statuses({proven("GET", "/bucket"), proven("GET", "/bucket"), proven("GET", "/none"),
                        proven("GET", "/bucket")}),
              ElementsAre(200, 200, 404, 200));
}

class PaymentTest : public RecordsTest {
 protected:
  PaymentTest() {
    allow_all();
    send("PUT", "/bucket/a", "four");
    EXPECT_EQ(send("PUT", "/bucket?requestPayment",
                   "<RequestPaymentConfiguration><Payer>Requester</Payer>"
                   "</RequestPaymentConfiguration>")
                  .status,
              200);
  }
  Answer paying(std::string method, std::string target, const std::string& who = "requester",
                std::string body = {}) {
    auto request = outgoing(std::move(method), std::move(target), std::move(body));
    add(request, "x-amz-request-payer", who);
    return send(std::move(request));
  }
  /// Another account, that its own policies allow everything.
  void become_other() { become(credentials.other); }
};

TEST_F(PaymentTest, OthersMustSayThatTheyPay) {
  become_other();
  EXPECT_EQ(send("GET", "/bucket/a").status, 403);
  EXPECT_EQ(send("GET", "/bucket").status, 403);
  EXPECT_EQ(send("PUT", "/bucket/b", "x").status, 403);
  EXPECT_EQ(paying("GET", "/bucket/a", "owner").status, 403);
  const Answer paid = paying("GET", "/bucket/a");
  EXPECT_EQ(paid.status, 200);
  EXPECT_EQ(paid.header("x-amz-request-charged"), "requester");
  EXPECT_EQ(paying("HEAD", "/bucket/a").header("x-amz-request-charged"), "requester");
  EXPECT_EQ(paying("PUT", "/bucket/b", "requester", "x").status, 200);
  EXPECT_EQ(paying("GET", "/bucket/none").header("x-amz-request-charged"), "");
}

TEST_F(PaymentTest, TheOwnerPaysAnyway) {
  const Answer own = send("GET", "/bucket/a");
  EXPECT_EQ(own.status, 200);
  EXPECT_EQ(own.header("x-amz-request-charged"), "");
  EXPECT_EQ(paying("GET", "/bucket/a").header("x-amz-request-charged"), "");
}

TEST_F(PaymentTest, NobodyUnknownPays) {
  EXPECT_EQ(anonymous("GET", "/bucket/a").status, 403);
  EXPECT_EQ(anonymous("GET", "/bucket/a", {{"x-amz-request-payer", "requester"}}).status, 403);
  options.website_domains = {"web.example"};
  EXPECT_EQ(send("PUT", "/bucket?website",
                 "<WebsiteConfiguration><IndexDocument><Suffix>a</Suffix></IndexDocument>"
                 "</WebsiteConfiguration>")
                .status,
            200);
  EXPECT_EQ(anonymous("GET", "/", {{"Host", "bucket.web.example"}}).status, 403);
}

TEST_F(PaymentTest, SourcesOfCopiesArePaidForToo) {
  become_other();
  send("PUT", "/mine");
  auto copy = outgoing("PUT", "/mine/a");
  add(copy, "x-amz-copy-source", "/bucket/a");
  EXPECT_EQ(send(copy).status, 403);
  add(copy, "x-amz-request-payer", "requester");
  EXPECT_EQ(send(copy).status, 200);
}

TEST_F(PaymentTest, OnlyWhereTheRequesterPays) {
  EXPECT_EQ(send("PUT", "/bucket?requestPayment",
                 "<RequestPaymentConfiguration><Payer>BucketOwner</Payer>"
                 "</RequestPaymentConfiguration>")
                .status,
            200);
  become_other();
  const Answer free = paying("GET", "/bucket/a");
  EXPECT_EQ(free.status, 200);
  EXPECT_EQ(free.header("x-amz-request-charged"), "");
  EXPECT_EQ(anonymous("GET", "/bucket/a").status, 200);
}

}  // namespace
}  // namespace kelp::s3::test
