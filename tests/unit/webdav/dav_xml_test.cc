#include "webdav/core/dav_xml.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace kelp::webdav {
namespace {

TEST(Propfind, AsksForAllWithoutABody) {
  EXPECT_EQ(parse_propfind("")->kind, Propfind::Kind::kAll);
  const auto all = parse_propfind(
      "<propfind xmlns='DAV:'><allprop/><include><x xmlns='u:'/></include></propfind>");
  EXPECT_EQ(all->kind, Propfind::Kind::kAll);
  EXPECT_EQ(all->names, (std::vector<PropName>{{"u:", "x"}}));
  EXPECT_EQ(parse_propfind("<D:propfind xmlns:D='DAV:'><D:propname/></D:propfind>")->kind,
            Propfind::Kind::kNames);
}

TEST(Propfind, NamesComeWithTheirNamespaces) {
  const auto some = parse_propfind(
      "<?xml version='1.0'?><D:propfind xmlns:D='DAV:' xmlns:x='u:1'><D:other/><D:prop><D:getetag/>"
      "<x:a/><x:a xmlns:x='u:2'/><plain/><b xmlns='u:3'/></D:prop></D:propfind>");
  ASSERT_TRUE(some.has_value());
  EXPECT_EQ(some->names,
            (std::vector<PropName>{
                {"DAV:", "getetag"}, {"u:1", "a"}, {"u:2", "a"}, {"", "plain"}, {"u:3", "b"}}));
}

TEST(Propfind, RefusesWhatIsNoDavXml) {
  for (const auto* body :
       {"<foo>", "x", "<propfind/>", "<propfind xmlns='DAVX:'><allprop/></propfind>",
        "<D:propfind xmlns:D='DAV:'/>",
        "<D:propfind xmlns:D='DAV:'><D:prop><x:a/></D:prop></D:propfind>",
        "<D:propfind xmlns:D='DAV:'><D:prop><bar:foo xmlns:bar=''/></D:prop></D:propfind>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><D:propfind xmlns:D='DAV:'><D:allprop/></D:propfind>"}) {
    const auto parsed = parse_propfind(body);
    ASSERT_FALSE(parsed.has_value()) << body;
    EXPECT_EQ(parsed.error().status, 400);
  }
}

TEST(Proppatch, KeepsStepsInOrderAndValuesWhole) {
  const auto steps = parse_proppatch(
      "<D:propertyupdate xmlns:D='DAV:' xmlns:z='u:z'><D:set><D:prop><z:a "
      "k='&lt;'>v<z:b/></z:a></D:prop>"
      "</D:set><D:remove><D:prop><c xmlns='u:c'/></D:prop></D:remove></D:propertyupdate>");
  ASSERT_TRUE(steps.has_value());
  ASSERT_EQ(steps->size(), 2);
  EXPECT_EQ((*steps)[0].prop.name, (PropName{"u:z", "a"}));
  EXPECT_EQ((*steps)[0].prop.xml, "<z:a k=\"&lt;\" xmlns:z=\"u:z\">v<z:b/></z:a>");
  EXPECT_FALSE((*steps)[0].remove);
  EXPECT_TRUE((*steps)[1].remove);
  EXPECT_EQ((*steps)[1].prop.name, (PropName{"u:c", "c"}));
  EXPECT_FALSE(parse_proppatch("").has_value());
  EXPECT_FALSE(parse_proppatch("<D:propertyupdate xmlns:D='DAV:'/>").has_value());
}

TEST(DeadProps, SurviveTheirWayThroughMetadata) {
  const auto steps = parse_proppatch(
      "<propertyupdate xmlns='DAV:'><set><prop><n xmlns=''>1</n><p:q "
      "xmlns:p='u:p'>&#65536;&amp;</p:q>"
      "<r xmlns='u:r'><s/></r></prop></set></propertyupdate>");
  ASSERT_TRUE(steps.has_value());
  std::vector<DeadProp> props;
  for (const PropStep& step : *steps) props.push_back(step.prop);
  const std::string text = encode_dead_props(props);
  EXPECT_EQ(decode_dead_props(text), props);
  EXPECT_EQ(props[0].name, (PropName{"", "n"}));
  EXPECT_EQ(props[2].xml, "<r xmlns=\"u:r\"><s/></r>");
}

TEST(DeadProps, OfAnybodyElseAreNone) {
  for (const auto& text : {std::string("!"), base64_encode("<props>"), base64_encode("<x><a/></x>"),
                           base64_encode("<props><p:a/></props>"),
                           base64_encode("<!DOCTYPE x><props/>"), std::string()}) {
    EXPECT_TRUE(decode_dead_props(text).empty()) << text;
  }
}

TEST(Lockinfo, SaysScopeAndOwner) {
  const auto wish = parse_lockinfo(
      "<D:lockinfo "
      "xmlns:D='DAV:'><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype>"
      "<D:owner><D:href>me</D:href></D:owner></D:lockinfo>");
  ASSERT_TRUE(wish.has_value());
  EXPECT_FALSE(wish->exclusive);
  EXPECT_EQ(wish->owner, "<D:owner xmlns:D=\"DAV:\"><D:href>me</D:href></D:owner>");
  const auto with = [](std::string_view inner) {
    return parse_lockinfo("<lockinfo xmlns='DAV:'>" + std::string(inner) + "</lockinfo>");
  };
  EXPECT_EQ(with("<lockscope><exclusive/></lockscope>").error().status, 422);
  EXPECT_EQ(with("<locktype><write/></locktype>").error().status, 400);
  const std::string large(5000, 'o');
  EXPECT_EQ(with("<lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>" + large +
                 "</owner>")
                .error()
                .status,
            413);
}

}  // namespace
}  // namespace kelp::webdav
