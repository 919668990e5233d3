// What must hold of versions whatever the order in which the store answers.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/filer/chaos.h"

namespace kelp {
namespace {

using test::Chaos;
using test::expect_sound;
using test::expect_sound_versions;
using test::FilerWorld;
using test::put_of;

constexpr FilerOptions kOptions = test::kChaosOptions;
constexpr std::uint64_t kSeeds = test::kChaosSeeds;
const std::string kBucket = test::kChaosBucket;

/// Turns versioning on while `write` takes "k" away, and looks whether "k" is there after that. In
/// how many of the runs it was; then it must be there for good.
int runs_that_saw_it(Task<void> (*write)(FilerWorld& world)) {
  struct Run {
    static Task<void> turn_on(FilerWorld& world, bool& seen) {
      EXPECT_TRUE(co_await world.filer.set_bucket_versioning({kBucket, true}));
      const auto found = co_await world.filer.get_object({kBucket, "k"}, true);
      seen = found && !found->entry.delete_marker;
    }
  };
  int seen_times = 0;
  for (std::uint64_t seed = 1; seed <= 3 * kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    world.make_bucket("other");
    EXPECT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "x"))));
    bool seen = false;
    std::vector<Task<void>> tasks;
    tasks.push_back(write(world));
    tasks.push_back(Run::turn_on(world, seen));
    world.run_all(std::move(tasks));
    if (!seen) continue;
    ++seen_times;
    EXPECT_TRUE(world.run(world.filer.get_object({kBucket, "k", kNullVersion}, true)));
  }
  return seen_times;
}

Task<void> remove_k(FilerWorld& world) {
  EXPECT_TRUE(co_await world.filer.delete_object({kBucket, "k"}, {}));
}
Task<void> rename_k(FilerWorld& world) {
  RenameObject request{.from = {kBucket, "k"}, .to = {kBucket, "to"}};
  EXPECT_TRUE(co_await world.filer.rename_object(std::move(request)));
}
Task<void> move_k(FilerWorld& world) {
  RenameObject request{.from = {kBucket, "k"}, .to = {"other", "to"}};
  EXPECT_TRUE(co_await world.filer.rename_object(std::move(request)));
}

// A delete that began before versioning was on may still remove the object for good, but not once
// somebody has seen it in the bucket with versions.
TEST(FilerRaces, ADeleteDestroysNothingThatWasSeenWithVersioningOn) {
  EXPECT_GT(runs_that_saw_it(remove_k), 0) << "no seed let the reader see it";
}

TEST(FilerRaces, ARenameDestroysNothingThatWasSeenWithVersioningOn) {
  EXPECT_GT(runs_that_saw_it(rename_k), 0) << "no seed let the reader see it";
  EXPECT_GT(runs_that_saw_it(move_k), 0) << "no seed let the reader see it";
}

TEST(FilerRaces, VersionsStayInOrderAndTheirNeedlesNamed) {
  std::size_t versions = 0;
  for (std::uint64_t seed = 1; seed <= 3 * kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    Chaos chaos{world, {}, {}, {}, true};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 12; ++i) tasks.push_back(Chaos::act(chaos, 12));
    world.run_all(std::move(tasks));
    expect_sound(world, chaos.accepted);
    expect_sound_versions(world);
    versions += world.store->scan({"v", "w"}, 100'000)->size();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(versions, 100U) << "too few to prove anything";
}

}  // namespace
}  // namespace kelp
