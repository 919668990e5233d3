// The contract of kv_store.h, run against every engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/kv/kv_contract.h"

namespace kelp::test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KvContract);
INSTANTIATE_TEST_SUITE_P(Engines, KvContract, testing::ValuesIn(engine_kinds()),
                         [](const auto& kind) { return kind.param.name; });

std::string text(std::initializer_list<unsigned char> bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST_P(KvContract, GivesBackWhatWasPutAndNothingElse) {
  put("a", "1");
  put("b", "");
  EXPECT_EQ(value_of(store(), "a"), "1");
  EXPECT_EQ(value_of(store(), "b"), "");
  EXPECT_EQ(value_of(store(), "c"), "(none)");
  EXPECT_EQ(value_of(store(), "aa"), "(none)");
  put("a", "2");
  EXPECT_EQ(value_of(store(), "a"), "2");
}

TEST_P(KvContract, AnswersRecentRowsWithoutWaiting) {
  if (!engine_->is_embedded()) {
    put("a", "1");
    EXPECT_EQ(store().try_get("a"), std::nullopt) << "another filer may have changed it";
    return;
  }
  put("a", "1");
  const auto hit = store().try_get("a");
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->value(), "1");
  const auto miss = store().try_get("b");
  ASSERT_TRUE(miss.has_value());
  EXPECT_EQ(miss->value(), std::nullopt);
}

TEST_P(KvContract, OrdersKeysAsUnsignedBytes) {
  std::vector<std::string> wild = {text({0}),
                                   text({0, 0}),
                                   text({0, 1}),
                                   text({1}),
                                   " ",
                                   "\"",
                                   "'; DROP TABLE rows; --",
                                   "%s%n",
                                   "/",
                                   "\\",
                                   "a",
                                   text({'a', 0}),
                                   text({'a', 0xff}),
                                   "a/",
                                   "a/b",
                                   "ab",
                                   text({0x7f}),
                                   text({0x80}),
                                   text({0xc3, 0xa9}),
                                   text({0xff}),
                                   text({0xff, 0}),
                                   text({0xff, 0xff})};
  std::ranges::reverse(wild);
  for (const std::string& key : wild) put(key, "v" + key);
  std::vector<std::string> sorted = wild;
  std::ranges::sort(sorted, [](const std::string& a, const std::string& b) {
    return std::ranges::lexicographical_compare(
        a, b, {}, [](char c) { return static_cast<unsigned char>(c); },
        [](char c) { return static_cast<unsigned char>(c); });
  });
  EXPECT_THAT(keys({}), ElementsAreArray(sorted));
  for (const std::string& key : wild) EXPECT_EQ(value_of(store(), key), "v" + key);
}

TEST_P(KvContract, ScansBothWaysWithinBoundsAndLimit) {
  for (const char* key : {"a", "b", "c", "d", "e"}) put(key, key);
  EXPECT_THAT(keys({"b", "d"}), ElementsAre("b", "c"));
  EXPECT_THAT(keys({"b", "d"}, 1000, KvDirection::kBackward), ElementsAre("c", "b"));
  EXPECT_THAT(keys({"b", ""}, 2), ElementsAre("b", "c"));
  EXPECT_THAT(keys({"b", ""}, 2, KvDirection::kBackward), ElementsAre("e", "d"));
  EXPECT_THAT(keys({"", "c"}, 1000, KvDirection::kBackward), ElementsAre("b", "a"));
  EXPECT_THAT(keys({"bb", "dd"}), ElementsAre("c", "d"));
  EXPECT_THAT(keys({"bb", "dd"}, 1000, KvDirection::kBackward), ElementsAre("d", "c"));
  EXPECT_THAT(keys({"", ""}, 0), IsEmpty());
  EXPECT_THAT(keys({"c", "c"}), IsEmpty());
  EXPECT_THAT(keys({"d", "b"}), IsEmpty());
  EXPECT_THAT(keys({"d", "b"}, 1000, KvDirection::kBackward), IsEmpty());
  EXPECT_THAT(keys({"f", ""}), IsEmpty());
  EXPECT_THAT(keys({"", ""}, 1, KvDirection::kBackward), ElementsAre("e"));
}

