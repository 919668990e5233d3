// What must hold of versions whatever the order in which the store answers.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "filer/core/keys.h"
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

/// Of each key, the object row is newer than all version rows, or the newest of them is a delete
/// marker; and the newest one of all says where the null version is.
void expect_sound_versions(FilerWorld& world) {
  std::map<std::string, std::vector<ObjectEntry>> keys;
  for (const auto& [key, value] : *world.store->scan({"o", "p"}, 100'000)) {
    const auto at = keys::parse_object(key);
    ASSERT_TRUE(at);
    keys[std::string(at->key)].push_back(decode_entry(value).value());
    EXPECT_FALSE(keys[std::string(at->key)].back().delete_marker);
  }
  for (const auto& [key, value] : *world.store->scan({"v", "w"}, 100'000)) {
    const auto at = keys::parse_version(key);
    ASSERT_TRUE(at);
    keys[at->key].push_back(decode_entry(value).value());
    EXPECT_EQ(at->version, keys[at->key].back().version);
    if (keys[at->key].size() == 1) {
      EXPECT_TRUE(keys[at->key].back().delete_marker) << "an older version without a newer one";
    }
  }
  for (const auto& [key, versions] : keys) {
    std::uint64_t older_null = 0;
    for (std::size_t i = 1; i < versions.size(); ++i) {
      EXPECT_LT(versions[i].version, versions[i - 1].version);
      EXPECT_EQ(versions[i].older_null, 0U);
      if (versions[i].has_id) continue;
      EXPECT_EQ(older_null, 0U) << "two null versions";
      older_null = versions[i].version;
    }
    EXPECT_EQ(versions.front().older_null, older_null);
    EXPECT_TRUE(versions.front().has_id || older_null == 0) << "two null versions";
  }
}

// A delete that began before versioning was on may still remove the object for good, but not once
// somebody has seen it in the bucket with versions.
TEST(FilerRaces, ADeleteDestroysNothingThatWasSeenWithVersioningOn) {
  struct Run {
    static Task<void> remove(FilerWorld& world) {
      EXPECT_TRUE(co_await world.filer.delete_object({kBucket, "k"}, {}));
    }
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
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "x"))));
    bool seen = false;
    std::vector<Task<void>> tasks;
    tasks.push_back(Run::remove(world));
    tasks.push_back(Run::turn_on(world, seen));
    world.run_all(std::move(tasks));
    if (!seen) continue;
    ++seen_times;
    EXPECT_TRUE(world.run(world.filer.get_object({kBucket, "k", kNullVersion}, true)));
  }
  EXPECT_GT(seen_times, 0) << "no seed let the reader see it: the test proves nothing";
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
