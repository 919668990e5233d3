#include "webdav/core/lock_table.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

using std::chrono::seconds;

constexpr MonoTime kNow{};

Lock lock(std::string token, std::string path, bool exclusive = true, bool deep = false) {
  return {.token = std::move(token),
          .path = std::move(path),
          .exclusive = exclusive,
          .deep = deep,
          .owner = {},
          .account = "me",
          .timeout = seconds(100),
          .expires = {}};
}

std::vector<std::string> tokens_of(const std::vector<Lock>& locks) {
  std::vector<std::string> tokens;
  for (const Lock& each : locks) tokens.push_back(each.token);
  return tokens;
}
using Tokens = std::vector<std::string>;

TEST(LockTable, AnExclusiveOneStandsAlone) {
  LockTable table;
  EXPECT_TRUE(table.add(lock("1", "b/a"), kNow));
  EXPECT_EQ(table.add(lock("2", "b/a"), kNow).error().status, 423);
  EXPECT_EQ(table.add(lock("2", "b/a", false), kNow).error().status, 423);
  EXPECT_TRUE(table.add(lock("2", "b/ab"), kNow));
  EXPECT_TRUE(table.add(lock("3", "b"), kNow)) << "depth 0 does not reach down";
}

TEST(LockTable, SharedOnesGoTogether) {
  LockTable table;
  EXPECT_TRUE(table.add(lock("1", "b/a", false), kNow));
  EXPECT_TRUE(table.add(lock("2", "b/a", false), kNow));
  EXPECT_FALSE(table.add(lock("3", "b/a"), kNow));
  EXPECT_EQ(table.covering("b/a", kNow).size(), 2);
}

TEST(LockTable, ADeepOneCoversWhatIsBelow) {
  LockTable table;
  EXPECT_TRUE(table.add(lock("1", "b/a", true, true), kNow));
  EXPECT_EQ(tokens_of(table.covering("b/a/c/d", kNow)), Tokens{"1"});
  EXPECT_TRUE(table.covering("b/ab", kNow).empty());
  EXPECT_TRUE(table.covering("b", kNow).empty());
  EXPECT_FALSE(table.add(lock("2", "b/a/c"), kNow));
  EXPECT_FALSE(table.add(lock("2", "b", true, true), kNow)) << "what is below is locked";
  EXPECT_EQ(tokens_of(table.below("b", kNow)), Tokens{"1"});
  EXPECT_TRUE(table.below("b/a", kNow).empty());
}

TEST(LockTable, RunsOut) {
  LockTable table;
  EXPECT_TRUE(table.add(lock("1", "b/a"), kNow));
  EXPECT_EQ(table.covering("b/a", kNow + seconds(99)).size(), 1);
  EXPECT_TRUE(table.covering("b/a", kNow + seconds(100)).empty());
  EXPECT_TRUE(table.add(lock("2", "b/a"), kNow + seconds(100)));
  EXPECT_EQ(table.size(), 1);
  EXPECT_EQ(table.remove("1", "b/a", "me", kNow + seconds(100)).error().status, 409);
}

TEST(LockTable, IsRefreshedByItsOwnerThroughWhatItCovers) {
  LockTable table;
  EXPECT_TRUE(table.add(lock("1", "b/a", true, true), kNow));
  const auto later = table.refresh("1", "b/a/c", "me", seconds(50), kNow + seconds(90));
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->expires, kNow + seconds(140));
  EXPECT_FALSE(table.refresh("1", "b/x", "me", seconds(50), kNow + seconds(90)));
  EXPECT_FALSE(table.refresh("1", "b/a", "you", seconds(50), kNow + seconds(90)));
  EXPECT_FALSE(table.refresh("2", "b/a", "me", seconds(50), kNow + seconds(90)));
  EXPECT_FALSE(table.refresh("1", "b/a", "me", seconds(50), kNow + seconds(140)));
  EXPECT_EQ(table.remove("1", "b/a", "you", kNow + seconds(100)).error().status, 403);
  EXPECT_TRUE(table.remove("1", "b/a", "me", kNow + seconds(100)));
  EXPECT_EQ(table.size(), 0);
}

TEST(LockTable, TimeoutsHaveALimit) {
  LockTable table;
  Lock wanted = lock("1", "b/a");
  wanted.timeout = seconds(1'000'000);
  EXPECT_EQ(table.add(wanted, kNow)->expires, kNow + LockTable::kMaxTimeout);
  EXPECT_EQ(parse_timeout("Second-60"), seconds(60));
  EXPECT_EQ(parse_timeout("Infinite, Second-60"), LockTable::kMaxTimeout);
  EXPECT_EQ(parse_timeout("Extra, Second-60"), seconds(60));
  EXPECT_EQ(parse_timeout("Second-99999999999999"), LockTable::kMaxTimeout);
  EXPECT_EQ(parse_timeout("Second-0"), seconds(600));
  EXPECT_EQ(parse_timeout("Second-x"), seconds(600));
  EXPECT_EQ(parse_timeout(std::nullopt), seconds(600));
}

TEST(LockTable, ForgetsWhatIsGone) {
  LockTable table;
  for (const auto* path : {"b/a", "b/a/c", "b/ab", "b"}) {
    EXPECT_TRUE(table.add(lock(path, path), kNow));
  }
  table.forget("b/a");
  EXPECT_EQ(table.size(), 2);
  EXPECT_TRUE(table.below("b/a", kNow).empty());
  EXPECT_EQ(table.covering("b/ab", kNow).size(), 1);
}

TEST(LockTable, IsBounded) {
  LockTable table;
  for (std::size_t i = 0; i < LockTable::kMaxLocks; ++i) {
    EXPECT_TRUE(table.add(lock("t", "b/" + std::to_string(i)), kNow));
  }
  EXPECT_EQ(table.add(lock("t", "b/more"), kNow).error().status, 503);
  EXPECT_TRUE(table.add(lock("t", "b/more"), kNow + seconds(100))) << "the others ran out";
}

TEST(Barrier, OpensForTheTokenOfTheSameAccount) {
  const std::vector<Lock> locks{lock("1", "b/a"), lock("2", "b", true, true)};
  EXPECT_EQ(first_barrier(locks, {}, "me")->token, "1");
  EXPECT_EQ(first_barrier(locks, Tokens{"1"}, "me")->token, "2");
  EXPECT_EQ(first_barrier(locks, Tokens{"2", "1"}, "me"), nullptr);
  EXPECT_EQ(first_barrier(locks, Tokens{"2", "1"}, "you")->token, "1");
}

TEST(Barrier, OneTokenOfSharedLocksIsEnough) {
  std::vector<Lock> locks{lock("1", "b/a", false), lock("2", "b/a", false)};
  EXPECT_EQ(first_barrier(locks, Tokens{"2"}, "me"), nullptr);
  EXPECT_NE(first_barrier(locks, Tokens{"3"}, "me"), nullptr);
  locks[0].account = "you";
  EXPECT_EQ(first_barrier(locks, Tokens{"2"}, "me"), nullptr);
  EXPECT_NE(first_barrier(locks, Tokens{"1"}, "me"), nullptr) << "another's token opens nothing";
}

}  // namespace
}  // namespace kelp::webdav