TEST_P(KvContract, ChecksAbsentAndPresent) {
  put("a", "1");
  EXPECT_EQ(commit({KvCondition::absent("a")}, {KvWrite::put("x", "1")}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::present("b")}, {KvWrite::put("x", "1")}), Errc::kPrecondition);
  EXPECT_EQ(value_of(store(), "x"), "(none)");
  EXPECT_EQ(commit({KvCondition::absent("b"), KvCondition::present("a")}, {KvWrite::put("x", "1")}),
            std::nullopt);
  EXPECT_EQ(value_of(store(), "x"), "1");
}

TEST_P(KvContract, ChecksEquals) {
  put("a", "1");
  put("empty", "");
  EXPECT_EQ(commit({KvCondition::equals("a", "2")}, {KvWrite::remove("a")}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::equals("a", "")}, {KvWrite::remove("a")}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::equals("a", "11")}, {KvWrite::remove("a")}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::equals("b", "")}, {KvWrite::remove("a")}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::equals("a", "1"), KvCondition::equals("empty", "")},
                   {KvWrite::remove("a")}),
            std::nullopt);
  EXPECT_EQ(value_of(store(), "a"), "(none)");
}

TEST_P(KvContract, ChecksEmptyRange) {
  put("b", "1");
  put("d", "1");
  EXPECT_EQ(commit({KvCondition::empty_range("a", "c")}, {}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::empty_range("b", "b!")}, {}), Errc::kPrecondition);
  EXPECT_EQ(commit({KvCondition::empty_range("c", "d")}, {}), std::nullopt);
  EXPECT_EQ(commit({KvCondition::empty_range("bb", "d")}, {}), std::nullopt);
  EXPECT_EQ(commit({KvCondition::empty_range("e", "z")}, {}), std::nullopt);
  EXPECT_EQ(commit({KvCondition::empty_range("d", "b")}, {}), std::nullopt);
  ASSERT_EQ(commit({}, {KvWrite::remove("b")}), std::nullopt);
  EXPECT_EQ(commit({KvCondition::empty_range("a", "c")}, {}), std::nullopt);
}

TEST_P(KvContract, NamesTheFirstConditionThatDoesNotHold) {
  put("a", "1");
  const auto refused =
      commit_now(store(), {.conditions = {KvCondition::present("a"), KvCondition::equals("a", "2"),
                                          KvCondition::absent("a")},
                           .writes = {}});
  ASSERT_EQ(code_of(refused), Errc::kPrecondition);
  EXPECT_THAT(refused.error().detail(), testing::HasSubstr("condition 1 (equals)"));
}

TEST_P(KvContract, DoesAllOrNothing) {
  put("keep", "1");
  put("n", "1");
  EXPECT_EQ(commit({KvCondition::present("keep"), KvCondition::present("missing")},
                   {KvWrite::put("a", "1"), KvWrite::remove("keep"), KvWrite::add("count", 5),
                    KvWrite::remove_range("m", "o")}),
            Errc::kPrecondition);
  EXPECT_THAT(keys({}), ElementsAre("keep", "n"));
}

TEST_P(KvContract, ConditionsDoNotSeeTheWritesOfTheirBatch) {
  EXPECT_EQ(commit({KvCondition::absent("a")}, {KvWrite::put("a", "1")}), std::nullopt);
  EXPECT_EQ(commit({KvCondition::present("b")}, {KvWrite::put("b", "1")}), Errc::kPrecondition);
}

TEST_P(KvContract, AppliesTheWritesOfABatchInOrder) {
  put("m", "old");
  ASSERT_EQ(commit({}, {KvWrite::put("a", "1"), KvWrite::put("a", "2"), KvWrite::remove("b"),
                        KvWrite::put("b", "3"), KvWrite::put("c", "4"), KvWrite::remove("c"),
                        KvWrite::remove_range("m", "n"), KvWrite::put("m2", "5"),
                        KvWrite::put("p", "6"), KvWrite::remove_range("o", "q")}),
            std::nullopt);
  EXPECT_EQ(value_of(store(), "a"), "2");
  EXPECT_EQ(value_of(store(), "b"), "3");
  EXPECT_THAT(keys({}), ElementsAre("a", "b", "m2"));
}

TEST_P(KvContract, RemovingNothingIsNoError) {
  EXPECT_EQ(commit({}, {KvWrite::remove("a"), KvWrite::remove_range("a", "z"),
                        KvWrite::remove_range("z", "a"), KvWrite::remove_range("a", "a")}),
            std::nullopt);
  EXPECT_EQ(commit({}, {}), std::nullopt);
}

