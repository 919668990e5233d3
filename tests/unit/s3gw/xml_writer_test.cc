#include "s3gw/core/xml_writer.h"

#include <gtest/gtest.h>

#include <string>

namespace kelp::s3 {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

TEST(XmlWriter, EscapesMarkupAndControlBytes) {
  EXPECT_EQ(escaped("a/b c"), "a/b c");
  EXPECT_EQ(escaped("<&>\""), "&lt;&amp;&gt;&quot;");
  EXPECT_EQ(escaped("\r\x01\x1f"), "&#xd;&#x1;&#x1f;");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "&#x0;");
  EXPECT_EQ(escaped("\t\n"), "\t\n");
  EXPECT_EQ(escaped("\xe2\x82\xac"), "\xe2\x82\xac");
}

TEST(XmlWriter, WritesElements) {
  std::string out;
  XmlWriter xml(out);
  xml.begin("Root");
  xml.element("A", "x<y");
  xml.element("B", std::uint64_t{18'446'744'073'709'551'615U});
  xml.element("C", true);
  xml.element("D", WallTime(std::chrono::milliseconds(1'709'251'199'999)));
  xml.etag("e");
  xml.close("Root");
  EXPECT_EQ(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<Root xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><A>x&lt;y</A>"
            "<B>18446744073709551615</B><C>true</C>"
            "<D>2024-02-29T23:59:59.000Z</D><ETag>&quot;e&quot;</ETag></Root>");
}

}  // namespace
}  // namespace kelp::s3
