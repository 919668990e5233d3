// Documents of bucket configurations: what is taken, in which form it is kept, and each refusal.
// Beside every row stands the page of the S3 API reference or user guide that it follows.

#include <gtest/gtest.h>

#include "s3gw/core/config/config_kind.h"

namespace kelp::s3 {
namespace {

/// What a document becomes: what is kept, or "Code: message" ("Code" for the table's message).
std::string outcome(const ConfigKind& kind, const std::string& inside) {
  const std::string root(kind.root.name);
  const auto read = read_config(kind, "<" + root + ">" + inside + "</" + root + ">");
  if (!read) {
    const S3Error& error = read.error();
    const std::string code(text_of(error.code).code);
    return error.message.empty() ? code : code + ": " + error.message;
  }
  std::string kept;
  XmlWriter xml(kept);
  write_inside(*read, xml);
  return kept;
}

struct Row {
  const char* page;
  std::string inside;
  std::string expected;  ///< Empty: it is kept as it is.
};

void expect_all(const ConfigKind& kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(outcome(kind, row.inside), row.expected.empty() ? row.inside : row.expected)
        << row.page << ": " << row.inside;
  }
}

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Configs, AreKeptInOneForm) {
  const std::string with_namespace =
      "<?xml version=\"1.0\"?>\n<CORSConfiguration "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n  <CORSRule>\n"
      "    <AllowedMethod>GET</AllowedMethod>\n    <AllowedOrigin>a&amp;b</AllowedOrigin>\n"
      "    <MaxAgeSeconds>007</MaxAgeSeconds>\n  </CORSRule>\n</CORSConfiguration>\n";
  const auto read = read_config(cors_config(), with_namespace);
  ASSERT_TRUE(read.has_value());
  std::string kept;
  XmlWriter xml(kept);
  write_inside(*read, xml);
  EXPECT_EQ(kept,
            "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>a&amp;b</AllowedOrigin>"
            "<MaxAgeSeconds>7</MaxAgeSeconds></CORSRule>");
  const auto again = read_inside(kept, cors_config().root);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->inside[0].text_of("AllowedOrigin"), "a&b");
}

TEST(Configs, WhatHasNotTheShapeIsMalformed) {
  for (const char* body : {"", "text", "<CORSConfiguration/>", "<Other/>",
                           "<CORSConfiguration><CORSRule/></CORSConfiguration>",
                           "<CORSConfiguration>text</CORSConfiguration>"}) {
    const auto read = read_config(cors_config(), body);
    ASSERT_FALSE(read.has_value()) << body;
    EXPECT_EQ(read.error().code, S3Code::kMalformedXML) << body;
  }
}

TEST(Configs, Cors) {
  const std::string origin = "<AllowedOrigin>*</AllowedOrigin>";
  const std::string get = "<AllowedMethod>GET</AllowedMethod>";
  const auto rule = [](const std::string& text) { return "<CORSRule>" + text + "</CORSRule>"; };
  expect_all(
      cors_config(),
      {{"API_CORSRule", rule("<ID>x</ID>" + get + origin + "<ExposeHeader>ETag</ExposeHeader>"),
        ""},
       {"API_CORSRule", rule(origin), "MalformedXML"},
       {"API_CORSRule", rule(get), "MalformedXML"},
       {"API_CORSRule", rule(get + origin + "<Other>x</Other>"), "MalformedXML"},
       {"API_CORSRule", rule(get + origin + "<MaxAgeSeconds>x</MaxAgeSeconds>"), "MalformedXML"},
       {"API_CORSRule", rule(get + origin + "<MaxAgeSeconds>-1</MaxAgeSeconds>"), "MalformedXML"},
       {"API_CORSRule: AllowedMethods", rule("<AllowedMethod>PATCH</AllowedMethod>" + origin),
        "InvalidRequest: Found unsupported HTTP method in CORS config. Unsupported method is "
        "PATCH"},
       {"ManageCorsUsing: AllowedOrigin", rule(get + "<AllowedOrigin>*.*</AllowedOrigin>"),
        "InvalidRequest: AllowedOrigin \"*.*\" can not have more than one wildcard."},
       {"ManageCorsUsing: AllowedHeader", rule(get + origin + "<AllowedHeader>*-*</AllowedHeader>"),
        "InvalidRequest: AllowedHeader \"*-*\" can not have more than one wildcard."},
       {"ManageCorsUsing: ExposeHeader", rule(get + origin + "<ExposeHeader>*</ExposeHeader>"),
        "InvalidRequest: ExposeHeader \"*\" contains wildcard. We currently do not support "
        "wildcard for ExposeHeader."},
       {"PutBucketCors: up to 100 rules", times(100, rule(get + origin)), ""},
       {"PutBucketCors: up to 100 rules", times(101, rule(get + origin)),
        "InvalidRequest: The number of CORS rules should not exceed allowed limit of 100 rules."}});
}

