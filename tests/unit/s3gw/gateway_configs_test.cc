// Configurations of buckets and CORS as clients see them: the gateway over a real filer whose rows
// are in memory.

#include <gmock/gmock.h>

#include "filer/filer_service.h"
#include "kv/mem_kv.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kCors =
    "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>"
    "<AllowedOrigin>https://*.example</AllowedOrigin><AllowedHeader>x-a</AllowedHeader>"
    "<ExposeHeader>ETag</ExposeHeader></CORSRule></CORSConfiguration>";
constexpr const char* kVersions =
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

class ConfigsTest : public GatewayTest {
 protected:
  ConfigsTest() { send("PUT", "/bucket"); }
  FilerClient& filer_client() override { return real_; }

  std::string code_of_put(const std::string& sub_resource, const std::string& body) {
    return send("PUT", "/bucket?" + sub_resource, body).element("Code");
  }
  void make_versioned(const std::string& bucket) {
    send("PUT", "/" + bucket);
    EXPECT_EQ(send("PUT", "/" + bucket + "?versioning", kVersions).status, 200);
  }
  /// A bucket that another account owns.
  void make_foreign(const std::string& name) {
    ASSERT_TRUE(::kelp::test::run_coro(real_.create_bucket({.name = name, .owner_id = "other"})));
  }
  /// A request with an Origin, signed or not.
  Answer from(const std::string& origin, const std::string& method, const std::string& target,
              bool sign = true) {
    Outgoing request = outgoing(method, target);
    add(request, "Origin", origin);
    return send(request, sign);
  }
  Answer preflight(const std::string& target, const std::string& origin, const std::string& method,
                   const std::string& headers = {}) {
    Outgoing request = outgoing("OPTIONS", target);
    if (!origin.empty()) add(request, "Origin", origin);
    if (!method.empty()) add(request, "Access-Control-Request-Method", method);
    if (!headers.empty()) add(request, "Access-Control-Request-Headers", headers);
    return send(request, false);
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  FilerService real_{*store_, pool, clock};
};

/// A configuration of which there is one: what to put and what is answered without it.
struct Single {
  const char* sub_resource;
  const char* root;
  const char* inside;
  const char* absent;  ///< An error's code, or what the root holds.
  bool deletable = true;
};

TEST_F(ConfigsTest, NotificationsGoOnlyWhereTheOperatorSays) {
  options.notify_targets = {"hook", "queue"};
  const auto to = [](const std::string& arn, const std::string& kind = "Queue") {
    return "<NotificationConfiguration><" + kind + "Configuration><" + kind + ">" + arn + "</" +
           kind + "><Event>s3:ObjectCreated:*</Event></" + kind +
           "Configuration></NotificationConfiguration>";
  };
  const std::string target = "/bucket?notification";
  for (const char* kind : {"Queue", "Topic", "CloudFunction"}) {
    EXPECT_EQ(send("PUT", target, to("arn:kelp:sqs::hook:webhook", kind)).status, 200) << kind;
  }
  EXPECT_EQ(send("PUT", target, to("arn:aws:sns:us-east-1:1:queue", "Topic")).status, 200);
  EXPECT_EQ(send("PUT", target, to("arn:aws:lambda:r:1:function:hook", "CloudFunction")).status,
            200);
  const Answer unknown = send("PUT", target, to("arn:aws:sqs:us-east-1:1:elsewhere"));
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.element("Code"), "InvalidArgument");
  EXPECT_EQ(unknown.element("Message"),
            "Unable to validate the following destination configurations");
  EXPECT_EQ(unknown.element("ArgumentName"), "arn:aws:sqs:us-east-1:1:elsewhere");
  EXPECT_THAT(send("GET", target).body, HasSubstr("function:hook")) << "it changed nothing";
  Outgoing skipped = outgoing("PUT", target, to("arn:aws:sqs:us-east-1:1:elsewhere"));
  add(skipped, "x-amz-skip-destination-validation", "true");
  EXPECT_EQ(send(skipped).status, 200);
}

