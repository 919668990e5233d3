#include <fmt/format.h>

#include "base/encoding.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

TEST_F(GatewayTest, BucketsAreMadeListedAndDeleted) {
  EXPECT_EQ(send("PUT", "/bucket").status, 200);
  EXPECT_EQ(send("PUT", "/bucket").status, 200);  // us-east-1 takes it twice
  EXPECT_EQ(send("PUT", "/another").header("Location"), "/another");
  EXPECT_EQ(send("PUT", "/Bad_Name").element("Code"), "InvalidBucketName");
  EXPECT_EQ(send("PUT", "/abc--x-s3").element("Code"), "InvalidBucketName");
  EXPECT_EQ(send("HEAD", "/bucket").header("x-amz-bucket-region"), "us-east-1");
  EXPECT_EQ(send("HEAD", "/missing").status, 404);
  EXPECT_EQ(send("HEAD", "/missing").body, "");
  EXPECT_NE(send("GET", "/bucket?location").body.find("LocationConstraint"), std::string::npos);
  const Answer page = send("GET", "/?max-buckets=1");
  EXPECT_EQ(page.element("Name"), "another");
  const Answer rest = send("GET", "/?continuation-token=" + page.element("ContinuationToken"));
  EXPECT_EQ(rest.element("Name"), "bucket");
  EXPECT_EQ(rest.element("ContinuationToken"), "");
  EXPECT_EQ(send("DELETE", "/bucket").status, 204);
  EXPECT_EQ(send("DELETE", "/bucket").element("Code"), "NoSuchBucket");
}