std::string life(const std::string& text) {
  return "<Rule><ID>r</ID>" + text + "</Rule>";
}
const std::string kAll = "<Filter></Filter><Status>Enabled</Status>";
const std::string kGone = "<Expiration><Days>10</Days></Expiration>";

TEST(Configs, LifecycleChoosesObjects) {
  const std::string on = "<Status>Enabled</Status>";
  const std::string tag = "<Tag><Key>a</Key><Value>b</Value></Tag>";
  expect_all(
      lifecycle_config(),
      {{"API_LifecycleRule: Prefix", life("<Prefix>logs/</Prefix>" + on + kGone), ""},
       {"API_LifecycleRule: Filter", life("<Filter><Prefix>x</Prefix></Filter>" + on + kGone), ""},
       {"API_LifecycleRule: Filter", life(kAll + kGone), ""},
       {"API_LifecycleRuleFilter", life("<Filter>" + tag + "</Filter>" + on + kGone), ""},
       {"API_LifecycleRuleAndOperator",
        life("<Filter><And><Prefix>x</Prefix>" + tag +
             "<ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>" + on + kGone),
        ""},
       {"API_LifecycleRule", life(on + kGone), "MalformedXML"},
       {"API_LifecycleRule", life("<Prefix/>" + kAll + kGone), "MalformedXML"},
       {"API_LifecycleRule: Status", life("<Filter/><Status>enabled</Status>" + kGone),
        "MalformedXML"},
       {"API_LifecycleRule: Status", life("<Filter/>" + kGone), "MalformedXML"},
       {"API_LifecycleRuleFilter: exactly one",
        life("<Filter><Prefix>x</Prefix>" + tag + "</Filter>" + on + kGone), "MalformedXML"},
       {"API_LifecycleRuleAndOperator: two or more",
        life("<Filter><And>" + tag + "</And></Filter>" + on + kGone), "MalformedXML"},
       {"intro-lifecycle-rules: tags",
        life("<Filter><And>" + tag + tag + "</And></Filter>" + on + kGone),
        "InvalidRequest: Duplicate Tag Keys are not allowed."},
       {"intro-lifecycle-rules: sizes",
        life("<Filter><And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan>"
             "<ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>" +
             on + kGone),
        "InvalidRequest: 'ObjectSizeLessThan' has to be a value greater than "
        "'ObjectSizeGreaterThan'."},
       {"PutBucketLifecycleConfiguration",
        "<Rule><ID>1</ID><Prefix/>" + on + kGone + "</Rule><Rule><ID>2</ID>" + kAll + kGone +
            "</Rule>",
        "InvalidRequest: Base level prefix cannot be used in Lifecycle V2, prefixes are only "
        "supported in the Filter."},
       {"API_LifecycleRule: ID",
        "<Rule><ID>" + std::string(256, 'x') + "</ID>" + kAll + kGone + "</Rule>",
        "InvalidArgument: ID length should not exceed allowed limit of 255"},
       {"API_LifecycleRule: ID", times(2, life(kAll + kGone)),
        "InvalidArgument: Rule ID must be unique. Found same ID for more than one rule"}});
}

