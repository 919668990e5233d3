#include "s3gw/core/xml_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace kelp::s3 {
namespace {

bool parses(std::string body) {
  pugi::xml_document document;
  return parse_xml(body, document, "Root").has_value();
}

/// The text of the root, or "!" when the document or its text is refused.
std::string text(std::string body) {
  pugi::xml_document document;
  const auto root = parse_xml(body, document, "Root");
  if (!root) return "!";
  const auto value = text_of(*root);
  return value ? *value : "!";
}

TEST(XmlReader, ReadsWithAndWithoutNamespace) {
  EXPECT_TRUE(parses("<Root/>"));
  EXPECT_TRUE(parses("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Root xmlns=\"http://x/\"/>\n"));
  EXPECT_TRUE(parses("<s3:Root xmlns:s3=\"http://x/\"></s3:Root>"));
  EXPECT_TRUE(parses("\xef\xbb\xbf<Root/>"));
}

TEST(XmlReader, RefusesWhatIsNotOneDocument) {
  for (const char* bad : {"", " ", "text", "<Root>", "<Root></Other>", "<Other/>", "<Root/><Root/>",
                          "<Root/>tail", "head<Root/>", "<Root", "<>", "<Root a=b/>", "</Root>"}) {
    EXPECT_FALSE(parses(bad)) << bad;
  }
}

TEST(XmlReader, RefusesDeclarationsAndEntities) {
  EXPECT_FALSE(parses("<!DOCTYPE Root><Root/>"));
  EXPECT_FALSE(parses("<!DOCTYPE Root [<!ENTITY a \"b\">]><Root>&a;</Root>"));
  EXPECT_FALSE(
      parses("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 "
             "\"&lol;&lol;&lol;\">]><Root>&lol2;</Root>"));
  EXPECT_FALSE(parses("<!DOCTYPE Root SYSTEM \"file:///etc/passwd\"><Root/>"));
  EXPECT_FALSE(parses("<Root>&unknown;</Root>"));
  EXPECT_FALSE(parses("<Root>a & b</Root>"));
  EXPECT_FALSE(parses("<Root>&amp</Root>"));
}

TEST(XmlReader, RefusesNulInEveryDisguise) {
  EXPECT_FALSE(parses(std::string("<Root>a\0b</Root>", 16)));
  for (const char* nul : {"&#0;", "&#x0;", "&#00000;", "&#4294967296;", "&#x100000000;", "&#-1;",
                          "&#xD800;", "&#x110000;", "&#;", "&#x;"}) {
    EXPECT_FALSE(parses("<Root>a" + std::string(nul) + "b</Root>")) << nul;
  }
}

TEST(XmlReader, KeepsTextExactly) {
  EXPECT_EQ(text("<Root>a&amp;&lt;&gt;&quot;&apos;&#x41;&#10;b</Root>"), "a&<>\"'A\nb");
  EXPECT_EQ(text("<Root> </Root>"), " ");
  EXPECT_EQ(text("<Root> a </Root>"), " a ");
  EXPECT_EQ(text("<Root>a<!-- & <x> -->b</Root>"), "ab");
  EXPECT_EQ(text("<Root><![CDATA[a&b<c>]]>d</Root>"), "a&b<c>d");
  EXPECT_EQ(text("<Root>a<b/>c</Root>"), "!");
}

TEST(XmlReader, RefusesDeepTrees) {
  const auto nested = [](int depth) {
    std::string body = "<Root>";
    for (int i = 0; i < depth; ++i) body += "<a>";
    for (int i = 0; i < depth; ++i) body += "</a>";
    return body + "</Root>";
  };
  EXPECT_TRUE(parses(nested(kMaxXmlDepth - 1)));
  EXPECT_FALSE(parses(nested(kMaxXmlDepth)));
  EXPECT_FALSE(parses(nested(100'000)));
}

TEST(XmlReader, RefusesBytesThatAreNotUtf8) {
  EXPECT_FALSE(parses("<Root>\xff</Root>"));
  EXPECT_FALSE(parses(std::string("<\0R\0o\0o\0t\0/\0>\0", 14)));
}

}  // namespace
}  // namespace kelp::s3