TEST_P(KvContract, RemovesRangesUpToTheirEnd) {
  for (const char* key : {"a", "b", "b/1", "b/2", "c"}) put(key, "1");
  ASSERT_EQ(commit({}, {KvWrite::remove_range("b", "c")}), std::nullopt);
  EXPECT_THAT(keys({}), ElementsAre("a", "c"));
  EXPECT_EQ(value_of(store(), "b/1"), "(none)");
  put("b/1", "2");
  EXPECT_THAT(keys({}), ElementsAre("a", "b/1", "c"));
}

TEST_P(KvContract, AddsToCounters) {
  ASSERT_EQ(commit({}, {KvWrite::add("n", 5)}), std::nullopt);
  ASSERT_EQ(commit({}, {KvWrite::add("n", -7), KvWrite::add("n", 1)}), std::nullopt);
  EXPECT_EQ(counter("n"), -1);
  EXPECT_EQ(counter("never"), 0);
  EXPECT_EQ(commit({KvCondition::equals("n", encode_counter(-1))}, {KvWrite::add("n", 11)}),
            std::nullopt);
  EXPECT_EQ(counter("n"), 10);
  EXPECT_EQ(store().get("n").value()->size(), 8U);
}

TEST_P(KvContract, MixesAddWithTheOtherWritesOfARow) {
  ASSERT_EQ(commit({}, {KvWrite::add("n", 5), KvWrite::remove("n"), KvWrite::add("n", 2)}),
            std::nullopt);
  EXPECT_EQ(counter("n"), 2);
  ASSERT_EQ(commit({}, {KvWrite::put("n", encode_counter(40)), KvWrite::add("n", 2)}),
            std::nullopt);
  EXPECT_EQ(counter("n"), 42);
  ASSERT_EQ(commit({}, {KvWrite::add("n", 1), KvWrite::remove_range("m", "o")}), std::nullopt);
  EXPECT_EQ(value_of(store(), "n"), "(none)");
  ASSERT_EQ(commit({}, {KvWrite::add("n", 3)}), std::nullopt);
  EXPECT_EQ(counter("n"), 3);
  ASSERT_EQ(commit({}, {KvWrite::remove("n")}), std::nullopt);
  ASSERT_EQ(commit({}, {KvWrite::add("n", 4)}), std::nullopt);
  EXPECT_EQ(counter("n"), 4);
}

TEST_P(KvContract, CountersWrapAndLeaveOtherRowsAlone) {
  ASSERT_EQ(commit({}, {KvWrite::add("n", INT64_MAX), KvWrite::add("n", 1)}), std::nullopt);
  EXPECT_EQ(counter("n"), INT64_MIN);
  put("text", "hello");
  ASSERT_EQ(commit({}, {KvWrite::add("text", 1)}), std::nullopt);
  EXPECT_EQ(value_of(store(), "text"), "hello");
  EXPECT_EQ(code_of(decode_counter(store().get("text").value())), Errc::kCorruption);
}

TEST_P(KvContract, ChecksAtMost) {
  const auto at_most = [&](std::string key, std::int64_t limit) {
    return commit({KvCondition::at_most(std::move(key), limit)}, {KvWrite::put("seen", "1")});
  };
  EXPECT_EQ(at_most("n", 0), std::nullopt) << "a missing counter counts as 0";
  EXPECT_EQ(at_most("n", -1), Errc::kPrecondition);
  EXPECT_EQ(value_of(store(), "n"), "(none)");
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{255}, std::int64_t{256},
        std::int64_t{-256}, INT64_MAX, INT64_MIN, std::int64_t{1} << 53}) {
    put("n", encode_counter(value));
    EXPECT_EQ(at_most("n", value), std::nullopt) << value;
    EXPECT_EQ(at_most("n", INT64_MAX), std::nullopt) << value;
    if (value == INT64_MIN) continue;
    EXPECT_EQ(at_most("n", value - 1), Errc::kPrecondition) << value;
    EXPECT_EQ(at_most("n", INT64_MIN), Errc::kPrecondition) << value;
  }
  put("text", "hello");
  EXPECT_EQ(at_most("text", INT64_MAX), Errc::kPrecondition) << "no counter";
  EXPECT_EQ(commit({{KvCondition::Kind::kAtMost, "n", "short"}}, {}), Errc::kInvalidArgument);
}