TEST(Configs, LifecycleExpires) {
  const auto expires = [](const std::string& text) {
    return life(kAll + "<Expiration>" + text + "</Expiration>");
  };
  const std::string marker = "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>";
  const std::string tagged =
      "<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Status>Enabled</Status>";
  expect_all(
      lifecycle_config(),
      {{"API_LifecycleExpiration", expires("<Date>2030-01-01T00:00:00.000Z</Date>"), ""},
       {"API_LifecycleExpiration", expires(marker), ""},
       {"API_LifecycleExpiration", expires("<Days>0</Days>"),
        "InvalidArgument: 'Days' for Expiration action must be a positive integer"},
       {"API_LifecycleExpiration", expires("<Date>2030-01-01T00:00:01Z</Date>"),
        "InvalidArgument: 'Date' must be at midnight GMT"},
       {"API_LifecycleExpiration", expires("<Date>tomorrow</Date>"), "MalformedXML"},
       {"API_LifecycleExpiration", expires(""), "MalformedXML"},
       {"API_LifecycleExpiration", expires("<Days>1</Days>" + marker), "MalformedXML"},
       {"intro-lifecycle-rules: delete markers",
        life(tagged + "<Expiration>" + marker + "</Expiration>"),
        "InvalidRequest: ExpiredObjectDeleteMarker cannot be specified with Tags."},
       {"API_LifecycleRule", life(kAll),
        "InvalidRequest: At least one action needs to be specified in a rule"},
       {"API_NoncurrentVersionExpiration",
        life(kAll + "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                    "<NewerNoncurrentVersions>100</NewerNoncurrentVersions>"
                    "</NoncurrentVersionExpiration>"),
        ""},
       {"API_NoncurrentVersionExpiration",
        life(kAll + "<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays>"
                    "</NoncurrentVersionExpiration>"),
        "InvalidArgument: 'NoncurrentDays' for NoncurrentVersionExpiration action must be a "
        "positive integer"},
       {"API_NoncurrentVersionExpiration",
        life(kAll + "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                    "<NewerNoncurrentVersions>101</NewerNoncurrentVersions>"
                    "</NoncurrentVersionExpiration>"),
        "InvalidArgument: 'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be "
        "less than or equal to 100"},
       {"API_NoncurrentVersionExpiration", life(kAll + "<NoncurrentVersionExpiration/>"),
        "MalformedXML"},
       {"API_AbortIncompleteMultipartUpload",
        life(kAll + "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation>"
                    "</AbortIncompleteMultipartUpload>"),
        "InvalidArgument: 'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be "
        "a positive integer"},
       {"intro-lifecycle-rules: uploads have no tags",
        life(tagged + "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1"
                      "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"),
        "InvalidRequest: AbortIncompleteMultipartUpload cannot be specified with Tags."}});
}

