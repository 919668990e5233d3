#include "webdav/core/place.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

Place place(std::string_view path) {
  auto parsed = parse_place(path);
  EXPECT_TRUE(parsed.has_value()) << path;
  return parsed.value_or(Place{});
}

int status_of(std::string_view path) {
  const auto parsed = parse_place(path);
  return parsed ? 200 : parsed.error().status;
}

TEST(Place, KnowsHowDeepAPathLeads) {
  EXPECT_EQ(place("/").level, Level::kRoot);
  EXPECT_EQ(place("/buckets").level, Level::kBuckets);
  EXPECT_EQ(place("/buckets/").level, Level::kBuckets);
  EXPECT_EQ(place("/buckets/b").level, Level::kBucket);
  EXPECT_EQ(place("/buckets/b/").level, Level::kBucket);
  EXPECT_EQ(place("/buckets/b/k").level, Level::kEntry);
  EXPECT_EQ(place("/bucketsx/b").level, Level::kElsewhere);
  EXPECT_EQ(place("/etc/passwd").level, Level::kElsewhere);
  EXPECT_FALSE(place("/buckets/b/k").strict);
  EXPECT_TRUE(place("/dav/b/k").strict);
}

TEST(Place, TellsFileAndDirectoryByTheTrailingSlash) {
  EXPECT_FALSE(place("/buckets/b/a/c").slash);
  EXPECT_TRUE(place("/buckets/b/a/c/").slash);
  EXPECT_EQ(place("/buckets/b/a/c/").key, "a/c");
  EXPECT_EQ(place("/buckets/b/a/c/").prefix(), "a/c/");
  EXPECT_EQ(place("/buckets/b").prefix(), "");
}

TEST(Place, KeepsBytesAndEmptySegments) {
  EXPECT_EQ(place("/buckets/b/a%2Fb%20c%25").key, "a/b c%");
  EXPECT_EQ(place("/buckets/b/a//b").key, "a//b");
  EXPECT_EQ(place("/buckets/b//x").key, "/x");
  EXPECT_EQ(place("/buckets/b/a+b").key, "a+b");
}

TEST(Place, RefusesWhatClimbsAndWhatIsNoText) {
  for (const auto* path :
       {"/buckets/b/../x", "/buckets/./b", "/..", "/buckets/b/%2e%2e/x", "/buckets/b/a%2f..%2fc",
        "/buckets/b/%", "/buckets/b/%f", "/buckets/b/%ff", "buckets", ""}) {
    EXPECT_EQ(status_of(path), 400) << path;
  }
  EXPECT_EQ(status_of("/buckets/b/..a/b..c/..."), 200);
  EXPECT_EQ(status_of("/buckets/b/" + std::string(1024, 'k')), 200);
  EXPECT_EQ(status_of("/buckets/b/" + std::string(1025, 'k')), 400);
}

TEST(Place, WritesPathsThatReadBack) {
  for (const auto* path : {"/buckets/b/a%20b/c%3Cd%3E", "/dav/b/%E2%82%AC", "/buckets/b"}) {
    EXPECT_EQ(href_of(place(path), false), path);
    EXPECT_EQ(href_of(place(path), true), std::string(path) + "/");
  }
  EXPECT_EQ(href_of(place("/"), true), "/");
  EXPECT_EQ(href_of(place("/dav"), true), "/dav/");
}

TEST(Place, StepsUpAndDown) {
  EXPECT_EQ(parent_of(place("/buckets/b/a/c")).key, "a");
  EXPECT_EQ(parent_of(place("/buckets/b/a")).level, Level::kBucket);
  EXPECT_EQ(child_of(place("/buckets/b"), "x/").key, "x");
  EXPECT_TRUE(child_of(place("/buckets/b"), "x/").slash);
  EXPECT_EQ(child_of(place("/buckets/b/a"), "x").key, "a/x");
  EXPECT_EQ(child_of(place("/buckets"), "b/").bucket, "b");
  EXPECT_EQ(name_of(place("/buckets/b/a/c/")), "c");
  EXPECT_EQ(name_of(place("/buckets/b")), "b");
  EXPECT_EQ(lock_path(place("/dav/b/a/c/")), lock_path(place("/buckets/b/a/c")));
}

TEST(Place, ReadsUrlsOfThisServerOnly) {
  const auto read = [](std::string_view url) { return parse_place_of_url(url, "Host:8888"); };
  EXPECT_EQ(read("http://host:8888/dav/b/k")->key, "k");
  EXPECT_EQ(read("https://HOST:8888/dav/b/k")->key, "k");
  EXPECT_EQ(read("/dav/b/k")->key, "k");
  EXPECT_EQ(read("/dav/b/http://x")->key, "http://x");
  EXPECT_EQ(read("http://other/dav/b/k").error().status, 502);
  EXPECT_EQ(read("http://host:8888").error().status, 400);
  EXPECT_EQ(read("/dav/b/k?x=1").error().status, 400);
  EXPECT_EQ(read("/dav/b/k#x").error().status, 400);
  EXPECT_EQ(read("").error().status, 400);
}

}  // namespace
}  // namespace kelp::webdav
