#include "filer/collector.h"

#include <gtest/gtest.h>

#include "filer/core/object_commit.h"
#include "filer/fsck.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"
#include "wire/collections.h"

namespace kelp {
namespace {

using std::chrono::seconds;
using test::FilerWorld;
using test::put_of;

class CollectorTest : public testing::Test {
 protected:
  CollectorTest() { world_.make_bucket("photos"); }

  Collected collect(bool with_orphans) {
    const auto done = world_.run(collector_.collect(with_orphans));
    EXPECT_TRUE(done) << done.error().message();
    return done.value_or(Collected{});
  }

  FsckReport check() {
    const auto report = world_.run(fsck(*world_.store, world_.work, volumes_));
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(FsckReport{});
  }

  /// An object of one chunk that is on disk.
  Chunk put(const std::string& key) {
    const Chunk chunk = world_.chunk(100);
    volumes_.add(chunk);
    PutObject put;
    put.bucket = "photos";
    put.key = key;
    put.entry.size_bytes = 100;
    put.entry.etag = std::string(16, 'e');
    put.entry.layout.chunks.push_back(chunk);
    EXPECT_TRUE(world_.run(world_.filer.put_object(put)));
    return chunk;
  }

  FilerWorld world_;
  test::FakeVolumes volumes_;
  std::unique_ptr<Timers> timers_ = make_asio_timers();
  Metrics metrics_;
  NeedleKey oldest_provisional_{1000};
  Collector collector_{{world_.kv, world_.work, world_.clock, *timers_, volumes_, volumes_,
                        [this] { return oldest_provisional_; }, metrics_},
                       {.quarantine = seconds(60)}};
};

TEST_F(CollectorTest, RemovesDeadNeedlesWhenTheirQuarantineEnds) {
  const Chunk old = put("a");
  const Chunk current = put("a");
  EXPECT_EQ(collect(true).needles_removed, 0U);
  world_.clock.advance(seconds(59));
  EXPECT_EQ(collect(true).needles_removed, 0U);
  EXPECT_TRUE(volumes_.holds(old.fid));
  world_.clock.advance(seconds(2));
  EXPECT_EQ(collect(true).needles_removed, 1U);
  EXPECT_FALSE(volumes_.holds(old.fid));
  EXPECT_TRUE(volumes_.holds(current.fid));
  EXPECT_EQ(check().dead_needles, 0U);
  EXPECT_TRUE(check().clean());
}

TEST_F(CollectorTest, CountsTheDeadOnceItHasLookedForWhatACrashLeft) {
  EXPECT_NE(metrics_.text().find("kelp_filer_dead_needles Nan"), std::string::npos);
  volumes_.add(world_.chunk(50));
  collect(true);
  EXPECT_NE(metrics_.text().find("kelp_filer_dead_needles 1\n"), std::string::npos);
  world_.clock.advance(seconds(61));
  collect(false);
  EXPECT_NE(metrics_.text().find("kelp_filer_dead_needles 0\n"), std::string::npos);
  EXPECT_NE(metrics_.text().find("kelp_filer_needles_removed_total 1\n"), std::string::npos);
}

/// Two rounds, then the timer is cancelled.
class FewRounds final : public Timers {
 public:
  Task<Result<void>> sleep_until(MonoTime when) override {
    sleeps.push_back(when);
    if (sleeps.size() == 2) co_return Error(Errc::kCancelled, "enough");
    co_return Result<void>();
  }
  std::vector<MonoTime> sleeps;
};

TEST_F(CollectorTest, WorksRoundAfterRoundUntilCancelledAndGoesOnAfterAFailure) {
  FewRounds timers;
  Collector collector({world_.kv, world_.work, world_.clock, timers, volumes_, volumes_,
                       [this] { return oldest_provisional_; }, metrics_},
                      {.interval = seconds(10), .quarantine = seconds(0)});
  put("a");
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"photos", "a"}, {})));
  volumes_.fail_status = true;
  std::vector<Task<void>> tasks;
  tasks.push_back(collector.run());
  world_.run_all(std::move(tasks));
  ASSERT_EQ(timers.sleeps.size(), 2U);
  EXPECT_EQ(timers.sleeps[0], world_.clock.mono() + seconds(10));
  EXPECT_NE(metrics_.text().find("kelp_filer_failed_rounds_total 2\n"), std::string::npos);
}

TEST_F(CollectorTest, KeepsADeadRowUntilTheVolumesHaveRemovedTheNeedle) {
  put("a");
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"photos", "a"}, {})));
  world_.clock.advance(seconds(61));
  volumes_.refused = {VolumeId(1)};
  EXPECT_EQ(collect(false).needles_removed, 0U);
  EXPECT_EQ(collect(false).needles_removed, 0U);
  volumes_.refused.clear();
  EXPECT_EQ(check().dead_needles, 1U);
  EXPECT_EQ(collect(false).needles_removed, 1U);
  EXPECT_EQ(volumes_.size(), 0U);
}

TEST_F(CollectorTest, RemovesTheDeadEvenWhenTheWalkFails) {
  put("a");
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"photos", "a"}, {})));
  world_.clock.advance(seconds(61));
  volumes_.fail_status = true;
  EXPECT_FALSE(world_.run(collector_.collect(true)));
  EXPECT_EQ(volumes_.size(), 0U);
}

