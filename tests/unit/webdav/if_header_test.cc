#include "webdav/core/if_header.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

bool holds(std::string_view header, const ResourceState& state) {
  const auto lists = parse_if(header);
  EXPECT_TRUE(lists.has_value()) << header;
  return evaluate(*lists, std::vector<ResourceState>(lists->size(), state));
}

const ResourceState kLocked{.tokens = {"urn:t"}, .etag = "\"e\""};

TEST(IfHeader, EveryConditionOfAListMustHold) {
  EXPECT_TRUE(holds("(<urn:t>)", kLocked));
  EXPECT_TRUE(holds("(<urn:t> [\"e\"])", kLocked));
  EXPECT_FALSE(holds("(<urn:t> [\"f\"])", kLocked));
  EXPECT_FALSE(holds("(<urn:x> [\"e\"])", kLocked));
  EXPECT_FALSE(holds("(<DAV:no-lock>)", kLocked));
  EXPECT_FALSE(holds("([W/\"e\"])", kLocked));
}

TEST(IfHeader, OneListIsEnough) {
  EXPECT_TRUE(holds("(<urn:x>) (<urn:t>)", kLocked));
  EXPECT_TRUE(holds("(<urn:x>) (Not <DAV:no-lock>)", kLocked));
  EXPECT_FALSE(holds("(<urn:x>)(Not <urn:t>)", kLocked));
}

TEST(IfHeader, TagsNameTheResourceOfTheListsBehindThem) {
  const auto lists = parse_if("<http://h/a> (<urn:1>) (<urn:2>) </b> (Not [\"e\"])");
  ASSERT_TRUE(lists.has_value());
  ASSERT_EQ(lists->size(), 3);
  EXPECT_EQ((*lists)[0].resource, "http://h/a");
  EXPECT_EQ((*lists)[1].resource, "http://h/a");
  EXPECT_EQ((*lists)[2].resource, "/b");
  EXPECT_EQ((*lists)[2].all, (std::vector<IfCondition>{{true, true, "\"e\""}}));
  const std::vector<ResourceState> states{{}, {}, kLocked};
  EXPECT_FALSE(evaluate(*lists, states));
}

TEST(IfHeader, TokensCountAsBroughtUnlessDenied) {
  const auto lists = parse_if("(<urn:1> [\"e\"]) (Not <urn:2>) (<urn:3>)");
  EXPECT_EQ(submitted_tokens(*lists), (std::vector<std::string>{"urn:1", "urn:3"}));
}

TEST(IfHeader, RefusesBrokenSyntax) {
  for (const auto* header : {"", "()", "(", "(<urn:t>", "(<>)", "urn:t", "<http://h/a>", "(<a>) x",
                             "(<a>) <http://h/a> (<b>)", "(Not)", "(Not Not <a>)", "[\"e\"]"}) {
    EXPECT_FALSE(parse_if(header).has_value()) << header;
  }
  std::string many = "(";
  for (int i = 0; i < 64; ++i) many += "<a>";
  EXPECT_TRUE(parse_if(many + ")").has_value());
  EXPECT_FALSE(parse_if(many + "<a>)").has_value());
}

}  // namespace
}  // namespace kelp::webdav
