#include "s3gw/core/s3_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kelp::s3 {
namespace {

std::string code_of(const S3Error& error) {
  return std::string(text_of(error.code).code);
}

/// The key of a path-style target, or "!Code".
std::string key_of(const std::string& target) {
  const auto request = parse_request(target, "localhost:8333", {});
  return request ? request->key : "!" + code_of(request.error());
}

TEST(S3Request, SplitsServiceBucketAndObject) {
  EXPECT_EQ(parse_request("/", "h", {})->scope, Scope::kService);
  EXPECT_EQ(parse_request("/?x-id=ListBuckets", "h", {})->scope, Scope::kService);
  for (const char* target : {"/bucket", "/bucket/", "/bucket?acl", "/bucket/?acl"}) {
    const auto request = parse_request(target, "h", {});
    ASSERT_TRUE(request) << target;
    EXPECT_EQ(request->scope, Scope::kBucket) << target;
    EXPECT_EQ(request->bucket, "bucket") << target;
  }
  const auto object = parse_request("/bucket/a/b?versionId=null", "h", {});
  EXPECT_EQ(object->scope, Scope::kObject);
  EXPECT_EQ(object->key, "a/b");
  EXPECT_EQ(object->raw_path, "/bucket/a/b");
  EXPECT_EQ(object->raw_query, "versionId=null");
}

TEST(S3Request, KeepsKeysAsTheyAre) {
  EXPECT_EQ(key_of("/bucket//"), "/");
  EXPECT_EQ(key_of("/bucket//a"), "/a");
  EXPECT_EQ(key_of("/bucket/a//b"), "a//b");
  EXPECT_EQ(key_of("/bucket/./a"), "./a");
  EXPECT_EQ(key_of("/bucket/../a"), "../a");
  EXPECT_EQ(key_of("/bucket/%2e%2e/a"), "../a");
  EXPECT_EQ(key_of("/bucket/%252e"), "%2e");
  EXPECT_EQ(key_of("/bucket/a%2Fb"), "a/b");
  EXPECT_EQ(key_of("/bucket/a+b"), "a+b");
  EXPECT_EQ(key_of("/bucket/a%20b"), "a b");
  EXPECT_EQ(key_of("/bucket/a%3Fb"), "a?b");
  EXPECT_EQ(key_of("/bucket/a%00b"), std::string("a\0b", 3));
  EXPECT_EQ(key_of("/bucket/dir/"), "dir/");
  EXPECT_EQ(key_of("/bucket/\\"), "\\");
  EXPECT_EQ(key_of("/bucket/%E2%80%AEtxt"), "\xe2\x80\xaetxt");
  EXPECT_EQ(key_of("/bucket/bucket"), "bucket");
}

TEST(S3Request, RefusesBrokenEscapesAndBytesThatAreNotUtf8) {
  EXPECT_EQ(key_of("/bucket/a%"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/a%2"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/a%zz"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/%ff"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/%c0%af"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/%ed%a0%80"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/a?prefix=%"), "!InvalidURI");
  EXPECT_EQ(key_of("/bucket/a?prefix=%ff"), "!InvalidURI");
  EXPECT_EQ(key_of("bucket/a"), "!InvalidURI");
  EXPECT_EQ(key_of(""), "!InvalidURI");
}

TEST(S3Request, AKeyHas1024BytesAtMost) {
  EXPECT_EQ(key_of("/bucket/" + std::string(1024, 'k')).size(), 1024U);
  const auto request = parse_request("/bucket/" + std::string(1025, 'k'), "h", {});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, S3Code::kKeyTooLongError);
  const std::vector<std::pair<std::string, std::string>> fields{{"Size", "1025"},
                                                                {"MaxSizeAllowed", "1024"}};
  EXPECT_EQ(request.error().fields, fields);
}

TEST(S3Request, RefusesBucketsThatCannotExist) {
  for (const char* target :
       {"//key", "/ab/k", "/a!b/k", "/%2e%2e/k", "/-abc/k", "/abc-/k", "/a%00b/k"}) {
    EXPECT_EQ(key_of(target), "!InvalidBucketName") << target;
  }
}

TEST(S3Request, VirtualHostedBucketsComeFromConfiguredDomains) {
  const std::vector<std::string> domains{"s3.example.com", "localhost"};
  const auto request = parse_request("/a/b?x=1", "My.Bucket.S3.example.com:8333", domains);
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->virtual_hosted);
  EXPECT_EQ(request->bucket, "my.bucket");
  EXPECT_EQ(request->key, "a/b");
  EXPECT_EQ(parse_request("/", "bucket.localhost", domains)->scope, Scope::kBucket);
  EXPECT_EQ(parse_request("/", "localhost:80", domains)->scope, Scope::kService);
  EXPECT_EQ(parse_request("/bucket/a", "other.example.com", domains)->bucket, "bucket");
  EXPECT_EQ(parse_request("/bucket/a", "[::1]:8333", domains)->bucket, "bucket");
  EXPECT_FALSE(parse_request("/a", ".localhost", domains)->virtual_hosted);
}

TEST(S3Request, DecodesQueries) {
  auto query = Query::parse("prefix=a%2Fb+c&acl&empty=&&prefix=second&%70=1");
  ASSERT_TRUE(query);
  const Query moved = *std::move(query);
  EXPECT_EQ(moved.get("prefix"), "a/b c");
  EXPECT_EQ(moved.get("acl"), "");
  EXPECT_EQ(moved.get("empty"), "");
  EXPECT_EQ(moved.get("p"), "1");
  EXPECT_FALSE(moved.get("absent"));
  EXPECT_EQ(moved.parameters().size(), 5U);
}

TEST(S3Request, AQueryHasAHundredParametersAtMost) {
  std::string raw = "a";
  for (int i = 1; i < 100; ++i) raw += "&a";
  EXPECT_TRUE(Query::parse(raw));
  EXPECT_FALSE(Query::parse(raw + "&a"));
}

TEST(S3Request, ReadsCopySources) {
  const auto plain = parse_copy_source("/bucket/a b+c/%41?versionId=7");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->bucket, "bucket");
  EXPECT_EQ(plain->key, "a b+c/A");
  EXPECT_EQ(plain->version_id, "7");
  EXPECT_EQ(parse_copy_source("bucket%2Fa%3Fb")->key, "a?b");
  EXPECT_EQ(parse_copy_source("bucket/100%")->key, "100%");
  EXPECT_EQ(parse_copy_source("bucket//a")->key, "/a");
  EXPECT_EQ(parse_copy_source("bucket/a?b")->key, "a?b");
  for (const char* bad : {"", "/", "bucket", "bucket/", "/bucket", "//a"}) {
    const auto source = parse_copy_source(bad);
    ASSERT_FALSE(source) << bad;
    EXPECT_EQ(source.error().code, S3Code::kInvalidArgument) << bad;
  }
}

TEST(S3Request, ReadsRenameSources) {
  EXPECT_EQ(parse_rename_source("a"), "a");
  EXPECT_EQ(parse_rename_source("/a/b"), "a/b");
  EXPECT_EQ(parse_rename_source("//a"), "/a");
  EXPECT_EQ(parse_rename_source("a%20b%2Fc?d"), "a b/c?d");
  EXPECT_EQ(parse_rename_source("100%"), "100%");
  for (const char* bad : {"", "/"}) {
    EXPECT_EQ(parse_rename_source(bad).error().code, S3Code::kInvalidArgument);
  }
  EXPECT_EQ(parse_rename_source(std::string(1025, 'k')).error().code, S3Code::kKeyTooLongError);
}

}  // namespace
}  // namespace kelp::s3
