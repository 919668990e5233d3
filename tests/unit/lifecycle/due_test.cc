// When objects and uploads are due.
#include "lifecycle/due.h"

#include <gtest/gtest.h>

namespace kelp::lifecycle {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_days;

WallTime day(int year, unsigned month, unsigned date) {
  return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(date));
}

Rule after_days(std::uint32_t count, std::string prefix = "") {
  Rule rule;
  rule.id = prefix + std::to_string(count);
  rule.filter.prefix = std::move(prefix);
  rule.expires = When{.days = count, .date = {}};
  return rule;
}

// "Lifecycle actions: when to perform", S3 user guide: created at 1/15/2014 10:30 UTC, 3 days.
TEST(LifecycleDue, IsAtTheNextMidnight) {
  EXPECT_EQ(Calendar{}.after(day(2014, 1, 15) + 10h + 30min, 3), day(2014, 1, 19));
  EXPECT_EQ(Calendar{}.after(day(2014, 1, 15), 3), day(2014, 1, 18));
  EXPECT_EQ(Calendar{}.after(day(2014, 1, 15) + 1ns, 3), day(2014, 1, 19));
}

TEST(LifecycleDue, OfTestsIsNotRounded) {
  EXPECT_EQ(Calendar{.day = 2s}.after(day(2014, 1, 15) + 500ms, 3), day(2014, 1, 15) + 6500ms);
}

TEST(LifecycleDue, CanBeToldOfTheLongestRule) {
  EXPECT_GT(Calendar{}.after(day(2050, 1, 1), kMaxDays), day(2249, 1, 1));
}

TEST(LifecycleDue, IsByTheRuleThatIsFirst) {
  Rules rules;
  rules.rules = {after_days(9), after_days(5, "a"), after_days(1, "b")};
  const WallTime made = day(2026, 1, 1);
  const auto due = expiry(rules, {.key = "a1"}, made, {});
  ASSERT_TRUE(due);
  EXPECT_EQ(due->rule->id, "a5");
  EXPECT_EQ(due->at, made + days(5));
  EXPECT_EQ(expiry(rules, {.key = "c"}, made, {})->rule->id, "9");
  rules.rules.erase(rules.rules.begin());
  EXPECT_FALSE(expiry(rules, {.key = "c"}, made, {}));
}

TEST(LifecycleDue, IsOnADateWheneverTheObjectWasMade) {
  Rules rules;
  rules.rules = {after_days(0)};
  rules.rules[0].expires = When{.days = 0, .date = day(2030, 1, 1)};
  EXPECT_EQ(expiry(rules, {.key = "k"}, day(2026, 5, 5), {})->at, day(2030, 1, 1));
  EXPECT_EQ(expiry(rules, {.key = "k"}, day(2031, 5, 5), {})->at, day(2030, 1, 1));
}

TEST(LifecycleDue, OfMarkersIsAtOnceOrWithTheirAge) {
  Rules rules;
  rules.rules.emplace_back();
  rules.rules[0].expired_markers = true;
  const WallTime made = day(2026, 1, 1) + 5h;
  EXPECT_EQ(marker_expiry(rules, "k", made, {})->at, made);
  rules.rules = {after_days(3)};
  EXPECT_EQ(marker_expiry(rules, "k", made, {})->at, day(2026, 1, 5));
  rules.rules[0].filter.tags = {{"k", "v"}};
  EXPECT_FALSE(marker_expiry(rules, "k", made, {})) << "markers have no tags";
  rules.rules[0].filter = {.larger_than = 0};
  EXPECT_FALSE(marker_expiry(rules, "k", made, {})) << "nor a size";
}

TEST(LifecycleDue, OfOlderVersionsKeepsTheNewestOfThem) {
  Rules rules;
  rules.rules.emplace_back();
  rules.rules[0].noncurrent = Noncurrent{.days = 2, .newer = 3};
  const WallTime since = day(2026, 1, 1) + 1h;
  EXPECT_FALSE(noncurrent_expiry(rules, {.key = "k"}, since, 2, {}));
  ASSERT_TRUE(noncurrent_expiry(rules, {.key = "k"}, since, 3, {}));
  EXPECT_EQ(noncurrent_expiry(rules, {.key = "k"}, since, 3, {})->at, day(2026, 1, 4));
  EXPECT_FALSE(expiry(rules, {.key = "k"}, since, {}));
}

std::string moved(const Rules& rules, int age, std::string_view from, std::uint64_t bytes) {
  const WallTime now = day(2026, 6, 1);
  const auto due = move(rules, {.key = "k", .size_bytes = bytes}, from, now - days(age), {}, now);
  return due ? std::string(due->to) : "";
}

TEST(LifecycleDue, MovesDownOnly) {
  Rules rules;
  rules.rules.emplace_back().moves = {{.when = {.days = 90, .date = {}}, .to = "GLACIER"},
                                      {.when = {.days = 30, .date = {}}, .to = "STANDARD_IA"}};
  EXPECT_EQ(moved(rules, 29, "", 1 << 20), "");
  EXPECT_EQ(moved(rules, 30, "", 1 << 20), "STANDARD_IA");
  EXPECT_EQ(moved(rules, 30, "STANDARD_IA", 1 << 20), "");
  EXPECT_EQ(moved(rules, 30, "DEEP_ARCHIVE", 1 << 20), "");
  EXPECT_EQ(moved(rules, 90, "STANDARD_IA", 1 << 20), "GLACIER");
  EXPECT_EQ(moved(rules, 90, "", 1 << 20), "GLACIER") << "at once";
}

TEST(LifecycleDue, MovesNothingSmallUnlessTheRuleSaysSo) {
  Rules rules;
  rules.rules.emplace_back().moves = {{.when = {.days = 1, .date = {}}, .to = "GLACIER"}};
  EXPECT_EQ(moved(rules, 2, "", kSmallestMoved - 1), "");
  EXPECT_EQ(moved(rules, 2, "", kSmallestMoved), "GLACIER");
  rules.smallest_varies = true;
  EXPECT_EQ(moved(rules, 2, "", 10), "GLACIER");
  rules.rules[0].moves[0].to = "STANDARD_IA";
  EXPECT_EQ(moved(rules, 2, "", 10), "");
  rules.rules[0].filter.larger_than = 5;
  EXPECT_EQ(moved(rules, 2, "", 10), "STANDARD_IA");
}

TEST(LifecycleDue, OfUploadsIsFromWhenTheyBegan) {
  Rules rules;
  rules.rules.emplace_back();
  rules.rules[0].filter.prefix = "a";
  rules.rules[0].abort_days = 7;
  EXPECT_EQ(upload_expiry(rules, "ab", day(2026, 1, 1) + 1h, {})->at, day(2026, 1, 9));
  EXPECT_FALSE(upload_expiry(rules, "b", day(2026, 1, 1), {}));
}

}  // namespace
}  // namespace kelp::lifecycle