TEST(Configs, LifecycleMoves) {
  const auto moves = [](const std::string& when, const std::string& to) {
    return "<Transition>" + when + "<StorageClass>" + to + "</StorageClass></Transition>";
  };
  const std::string date = "<Date>2030-01-01T00:00:00.000Z</Date>";
  expect_all(
      lifecycle_config(),
      {{"API_Transition", life(kAll + moves("<Days>0</Days>", "GLACIER")), ""},
       {"API_Transition", life(kAll + moves(date, "DEEP_ARCHIVE")), ""},
       {"API_Transition", life(kAll + moves("<Days>1</Days>", "STANDARD")), "MalformedXML"},
       {"API_Transition", life(kAll + moves("", "GLACIER")), "MalformedXML"},
       {"API_Transition", life(kAll + moves("<Days>1</Days>" + date, "GLACIER")), "MalformedXML"},
       {"API_Transition", life(kAll + moves("<Days>-1</Days>", "GLACIER")),
        "InvalidArgument: 'Days' in Transition action must be nonnegative"},
       {"lifecycle-transition-general-considerations",
        life(kAll + moves("<Days>29</Days>", "STANDARD_IA")),
        "InvalidArgument: 'Days' in Transition action must be greater than or equal to 30 for "
        "storageClass 'STANDARD_IA'"},
       {"API_Transition", life(kAll + times(2, moves("<Days>1</Days>", "GLACIER"))),
        "InvalidRequest: 'StorageClass' must be different for 'Transition' actions in same 'Rule' "
        "with filter '(prefix=)'"},
       {"API_Transition",
        life(kAll + moves("<Days>1</Days>", "GLACIER") + moves(date, "DEEP_ARCHIVE")),
        "InvalidRequest: Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule "
        "for filter '(prefix=)'"},
       {"API_Transition", life(kAll + kGone + moves(date, "GLACIER")),
        "InvalidRequest: Found mixed 'Date' and 'Days' based Expiration and Transition actions in "
        "lifecycle rule for filter '(prefix=)'"},
       {"intro-lifecycle-rules", life(kAll + kGone + moves("<Days>9</Days>", "GLACIER")), ""},
       {"intro-lifecycle-rules",
        life("<Prefix>x</Prefix><Status>Enabled</Status>" + kGone +
             moves("<Days>10</Days>", "GLACIER")),
        "InvalidArgument: 'Days' in the Expiration action for prefix 'x' must be greater than "
        "'Days' in the Transition action"}});
}

TEST(Configs, RulesWithoutANameGetOneThatStays) {
  const std::string rule = "<Rule>" + kAll + kGone + "</Rule>";
  const auto read = read_config(
      lifecycle_config(), "<LifecycleConfiguration>" + rule + rule + "</LifecycleConfiguration>");
  ASSERT_TRUE(read.has_value());
  const std::string first(read->inside[0].text_of("ID"));
  EXPECT_EQ(first.size(), 32U);
  EXPECT_NE(first, read->inside[1].text_of("ID"));
  EXPECT_EQ(outcome(lifecycle_config(), "<Rule><ID/>" + kAll + kGone + "</Rule>"),
            "<Rule><ID>" + first + "</ID>" + kAll + kGone + "</Rule>");
}

TEST(Configs, Website) {
  const std::string index = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";
  const auto rule = [](const std::string& text) {
    return "<RoutingRule>" + text + "</RoutingRule>";
  };
  const std::string to = "<Redirect><HostName>h</HostName></Redirect>";
  const auto site = [&](const std::string& rules) {
    return index + "<RoutingRules>" + rules + "</RoutingRules>";
  };
  expect_all(
      website_config(),
      {{"API_WebsiteConfiguration", index + "<ErrorDocument><Key>e</Key></ErrorDocument>", ""},
       {"API_RedirectAllRequestsTo",
        "<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo>", ""},
       {"API_RoutingRule",
        site(rule("<Condition><KeyPrefixEquals>a</KeyPrefixEquals></Condition>" + to)), ""},
       {"API_IndexDocument", "",
        "InvalidArgument: A value for IndexDocument Suffix must be provided if "
        "RedirectAllRequestsTo is empty"},
       {"API_IndexDocument", "<IndexDocument><Suffix>a/b</Suffix></IndexDocument>",
        "InvalidArgument: The IndexDocument Suffix is not well formed"},
       {"API_IndexDocument", "<IndexDocument><Suffix/></IndexDocument>",
        "InvalidArgument: The IndexDocument Suffix is not well formed"},
       {"API_ErrorDocument", index + "<ErrorDocument><Key/></ErrorDocument>", "MalformedXML"},
       {"API_WebsiteConfiguration",
        index + "<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo>",
        "InvalidArgument: RedirectAllRequestsTo cannot be provided in conjunction with other "
        "Routing Rules."},
       {"API_RedirectAllRequestsTo",
        "<RedirectAllRequestsTo><HostName>h</HostName><Protocol>ftp</Protocol>"
        "</RedirectAllRequestsTo>",
        "InvalidRequest: Invalid protocol, protocol can be http or https. If not defined the "
        "protocol will be selected automatically."},
       {"API_RoutingRule", site(""), "MalformedXML"},
       {"API_RoutingRule", site(rule("")), "MalformedXML"},
       {"API_Condition", site(rule("<Condition/>" + to)),
        "InvalidRequest: Condition cannot be empty. To redirect all requests without a condition, "
        "the condition element shouldn't be present."},
       {"API_Condition",
        site(rule("<Condition><HttpErrorCodeReturnedEquals>300</HttpErrorCodeReturnedEquals>"
                  "</Condition>" +
                  to)),
        "InvalidRequest: The provided HTTP error code (300) is not valid. Valid codes are 4XX or "
        "5XX."},
       {"API_Redirect", site(rule("<Redirect><HttpRedirectCode>300</HttpRedirectCode></Redirect>")),
        "InvalidRequest: The provided HTTP redirect code (300) is not valid. Valid codes are 3XX "
        "except 300."},
       {"API_Redirect",
        site(rule("<Redirect><ReplaceKeyPrefixWith>a</ReplaceKeyPrefixWith>"
                  "<ReplaceKeyWith>b</ReplaceKeyWith></Redirect>")),
        "InvalidRequest: You can only define ReplaceKeyPrefix or ReplaceKey but not both."},
       {"how-to-page-redirect: 50 rules", site(times(51, rule(to))),
        "InvalidRequest: 51 routing rules provided, the number of routing rules in a website "
        "configuration is limited to 50."}});
}

