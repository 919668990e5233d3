// Disks that fail a volume's writes, and disks and volumes that are full.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/volume/volume_rig.h"

namespace kelp::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

class VolumeSpaceTest : public ::testing::Test {
 protected:
  VolumeSpaceTest() { rig.start_fresh(); }

  VolumeRig rig{1};
};

TEST_F(VolumeSpaceTest, GoesReadOnlyAtAFailedSyncAndNeverTriesAgain) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 100)).has_value());
  rig.disk.fail_nth(DiskOp::kSync, 1);
  EXPECT_EQ(rig.put_now(2, body_for(2, 100)).error().code(), Errc::kIo);
  const std::uint64_t syncs = rig.disk.count(DiskOp::kSync);
  const std::uint64_t writes = rig.disk.count(DiskOp::kWrite);
  EXPECT_EQ(rig.put_now(3, body_for(3, 100)).error().code(), Errc::kUnavailable);
  EXPECT_EQ(rig.put_now(4, body_for(4, 100'000)).error().code(), Errc::kUnavailable);
  EXPECT_EQ(rig.remove_now({fid_of(1)}).error().code(), Errc::kUnavailable);
  EXPECT_EQ(rig.disk.count(DiskOp::kSync), syncs);
  EXPECT_EQ(rig.disk.count(DiskOp::kWrite), writes);
  EXPECT_EQ(*rig.get_now(1, 100), body_for(1, 100));
  EXPECT_EQ(rig.get_now(2, 100).error().code(), Errc::kNotFound);
  EXPECT_TRUE(rig.world.run(rig.service->status())->volumes[0].read_only);
  EXPECT_THAT(rig.metrics->text(), HasSubstr("\nkelp_volume_read_only_volumes 1\n"));
}

TEST_F(VolumeSpaceTest, GoesReadOnlyAtAFailedWrite) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 100)).has_value());
  rig.disk.fail_nth(DiskOp::kWrite, 1);
  EXPECT_EQ(rig.put_now(2, body_for(2, 200'000)).error().code(), Errc::kIo);
  EXPECT_EQ(rig.put_now(3, body_for(3, 100)).error().code(), Errc::kUnavailable);
  EXPECT_EQ(*rig.get_now(1, 100), body_for(1, 100));
}

TEST_F(VolumeSpaceTest, AWriteThatFindsNoSpaceFailsAlone) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 100)).has_value());
  for (const std::size_t size : {100U, 200'000U}) {
    rig.disk.fail_nth(DiskOp::kWrite, 1, Errc::kNoSpace);
    EXPECT_EQ(rig.put_now(size, body_for(size, size)).error().code(), Errc::kNoSpace);
    EXPECT_TRUE(rig.put_now(size + 1, body_for(size + 1, size)).has_value());
  }
  rig.disk.crash_losing_all();
  ASSERT_TRUE(rig.start().has_value());
  const auto has_key = [](std::uint64_t key) { return Field(&NeedleInfo::key, NeedleKey{key}); };
  EXPECT_THAT(rig.list_now(), ElementsAre(has_key(1), has_key(101), has_key(200'001)));
  EXPECT_EQ(*rig.get_now(200'001, 200'000), body_for(200'001, 200'000));
}

TEST_F(VolumeSpaceTest, KeepsAReserveForDeletesOnAFullDisk) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 1'000'000)).has_value());
  const std::uint64_t used = (1ULL << 40) - rig.disk.space("/data")->free_bytes;
  SimDiskOptions full;
  full.capacity_bytes = used + used / 20;  // just what is kept back
  rig.disk.set_faults(full);
  rig.world.run_for(std::chrono::seconds(2));  // what was known of the disk grows old
  EXPECT_EQ(rig.put_now(2, body_for(2, 100)).error().code(), Errc::kNoSpace);
  EXPECT_EQ(rig.world.run(rig.service->create_volume(VolumeId{2}, {}, "")).error().code(),
            Errc::kNoSpace);
  EXPECT_EQ(*rig.get_now(1, 1000), body_for(1, 1'000'000).substr(0, 1000));
  ASSERT_TRUE(rig.remove_now({fid_of(1)}).has_value());
  rig.world.run_for(std::chrono::seconds(2));
  EXPECT_TRUE(rig.put_now(3, body_for(3, 100)).has_value());
}

TEST_F(VolumeSpaceTest, SeesAtOnceThatOthersFillADiskWithLittleRoom) {
  SimDiskOptions small;
  small.capacity_bytes = 100'000'000;
  rig.disk.set_faults(small);
  rig.world.run_for(std::chrono::seconds(2));  // what was known of the disk grows old
  ASSERT_TRUE(rig.put_now(1, body_for(1, 1'000'000)).has_value());
  const std::uint64_t used = small.capacity_bytes - rig.disk.space("/data")->free_bytes;
  small.capacity_bytes = used + used / 20;  // just what is kept back
  rig.disk.set_faults(small);
  EXPECT_EQ(rig.put_now(2, body_for(2, 100)).error().code(), Errc::kNoSpace);
  EXPECT_TRUE(rig.remove_now({fid_of(1)}).has_value());
}

TEST_F(VolumeSpaceTest, AFullVolumeTakesNoMoreNeedlesButTombstones) {
  rig.options.volume_limit_bytes = 100'000;
  ASSERT_TRUE(rig.start().has_value());
  ASSERT_TRUE(rig.put_now(1, body_for(1, 60'000)).has_value());
  EXPECT_EQ(rig.put_now(2, body_for(2, 60'000)).error().code(), Errc::kNoSpace);
  EXPECT_EQ(rig.put_now(3, body_for(3, 70'000)).error().code(), Errc::kNoSpace);
  EXPECT_TRUE(rig.put_now(4, body_for(4, 30'000)).has_value());
  EXPECT_TRUE(rig.remove_now({fid_of(1)}).has_value());
}

}  // namespace
}  // namespace kelp::test
