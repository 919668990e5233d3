#include "master/master_service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/run_coro.h"
#include "tests/support/sim_disk.h"
#include "tests/unit/master/fakes.h"
#include "wire/lease_token.h"

namespace kelp::master {
namespace {

/// A master's surroundings, which outlive its crashes.
struct House {
  test::SimDisk disk;
  test::InlinePool pool;
  test::ManualClock clock;
  test::FakeVolumes volumes;
  Metrics metrics;
  MasterOptions options{.dir = "/m", .cluster_id = "c", .cluster_secret = "s", .key_reserve = 100};

  Result<std::unique_ptr<MasterService>> open() {
    return test::run_coro(open_master(MasterSeams{disk, pool, clock, volumes, metrics}, options));
  }
};

Result<WriteLease> lease(MasterService& master, LeaseRequest request) {
  return test::run_coro(master.lease(std::move(request)));
}

TEST(MasterService, LeasesRisingKeysWithATokenForThem) {
  House house;
  const auto master = house.open();
  ASSERT_TRUE(master.has_value()) << master.error().message();
  const auto first = lease(**master, {.key_count = 10, .bytes = 5});
  const auto second = lease(**master, {.key_count = 10, .bytes = 5});
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(second->first_key.value, first->first_key.value + 10);
  EXPECT_EQ(first->volume, second->volume);
  EXPECT_EQ(first->bytes, 5u);
  EXPECT_EQ(first->members.at(0).node_id, "node-1");
  const FileId fid{first->volume, first->first_key, Cookie{1}};
  EXPECT_TRUE(
      verify_lease("s", first->token, fid, first->generation, house.clock.wall()).has_value());
  EXPECT_FALSE(
      verify_lease("s", second->token, fid, first->generation, house.clock.wall()).has_value());
  EXPECT_EQ(house.volumes.creations, 1);
}

TEST(MasterService, WritesItsStateOncePerReserve) {
  House house;
  const auto master = house.open();
  ASSERT_TRUE(lease(**master, {.key_count = 1}).has_value());
  const auto before = house.disk.changes();
  for (int i = 0; i < 99; ++i) ASSERT_TRUE(lease(**master, {.key_count = 1}).has_value());
  EXPECT_EQ(house.disk.changes(), before);
  ASSERT_TRUE(lease(**master, {.key_count = 1}).has_value());
  EXPECT_GT(house.disk.changes(), before);
}

TEST(MasterService, RefusesForeignCountsOfKeys) {
  House house;
  const auto master = house.open();
  EXPECT_EQ(lease(**master, {.key_count = 0}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(lease(**master, {.key_count = 101}).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(lease(**master, {.key_count = 100}).has_value());
}

TEST(MasterService, LocatesWhatItMade) {
  House house;
  const auto master = house.open();
  EXPECT_EQ(test::run_coro((*master)->locate(VolumeId{1})).error().code(), Errc::kNotFound);
  const auto taken = lease(**master, {.key_count = 1});
  const auto found = test::run_coro((*master)->locate(taken->volume));
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->writable);
  EXPECT_EQ(found->generation, taken->generation);
}

TEST(MasterService, SealsAFullVolumeAndStartsTheNext) {
  House house;
  house.options.placement.volume_size_limit = 10'000;
  const auto master = house.open();
  const auto first = lease(**master, {.key_count = 1});
  house.volumes.find(first->volume)->file_bytes = 10'000;
  const auto second = lease(**master, {.key_count = 1});
  EXPECT_NE(first->volume, second->volume);
  EXPECT_FALSE(test::run_coro((*master)->locate(first->volume))->writable);
  const auto again = house.open();
  EXPECT_EQ(lease(**again, {.key_count = 1})->volume, second->volume);
}

TEST(MasterService, GivesReleasedRoomToOthers) {
  House house;
  house.volumes.node.free_bytes = (1ULL << 30) + 1000;
  const auto master = house.open();
  const auto first = lease(**master, {.key_count = 1, .bytes = 1000});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(lease(**master, {.key_count = 1, .bytes = 1}).error().code(), Errc::kNoSpace);
  EXPECT_TRUE(test::run_coro((*master)->release(first->volume, 400)).has_value());
  EXPECT_TRUE(lease(**master, {.key_count = 1, .bytes = 400}).has_value());
  EXPECT_FALSE(lease(**master, {.key_count = 1, .bytes = 1}).has_value());
  house.clock.advance(house.options.lease_time);
  EXPECT_TRUE(lease(**master, {.key_count = 1, .bytes = 1000}).has_value());
}

TEST(MasterService, FinishesAVolumeWhoseMakingFailed) {
  House house;
  const auto master = house.open();
  house.volumes.fail_next_creation = true;
  EXPECT_EQ(lease(**master, {.key_count = 1}).error().code(), Errc::kIo);
  const auto taken = lease(**master, {.key_count = 1});
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->volume, VolumeId{1});
}

TEST(MasterService, SkipsVolumeIdsThatTheDiskKnowsAndItDoesNot) {
  House house;
  const auto master = house.open();
  house.volumes.node.volumes.push_back({.volume = VolumeId{7}, .generation = Generation{1}});
  EXPECT_EQ(lease(**master, {.key_count = 1})->volume, VolumeId{8});
}

TEST(MasterService, RefusesToStartWithoutAStateBesideVolumes) {
  House house;
  house.volumes.node.volumes.push_back({.volume = VolumeId{1}, .generation = Generation{1}});
  const auto refused = house.open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
}

TEST(MasterService, RefusesAnotherClustersState) {
  House house;
  ASSERT_TRUE(lease(**house.open(), {.key_count = 1}).has_value());
  house.options.cluster_id = "d";
  EXPECT_EQ(house.open().error().code(), Errc::kPrecondition);
}

TEST(MasterService, RefusesARottenState) {
  House house;
  ASSERT_TRUE(lease(**house.open(), {.key_count = 1}).has_value());
  house.disk.flip_bit("/m/state", 20, 3);
  EXPECT_EQ(house.open().error().code(), Errc::kCorruption);
}

TEST(MasterService, StopsLeasingWhenItsStateIsInDoubt) {
  House house;
  const auto master = house.open();
  ASSERT_TRUE(lease(**master, {.key_count = 100}).has_value());
  house.disk.fail_nth(test::DiskOp::kSync, 1);
  EXPECT_EQ(lease(**master, {.key_count = 1}).error().code(), Errc::kIo);
  EXPECT_EQ(lease(**master, {.key_count = 1}).error().code(), Errc::kUnavailable);
  EXPECT_TRUE(lease(**house.open(), {.key_count = 1}).has_value());
}

TEST(MasterService, GoesOnWhenAFullDiskHasRoomAgain) {
  House house;
  const auto master = house.open();
  ASSERT_TRUE(lease(**master, {.key_count = 100}).has_value());
  house.disk.fail_nth(test::DiskOp::kWrite, 1, Errc::kNoSpace);
  EXPECT_EQ(lease(**master, {.key_count = 1}).error().code(), Errc::kNoSpace);
  EXPECT_TRUE(lease(**master, {.key_count = 1}).has_value());
}

// What one life of a master does: leases until the power fails or the work is done.
void live(House& house, std::set<std::uint64_t>& issued) {
  const auto master = house.open();
  if (!master.has_value()) return;
  for (int i = 0; i < 12; ++i) {
    const auto taken = lease(**master, {.key_count = 30});
    if (!taken.has_value()) return;
    for (std::uint32_t k = 0; k < taken->key_count; ++k) {
      EXPECT_TRUE(issued.insert(taken->first_key.value + k).second)
          << "key " << taken->first_key.value + k << " was leased twice";
    }
    EXPECT_NE(house.volumes.find(taken->volume), nullptr);
    if (i % 4 == 3) house.volumes.find(taken->volume)->file_bytes = 100'000;
  }
}

TEST(MasterService, NeverLeasesAKeyAgainWhereverThePowerFails) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    for (std::uint64_t operation = 1; operation <= 60; ++operation) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " operation " << operation);
      House house;
      house.options.placement.volume_size_limit = 50'000;
      Rng rng(seed * 1000 + operation);
      std::set<std::uint64_t> issued;
      for (int crash = 0; crash < 3; ++crash) {
        house.disk.power_off_after(operation);
        live(house, issued);
        house.disk.crash(rng);
      }
      live(house, issued);
      EXPECT_GE(issued.size(), 360u);
      std::set<VolumeId> ids;
      for (const auto& volume : house.volumes.node.volumes) {
        EXPECT_TRUE(ids.insert(volume.volume).second);
      }
    }
  }
}

}  // namespace
}  // namespace kelp::master
