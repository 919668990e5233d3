// Lifecycle rules read from what is kept of a configuration.
#include "lifecycle/rules.h"

#include <gtest/gtest.h>

namespace kelp::lifecycle {
namespace {

using namespace std::chrono_literals;

Rules rules_of(const std::string& inside) {
  const auto rules = parse_rules(inside);
  EXPECT_TRUE(rules) << rules.error().message();
  return rules.value_or(Rules{});
}

const std::string kOn = "<Status>Enabled</Status>";

TEST(LifecycleRules, AreReadWithAllTheySay) {
  const Rules rules = rules_of(
      "<Rule><ID>a &amp; b</ID><Filter><And><Prefix>logs/ "
      "</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>"
      "<Tag><Key>e</Key><Value></Value></Tag><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan>"
      "<ObjectSizeLessThan>20</ObjectSizeLessThan></And></Filter>" +
      kOn +
      "<Expiration><Days>3</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>7</"
      "NoncurrentDays>"
      "<NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>"
      "<TransitionDefaultMinimumObjectSize>all_storage_classes_128K</"
      "TransitionDefaultMinimumObjectSize>");
  ASSERT_EQ(rules.rules.size(), 1U);
  const Rule& rule = rules.rules.front();
  EXPECT_EQ(rule.id, "a & b");
  EXPECT_EQ(rule.filter.prefix, "logs/ ");
  EXPECT_EQ(rule.filter.tags, (Tags{{"k", "v"}, {"e", ""}}));
  EXPECT_EQ(rule.filter.larger_than, 10U);
  EXPECT_EQ(rule.filter.smaller_than, 20U);
  EXPECT_EQ(rule.expires->days, 3U);
  EXPECT_FALSE(rule.expires->date);
  EXPECT_EQ(rule.noncurrent->days, 7U);
  EXPECT_EQ(rule.noncurrent->newer, 5U);
  EXPECT_FALSE(rule.abort_days);
  EXPECT_TRUE(rules.any_tags);
  EXPECT_TRUE(rules.any_objects);
  EXPECT_FALSE(rules.any_uploads);
  EXPECT_EQ(rules.most_newer, 5U);
}

TEST(LifecycleRules, KeepAPrefixThatIsASpace) {
  const Rules rules =
      rules_of("<Rule><Prefix> </Prefix>" + kOn + "<Expiration><Days>1</Days></Expiration></Rule>");
  EXPECT_EQ(rules.rules.at(0).filter.prefix, " ") << "an empty one would be all objects";
}

TEST(LifecycleRules, Move) {
  const Rules rules = rules_of(
      "<Rule><Filter></Filter>" + kOn +
      "<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
      "<Transition><Days>90</Days><StorageClass>GLACIER</StorageClass></Transition>"
      "<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>4"
      "</NewerNoncurrentVersions><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>"
      "</Rule><TransitionDefaultMinimumObjectSize>varies_by_storage_class"
      "</TransitionDefaultMinimumObjectSize>");
  const Rule& rule = rules.rules.at(0);
  ASSERT_EQ(rule.moves.size(), 2U);
  EXPECT_EQ(rule.moves[1].when.days, 90U);
  EXPECT_EQ(rule.moves[1].to, "GLACIER");
  ASSERT_EQ(rule.noncurrent_moves.size(), 1U);
  EXPECT_EQ(rule.noncurrent_moves[0].when.days, 3U);
  EXPECT_EQ(rule.noncurrent_moves[0].when.newer, 4U);
  EXPECT_EQ(rules.most_newer, 4U);
  EXPECT_TRUE(rules.any_objects);
  EXPECT_TRUE(rules.smallest_varies);
}

TEST(LifecycleRules, HaveDates) {
  const Rules rules =
      rules_of("<Rule><Filter></Filter>" + kOn +
               "<Expiration><Date>2030-02-03T00:00:00.000Z</Date></Expiration></Rule>");
  EXPECT_EQ(rules.rules.at(0).expires->date,
            WallTime(std::chrono::sys_days(std::chrono::year(2030) / 2 / 3)));
}

TEST(LifecycleRules, LeaveOutWhatIsDisabled) {
  const Rules rules = rules_of(
      "<Rule><Filter></Filter><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></"
      "Rule>"
      "<Rule><Filter></Filter>" +
      kOn +
      "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation>"
      "</AbortIncompleteMultipartUpload></Rule>");
  ASSERT_EQ(rules.rules.size(), 1U);
  EXPECT_EQ(rules.rules.at(0).abort_days, 2U);
  EXPECT_TRUE(rules.any_uploads);
  EXPECT_FALSE(rules.any_objects);
}

TEST(LifecycleRules, AreNotGuessedAt) {
  const std::string gone = "<Expiration><Days>1</Days></Expiration>";
  for (const std::string& inside : {
           "<Rule><Filter><NewCondition>x</NewCondition></Filter>" + kOn + gone + "</Rule>",
           "<Rule><Filter><And><NewCondition>x</NewCondition></And></Filter>" + kOn + gone +
               "</Rule>",
           "<Rule><Filter></Filter>" + kOn +
               "<Expiration><Days>1</Days><But>x</But></Expiration></Rule>",
           "<Rule><Filter></Filter>" + kOn + gone + "<Unless>x</Unless></Rule>",
           std::string("<Unless></Unless>"),
       }) {
    const auto rules = parse_rules(inside);
    ASSERT_FALSE(rules) << inside;
    EXPECT_EQ(rules.error().code(), Errc::kUnimplemented) << inside;
  }
  for (const std::string& inside : {
           std::string("<Rule>"),
           "<Rule><Filter></Filter>" + kOn + "<Expiration><Days>soon</Days></Expiration></Rule>",
           "<Rule><Filter></Filter>" + kOn + "<Expiration><Days></Days></Expiration></Rule>",
           "<Rule><Filter></Filter>" + kOn +
               "<Expiration><Date>2030-02-30T00:00:00.000Z</Date></Expiration></Rule>",
           "<Rule><Filter></Filter>" + kOn + "<Expiration><Date>2030</Date></Expiration></Rule>",
       }) {
    const auto rules = parse_rules(inside);
    ASSERT_FALSE(rules) << inside;
    EXPECT_EQ(rules.error().code(), Errc::kCorruption) << inside;
  }
}

TEST(LifecycleRules, MatchByAllOfTheFilter) {
  const Filter filter{.prefix = "a/", .tags = {{"k", "v"}}, .larger_than = 10, .smaller_than = 20};
  const Tags tags{{"x", "y"}, {"k", "v"}};
  const Tags other{{"k", "w"}};
  EXPECT_TRUE(filter.matches({"a/b", 11, &tags}));
  EXPECT_TRUE(filter.matches({"a/b", 19, &tags}));
  EXPECT_FALSE(filter.matches({"a", 11, &tags}));
  EXPECT_FALSE(filter.matches({"a/b", 10, &tags}));
  EXPECT_FALSE(filter.matches({"a/b", 20, &tags}));
  EXPECT_FALSE(filter.matches({"a/b", 11, &other}));
  EXPECT_FALSE(filter.matches({"a/b", 11, nullptr}));
}

TEST(LifecycleRules, TellWhichKeysToPassBy) {
  Rules rules;
  for (const char* prefix : {"m/", "c/"}) {
    Rule& rule = rules.rules.emplace_back();
    rule.filter.prefix = prefix;
  }
  EXPECT_EQ(rules.next_key("a"), "c/");
  EXPECT_EQ(rules.next_key("c/x"), "c/x");
  EXPECT_EQ(rules.next_key("d"), "m/");
  EXPECT_EQ(rules.next_key("n"), std::nullopt);
}

}  // namespace
}  // namespace kelp::lifecycle