TEST_F(ConfigsTest, EachIsPutReadAndRemoved) {
  const Single kSingles[] = {
      {"cors", "CORSConfiguration",
       "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>",
       "NoSuchCORSConfiguration"},
      {"lifecycle", "LifecycleConfiguration",
       "<Rule><ID>r</ID><Prefix></Prefix><Status>Enabled</Status><Expiration><Days>1</Days>"
       "</Expiration></Rule>",
       "NoSuchLifecycleConfiguration"},
      {"website", "WebsiteConfiguration",
       "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>", "NoSuchWebsiteConfiguration"},
      {"logging", "BucketLoggingStatus",
       "<LoggingEnabled><TargetBucket>bucket</TargetBucket><TargetPrefix>x</TargetPrefix>"
       "</LoggingEnabled>",
       "", false},
      {"notification", "NotificationConfiguration",
       "<EventBridgeConfiguration></EventBridgeConfiguration>", "", false},
      {"requestPayment", "RequestPaymentConfiguration", "<Payer>Requester</Payer>",
       "<Payer>BucketOwner</Payer>", false},
      {"accelerate", "AccelerateConfiguration", "<Status>Enabled</Status>", "", false},
      {"abac", "AbacStatus", "<Status>Enabled</Status>", "<Status>Disabled</Status>", false}};
  for (const Single& config : kSingles) {
    const std::string target = std::string("/bucket?") + config.sub_resource;
    const std::string root(config.root);
    const Answer before = send("GET", target);
    if (config.deletable) {
      EXPECT_EQ(before.element("Code"), config.absent);
      EXPECT_EQ(before.status, 404);
    } else {
      EXPECT_THAT(before.body, HasSubstr("/\">" + std::string(config.absent) + "</" + root + ">"));
    }
    const std::string body = "<" + root + ">" + config.inside + "</" + root + ">";
    EXPECT_EQ(send("PUT", target, body).status, 200) << body;
    const Answer kept = send("GET", target);
    EXPECT_EQ(kept.header("Content-Type"), "application/xml");
    EXPECT_THAT(kept.body, HasSubstr("/\">" + std::string(config.inside) + "</" + root + ">"));
    EXPECT_EQ(send("PUT", target, "<Other/>").element("Code"), "MalformedXML");
    EXPECT_EQ(send("GET", target).body, kept.body) << "a refused one changes nothing";
    EXPECT_EQ(send("DELETE", target).status, config.deletable ? 204 : 405) << target;
    EXPECT_EQ(send("DELETE", target).status, config.deletable ? 204 : 405) << "twice";
    if (config.deletable) EXPECT_EQ(send("GET", target).element("Code"), config.absent);
  }
}

TEST_F(ConfigsTest, EmptyOnesRemoveWhatHasNoDelete) {
  for (const auto& [sub_resource, root] : std::vector<std::pair<std::string, std::string>>{
           {"logging", "BucketLoggingStatus"}, {"notification", "NotificationConfiguration"}}) {
    const std::string inside =
        sub_resource == "logging"
            ? "<LoggingEnabled><TargetBucket>bucket</TargetBucket><TargetPrefix/></LoggingEnabled>"
            : "<EventBridgeConfiguration/>";
    EXPECT_EQ(code_of_put(sub_resource, "<" + root + ">" + inside + "</" + root + ">"), "");
    EXPECT_EQ(code_of_put(sub_resource, "<" + root + "/>"), "");
    EXPECT_THAT(send("GET", "/bucket?" + sub_resource).body, HasSubstr("/\"></" + root + ">"));
  }
}

TEST_F(ConfigsTest, BelongToTheBucketsOwner) {
  make_foreign("foreign");
  for (const char* target : {"/foreign?cors", "/foreign?logging", "/foreign?metrics",
                             "/foreign?metrics&id=x", "/foreign?website"}) {
    EXPECT_EQ(send("GET", target).element("Code"), "AccessDenied") << target;
    EXPECT_EQ(send("PUT", target, kCors).element("Code"), "AccessDenied") << target;
  }
  EXPECT_EQ(send("DELETE", "/foreign?cors").element("Code"), "AccessDenied");
  EXPECT_EQ(send("DELETE", "/foreign?metrics&id=x").element("Code"), "AccessDenied");
  EXPECT_EQ(send("GET", "/missing?cors").element("Code"), "NoSuchBucket");
}