// Pages of the filer's are of 10,000 buckets of any region.
TEST_F(GatewayTest, ARegionsBucketsAreFoundBehindThoseOfOthers) {
  const std::string owner = credentials.mine.account.id;
  const auto add_bucket = [&](std::string name, std::string region) {
    BucketEntry& made = filer.buckets[name].entry;
    made.name = std::move(name);
    made.owner_id = owner;
    made.region = std::move(region);
  };
  for (int i = 0; i <= 10'000; ++i) add_bucket(fmt::format("here-{:05}", i), {});
  add_bucket("there-1", "eu-west-1");
  add_bucket("there-2", "eu-west-1");
  const Answer page = send("GET", "/?bucket-region=eu-west-1&max-buckets=1");
  EXPECT_EQ(page.element("Name"), "there-1");
  const std::string token = page.element("ContinuationToken");
  ASSERT_NE(token, "");
  const Answer rest =
      send("GET", "/?bucket-region=eu-west-1&max-buckets=1&continuation-token=" + token);
  EXPECT_EQ(rest.element("Name"), "there-2");
  EXPECT_EQ(rest.element("ContinuationToken"), "");
}

// Hadoop's S3A takes a 404 for "there is no such store", and any 400 for a mistake of its own.
TEST_F(GatewayTest, ABucketWithANameOfOldIsOneThatIsNotThere) {
  for (const std::string& name : {std::string("Upper-Case"), std::string("under_score"),
                                  std::string("23FA76D4-5F17") + std::string(60, 'A')}) {
    EXPECT_EQ(send("HEAD", "/" + name).status, 404) << name;
    EXPECT_EQ(send("GET", "/" + name + "?list-type=2").element("Code"), "NoSuchBucket") << name;
    EXPECT_EQ(send("GET", "/" + name).element("BucketName"), name);
    EXPECT_EQ(send("PUT", "/" + name + "/key", "v").element("Code"), "NoSuchBucket") << name;
    EXPECT_EQ(send("PUT", "/" + name).element("Code"), "InvalidBucketName") << name;
  }
  EXPECT_EQ(send("GET", "/a!b").element("Code"), "InvalidBucketName");
}

TEST_F(GatewayTest, ABucketInAnotherRegionIsNotMadeTwice) {
  const std::string body =
      "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
      "</CreateBucketConfiguration>";
  EXPECT_EQ(send("PUT", "/bucket", body).status, 200);
  EXPECT_EQ(send("PUT", "/bucket", body).element("Code"), "BucketAlreadyOwnedByYou");
  EXPECT_NE(send("GET", "/bucket?location").body.find(">eu-west-1<"), std::string::npos);
}

TEST_F(GatewayTest, ListingsCarryOnWhereTheyStopped) {
  send("PUT", "/bucket");
  for (const char* key : {"a", "dir/1", "dir/2", "z"}) {
    send("PUT", std::string("/bucket/") + key, "v");
  }
  const Answer page = send("GET", "/bucket?list-type=2&delimiter=/&max-keys=2");
  EXPECT_EQ(page.element("KeyCount"), "2");
  EXPECT_NE(page.body.find("<CommonPrefixes><Prefix>dir/</Prefix>"), std::string::npos);
  const std::string token = url_encode(page.element("NextContinuationToken"), false);
  const Answer rest =
      send("GET", "/bucket?list-type=2&delimiter=/&max-keys=2&continuation-token=" + token);
  EXPECT_EQ(rest.element("Key"), "z");
  EXPECT_EQ(rest.element("IsTruncated"), "false");
  EXPECT_EQ(send("GET", "/bucket?delimiter=/&max-keys=2").element("NextMarker"), "dir/");
  EXPECT_EQ(send("GET", "/bucket?marker=dir/1").element("Key"), "dir/2");
  EXPECT_EQ(send("GET", "/bucket?list-type=2&continuation-token=").status, 200);
  EXPECT_EQ(send("GET", "/bucket?max-keys=0").element("IsTruncated"), "false");
  EXPECT_EQ(send("GET", "/bucket?max-keys=5000").element("MaxKeys"), "1000");
  for (const char* bad : {"max-keys=-1", "max-keys=x", "max-keys=9999999999", "encoding-type=x",
                          "list-type=2&continuation-token=x"}) {
    EXPECT_EQ(send("GET", std::string("/bucket?") + bad).element("Code"), "InvalidArgument") << bad;
  }
}

TEST_F(GatewayTest, ReadsOfWhatIsNotConfiguredAnswerAsAws) {
  send("PUT", "/bucket");
  for (const auto& [sub_resource, code] : std::vector<std::pair<std::string, std::string>>{
           {"policy", "NoSuchBucketPolicy"},
           {"tagging", "NoSuchTagSet"},
           {"cors", "NoSuchCORSConfiguration"},
           {"lifecycle", "NoSuchLifecycleConfiguration"},
           {"encryption", "ServerSideEncryptionConfigurationNotFoundError"},
           {"object-lock", "ObjectLockConfigurationNotFoundError"},
           {"replication", "ReplicationConfigurationNotFoundError"},
           {"website", "NoSuchWebsiteConfiguration"}}) {
    const Answer answer = send("GET", "/bucket?" + sub_resource);
    EXPECT_EQ(answer.status, 404) << sub_resource;
    EXPECT_EQ(answer.element("Code"), code);
    EXPECT_EQ(answer.element("BucketName"), "bucket");
  }
  for (const char* sub_resource :
       {"versioning", "acl", "logging", "notification", "publicAccessBlock", "ownershipControls",
        "accelerate", "requestPayment", "metrics"}) {
    EXPECT_EQ(send("GET", std::string("/bucket?") + sub_resource).status, 200) << sub_resource;
    EXPECT_EQ(send("GET", std::string("/missing?") + sub_resource).status, 404) << sub_resource;
  }
}

TEST_F(GatewayTest, WhatHasNoEffectSaysSo) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/bucket?session"}, {"GET", "/bucket/k?torrent"}}) {
    const Answer answer = send(method, target, "<X/>");
    EXPECT_EQ(answer.status, 501) << method << ' ' << target;
    EXPECT_EQ(answer.element("Code"), "NotImplemented");
  }
  Outgoing private_acl = outgoing("PUT", "/bucket?acl");
  add(private_acl, "x-amz-acl", "private");
  EXPECT_EQ(send(private_acl).status, 200);
}

// s3cmd reads the ACL of what it copied and puts it on the copy.
TEST_F(GatewayTest, AnAclThatSaysWhatIsTrueIsTaken) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  for (const char* target : {"/bucket?acl", "/bucket/k?acl"}) {
    const std::string acl = send("GET", target).body;
    EXPECT_EQ(send("PUT", target, acl).status, 200);
    const auto refused = [&](std::string_view from, std::string_view to) {
      std::string other = acl;
      other.replace(other.find(from), from.size(), to);
      return send("PUT", target, other).element("Code");
    };
    EXPECT_EQ(refused("FULL_CONTROL", "READ"), "AccessControlListNotSupported");
    EXPECT_EQ(refused("\"CanonicalUser\"><ID>abc", "\"CanonicalUser\"><ID>other"),
              "AccessControlListNotSupported");
    EXPECT_EQ(refused("\"CanonicalUser\"><ID>abc</ID>",
                      "\"Group\"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>"),
              "AccessControlListNotSupported");
    EXPECT_EQ(refused("<AccessControlPolicy", "<Nonsense"), "MalformedACLError");
    EXPECT_EQ(send("PUT", target).element("Code"), "MissingSecurityHeader");
  }
}

}  // namespace
}  // namespace kelp::s3::test
