// What a bucket's CORS rules let a browser do: "How does Amazon S3 evaluate the CORS configuration
// on a bucket?" of the S3 user guide.

#include "s3gw/core/cors.h"

#include <gtest/gtest.h>

#include "s3gw/core/config/config_kind.h"

namespace kelp::s3 {
namespace {

/// The lines as "name: value\n", or "refused".
std::string lines_of(const std::string& rules, const CorsAsk& ask) {
  const auto document = read_inside(rules, cors_config().root);
  EXPECT_TRUE(document.has_value());
  const auto headers = cors_headers(*document, ask);
  if (!headers) return "refused";
  std::string lines;
  for (const auto& [name, value] : *headers) lines += name + ": " + value + "\n";
  return lines;
}

std::string rule(const std::string& origin, const std::string& more = {}) {
  return "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>" + origin +
         "</AllowedOrigin>" + more + "</CORSRule>";
}

TEST(Cors, AnswersWhatTheFirstFittingRuleSays) {
  const std::string rules =
      rule("https://a.example",
           "<AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-*</AllowedHeader>"
           "<ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-b</ExposeHeader>"
           "<MaxAgeSeconds>60</MaxAgeSeconds>") +
      rule("*");
  EXPECT_EQ(lines_of(rules, {"https://a.example", "PUT", "X-One, x-two"}),
            "Access-Control-Allow-Origin: https://a.example\n"
            "Access-Control-Allow-Methods: GET, PUT\n"
            "Access-Control-Allow-Headers: x-one, x-two\n"
            "Access-Control-Expose-Headers: ETag, x-b\n"
            "Access-Control-Max-Age: 60\n"
            "Access-Control-Allow-Credentials: true\n"
            "Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method\n");
  EXPECT_EQ(lines_of(rules, {"https://b.example", "GET", ""}),
            "Access-Control-Allow-Origin: *\nAccess-Control-Allow-Methods: GET\n"
            "Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method\n");
  EXPECT_EQ(lines_of(rules, {"https://b.example", "PUT", ""}), "refused");
  EXPECT_EQ(lines_of(rules, {"https://a.example", "PUT", "y-one"}), "refused");
  EXPECT_EQ(lines_of(rules, {"https://a.example", "get", ""}), "refused");
}

TEST(Cors, OriginsMayHaveOneWildcard) {
  const auto allows = [](const std::string& pattern, std::string_view origin) {
    return lines_of(rule(pattern), {origin, "GET", ""}) != "refused";
  };
  EXPECT_TRUE(allows("*suffix", "foo.suffix"));
  EXPECT_TRUE(allows("prefix*", "prefix"));
  EXPECT_TRUE(allows("start*end", "startend"));
  EXPECT_TRUE(allows("start*end", "start1end"));
  EXPECT_FALSE(allows("start*end", "0start12end"));
  EXPECT_FALSE(allows("start*end", "start12end0"));
  EXPECT_FALSE(allows("ab*ba", "aba"));
  EXPECT_FALSE(allows("https://a.example", "https://A.example"));
  EXPECT_FALSE(allows("https://a.example", "https://a.example.evil"));
  EXPECT_FALSE(allows("https://*.a.example", "https://a.example"));
}

TEST(Cors, HeadersAreComparedWithoutTheirCase) {
  const std::string rules = rule("*", "<AllowedHeader>X-Amz-Date</AllowedHeader>");
  EXPECT_NE(lines_of(rules, {"o", "GET", "x-amz-date"}), "refused");
  EXPECT_EQ(lines_of(rules, {"o", "GET", "x-amz-date,x-other"}), "refused");
  EXPECT_EQ(lines_of(rule("*"), {"o", "GET", "x-amz-date"}), "refused");
  EXPECT_NE(lines_of(rule("*", "<AllowedHeader>*</AllowedHeader>"), {"o", "GET", "a, B ,,c"}),
            "refused");
}

TEST(Cors, HeadersMayHaveOneWildcard) {
  const auto allows = [](const std::string& pattern, std::string_view header) {
    const std::string more = "<AllowedHeader>" + pattern + "</AllowedHeader>";
    return lines_of(rule("*", more), {"o", "GET", header}) != "refused";
  };
  EXPECT_TRUE(allows("X-Amz-*", "x-amz-date"));
  EXPECT_TRUE(allows("X-Amz-*", "x-amz-"));
  EXPECT_TRUE(allows("X-*-Date", "x-amz-date"));
  EXPECT_FALSE(allows("X-*-Date", "x-date"));
  EXPECT_FALSE(allows("X-Amz-*", "x-am"));
  EXPECT_FALSE(allows("*-Date", "x-amz-dates"));
}

TEST(Cors, TooManyHeadersAreRefused) {
  const std::string rules = rule("*", "<AllowedHeader>*</AllowedHeader>");
  std::string asked = "a";
  for (int i = 1; i < 100; ++i) asked += ",a";
  EXPECT_NE(lines_of(rules, {"o", "GET", asked}), "refused");
  EXPECT_EQ(lines_of(rules, {"o", "GET", asked + ",a"}), "refused");
}

TEST(Cors, KnowsItsMethods) {
  EXPECT_TRUE(is_cors_method("DELETE"));
  EXPECT_FALSE(is_cors_method("PATCH"));
  EXPECT_FALSE(is_cors_method("OPTIONS"));
}

}  // namespace
}  // namespace kelp::s3
