// What a bucket's notification configuration means.
#include "notify/core/rules.h"

#include <gtest/gtest.h>

#include "notify/core/event_name.h"

namespace kelp::notify {
namespace {

constexpr std::string_view kKept =
    "<TopicConfiguration><Id>one</Id><Topic>arn:aws:sns:us-east-1:1:mail</Topic>"
    "<Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:Delete</Event>"
    "<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>in/</Value></FilterRule>"
    "<FilterRule><Name>suffix</Name><Value>.jpg</Value></FilterRule></S3Key></Filter>"
    "</TopicConfiguration>"
    "<QueueConfiguration><Id>two</Id><Queue>arn:kelp:sqs::store:webhook</Queue>"
    "<Event>s3:ObjectTagging:Put</Event></QueueConfiguration>"
    "<EventBridgeConfiguration></EventBridgeConfiguration>";

TEST(Rules, AnArnNamesATarget) {
  const auto name = [](std::string_view arn) {
    return std::string(target_of_arn(arn).value_or("nothing"));
  };
  EXPECT_EQ(name("arn:kelp:sqs::backup:webhook"), "backup");
  EXPECT_EQ(name("arn:minio:sqs::backup:kafka"), "backup");
  EXPECT_EQ(name("arn:aws:sqs:us-east-1:123456789012:backup"), "backup");
  EXPECT_EQ(name("arn:aws:sns:::backup"), "backup");
  EXPECT_EQ(name("arn:aws-cn:sns:cn-north-1:1:backup"), "backup");
  EXPECT_EQ(name("arn:aws:lambda:us-east-1:1:function:backup"), "backup");
  EXPECT_EQ(name("arn:aws:lambda:us-east-1:1:function:backup:PROD"), "backup");
  for (const std::string_view wrong : {"", "backup", "arn", "arn:aws:sqs:us-east-1:1",
                                       "arn:aws:sqs:us-east-1:1:", "arn:aws:s3:::backup",
                                       "urn:aws:sqs:::backup", "arn:aws:lambda:r:1:layer:backup",
                                       "arn:aws:lambda:r:1:function", "arn:kelp:sqs:::webhook"}) {
    EXPECT_EQ(name(wrong), "nothing") << wrong;
  }
}

TEST(Rules, AreReadFromWhatIsKept) {
  const auto rules = parse_rules(kKept);
  ASSERT_TRUE(rules);
  ASSERT_EQ(rules->size(), 2U);
  EXPECT_EQ(rules->front(), (Rule{.id = "one",
                                  .target = "mail",
                                  .events = {"s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"},
                                  .prefix = "in/",
                                  .suffix = ".jpg"}));
  EXPECT_EQ(rules->back().target, "store");
  EXPECT_EQ(targets_of(*rules), (std::vector<std::string>{"mail", "store"}));
  EXPECT_TRUE(parse_rules("")->empty());
  EXPECT_EQ(parse_rules("<Topic").error().code(), Errc::kCorruption);
}

TEST(Rules, KeepSpacesAndCharactersOfAFilter) {
  const auto rules = parse_rules(
      "<QueueConfiguration><Queue>arn:kelp:sqs::a:webhook</Queue><Event>s3:ObjectAcl:Put</Event>"
      "<Filter><S3Key><FilterRule><Name>prefix</Name><Value> </Value></FilterRule><FilterRule>"
      "<Name>suffix</Name><Value>&lt;&amp;\xc3\xa9</Value></FilterRule></S3Key></Filter>"
      "</QueueConfiguration>");
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->front().prefix, " ");
  EXPECT_EQ(rules->front().suffix, "<&\xc3\xa9");
}

TEST(Rules, AnEventIsForTheRuleThatItFits) {
  const auto rules = parse_rules(kKept).value();
  const auto rule = [&](std::string_view name, std::string_view key) {
    const Rule* const found = rule_for(rules, name, key);
    return found == nullptr ? std::string("none") : found->id;
  };
  EXPECT_EQ(rule("ObjectCreated:Put", "in/a.jpg"), "one");
  EXPECT_EQ(rule("ObjectCreated:Copy", "in/.jpg"), "one");
  EXPECT_EQ(rule("ObjectRemoved:Delete", "in/a.jpg"), "one");
  EXPECT_EQ(rule("ObjectRemoved:DeleteMarkerCreated", "in/a.jpg"), "none");
  EXPECT_EQ(rule("ObjectCreated:Put", "out/a.jpg"), "none");
  EXPECT_EQ(rule("ObjectCreated:Put", "in/a.png"), "none");
  EXPECT_EQ(rule("ObjectTagging:Put", "anything"), "two");
  EXPECT_EQ(rule("ObjectTagging:Delete", "anything"), "none");
}

TEST(Rules, EachEventHasTheNameThatS3GivesIt) {
  using Kind = EventKind;
  using Cause = EventCause;
  const auto name = [](EventKind kind, EventCause cause) {
    ObjectEvent event;
    event.kind = kind;
    event.origin.cause = cause;
    return event_name(event);
  };
  EXPECT_EQ(name(Kind::kPut, Cause::kUnknown), "ObjectCreated:Put");
  EXPECT_EQ(name(Kind::kPut, Cause::kPut), "ObjectCreated:Put");
  EXPECT_EQ(name(Kind::kPut, Cause::kPost), "ObjectCreated:Post");
  EXPECT_EQ(name(Kind::kPut, Cause::kCopy), "ObjectCreated:Copy");
  EXPECT_EQ(name(Kind::kPut, Cause::kRename), "ObjectCreated:Copy");
  EXPECT_EQ(name(Kind::kPut, Cause::kUpload), "ObjectCreated:CompleteMultipartUpload");
  EXPECT_EQ(name(Kind::kPut, Cause::kTransition), "LifecycleTransition");
  EXPECT_EQ(name(Kind::kDelete, Cause::kRemoval), "ObjectRemoved:Delete");
  EXPECT_EQ(name(Kind::kDelete, Cause::kExpiration), "LifecycleExpiration:Delete");
  EXPECT_EQ(name(Kind::kDeleteMarker, Cause::kRemoval), "ObjectRemoved:DeleteMarkerCreated");
  EXPECT_EQ(name(Kind::kDeleteMarker, Cause::kExpiration),
            "LifecycleExpiration:DeleteMarkerCreated");
  EXPECT_EQ(name(Kind::kTags, Cause::kPut), "ObjectTagging:Put");
  EXPECT_EQ(name(Kind::kTags, Cause::kRemoval), "ObjectTagging:Delete");
  EXPECT_EQ(name(Kind::kAcl, Cause::kPut), "ObjectAcl:Put");
  EXPECT_EQ(name(Kind::kLock, Cause::kPut), "");
  EXPECT_EQ(name(Kind::kRestore, Cause::kPost), "ObjectRestore:Post");
  EXPECT_EQ(name(Kind::kRestored, Cause::kPost), "ObjectRestore:Completed");
}

}  // namespace
}  // namespace kelp::notify