TEST_P(KvContract, RefusesWhatBreaksTheLimits) {
  const std::string longest(kMaxKvKeyBytes, 'k');
  EXPECT_EQ(commit({}, {KvWrite::put("", "1")}), Errc::kInvalidArgument);
  EXPECT_EQ(commit({}, {KvWrite::put(longest + "k", "1")}), Errc::kInvalidArgument);
  EXPECT_EQ(commit({}, {KvWrite::put("a", std::string(kMaxKvValueBytes + 1, 'v'))}),
            Errc::kInvalidArgument);
  EXPECT_EQ(commit({}, {KvWrite::put("a", "1"), KvWrite::remove("")}), Errc::kInvalidArgument);
  EXPECT_EQ(commit({}, {KvWrite::add("", 1)}), Errc::kInvalidArgument);
  EXPECT_EQ(commit({}, {KvWrite::remove_range("a", "")}), Errc::kInvalidArgument);
  EXPECT_EQ(commit({KvCondition::absent("")}, {}), Errc::kInvalidArgument);
  EXPECT_EQ(commit({KvCondition::empty_range("a", "")}, {}), Errc::kInvalidArgument);
  EXPECT_THAT(keys({}), IsEmpty());
  put(longest, "1");
  EXPECT_EQ(value_of(store(), longest), "1");
  EXPECT_EQ(commit({}, {KvWrite::remove_range(longest, longest + '\0')}), std::nullopt);
  EXPECT_THAT(keys({}), IsEmpty());
}

TEST_P(KvContract, KeepsLargeValuesAndLongKeys) {
  std::string value(1 << 20, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7 % 251);
  const std::string key(kMaxKvKeyBytes, '\xff');
  for (const std::string& place : {std::string("a"), std::string("Bulk"), key}) put(place, value);
  for (const std::string& place : {std::string("a"), std::string("Bulk"), key}) {
    EXPECT_TRUE(value_of(store(), place) == value);
  }
  const std::size_t largest = engine_->largest_value();
  put("a", std::string(largest, 'x'));
  EXPECT_EQ(value_of(store(), "a").size(), largest);
  engine_->reopen();
  EXPECT_EQ(value_of(store(), "a").size(), largest);
  if (largest == kMaxKvValueBytes) return;
  EXPECT_EQ(commit({}, {KvWrite::put("a", std::string(kMaxKvValueBytes, 'y'))}),
            Errc::kInvalidArgument);
  EXPECT_EQ(value_of(store(), "a").size(), largest);
}

TEST_P(KvContract, CursorWalksItsRangeAndSeeksBothWays) {
  for (const char* key : {"a", "b", "c", "d", "e"}) put(key, std::string("v") + key);
  const auto cursor = store().cursor({"b", "e"});
  cursor->seek("");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "b");
  EXPECT_EQ(cursor->value(), "vb");
  cursor->next();
  EXPECT_EQ(cursor->key(), "c");
  cursor->seek("c");
  EXPECT_EQ(cursor->key(), "c");
  cursor->seek("cc");
  EXPECT_EQ(cursor->key(), "d");
  cursor->seek("b");
  cursor->seek("d");
  EXPECT_EQ(cursor->key(), "d");
  cursor->next();
  EXPECT_FALSE(cursor->valid());
  cursor->seek("b");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "b");
  cursor->seek("e");
  EXPECT_FALSE(cursor->valid());
  cursor->seek("z");
  EXPECT_FALSE(cursor->valid());
  EXPECT_TRUE(cursor->status().has_value());
}

TEST_P(KvContract, CursorOverAnEmptyOrReversedRangeFindsNothing) {
  put("b", "1");
  for (const KvRange& range : {KvRange{"b", "b"}, KvRange{"c", "a"}, KvRange{"c", ""}}) {
    const auto cursor = store().cursor(range);
    cursor->seek("");
    EXPECT_FALSE(cursor->valid());
    EXPECT_TRUE(cursor->status().has_value());
  }
}