TEST(Configs, Logging) {
  const std::string to = "<TargetBucket>logs</TargetBucket><TargetPrefix>p</TargetPrefix>";
  const auto enabled = [](const std::string& text) {
    return "<LoggingEnabled>" + text + "</LoggingEnabled>";
  };
  expect_all(
      logging_config(),
      {{"API_LoggingEnabled", enabled(to), ""},
       {"API_TargetObjectKeyFormat",
        enabled(to + "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime"
                     "</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>"),
        ""},
       {"API_TargetGrant",
        enabled("<TargetBucket>logs</TargetBucket><TargetGrants><Grant><Grantee "
                "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                "xsi:type=\"CanonicalUser\"><ID>x</ID></Grantee><Permission>READ</Permission>"
                "</Grant></TargetGrants><TargetPrefix></TargetPrefix>"),
        ""},
       {"API_Grantee: Type",
        enabled(to + "<TargetGrants><Grant><Grantee><ID>x</ID></Grantee><Permission>READ"
                     "</Permission></Grant></TargetGrants>"),
        "MalformedXML"},
       {"API_LoggingEnabled", enabled("<TargetBucket>logs</TargetBucket>"), "MalformedXML"},
       {"API_TargetObjectKeyFormat", enabled(to + "<TargetObjectKeyFormat/>"), "MalformedXML"}});
}

