// What is done with the versions of a key.
#include "lifecycle/key_judge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kelp::lifecycle {
namespace {

using std::chrono::days;

const WallTime kToday = std::chrono::sys_days(std::chrono::year(2026) / 6 / 30);

Version made(int days_ago) {
  return {.modified = kToday - days(days_ago), .size_bytes = 5};
}
Version marker(int days_ago) {
  return {.modified = kToday - days(days_ago), .delete_marker = true};
}

/// "E" for expire, "R" for remove, "M" for the marker, ">" for a move, "-" for nothing, of each.
std::string judged(const Rule& rule, const std::vector<Version>& versions) {
  Rules rules;
  rules.rules = {rule};
  KeyJudge judge(rules, {}, kToday);
  std::string text;
  judge.begin("before");
  static_cast<void>(judge.take(made(100)));
  static_cast<void>(judge.take(made(200)));
  static_cast<void>(judge.end());
  judge.begin("key");
  const auto letter = [](const std::optional<Verdict>& verdict) {
    if (!verdict) return '-';
    constexpr char kLetters[] = {'E', 'R', 'M', '>'};
    return kLetters[static_cast<int>(verdict->act)];
  };
  for (const Version& version : versions) text += letter(judge.take(version));
  text[0] = letter(judge.end());
  return text;
}

TEST(LifecycleKey, ExpiresOnlyTheCurrentVersion) {
  Rule rule;
  rule.expires = When{.days = 10, .date = {}};
  EXPECT_EQ(judged(rule, {made(10)}), "E");
  EXPECT_EQ(judged(rule, {made(9)}), "-");
  EXPECT_EQ(judged(rule, {made(10), made(50)}), "E-");
  EXPECT_EQ(judged(rule, {marker(50), made(60)}), "--") << "it is deleted already";
}

TEST(LifecycleKey, CountsFromTheSuccessor) {
  Rule rule;
  rule.noncurrent = Noncurrent{.days = 10};
  EXPECT_EQ(judged(rule, {made(9), made(100)}), "--") << "not current since nine days";
  EXPECT_EQ(judged(rule, {made(10), made(100)}), "-R");
  EXPECT_EQ(judged(rule, {made(3), made(20), made(30)}), "--R");
  EXPECT_EQ(judged(rule, {made(3), marker(20), made(30)}), "--R");
  EXPECT_EQ(judged(rule, {made(15), marker(20), made(30)}), "-RR") << "markers are versions";
  EXPECT_EQ(judged(rule, {made(50)}), "-");
}

TEST(LifecycleKey, KeepsTheNewestOlderOnes) {
  Rule rule;
  rule.noncurrent = Noncurrent{.days = 1, .newer = 2};
  EXPECT_EQ(judged(rule, {made(10), made(20), made(30), made(40), made(50)}), "---RR");
}

TEST(LifecycleKey, RemovesAMarkerThatIsAlone) {
  Rule rule;
  rule.expired_markers = true;
  EXPECT_EQ(judged(rule, {marker(0)}), "M");
  EXPECT_EQ(judged(rule, {marker(5), made(6)}), "--");
  EXPECT_EQ(judged(rule, {marker(5), marker(6)}), "--");
  EXPECT_EQ(judged(rule, {made(6)}), "-");
  rule.expired_markers = false;
  rule.expires = When{.days = 3, .date = {}};
  EXPECT_EQ(judged(rule, {marker(3)}), "M");
  EXPECT_EQ(judged(rule, {marker(2)}), "-");
}

TEST(LifecycleKey, MovesWhatDoesNotGo) {
  Rule rule;
  rule.moves = {{.when = {.days = 5, .date = {}}, .to = "GLACIER"}};
  rule.expires = When{.days = 10, .date = {}};
  rule.noncurrent_moves = {{.when = {.days = 5, .newer = 1}, .to = "GLACIER"}};
  rule.filter.larger_than = 0;
  EXPECT_EQ(judged(rule, {made(4)}), "-");
  EXPECT_EQ(judged(rule, {made(5)}), ">");
  EXPECT_EQ(judged(rule, {made(10)}), "E");
  EXPECT_EQ(judged(rule, {made(1), made(5), made(6)}), "-->");
  EXPECT_EQ(judged(rule, {marker(5), marker(6), marker(7)}), "---");
}

TEST(LifecycleKey, LooksAtTheTagsOfEachVersion) {
  Rule rule;
  rule.filter.tags = {{"k", "v"}};
  rule.expires = When{.days = 1, .date = {}};
  rule.noncurrent = Noncurrent{.days = 1};
  const Tags tags{{"k", "v"}};
  Version tagged = made(10);
  tagged.tags = &tags;
  EXPECT_EQ(judged(rule, {tagged, made(20)}), "E-");
  EXPECT_EQ(judged(rule, {made(5), tagged}), "-R");
}

}  // namespace
}  // namespace kelp::lifecycle
