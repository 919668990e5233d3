// What must hold whatever the order in which the store answers: each test runs many seeds, and a
// failure names its own.

#include <gtest/gtest.h>

#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/left_overs.h"
#include "filer/references.h"
#include "tests/unit/filer/chaos.h"

namespace kelp {
namespace {

using test::Chaos;
using test::expect_sound;
using test::FilerWorld;
using test::put_of;

constexpr FilerOptions kOptions = test::kChaosOptions;
constexpr std::uint64_t kSeeds = test::kChaosSeeds;
const std::string kBucket = test::kChaosBucket;

TEST(FilerRaces, ExactlyOneOfManyCreatorsWins) {
  struct Run {
    static Task<void> create(FilerWorld& world, int who, int& winners, std::string& stored) {
      PutObject put = put_of(kBucket, "k", std::to_string(who));
      put.conditions.if_none_match_any = true;
      const auto outcome = co_await world.filer.put_object(std::move(put));
      if (outcome) {
        ++winners;
        stored = std::to_string(who);
        co_return;
      }
      EXPECT_EQ(outcome.error().code(), Errc::kPrecondition) << outcome.error().message();
      EXPECT_EQ(outcome.error().reason(), Reason::kConditionFailed);
    }
  };
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    int winners = 0;
    std::string stored;
    std::vector<Task<void>> tasks;
    for (int who = 0; who < 16; ++who) tasks.push_back(Run::create(world, who, winners, stored));
    world.run_all(std::move(tasks));
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(world.run(world.filer.get_object({kBucket, "k"}, true))->inline_body, stored);
    expect_sound(world, {});
  }
}

TEST(FilerRaces, AWriterThatLosesTooOftenIsToldSo) {
  struct Run {
    static Task<void> put(FilerWorld& world, int who, int& conflicts) {
      const auto outcome =
          co_await world.filer.put_object(put_of(kBucket, "k", std::to_string(who)));
      if (outcome) co_return;
      ++conflicts;
      EXPECT_EQ(outcome.error().code(), Errc::kConflict);
      EXPECT_EQ(outcome.error().reason(), Reason::kConditionConflict);
    }
  };
  const auto conflicts_of = [](int max_attempts, int writers) {
    FilerWorld world(1, {.max_attempts = max_attempts});
    world.make_bucket(kBucket);
    int conflicts = 0;
    std::vector<Task<void>> tasks;
    for (int who = 0; who < writers; ++who) tasks.push_back(Run::put(world, who, conflicts));
    world.run_all(std::move(tasks));
    expect_sound(world, {});
    return conflicts;
  };
  EXPECT_GT(conflicts_of(1, 16), 0);
  EXPECT_EQ(conflicts_of(FilerOptions{}.max_attempts, 300), 0);
}

TEST(FilerRaces, CompareAndSwapLosesNoIncrement) {
  struct Run {
    static Task<void> increment(FilerWorld& world, int times) {
      while (times > 0) {
        const auto found = co_await world.filer.get_object({kBucket, "n"}, true);
        EXPECT_TRUE(found) << found.error().message();
        if (!found) co_return;
        const std::string next = std::to_string(std::stoi(*found->inline_body) + 1);
        PutObject put = put_of(kBucket, "n", next);
        put.entry.etag = std::string(16 - next.size(), '0') + next;
        put.conditions.if_match = etag_text(found->entry);
        const auto outcome = co_await world.filer.put_object(std::move(put));
        if (outcome) --times;
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "n", "0"))));
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 16; ++i) tasks.push_back(Run::increment(world, 5));
    world.run_all(std::move(tasks));
    EXPECT_EQ(world.run(world.filer.get_object({kBucket, "n"}, true))->inline_body, "80");
  }
}