TEST(Configs, Notification) {
  const auto topic = [](const std::string& arn, const std::string& events,
                        const std::string& rules = {}, const std::string& id = "i") {
    return "<TopicConfiguration><Id>" + id + "</Id><Topic>" + arn + "</Topic>" + events +
           "<Filter><S3Key>" + rules + "</S3Key></Filter></TopicConfiguration>";
  };
  const auto key = [](const std::string& name, const std::string& value) {
    return "<FilterRule><Name>" + name + "</Name><Value>" + value + "</Value></FilterRule>";
  };
  const std::string arn = "arn:aws:sns:us-east-1:123456789012:t";
  const std::string put = "<Event>s3:ObjectCreated:Put</Event>";
  const std::string any = "<Event>s3:ObjectCreated:*</Event>";
  const std::string overlap =
      "InvalidArgument: Configurations overlap. Configurations on the same bucket cannot share a "
      "common event type.";
  expect_all(
      notification_config(),
      {{"API_TopicConfiguration", topic(arn, put, key("prefix", "a") + key("suffix", "b")), ""},
       {"API_TopicConfiguration: any region", topic("arn:aws:sns:default::t", put), ""},
       {"of Kelp, in any element", topic("arn:kelp:sqs::t:webhook", put), ""},
       {"API_EventBridgeConfiguration", "<EventBridgeConfiguration></EventBridgeConfiguration>",
        ""},
       {"API_TopicConfiguration", topic(arn, ""), "MalformedXML"},
       {"notification-how-to-event-types-and-destinations", topic(arn, "<Event>s3:Other</Event>"),
        "InvalidArgument: A specified event is not supported for notifications."},
       {"PutBucketNotificationConfiguration: Errors", topic("t", put),
        "InvalidArgument: The ARN could not be parsed"},
       {"PutBucketNotificationConfiguration: Errors",
        topic("arn:aws:sqs:us-east-1:123456789012:q", put),
        "InvalidArgument: Unable to validate the following destination configurations"},
       {"API_FilterRule", topic(arn, put, key("middle", "x")),
        "InvalidArgument: filter rule name must be either prefix or suffix"},
       {"API_S3KeyFilter", topic(arn, put, times(2, key("prefix", "x"))),
        "InvalidArgument: Cannot specify more than one prefix rule in a filter."},
       {"notification-how-to-filtering", topic(arn, put) + topic(arn, any, "", "j"), overlap},
       {"notification-how-to-filtering",
        topic(arn, put, key("prefix", "a")) + topic(arn, any, key("prefix", "ab"), "j"), overlap},
       {"notification-how-to-filtering",
        topic(arn, put, key("prefix", "a")) + topic(arn, any, key("prefix", "b"), "j"), ""},
       {"notification-how-to-filtering",
        topic(arn, put, key("suffix", "a")) + topic(arn, any, key("suffix", "b"), "j"), ""},
       {"API_TopicConfiguration: Id",
        topic(arn, put, key("prefix", "a")) + topic(arn, put, key("prefix", "b")),
        "InvalidArgument: Rule ID must be unique. Found same ID for more than one rule"}});
}

TEST(Configs, Replication) {
  const std::string to = "<Destination><Bucket>arn:aws:s3:::other</Bucket></Destination>";
  const std::string on = "<Status>Enabled</Status>";
  const auto rules = [](const std::string& text) {
    return "<Role>arn:aws:iam::1:role/r</Role>" + text;
  };
  const auto rule = [](const std::string& text, const std::string& id = "r") {
    return "<Rule><ID>" + id + "</ID>" + text + "</Rule>";
  };
  const std::string markers =
      "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>";
  const auto second = [&](int priority) {
    return "<Priority>" + std::to_string(priority) + "</Priority><Filter></Filter>" + on + to +
           markers;
  };
  const std::string guide =
      " for this version of Cross Region Replication configuration schema. Please refer to S3 "
      "Developer Guide for more information.";
  expect_all(
      replication_config(),
      {{"API_ReplicationRule: V1", rules(rule("<Prefix>a</Prefix>" + on + to)), ""},
       {"API_ReplicationRule: V2", rules(rule(second(1)) + rule(second(2), "s")), ""},
       {"API_ReplicationConfiguration", rule(second(1)), "MalformedXML"},
       {"API_ReplicationRule", rules(rule(on + to)), "MalformedXML"},
       {"API_ReplicationRule: Destination", rules(rule("<Prefix>a</Prefix>" + on)), "MalformedXML"},
       {"replication-add-config", rules(rule("<Filter/>" + on + to + markers)),
        "InvalidRequest: Priority must be specified" + guide},
       {"replication-add-config", rules(rule("<Priority>1</Priority><Filter/>" + on + to)),
        "InvalidRequest: DeleteMarkerReplication must be specified" + guide},
       {"replication-add-config", rules(rule("<Prefix>a</Prefix>" + on + to + markers)),
        "InvalidRequest: DeleteMarkerReplication cannot be used" + guide},
       {"API_ReplicationRule: Priority", rules(rule(second(1)) + rule(second(1), "s")),
        "InvalidRequest: Found duplicate priority '1' in replication rules."},
       {"API_Destination: Bucket",
        rules(
            rule("<Prefix>a</Prefix>" + on + "<Destination><Bucket>other</Bucket></Destination>")),
        "InvalidArgument: Invalid bucket ARN."}});
}

