// Forms of the query protocol: what is ambiguous is refused.

#include "iam/core/parameters.h"

#include <gtest/gtest.h>

namespace kelp::iam {
namespace {

TEST(Parameters, AreDecoded) {
  const Parameters got = Parameters::parse("Action=A&a=x+y%2B%26&b=&&c").value();
  EXPECT_EQ(got.get("a"), "x y+&");
  EXPECT_EQ(got.get("b"), "");
  EXPECT_NE(got.find("c"), nullptr);
  EXPECT_EQ(got.find("d"), nullptr);
}

TEST(Parameters, WhatIsAmbiguousIsRefused) {
  for (const char* const bad : {"a=1&a=2", "a=%zz", "%=1", "a=%4"}) {
    const auto got = Parameters::parse(bad);
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().code, "MalformedInput");
  }
  std::string many;
  for (int i = 0; i <= 1000; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_FALSE(Parameters::parse(many));
}

TEST(Parameters, ListsAreNumberedFromOne) {
  const Parameters got =
      Parameters::parse("L.member.1=a&L.member.2=b&M.member.2=x&N.member.1.arn=z&L2=1").value();
  EXPECT_EQ(got.list("L").value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(got.list("N", ".arn").value(), std::vector<std::string>{"z"});
  EXPECT_FALSE(got.list("M"));
  EXPECT_TRUE(got.list("none").value().empty());
  EXPECT_FALSE(Parameters::parse("L.member.01=a").value().list("L"));
}

TEST(Parameters, TenMembersStayInOrder) {
  std::string form;
  for (int i = 12; i >= 1; --i) {
    form += "L.member." + std::to_string(i) + "=" + std::to_string(i) + "&";
  }
  const auto list = Parameters::parse(form).value().list("L").value();
  ASSERT_EQ(list.size(), 12U);
  EXPECT_EQ(list[9], "10");
}

TEST(Parameters, AreThoseOfTheAction) {
  const auto check = [](const char* form, const char* allowed) {
    const auto got = Parameters::parse(form).value().check(allowed);
    return got ? std::string("ok") : got.error().code;
  };
  EXPECT_EQ(check("Action=A&Version=1&X-Amz-Date=2&a=1", "a!"), "ok");
  EXPECT_EQ(check("Action=A", "a!"), "ValidationError");
  EXPECT_EQ(check("Action=A", "a"), "ok");
  EXPECT_EQ(check("b=1", "a"), "ValidationError");
  EXPECT_EQ(check("T.member.1.Key=1&T=", "a T*"), "ok");
  EXPECT_EQ(check("T=x", "T*"), "ValidationError");
  EXPECT_EQ(check("a.member.1=1", "a"), "ValidationError");
}

TEST(Parameters, NumbersHaveBorders) {
  const Parameters got = Parameters::parse("a=5&b=5x&c=-1&d=99999999999&e=").value();
  EXPECT_EQ(got.number("a", 5, 5).value(), 5U);
  EXPECT_FALSE(got.number("a", 6, 9));
  EXPECT_FALSE(got.number("a", 1, 4));
  for (const char* const name : {"b", "c", "d", "e"}) EXPECT_FALSE(got.number(name, 0, 9)) << name;
  EXPECT_EQ(got.number("none", 1, 2).value(), std::nullopt);
}

}  // namespace
}  // namespace kelp::iam
