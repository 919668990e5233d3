// A directory whose disk fails as a whole.

#include <gtest/gtest.h>

#include "tests/unit/volume/volume_rig.h"

namespace kelp::test {
namespace {

using std::chrono::seconds;

struct FailingDirectory : testing::Test {
  VolumeRig rig{1};

  void SetUp() override {
    rig.start_fresh();
    ASSERT_TRUE(rig.put_now(1, body_for(1, 100)).has_value());
    feel();
    ASSERT_FALSE(rig.service->failure().has_value());
  }
  void feel() {
    rig.world.run_for(seconds(5));  // so that it counts as idle
    rig.world.run(rig.service->feel_pulse());
  }
  /// What every operator and master can see of it.
  void expect_failed() {
    ASSERT_TRUE(rig.service->failure().has_value());
    const auto status = rig.world.run(rig.service->status());
    ASSERT_TRUE(status.has_value()) << status.error().message();
    EXPECT_EQ(status->free_bytes, 0U);
    EXPECT_TRUE(status->volumes.empty()) << "so that they are copied elsewhere";
    EXPECT_EQ(rig.put_now(2, body_for(2, 100)).error().code(), Errc::kUnavailable);
    EXPECT_EQ(
        rig.world.run(rig.service->create_volume(VolumeId{2}, Generation{1}, "")).error().code(),
        Errc::kUnavailable);
    EXPECT_EQ(*rig.get_now(1, 100), body_for(1, 100)) << "what can be read is read";
  }
};

TEST_F(FailingDirectory, HasNoVolumesAndNoRoom) {
  rig.disk.fail_nth(DiskOp::kSync, 1);
  feel();
  expect_failed();
}

// A job that began before goes on without it.
TEST_F(FailingDirectory, HasNoCopyForJobs) {
  rig.disk.fail_nth(DiskOp::kSync, 1);
  feel();
  const std::uint64_t changes = rig.disk.changes();
  const CopyRole role{Generation{2}, false};
  EXPECT_EQ(rig.world.run(rig.service->set_role(VolumeId{1}, Generation{1}, role)).error().code(),
            Errc::kNotFound);
  EXPECT_TRUE(rig.world.run(rig.service->retire(VolumeId{1}, Generation{9})).has_value());
  const auto adopted = rig.world.run(rig.service->adopt_packed(VolumeId{1}, Generation{1}));
  EXPECT_EQ(adopted.error().code(), Errc::kNotFound);
  EXPECT_TRUE(rig.world.run(rig.service->drop_packed(VolumeId{1}, Generation{9})).has_value());
  EXPECT_EQ(rig.disk.changes(), changes);
}

TEST_F(FailingDirectory, IsNotTriedAgain) {
  rig.disk.fail_nth(DiskOp::kWrite, 1);
  feel();
  const std::uint64_t changes = rig.disk.changes();
  feel();
  EXPECT_EQ(rig.disk.changes(), changes);
  expect_failed();
}

TEST_F(FailingDirectory, MayBeGoneFromItsPath) {
  ASSERT_TRUE(rig.disk.remove("/data/node_id").has_value());
  rig.world.run(rig.service->feel_pulse());
  expect_failed();
}

// Whatever is changed by its path would be changed on the other disk.
TEST_F(FailingDirectory, TouchesNothingWhenAnotherDiskIsAtItsPath) {
  const auto content = [this](const char* path) { return rig.disk.content(path).value_or("none"); };
  for (const bool noticed : {false, true}) {
    ASSERT_TRUE(write_file_atomically(rig.disk, "/data/node_id", kClusterId + std::string("\n")));
    if (noticed) rig.world.run(rig.service->feel_pulse());
    EXPECT_EQ(rig.service->failure().has_value(), noticed);
    const std::string before = content(kLog);
    const std::uint64_t changes = rig.disk.changes();
    const auto retired = rig.world.run(rig.service->retire(VolumeId{1}, Generation{9}));
    EXPECT_EQ(retired.has_value(), noticed);
    const auto dropped = rig.world.run(rig.service->drop_packed(VolumeId{1}, Generation{9}));
    EXPECT_EQ(dropped.has_value(), noticed);
    EXPECT_FALSE(rig.world.run(rig.service->create_volume(VolumeId{3}, Generation{1}, "")));
    EXPECT_FALSE(rig.vacuum_now().has_value());
    EXPECT_FALSE(rig.service->close().has_value());
    EXPECT_EQ(rig.disk.changes(), changes);
    EXPECT_EQ(content(kLog), before);
  }
  expect_failed();
  EXPECT_FALSE(rig.remove_now({fid_of(1)}).has_value());
}

TEST_F(FailingDirectory, IsNotOneThatIsFull) {
  rig.disk.fail_nth(DiskOp::kWrite, 1, Errc::kNoSpace);
  feel();
  EXPECT_FALSE(rig.service->failure().has_value());
  EXPECT_TRUE(rig.put_now(2, body_for(2, 100)).has_value());
}

TEST_F(FailingDirectory, WorksAgainWhenItIsOpenedAgain) {
  rig.disk.fail_nth(DiskOp::kSync, 1);
  feel();
  ASSERT_TRUE(rig.service->failure().has_value());
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_FALSE(rig.service->failure().has_value());
  EXPECT_EQ(*rig.get_now(1, 100), body_for(1, 100));
  EXPECT_TRUE(rig.put_now(2, body_for(2, 100)).has_value());
}

}  // namespace
}  // namespace kelp::test
