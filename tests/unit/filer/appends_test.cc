// Objects that grow; what races with that besides: races_test.cc, shares_test.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/filer/chaos.h"

namespace kelp {
namespace {

using test::expect_sound;
using test::FilerWorld;
using test::put_of;

const std::string kBucket = test::kChaosBucket;
constexpr FilerOptions kOptions = test::kChaosOptions;

/// `found` with one needle more.
AppendObject one_more(FilerWorld& world, const FoundObject& found) {
  AppendObject request{.put = test::put_chunk(world, "log"), .version = found.entry.version};
  auto& chunks = request.put.entry.layout.chunks;
  const auto& kept = found.entry.layout.chunks;
  chunks.insert(chunks.begin(), kept.begin(), kept.end());
  request.put.entry.size_bytes += found.entry.size_bytes;
  return request;
}

class AppendsTest : public testing::Test {
 protected:
  AppendsTest() { world_.make_bucket(kBucket); }
  FoundObject log() { return world_.run(world_.filer.get_object({kBucket, "log"}, true)).value(); }
  Result<WriteOutcome> append(AppendObject request) {
    return world_.run(world_.filer.append_object(std::move(request)));
  }
  std::size_t dead() { return world_.store->scan({"d", "e"}, 100)->size(); }

  FilerWorld world_{1, kOptions};
};

TEST_F(AppendsTest, WhatIsThereStaysAndTheNewComesBehindIt) {
  ASSERT_TRUE(world_.run(world_.filer.put_object(test::put_chunk(world_, "log"))));
  for (int i = 0; i < 3; ++i) {
    const auto done = append(one_more(world_, log()));
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(done->version, log().entry.version);
  }
  EXPECT_EQ(log().entry.size_bytes, 400U);
  EXPECT_EQ(log().entry.layout.chunks.size(), 4U);
  EXPECT_EQ(dead(), 0U);
  EXPECT_EQ(world_.run(world_.filer.bucket_usage(kBucket)).value(), (BucketUsage{1, 400, 0}));
  expect_sound(world_, {1, 2, 3, 4});
}

TEST_F(AppendsTest, ASmallBodyIsReplacedByTheLongerOneOrByNeedles) {
  ASSERT_TRUE(world_.run(world_.filer.put_object(put_of(kBucket, "log", "abc"))));
  ASSERT_TRUE(append({.put = put_of(kBucket, "log", "abcdef"), .version = log().entry.version}));
  EXPECT_EQ(log().inline_body, "abcdef");
  EXPECT_EQ(world_.store->scan({std::string(1, kBulkPrefix), "J"}, 10)->size(), 1U);
  ASSERT_TRUE(append({.put = test::put_chunk(world_, "log"), .version = log().entry.version}));
  EXPECT_TRUE(world_.store->scan({std::string(1, kBulkPrefix), "J"}, 10)->empty());
  expect_sound(world_, {1});
}

TEST_F(AppendsTest, OnlyToWhatWasRead) {
  EXPECT_EQ(append({.put = put_of(kBucket, "log", "abc"), .version = 1}).error().reason(),
            Reason::kConditionConflict);
  ASSERT_TRUE(world_.run(world_.filer.put_object(test::put_chunk(world_, "log"))));
  AppendObject stale = one_more(world_, log());
  ASSERT_TRUE(append(one_more(world_, log())));
  EXPECT_EQ(append(stale).error().reason(), Reason::kConditionConflict);

  AppendObject other = one_more(world_, log());
  ++other.put.entry.layout.chunks[1].fid.key.value;
  EXPECT_EQ(append(other).error().code(), Errc::kInvalidArgument) << "begins with another needle";
  AppendObject shorter = one_more(world_, log());
  shorter.put.entry.layout.chunks.pop_back();
  shorter.put.entry.layout.chunks.pop_back();
  shorter.put.entry.size_bytes = 100;
  EXPECT_EQ(append(shorter).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(log().entry.size_bytes, 200U);
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_versioning({kBucket, true})));
  EXPECT_EQ(append(one_more(world_, log())).error().code(), Errc::kInvalidArgument);
}

TEST_F(AppendsTest, TheQuotaHolds) {
  ASSERT_TRUE(world_.run(world_.filer.put_object(test::put_chunk(world_, "log"))));
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_quota({kBucket, 200, 0})));
  ASSERT_TRUE(append(one_more(world_, log())));
  EXPECT_EQ(append(one_more(world_, log())).error().reason(), Reason::kQuotaExceeded);
}

TEST_F(AppendsTest, NeedlesThatACopyNamesTooStayCounted) {
  ASSERT_TRUE(world_.run(world_.filer.put_object(test::put_chunk(world_, "log"))));
  ShareObject copy{.put = put_of(kBucket, "copy", ""),
                   .from = {kBucket, "log"},
                   .from_version = log().entry.version};
  copy.put.inline_body.reset();
  copy.put.entry = log().entry;
  ASSERT_TRUE(world_.run(world_.filer.share_object(std::move(copy))));
  ASSERT_TRUE(append(one_more(world_, log())));
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "log"}, {})));
  expect_sound(world_, {1, 2});
}

TEST(FilerRaces, OfManyAppendsToOneVersionOneWins) {
  struct Run {
    static Task<void> append(FilerWorld& world, std::set<std::uint64_t>& accepted) {
      for (int left = 5; left > 0;) {
        const auto found = co_await world.filer.get_object({kBucket, "log"}, false);
        EXPECT_TRUE(found);
        if (!found) co_return;
        AppendObject request = one_more(world, *found);
        const std::uint64_t key = request.put.entry.layout.chunks.back().fid.key.value;
        const auto done = co_await world.filer.append_object(std::move(request));
        if (done) {
          accepted.insert(key);
          --left;
        } else {
          EXPECT_EQ(done.error().reason(), Reason::kConditionConflict);
        }
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(test::put_chunk(world, "log"))));
    std::set<std::uint64_t> accepted{1};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 6; ++i) tasks.push_back(Run::append(world, accepted));
    world.run_all(std::move(tasks));
    const auto log = world.run(world.filer.get_object({kBucket, "log"}, false));
    EXPECT_EQ(log->entry.size_bytes, 3100U);
    std::set<std::uint64_t> named;
    for (const Chunk& chunk : log->entry.layout.chunks) named.insert(chunk.fid.key.value);
    EXPECT_EQ(named, accepted);
    expect_sound(world, accepted);
  }
}

}  // namespace
}  // namespace kelp
