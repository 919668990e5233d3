#include "webdav/core/listing.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

TEST(Pattern, FitsNamesAsAShellWould) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("*.txt", ".txt"));
  EXPECT_TRUE(matches("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(matches("a*b*c", "aXbYbZ"));
  EXPECT_TRUE(matches("?", "\xe2\x82\xac"));
  EXPECT_FALSE(matches("??", "\xe2\x82\xac"));
  EXPECT_FALSE(matches("?", ""));
  EXPECT_FALSE(matches("abc", "abcd"));
  EXPECT_FALSE(matches("abcd", "abc"));
  EXPECT_TRUE(matches("a[b]", "a[b]"));
}

TEST(Pattern, TakesNoLongerThanItsProduct) {
  const std::string name(1000, 'a');
  EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

TEST(Pattern, KnowsWhatEveryNameBeginsWith) {
  EXPECT_EQ(literal_front("abc*d"), "abc");
  EXPECT_EQ(literal_front("abc"), "abc");
  EXPECT_EQ(literal_front("?bc"), "");
}

ListingPage page() {
  ListingPage made;
  made.place = *parse_place("/buckets/b/<i>");
  made.entries.push_back({.name = "x\"&'<script>",
                          .directory = false,
                          .size_bytes = 7,
                          .modified = WallTime(std::chrono::seconds(1'000'000'000)),
                          .etag = "900150983cd24fb0d6963f7d28e17f72"});
  made.entries.push_back({.name = "sub", .directory = true, .etag = {}});
  made.limit = 2;
  made.more = true;
  made.last = "sub/";
  return made;
}

TEST(Listing, HtmlHasNoByteOfANameAsMarkup) {
  const std::string html = listing_html(page(), "limit=2&");
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<i>"), std::string::npos);
  EXPECT_NE(html.find("href=\"/buckets/b/%3Ci%3E/x%22%26%27%3Cscript%3E\""), std::string::npos);
  EXPECT_NE(html.find(">x&quot;&amp;&#39;&lt;script&gt;</a>"), std::string::npos);
  EXPECT_NE(html.find("href=\"/buckets/b/%3Ci%3E/sub/\""), std::string::npos);
  EXPECT_NE(html.find("href=\"/buckets/b/%3Ci%3E/?limit=2&amp;lastFileName=sub%2F\""),
            std::string::npos);
  EXPECT_NE(html.find("<a href=\"/buckets/b/\">..</a>"), std::string::npos);
}

TEST(Listing, JsonIsWhatScriptsRead) {
  EXPECT_EQ(listing_json(page()),
            R"({"Path":"/buckets/b/<i>","EmptyFolder":false,"Entries":[)"
            R"({"FullPath":"/buckets/b/<i>/x\"&'<script>","Mtime":"2001-09-09T01:46:40Z",)"
            R"("Crtime":"2001-09-09T01:46:40Z","Mode":432,"FileSize":7,)"
            R"("Md5":"kAFQmDzST7DWlj99KOF/cg==","Etag":"900150983cd24fb0d6963f7d28e17f72"},)"
            R"({"FullPath":"/buckets/b/<i>/sub","Mtime":"1970-01-01T00:00:00Z",)"
            R"("Crtime":"1970-01-01T00:00:00Z","Mode":2147484152,"FileSize":0,"Md5":null,)"
            R"("Etag":""}],"Limit":2,"LastFileName":"sub/","ShouldDisplayLoadMore":true})"
            "\n");
}

TEST(Listing, AnEtagOfPartsIsNoMd5) {
  ListingPage made = page();
  made.entries[0].etag += "-2";
  EXPECT_NE(listing_json(made).find("\"Md5\":null"), std::string::npos);
}

}  // namespace
}  // namespace kelp::webdav