TEST_F(ConfigsTest, LifecycleKeepsFromWhichSizeObjectsMove) {
  const std::string body =
      "<LifecycleConfiguration><Rule><ID>r</ID><Prefix></Prefix><Status>Enabled</Status>"
      "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>";
  const char* const name = "x-amz-transition-default-minimum-object-size";
  EXPECT_EQ(send("PUT", "/bucket?lifecycle", body).header(name), "all_storage_classes_128K");
  EXPECT_EQ(send("GET", "/bucket?lifecycle").header(name), "all_storage_classes_128K");
  Outgoing request = outgoing("PUT", "/bucket?lifecycle", body);
  add(request, name, "varies_by_storage_class");
  EXPECT_EQ(send(request).header(name), "varies_by_storage_class");
  const Answer kept = send("GET", "/bucket?lifecycle");
  EXPECT_EQ(kept.header(name), "varies_by_storage_class");
  EXPECT_THAT(kept.body, Not(HasSubstr("varies")));
  Outgoing wrong = outgoing("PUT", "/bucket?lifecycle", body);
  add(wrong, name, "none");
  EXPECT_EQ(send(wrong).element("Code"), "InvalidArgument");
}

TEST_F(ConfigsTest, LogsGoToABucketOfTheSameOwner) {
  make_foreign("foreign");
  send("PUT", "/logs");
  const auto put = [&](const std::string& to) {
    return send("PUT", "/bucket?logging",
                "<BucketLoggingStatus><LoggingEnabled><TargetBucket>" + to +
                    "</TargetBucket><TargetPrefix/></LoggingEnabled></BucketLoggingStatus>");
  };
  EXPECT_EQ(put("logs").status, 200);
  EXPECT_EQ(put("missing").element("Code"), "InvalidTargetBucketForLogging");
  EXPECT_EQ(put("missing").element("TargetBucket"), "missing");
  EXPECT_EQ(put("foreign").element("Message"),
            "The owner for the bucket to be logged and the target bucket must be the same.");
  EXPECT_EQ(send("GET", "/bucket?logging").element("TargetBucket"), "logs");
}

TEST_F(ConfigsTest, ReplicationNeedsVersionsOnBothSides) {
  const auto put = [&](const std::string& to) {
    return send("PUT", "/bucket?replication",
                "<ReplicationConfiguration><Role>r</Role><Rule><Prefix/><Status>Enabled</Status>"
                "<Destination><Bucket>arn:aws:s3:::" +
                    to + "</Bucket></Destination></Rule></ReplicationConfiguration>");
  };
  send("PUT", "/plain");
  make_versioned("other");
  EXPECT_THAT(put("other").element("Message"), HasSubstr("Versioning must be 'Enabled'"));
  make_versioned("bucket");
  EXPECT_EQ(put("missing").element("Message"), "Destination bucket must exist.");
  EXPECT_EQ(put("plain").element("Message"), "Destination bucket must have versioning enabled.");
  EXPECT_EQ(put("bucket").element("Code"), "InvalidRequest");
  EXPECT_EQ(put("other").status, 200);
  const std::string suspend =
      "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
  EXPECT_EQ(code_of_put("versioning", suspend), "InvalidBucketState");
  EXPECT_EQ(send("GET", "/bucket?versioning").element("Status"), "Enabled");
  EXPECT_EQ(send("DELETE", "/bucket?replication").status, 204);
  EXPECT_EQ(code_of_put("versioning", suspend), "");
}