TEST_P(KvContract, CursorSeesOnePointInTime) {
  for (const char* key : {"a", "b", "c"}) put(key, "old");
  const auto cursor = store().cursor({"", ""});
  ASSERT_EQ(commit({}, {KvWrite::put("a", "new"), KvWrite::put("aa", "new"), KvWrite::remove("b"),
                        KvWrite::remove_range("c", "z")}),
            std::nullopt);
  std::vector<KvRow> seen;
  for (cursor->seek(""); cursor->valid(); cursor->next()) {
    seen.emplace_back(cursor->key(), cursor->value());
  }
  EXPECT_THAT(seen, ElementsAre(KvRow{"a", "old"}, KvRow{"b", "old"}, KvRow{"c", "old"}));
  EXPECT_THAT(keys({}), ElementsAre("a", "aa"));
}

// In the embedded engine rows that begin with B lie in a table of their own.
TEST_P(KvContract, CursorWalksAllTablesAtOnePointInTime) {
  for (const char* key : {"A1", "A2", "B1", "B2", "C1"}) put(key, "old");
  const auto walk = [](KvCursor& cursor, std::string_view from) {
    std::vector<std::string> found;
    for (cursor.seek(from); cursor.valid(); cursor.next()) {
      found.push_back(std::string(cursor.key()) + "=" + std::string(cursor.value()));
    }
    EXPECT_TRUE(cursor.status());
    return found;
  };
  const auto all = store().cursor({});
  const auto some = store().cursor({"A2", "B2"});
  all->seek("");
  put("A1", "new");
  put("B1", "new");
  put("B3", "new");
  put("C2", "new");
  ASSERT_EQ(commit({}, {KvWrite::remove("C1")}), std::nullopt);
  EXPECT_THAT(walk(*all, ""), ElementsAre("A1=old", "A2=old", "B1=old", "B2=old", "C1=old"));
  EXPECT_THAT(walk(*all, "B2"), ElementsAre("B2=old", "C1=old"));
  EXPECT_THAT(walk(*all, "A3"), ElementsAre("B1=old", "B2=old", "C1=old"));
  EXPECT_THAT(walk(*all, "C1"), ElementsAre("C1=old"));
  EXPECT_THAT(walk(*all, "D"), IsEmpty());
  EXPECT_THAT(walk(*some, ""), ElementsAre("A2=old", "B1=old"));
  const auto fresh = store().cursor({"A", "C2"});
  EXPECT_THAT(walk(*fresh, ""), ElementsAre("A1=new", "A2=old", "B1=new", "B2=old", "B3=new"));
}

TEST_P(KvContract, NumbersRowsInTheOrderOfTheirCommits) {
  const auto number = [](std::uint64_t n) {
    std::string bytes(8, '\0');
    for (std::size_t i = 8; i-- > 0; n >>= 8) bytes[i] = static_cast<char>(n);
    return bytes;
  };
  ASSERT_EQ(commit({}, {KvWrite::append("log/", "a"), KvWrite::append("log/", "b")}), std::nullopt);
  EXPECT_THAT(keys({"log/", "log0"}), ElementsAre("log/" + number(1), "log/" + number(2)));
  EXPECT_EQ(commit({KvCondition::present("nothing")}, {KvWrite::append("log/", "refused")}),
            Errc::kPrecondition);
  ASSERT_EQ(commit({}, {KvWrite::append("other/", "x"), KvWrite::append("log/", "c")}),
            std::nullopt);
  const auto rows = store().scan({"log/", "log0"}, 10).value();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].second, "b");
  EXPECT_EQ(rows[2].second, "c");
  EXPECT_GT(rows[2].first, rows[1].first);
  EXPECT_EQ(commit({}, {{.kind = KvWrite::Kind::kPut, .key = "short", .numbered = true}}),
            Errc::kInvalidArgument);
}

TEST_P(KvContract, KeepsEverythingWhenOpenedAgain) {
  put("a", "1");
  put("B1", std::string(2000, 'b'));
  ASSERT_EQ(commit({}, {KvWrite::add("n", 7), KvWrite::remove_range("c", "d")}), std::nullopt);
  engine_->reopen();
  EXPECT_EQ(value_of(store(), "a"), "1");
  EXPECT_EQ(value_of(store(), "B1"), std::string(2000, 'b'));
  ASSERT_EQ(commit({}, {KvWrite::add("n", 1)}), std::nullopt);
  EXPECT_EQ(counter("n"), 8);
}

TEST_P(KvContract, CountsCommits) {
  put("a", "1");
  put("b", "1");
  EXPECT_EQ(commit({KvCondition::absent("a")}, {}), Errc::kPrecondition);
  EXPECT_EQ(store().stats().commits, 2U);
}

}  // namespace
}  // namespace kelp::test