TEST(Configs, Switches) {
  expect_all(request_payment_config(),
             {{"API_RequestPaymentConfiguration", "<Payer>Requester</Payer>", ""},
              {"API_RequestPaymentConfiguration", "<Payer>Nobody</Payer>", "MalformedXML"},
              {"API_RequestPaymentConfiguration", "", "MalformedXML"}});
  expect_all(accelerate_config(),
             {{"API_AccelerateConfiguration", "<Status>Suspended</Status>", ""},
              {"API_AccelerateConfiguration", "<Status>Disabled</Status>", "MalformedXML"}});
  expect_all(abac_config(), {{"API_AbacStatus", "<Status>Enabled</Status>", ""},
                             {"API_AbacStatus", "<Status>On</Status>", "MalformedXML"}});
}

TEST(Configs, NamedOnes) {
  const std::string bucket = "<Bucket>arn:aws:s3:::b-1</Bucket>";
  const auto list = [](const std::string& to, const std::string& more = {}) {
    return "<Destination><S3BucketDestination>" + to +
           "<Format>CSV</Format></S3BucketDestination></Destination><IsEnabled>true</IsEnabled>"
           "<Id>i</Id><IncludedObjectVersions>All</IncludedObjectVersions>" +
           more + "<Schedule><Frequency>Daily</Frequency></Schedule>";
  };
  expect_all(
      inventory_config(),
      {{"API_InventoryConfiguration",
        list(bucket, "<OptionalFields><Field>Size</Field></OptionalFields>"), ""},
       {"API_InventoryConfiguration",
        list(bucket, "<OptionalFields><Field>Colour</Field></OptionalFields>"), "MalformedXML"},
       {"API_InventoryS3BucketDestination", list("<Bucket>b-1</Bucket>"),
        "InvalidS3DestinationBucket: Invalid bucket ARN."}});
  const auto tiers = [](const std::string& text) {
    return "<Id>i</Id><Status>Enabled</Status>" + text;
  };
  const auto tier = [](const std::string& name, int days) {
    return "<Tiering><Days>" + std::to_string(days) + "</Days><AccessTier>" + name +
           "</AccessTier></Tiering>";
  };
  expect_all(
      intelligent_tiering_config(),
      {{"API_Tiering", tiers(tier("ARCHIVE_ACCESS", 90) + tier("DEEP_ARCHIVE_ACCESS", 180)), ""},
       {"API_Tiering", tiers(tier("DEEP_ARCHIVE_ACCESS", 179)),
        "InvalidArgument: 'Days' of DEEP_ARCHIVE_ACCESS must be between 180 and 730"},
       {"API_Tiering", tiers(times(2, tier("ARCHIVE_ACCESS", 90))), "MalformedXML"},
       {"API_IntelligentTieringConfiguration", tiers(""), "MalformedXML"}});
  expect_all(metrics_config(),
             {{"API_MetricsConfiguration", "<Id>i</Id>", ""},
              {"API_MetricsFilter", "<Id>i</Id><Filter><Prefix>a</Prefix></Filter>", ""},
              {"API_MetricsConfiguration", "", "MalformedXML"}});
  expect_all(analytics_config(), {{"API_AnalyticsConfiguration",
                                   "<Id>i</Id><StorageClassAnalysis></StorageClassAnalysis>", ""},
                                  {"API_AnalyticsConfiguration", "<Id>i</Id>", "MalformedXML"}});
}

TEST(Configs, BucketsAreNamedByArn) {
  EXPECT_EQ(bucket_of_arn("arn:aws:s3:::my-bucket"), "my-bucket");
  for (const char* bad :
       {"", "my-bucket", "arn:aws:s3:::", "arn:aws:s3:::A", "arn:aws:sns:::abc"}) {
    EXPECT_EQ(bucket_of_arn(bad), "") << bad;
  }
}

}  // namespace
}  // namespace kelp::s3