TEST_F(ConfigsTest, LargeOnesAreRefused) {
  const auto cors_of = [](std::size_t bytes) {
    return "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*"
           "</AllowedOrigin><ExposeHeader>" +
           std::string(bytes, 'x') + "</ExposeHeader></CORSRule></CORSConfiguration>";
  };
  EXPECT_EQ(code_of_put("cors", cors_of(65'000)), "");
  EXPECT_EQ(code_of_put("cors", cors_of(66'000)), "MaxMessageLengthExceeded");
}

TEST_F(ConfigsTest, BucketsWithDotsAreNotAccelerated) {
  send("PUT", "/a.bucket");
  EXPECT_EQ(send("PUT", "/a.bucket?accelerate",
                 "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>")
                .element("Code"),
            "InvalidRequest");
}

TEST_F(ConfigsTest, NamedOnesAreKeptById) {
  const auto metrics = [](const std::string& id) {
    return "<MetricsConfiguration><Id>" + id + "</Id></MetricsConfiguration>";
  };
  EXPECT_EQ(send("GET", "/bucket?metrics&id=a").element("Code"), "NoSuchConfiguration");
  EXPECT_EQ(send("PUT", "/bucket?metrics&id=a", metrics("a")).status, 200);
  EXPECT_EQ(send("PUT", "/bucket?metrics&id=a", metrics("b")).element("Code"), "MalformedXML");
  EXPECT_EQ(send("PUT", "/bucket?metrics&id=a%2Fb", metrics("a/b")).element("Code"),
            "InvalidArgument");
  EXPECT_EQ(send("PUT", "/bucket?metrics", metrics("a")).element("Code"), "InvalidArgument");
  EXPECT_THAT(send("GET", "/bucket?metrics&id=a").body, HasSubstr("/\"><Id>a</Id></Metrics"));
  EXPECT_EQ(send("GET", "/bucket?analytics&id=a").element("Code"), "NoSuchConfiguration");
  EXPECT_EQ(send("DELETE", "/bucket?metrics&id=a").status, 204);
  EXPECT_EQ(send("DELETE", "/bucket?metrics&id=a").element("Code"), "NoSuchConfiguration");
  const Answer empty = send("GET", "/bucket?inventory");
  EXPECT_THAT(empty.body, HasSubstr("<ListInventoryConfigurationsResult"));
  EXPECT_EQ(empty.element("IsTruncated"), "false");
}

TEST_F(ConfigsTest, InventoriesTellAnIdThatDiffers) {
  const std::string body =
      "<InventoryConfiguration><Destination><S3BucketDestination><Bucket>arn:aws:s3:::bucket"
      "</Bucket><Format>CSV</Format></S3BucketDestination></Destination><IsEnabled>false"
      "</IsEnabled><Id>i</Id><IncludedObjectVersions>All</IncludedObjectVersions><Schedule>"
      "<Frequency>Weekly</Frequency></Schedule></InventoryConfiguration>";
  EXPECT_EQ(send("PUT", "/bucket?inventory&id=j", body).element("Code"), "IdMismatch");
  EXPECT_EQ(send("PUT", "/bucket?inventory&id=i", body).status, 200);
}

TEST_F(ConfigsTest, NamedOnesAreListedInPages) {
  for (int i = 0; i < 230; ++i) {
    const std::string id = "c" + std::to_string(1000 + i);
    const std::string body = "<MetricsConfiguration><Id>" + id + "</Id></MetricsConfiguration>";
    ASSERT_EQ(send("PUT", "/bucket?metrics&id=" + id, body).status, 200);
  }
  const auto count = [](const Answer& page) {
    int found = 0;
    for (std::size_t at = 0; (at = page.body.find("<Id>", at)) != std::string::npos; ++at) ++found;
    return found;
  };
  const Answer first = send("GET", "/bucket?metrics");
  EXPECT_EQ(count(first), 100);
  EXPECT_EQ(first.element("IsTruncated"), "true");
  const std::string second_token = first.element("NextContinuationToken");
  const Answer second = send("GET", "/bucket?metrics&continuation-token=" + second_token);
  EXPECT_EQ(count(second), 100);
  EXPECT_EQ(second.element("ContinuationToken"), second_token);
  EXPECT_EQ(second.element("Id"), "c1100");
  const Answer last =
      send("GET", "/bucket?metrics&continuation-token=" + second.element("NextContinuationToken"));
  EXPECT_EQ(count(last), 30);
  EXPECT_EQ(last.element("IsTruncated"), "false");
  EXPECT_EQ(send("GET", "/bucket?metrics&continuation-token=x").element("Code"), "InvalidArgument");
  EXPECT_EQ(count(send("GET", "/bucket?analytics")), 0);
}

TEST_F(ConfigsTest, ThereAreAThousandOfAKind) {
  const auto put = [&](int i) {
    BucketSetting setting{.bucket = "bucket",
                          .name = "metrics/c" + std::to_string(i),
                          .value = "<Id>c" + std::to_string(i) + "</Id>"};
    ASSERT_TRUE(::kelp::test::run_coro(real_.set_bucket_setting(std::move(setting))));
  };
  for (int i = 0; i < 1000; ++i) put(i);
  const auto code = [&](const std::string& id) {
    return send("PUT", "/bucket?metrics&id=" + id,
                "<MetricsConfiguration><Id>" + id + "</Id></MetricsConfiguration>")
        .element("Code");
  };
  EXPECT_EQ(code("new"), "TooManyConfigurations");
  EXPECT_EQ(code("c7"), "") << "one that is there may change";
}

TEST_F(ConfigsTest, APreflightAnswersWithoutASignature) {
  send("PUT", "/bucket?cors", kCors);
  const Answer yes = preflight("/bucket/k", "https://a.example", "GET", "X-A");
  EXPECT_EQ(yes.status, 200);
  EXPECT_EQ(yes.body, "");
  EXPECT_EQ(yes.header("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(yes.header("Access-Control-Allow-Methods"), "GET");
  EXPECT_EQ(yes.header("Access-Control-Allow-Headers"), "x-a");
  EXPECT_EQ(yes.header("Access-Control-Expose-Headers"), "ETag");
  EXPECT_EQ(yes.header("Access-Control-Allow-Credentials"), "true");
  EXPECT_THAT(yes.header("Vary"), HasSubstr("Origin"));

  struct Refusal {
    Answer answer;
    int status;
    std::string code;
    std::string message;
  };
  const std::string unlisted = "CORSResponse: This CORS request is not allowed.";
  send("PUT", "/plain");
  for (const Refusal& refusal : std::vector<Refusal>{
           {preflight("/bucket/k", "https://a.other", "GET"), 403, "AccessForbidden", unlisted},
           {preflight("/bucket", "https://a.example", "PUT"), 403, "AccessForbidden", unlisted},
           {preflight("/bucket", "https://a.example", "GET", "x-b"), 403, "AccessForbidden",
            unlisted},
           {preflight("/plain/k", "https://a.example", "GET"), 403, "AccessForbidden",
            "CORSResponse: CORS is not enabled for this bucket."},
           {preflight("/missing/k", "https://a.example", "GET"), 403, "AccessForbidden",
            "CORSResponse: Bucket not found"},
           {preflight("/", "https://a.example", "GET"), 403, "AccessForbidden",
            "CORSResponse: Bucket not found"},
           {preflight("/bucket/k", "", "GET"), 400, "BadRequest",
            "Insufficient information. Origin request header needed."},
           {preflight("/bucket/k", "https://a.example", ""), 400, "BadRequest",
            "Invalid Access-Control-Request-Method: null"},
           {preflight("/bucket/k", "https://a.example", "PATCH"), 400, "BadRequest",
            "Invalid Access-Control-Request-Method: PATCH"}}) {
    EXPECT_EQ(refusal.answer.status, refusal.status);
    EXPECT_EQ(refusal.answer.element("Code"), refusal.code);
    EXPECT_THAT(refusal.answer.element("Message"), testing::StartsWith(refusal.message));
    EXPECT_EQ(refusal.answer.header("Access-Control-Allow-Origin"), "");
  }
  EXPECT_EQ(preflight("/bucket", "https://a.other", "GET").element("ResourceType"), "BUCKET");
  EXPECT_EQ(preflight("/bucket/k", "https://a.other", "GET").element("ResourceType"), "OBJECT");
}

TEST_F(ConfigsTest, EveryAnswerToAnAllowedOriginSaysSo) {
  send("PUT", "/bucket?cors", kCors);
  send("PUT", "/bucket/k", "body");
  const char* const name = "Access-Control-Allow-Origin";
  EXPECT_EQ(from("https://a.example", "GET", "/bucket/k").header(name), "https://a.example");
  EXPECT_EQ(from("https://a.example", "GET", "/bucket").header(name), "https://a.example");
  const Answer missing = from("https://a.example", "GET", "/bucket/none");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.header(name), "https://a.example");
  const Answer unsigned_one = from("https://a.example", "GET", "/bucket/k", false);
  EXPECT_EQ(unsigned_one.status, 403);
  EXPECT_EQ(unsigned_one.header(name), "https://a.example");
  EXPECT_EQ(from("https://a.other", "GET", "/bucket/k").header(name), "");
  EXPECT_EQ(from("https://a.example", "PUT", "/bucket/k").header(name), "") << "only GET";
  EXPECT_EQ(send("GET", "/bucket/k").header(name), "") << "no Origin, no lines";
  send("DELETE", "/bucket?cors");
  EXPECT_EQ(from("https://a.example", "GET", "/bucket/k").header(name), "");
}

TEST_F(ConfigsTest, NewRulesOfCorsCountAtOnce) {
  for (const char* origin : {"https://one", "https://two", "https://one"}) {
    send("PUT", "/bucket?cors",
         "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>" +
             std::string(origin) + "</AllowedOrigin></CORSRule></CORSConfiguration>");
    EXPECT_EQ(preflight("/bucket", origin, "GET").status, 200);
    EXPECT_EQ(preflight("/bucket", "https://three", "GET").status, 403);
  }
}

}  // namespace
}  // namespace kelp::s3::test
