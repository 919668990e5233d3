#include "webdav/core/guard.h"

#include <gtest/gtest.h>

#include <vector>

namespace kelp::webdav {
namespace {

TEST(Basic, ReadsNameAndPassword) {
  const auto given = parse_basic("Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==");  // RFC 7617, with a colon
  ASSERT_TRUE(given.has_value());
  EXPECT_EQ(given->user, "Aladdin");
  EXPECT_EQ(given->password, "open:sesame");
  EXPECT_TRUE(parse_basic("basic  Og==").has_value());
}

TEST(Basic, IsNothingElse) {
  for (const auto* header : {"", "Basic", "Basic !", "Basic QQ==", "Bearer QWxhZGRpbjpvcGVu",
                             "AWS4-HMAC-SHA256 Credential=x", "BasicOg=="}) {
    EXPECT_FALSE(parse_basic(header).has_value()) << header;
  }
}

bool foreign(std::string_view method, std::vector<HttpHeader> headers) {
  headers.push_back({"Host", "h:1"});
  return from_foreign_page(method, headers);
}

TEST(ForeignPage, MayNotWrite) {
  EXPECT_TRUE(foreign("POST", {{"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_TRUE(foreign("PUT", {{"sec-fetch-site", "same-site"}}));
  EXPECT_TRUE(foreign("POST", {{"Origin", "http://evil"}}));
  EXPECT_TRUE(foreign("POST", {{"Origin", "null"}}));
  EXPECT_TRUE(foreign("DELETE", {{"Origin", "http://h:2"}}));
  EXPECT_TRUE(foreign("PROPPATCH", {{"Origin", "http://h:1.evil"}}));
}

TEST(ForeignPage, MayLeadHere) {
  EXPECT_FALSE(foreign("GET", {{"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_FALSE(foreign("POST", {{"Origin", "http://h:1"}, {"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_FALSE(foreign("POST", {{"Sec-Fetch-Site", "none"}}));
  EXPECT_FALSE(foreign("PUT", {}));
}

}  // namespace
}  // namespace kelp::webdav
