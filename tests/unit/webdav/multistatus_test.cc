#include "webdav/core/multistatus.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

Resource file() {
  Resource resource;
  resource.place = *parse_place("/dav/b/a%26b");
  resource.size_bytes = 5;
  resource.modified = WallTime(std::chrono::seconds(1'000'000'000));
  resource.etag = "e";
  resource.content_type = "text/<x>";
  resource.dead.push_back({{"u:", "p"}, "<p xmlns=\"u:\">v</p>"});
  return resource;
}

std::string answer(const Resource& resource, const Propfind& asked) {
  std::string out;
  append_response(out, resource, asked, MonoTime{});
  return out;
}

Propfind some(std::vector<PropName> names) {
  return {.kind = Propfind::Kind::kSome, .names = std::move(names)};
}

TEST(Multistatus, NamedPropertiesAreFoundOrMissing) {
  EXPECT_EQ(
      answer(file(), some({{"DAV:", "getcontentlength"}, {"u:", "p"}, {"u:\"", "q"}, {"", "r"}})),
      "<D:response><D:href>/dav/b/a%26b</D:href><D:propstat><D:prop>"
      "<D:getcontentlength>5</D:getcontentlength><p xmlns=\"u:\">v</p></D:prop>"
      "<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop>"
      "<x:q xmlns:x=\"u:&quot;\"/><r/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status>"
      "</D:propstat></D:response>\n");
}

TEST(Multistatus, AllPropertiesComeWithValuesAndNamesWithout) {
  const std::string all = answer(file(), {});
  EXPECT_NE(all.find("<D:getetag>\"e\"</D:getetag>"), std::string::npos);
  EXPECT_NE(all.find("<D:displayname>a&amp;b</D:displayname>"), std::string::npos);
  EXPECT_NE(all.find("<D:getcontenttype>text/&lt;x&gt;</D:getcontenttype>"), std::string::npos);
  EXPECT_NE(all.find("Sun, 09 Sep 2001 01:46:40 GMT"), std::string::npos);
  EXPECT_NE(all.find("<p xmlns=\"u:\">v</p>"), std::string::npos);
  EXPECT_NE(all.find("<D:resourcetype></D:resourcetype>"), std::string::npos);
  Propfind names;
  names.kind = Propfind::Kind::kNames;
  const std::string only_names = answer(file(), names);
  EXPECT_NE(only_names.find("<D:getetag/>"), std::string::npos);
  EXPECT_EQ(only_names.find("Sep 2001"), std::string::npos);
}

TEST(Multistatus, DirectoriesHaveNoLengthAndEndInASlash) {
  Resource directory;
  directory.place = *parse_place("/dav/b/d");
  directory.directory = true;
  const std::string said =
      answer(directory, some({{"DAV:", "resourcetype"}, {"DAV:", "getcontentlength"}}));
  EXPECT_NE(said.find("<D:href>/dav/b/d/</D:href>"), std::string::npos);
  EXPECT_NE(said.find("<D:resourcetype><D:collection/></D:resourcetype>"), std::string::npos);
  EXPECT_NE(said.find("<D:getcontentlength/></D:prop><D:status>HTTP/1.1 404"), std::string::npos);
}

TEST(Multistatus, WhatXmlCannotCarryIsReplaced) {
  Resource odd = file();
  odd.place.key = std::string("a\x01\x1f<");
  EXPECT_NE(answer(odd, {}).find("<D:displayname>a??&lt;</D:displayname>"), std::string::npos);
}

TEST(Multistatus, ReadsEntriesOnlyWhenListingsDoNotTell) {
  EXPECT_FALSE(needs_entry(some({{"DAV:", "getetag"}, {"DAV:", "resourcetype"}})));
  EXPECT_TRUE(needs_entry(some({{"DAV:", "getcontenttype"}})));
  EXPECT_TRUE(needs_entry(some({{"u:", "p"}})));
  EXPECT_TRUE(needs_entry({}));
}

TEST(Multistatus, ShowsLocksWithTheTimeLeft) {
  Resource locked = file();
  locked.locks.push_back({.token = "urn:t",
                          .path = "b/a&b",
                          .exclusive = true,
                          .deep = false,
                          .owner = "<D:owner xmlns:D=\"DAV:\">me</D:owner>",
                          .account = "me",
                          .timeout = std::chrono::seconds(60),
                          .expires = MonoTime(std::chrono::seconds(42))});
  const std::string said = answer(locked, some({{"DAV:", "lockdiscovery"}}));
  EXPECT_NE(said.find("<D:timeout>Second-42</D:timeout>"), std::string::npos);
  EXPECT_NE(said.find("<D:locktoken><D:href>urn:t</D:href></D:locktoken>"), std::string::npos);
  EXPECT_NE(said.find("me</D:owner>"), std::string::npos);
  EXPECT_NE(said.find("<D:href>/buckets/b/a%26b</D:href>"), std::string::npos);
}

}  // namespace
}  // namespace kelp::webdav
