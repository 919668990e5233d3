// What a website's configuration says of a request: the examples of "Configuring a webpage
// redirect" of the S3 user guide, and their edges.

#include "s3gw/core/website.h"

#include <gtest/gtest.h>

#include "s3gw/core/config/config_kind.h"

namespace kelp::s3 {
namespace {

Element site_of(const std::string& inside) {
  auto document =
      read_config(website_config(), "<WebsiteConfiguration>" + inside + "</WebsiteConfiguration>");
  EXPECT_TRUE(document.has_value()) << inside;
  return *std::move(document);
}

std::string rules(const std::string& inside) {
  return "<IndexDocument><Suffix>index.html</Suffix></IndexDocument><RoutingRules>" + inside +
         "</RoutingRules>";
}

std::string rule(const std::string& condition, const std::string& redirect) {
  const std::string when = condition.empty() ? "" : "<Condition>" + condition + "</Condition>";
  return "<RoutingRule>" + when + "<Redirect>" + redirect + "</Redirect></RoutingRule>";
}

/// "301 LOCATION", or "none".
std::string sent(const Element& site, std::string_view key, std::optional<int> error = {},
                 std::string_view query = {}, bool secure = false) {
  const WebsiteAsk ask{
      .key = key, .raw_query = query, .host = "b.web.example:80", .secure = secure};
  const auto redirect = redirect_of(site, ask, error);
  if (!redirect) return "none";
  return std::to_string(redirect->status) + ' ' + redirect->location;
}

TEST(Website, SendsEverythingElsewhere) {
  const Element site = site_of(
      "<RedirectAllRequestsTo><HostName>www.example.com</HostName></RedirectAllRequestsTo>");
  EXPECT_EQ(sent(site, ""), "301 http://www.example.com/");
  EXPECT_EQ(sent(site, "a b/c", {}, "x=%20y"), "301 http://www.example.com/a%20b/c?x=%20y");
  EXPECT_EQ(sent(site, "a", {}, {}, true), "301 https://www.example.com/a");
  EXPECT_EQ(sent(site, "a", 404), "none");
  const Element secure = site_of(
      "<RedirectAllRequestsTo><HostName>e</HostName><Protocol>https</Protocol>"
      "</RedirectAllRequestsTo>");
  EXPECT_EQ(sent(secure, "a"), "301 https://e/a");
}

TEST(Website, RulesReplacePrefixesAndKeys) {
  const Element site =
      site_of(rules(rule("<KeyPrefixEquals>docs/</KeyPrefixEquals>",
                         "<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>") +
                    rule("<KeyPrefixEquals>images/</KeyPrefixEquals>",
                         "<ReplaceKeyWith>deleted.html</ReplaceKeyWith><HttpRedirectCode>302"
                         "</HttpRedirectCode>")));
  EXPECT_EQ(sent(site, "docs/a"), "301 http://b.web.example:80/documents/a");
  EXPECT_EQ(sent(site, "docs"), "none");
  EXPECT_EQ(sent(site, "images/a.png"), "302 http://b.web.example:80/deleted.html");
  EXPECT_EQ(sent(site, "docs/a", 404), "none") << "the rule names no error";
}

TEST(Website, RulesOfErrorsWaitForTheirError) {
  const Element site = site_of(
      rules(rule("<KeyPrefixEquals>a/</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404"
                 "</HttpErrorCodeReturnedEquals>",
                 "<HostName>other</HostName><ReplaceKeyPrefixWith>report/</ReplaceKeyPrefixWith>") +
            rule("<HttpErrorCodeReturnedEquals>403</HttpErrorCodeReturnedEquals>",
                 "<Protocol>https</Protocol>")));
  EXPECT_EQ(sent(site, "a/x"), "none");
  EXPECT_EQ(sent(site, "a/x", 404), "301 http://other/report/x");
  EXPECT_EQ(sent(site, "b/x", 404), "none");
  EXPECT_EQ(sent(site, "b/x", 403), "301 https://b.web.example:80/b/x");
}

TEST(Website, TheFirstRuleThatFitsCounts) {
  const Element site = site_of(
      rules(rule("<KeyPrefixEquals>a</KeyPrefixEquals>", "<ReplaceKeyWith>one</ReplaceKeyWith>") +
            rule("", "<ReplaceKeyPrefixWith>all/</ReplaceKeyPrefixWith>")));
  EXPECT_EQ(sent(site, "ab"), "301 http://b.web.example:80/one");
  EXPECT_EQ(sent(site, "b"), "301 http://b.web.example:80/all/b");
}

TEST(Website, DirectoriesHaveTheirIndexDocument) {
  const Element site = site_of(
      "<IndexDocument><Suffix>i.html</Suffix></IndexDocument>"
      "<ErrorDocument><Key>e/4xx.html</Key></ErrorDocument>");
  EXPECT_EQ(website_document(site, ""), "i.html");
  EXPECT_EQ(website_document(site, "a/b/"), "a/b/i.html");
  EXPECT_EQ(website_document(site, "a/b"), "a/b");
  EXPECT_EQ(error_document(site), "e/4xx.html");
}

// A browser takes "//host/" for another host, and a line break for another header.
TEST(Website, NoKeyLeadsAway) {
  EXPECT_EQ(website_path("/evil.example/x"), "/%2Fevil.example/x");
  EXPECT_EQ(website_path("//evil"), "/%2F/evil");
  EXPECT_EQ(website_path("a\r\nSet-Cookie: b"), "/a%0D%0ASet-Cookie%3A%20b");
  EXPECT_EQ(website_path("\\evil"), "/%5Cevil");
}

TEST(Website, PagesEscapeWhatTheySay) {
  const S3Error missing{S3Code::kNoSuchKey, {}, {{"Key", "<script>alert(1)</script>"}}};
  const S3Error document{S3Code::kAccessDenied, "<b>", {}};
  const std::string page = website_page(
      missing,
      {.key = "<script>", .request_id = "ID", .host_id = "HOST", .document_error = &document});
  EXPECT_EQ(page.find("<script>"), std::string::npos) << page;
  EXPECT_EQ(page.find("<b>"), std::string::npos) << page;
  EXPECT_NE(page.find("<h1>404 Not Found</h1>"), std::string::npos) << page;
  EXPECT_NE(page.find("<li>Code: NoSuchKey</li>"), std::string::npos) << page;
  EXPECT_NE(page.find("<li>Key: &lt;script&gt;alert(1)&lt;/script&gt;</li>"), std::string::npos);
  EXPECT_NE(page.find("<li>RequestId: ID</li>\n<li>HostId: HOST</li>"), std::string::npos) << page;
  EXPECT_NE(page.find("Custom Error Document"), std::string::npos) << page;
}

}  // namespace
}  // namespace kelp::s3