TEST_F(CollectorTest, LeavesOutAVolumeThatFailsAndGoesOnWithTheOthers) {
  // More dead needles than a page of rows holds, of both volumes by turns, and an orphan in each.
  constexpr std::uint64_t kEach = 800;
  KvBatch batch;
  std::vector<Chunk> dead;
  for (std::uint64_t i = 0; i < 2 * kEach; ++i) {
    Chunk chunk = world_.chunk(100);
    chunk.fid.volume = VolumeId(i % 2 == 0 ? 1 : 2);
    volumes_.add(chunk);
    dead.push_back(chunk);
  }
  bury(dead, world_.clock.wall(), batch);
  world_.store->commit(batch, [](const Result<void>& done) { EXPECT_TRUE(done); });
  Chunk orphans[] = {world_.chunk(50), world_.chunk(50)};
  orphans[1].fid.volume = VolumeId(2);
  for (const Chunk& orphan : orphans) volumes_.add(orphan);
  oldest_provisional_ = NeedleKey(10'000);
  world_.clock.advance(seconds(61));

  volumes_.refused = {VolumeId(1)};
  const Collected some = collect(true);
  EXPECT_EQ(some.needles_removed, kEach);
  EXPECT_EQ(some.orphans_buried, 1U);
  EXPECT_EQ(collect(false).needles_removed, 0U);
  EXPECT_EQ(volumes_.size(), kEach + 2);
  EXPECT_NE(metrics_.text().find("kelp_filer_failing_volumes 1\n"), std::string::npos);
  EXPECT_NE(metrics_.text().find("kelp_filer_dead_needles 801\n"), std::string::npos);

  volumes_.refused.clear();
  const Collected rest = collect(true);
  EXPECT_EQ(rest.needles_removed, kEach);
  EXPECT_EQ(rest.orphans_buried, 1U);
  EXPECT_NE(metrics_.text().find("kelp_filer_failing_volumes 0\n"), std::string::npos);
  world_.clock.advance(seconds(61));
  EXPECT_EQ(collect(true).needles_removed, 2U);
  EXPECT_EQ(volumes_.size(), 0U);
  EXPECT_TRUE(check().clean());
}

// Nobody but the scripts that wrote them knows whether they are wanted.
TEST_F(CollectorTest, LeavesAloneWhatScriptsKeepByFileId) {
  put("a");
  Chunk kept = world_.chunk(50);
  kept.fid.volume = VolumeId(2);
  volumes_.collections[kept.fid.volume] = kFidCollection;
  volumes_.add(kept);
  EXPECT_EQ(collect(true).orphans_buried, 0U);
  world_.clock.advance(seconds(61));
  EXPECT_EQ(collect(true).needles_removed, 0U);
  EXPECT_TRUE(volumes_.holds(kept.fid));
  const FsckReport report = check();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.needles, 2U);
  EXPECT_EQ(report.fid_needles, 1U);
}

TEST_F(CollectorTest, BuriesOrphansAndRemovesThemAfterTheQuarantine) {
  put("a");
  const Chunk orphan = world_.chunk(50);
  volumes_.add(orphan);
  Chunk provisional = world_.chunk(50);
  provisional.fid.key = NeedleKey(1000);
  volumes_.add(provisional);
  EXPECT_EQ(check().orphan_needles, 2U);
  EXPECT_EQ(collect(false).orphans_buried, 0U);
  EXPECT_EQ(collect(true).orphans_buried, 1U);
  EXPECT_EQ(collect(true).orphans_buried, 0U);  // dead now, so named
  EXPECT_TRUE(volumes_.holds(orphan.fid));
  world_.clock.advance(seconds(61));
  collect(false);
  EXPECT_FALSE(volumes_.holds(orphan.fid));
  EXPECT_TRUE(volumes_.holds(provisional.fid));
  oldest_provisional_ = NeedleKey(0);  // unknown: nothing is touched
  EXPECT_EQ(collect(true).orphans_buried, 0U);
}

TEST_F(CollectorTest, ForgetsFinishedUploadsAfterAWeek) {
  CreateUpload create;
  create.bucket = "photos";
  create.key = "film";
  const auto upload = world_.run(world_.filer.create_upload(create));
  PutPart part;
  part.upload = {"photos", "film", upload->upload_id};
  part.part_number = 1;
  part.md5 = std::string(16, 'm');
  ASSERT_TRUE(world_.run(world_.filer.put_part(part)));
  CompleteUpload complete;
  complete.upload = part.upload;
  complete.parts.push_back({1, "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d", {}});
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(complete)));
  EXPECT_EQ(collect(true).finished_expired, 0U);
  world_.clock.advance(std::chrono::days(7) + seconds(1));
  EXPECT_EQ(collect(true).finished_expired, 1U);
  EXPECT_EQ(collect(true).finished_expired, 0U);
}

TEST_F(CollectorTest, ForgetsTokensOfRenamesAfterAWeek) {
  const auto rows = [&] {
    return world_.store->scan(keys::within(std::string(1, keys::kRenamed)), 10)->size();
  };
  ASSERT_TRUE(world_.run(world_.filer.put_object(test::put_of("photos", "a", "x"))));
  RenameObject rename{.from = {"photos", "a"}, .to = {"photos", "b"}};
  rename.token = {.id = "token", .digest = "a to b"};
  ASSERT_TRUE(world_.run(world_.filer.rename_object(rename)));
  EXPECT_EQ(collect(true).finished_expired, 0U);
  EXPECT_EQ(rows(), 1U);
  world_.clock.advance(std::chrono::days(7) + seconds(1));
  EXPECT_EQ(collect(true).finished_expired, 1U);
  EXPECT_EQ(rows(), 0U);
}

}  // namespace
}  // namespace kelp