TEST(FilerRaces, AReaderNeverSeesATornObject) {
  struct Run {
    static Task<void> write(FilerWorld& world, char letter) {
      for (int i = 1; i <= 10; ++i) {
        const auto outcome = co_await world.filer.put_object(
            put_of(kBucket, "k", std::string(static_cast<std::size_t>(i), letter)));
        EXPECT_TRUE(outcome) << outcome.error().message();
      }
    }
    static Task<void> read(FilerWorld& world) {
      for (int i = 0; i < 20; ++i) {
        const auto found = co_await world.filer.get_object({kBucket, "k"}, true);
        EXPECT_TRUE(found) << found.error().message();
        if (!found) co_return;
        EXPECT_EQ(found->inline_body->size(), found->entry.size_bytes);
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "x"))));
    std::vector<Task<void>> tasks;
    for (char letter = 'a'; letter < 'e'; ++letter) tasks.push_back(Run::write(world, letter));
    for (int i = 0; i < 8; ++i) tasks.push_back(Run::read(world));
    world.run_all(std::move(tasks));
    expect_sound(world, {});
  }
}

TEST(FilerRaces, ABucketIsNeverDeletedUnderAPut) {
  struct Run {
    static Task<void> put(FilerWorld& world, int who, int& stored) {
      const auto outcome =
          co_await world.filer.put_object(put_of(kBucket, std::to_string(who), "x"));
      if (outcome) {
        ++stored;
      } else {
        EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchBucket) << outcome.error().message();
      }
    }
    static Task<void> remove(FilerWorld& world, bool& removed) {
      const auto outcome = co_await world.filer.delete_bucket(kBucket);
      removed = outcome.has_value();
      if (!outcome) EXPECT_EQ(outcome.error().reason(), Reason::kBucketNotEmpty);
    }
  };
  int removals = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    int stored = 0;
    bool removed = false;
    std::vector<Task<void>> tasks;
    tasks.push_back(Run::remove(world, removed));
    for (int who = 0; who < 3; ++who) tasks.push_back(Run::put(world, who, stored));
    world.run_all(std::move(tasks));
    EXPECT_EQ(removed, stored == 0);
    removals += removed ? 1 : 0;
    expect_sound(world, {});
  }
  EXPECT_GT(removals, 0) << "no seed let the delete win: the test proves nothing";
}
TEST(FilerRaces, NothingIsLostOrNamedTwiceWhateverRaces) {
  std::uint64_t completed = 0;
  std::uint64_t left_over = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    Chaos chaos{world, {}, {}, {}};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 16; ++i) tasks.push_back(Chaos::act(chaos, 12));
    world.run_all(std::move(tasks));
    expect_sound(world, chaos.accepted);
    for (const auto& [id, etags] : chaos.etags) {
      EXPECT_EQ(etags.size(), 1U) << "upload " << id << " was completed in two ways";
    }
    completed += chaos.etags.size();

    // What raced behind an abort or a complete is buried too, and then nothing is left over.
    KvAsync kv(*world.store, world.work);
    const auto swept =
        world.run(sweep_left_over_parts(kv, std::string(1, keys::kUpload), world.clock.wall()));
    ASSERT_TRUE(swept) << swept.error().message();
    left_over += *swept;
    const auto names = world.run(read_references(kv, true));
    ASSERT_TRUE(names);
    EXPECT_EQ(names->left_over_parts, 0U);
    expect_sound(world, chaos.accepted);
  }
  EXPECT_GT(completed, 0U);
  EXPECT_GT(left_over, 0U) << "no seed left a part over: the sweep was not tried";
}

TEST(FilerRaces, ABucketWithOnlyLeftOverPartsCanBeDeleted) {
  FilerWorld world(1, kOptions);
  const BucketEntry bucket = world.make_bucket(kBucket);
  KvBatch stray;
  PartRow part;
  part.chunks.push_back(world.chunk(100));
  stray.writes.push_back(
      KvWrite::put(keys::part(keys::upload(bucket.id, "k", 77), 3), encode_part(part)));
  world.store->commit(stray, [](const Result<void>& done) { EXPECT_TRUE(done); });
  const auto removed = world.run(world.filer.delete_bucket(kBucket));
  EXPECT_TRUE(removed) << removed.error().message();
  expect_sound(world, {1});
}

}  // namespace
}  // namespace kelp
