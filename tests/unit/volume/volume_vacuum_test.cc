// Vacuum: what is live stays, what was removed stays away, and its room comes back.

#include "volume/store/volume_vacuum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/superblock.h"
#include "volume/volume_upkeep.h"

namespace kelp::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kNewLog = "/data/vacuum/000000001.dat";

class VacuumTest : public ::testing::Test {
 protected:
  VacuumTest() { rig.start_fresh(); }

  void put(std::uint64_t first, std::uint64_t last, std::size_t size) {
    for (std::uint64_t key = first; key <= last; ++key) {
      ASSERT_TRUE(rig.put_now(key, body_for(key, size)).has_value()) << key;
    }
  }
  void remove(std::uint64_t first, std::uint64_t last) {
    std::vector<FileId> fids;
    for (std::uint64_t key = first; key <= last; ++key) fids.push_back(fid_of(key));
    ASSERT_TRUE(rig.remove_now(std::move(fids)).has_value());
  }
  void expect_there(std::uint64_t first, std::uint64_t last, std::size_t size) {
    for (std::uint64_t key = first; key <= last; ++key) {
      const auto got = rig.get_now(key, size);
      ASSERT_TRUE(got.has_value()) << key << ": " << got.error().message();
      ASSERT_EQ(*got, body_for(key, size)) << key;
    }
  }
  VolumeStatus status() { return rig.world.run(rig.service->status())->volumes.at(0); }
  std::uint64_t log_bytes() { return rig.disk.content(kLog)->size(); }

  VolumeRig rig{1};
};

TEST_F(VacuumTest, GivesTheRoomOfRemovedNeedlesBack) {
  put(1, 100, 3000);
  put(101, 104, 200'000);
  remove(1, 90);
  remove(101, 103);
  const std::uint64_t before = log_bytes();
  ASSERT_TRUE(rig.vacuum_now().has_value());
  EXPECT_LT(log_bytes(), before / 3);
  EXPECT_EQ(log_bytes(), kSuperblockBytes + status().live_bytes) << "there is something else in it";
  EXPECT_EQ(status().file_bytes, log_bytes());
  EXPECT_EQ(status().needle_count, 11U);
  for (int life = 0; life < 3; ++life) {
    expect_there(91, 100, 3000);
    expect_there(104, 104, 200'000);
    EXPECT_EQ(rig.get_now(1, 1).error().code(), Errc::kNotFound);
    EXPECT_TRUE(rig.world.run(rig.service->verify_volume(VolumeId{1}))->empty());
    if (life == 1) {
      ASSERT_TRUE(rig.disk.remove(kSnapshot).has_value());
    }
    ASSERT_TRUE(rig.start().has_value());
  }
  EXPECT_FALSE(*rig.disk.exists(kNewLog));
}

TEST_F(VacuumTest, KeepsEverythingThatIsKnownOfANeedle) {
  put(7, 7, 500);
  put(8, 8, 500);
  remove(7, 7);
  const auto before = rig.list_now();
  const std::string old_log = *rig.disk.content(kLog);
  ASSERT_TRUE(rig.vacuum_now().has_value());
  const auto after = rig.list_now();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].key, before[0].key);
  EXPECT_EQ(after[0].cookie, before[0].cookie);
  EXPECT_EQ(after[0].bucket, before[0].bucket);
  EXPECT_EQ(after[0].body_bytes, before[0].body_bytes);
  EXPECT_NE(rig.disk.content(kLog)->find("key/8"), std::string::npos) << "its back pointer";
  EXPECT_EQ(rig.disk.content(kLog)->find("key/7"), std::string::npos);
  const auto superblock = [](const std::string& log) {
    return *decode_superblock(as_bytes(log).first(kSuperblockBytes));
  };
  Superblock was = superblock(old_log);
  const Superblock is = superblock(*rig.disk.content(kLog));
  EXPECT_NE(was.salt, is.salt) << "an old snapshot would be taken for one of the new log";
  was.salt = is.salt;
  EXPECT_EQ(was, is);
}

TEST_F(VacuumTest, ANeedleRemovedWhileItIsCopiedStaysAway) {
  put(1, 50, 3000);
  // After the first needles are in the new log.
  bool done = false;
  const auto remove_half = [](VolumeRig& at, bool* ended) -> Task<void> {
    while (at.disk.count(DiskOp::kWrite) < 55) {
      (void)co_await at.timers.sleep_until(at.clock.mono() + std::chrono::microseconds(1));
    }
    std::vector<FileId> fids;
    for (std::uint64_t key = 1; key <= 25; ++key) fids.push_back(fid_of(key));
    EXPECT_TRUE((co_await at.service->remove(std::move(fids))).has_value());
    *ended = true;
  };
  asio::co_spawn(rig.world.executor(), remove_half(rig, &done), [](std::exception_ptr) {});
  ASSERT_TRUE(rig.vacuum_now().has_value());
  rig.world.run_out();
  ASSERT_TRUE(done);
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(rig.list_now().size(), 25U);
    expect_there(26, 50, 3000);
    if (life == 1) {
      ASSERT_TRUE(rig.disk.remove(kSnapshot).has_value());
    }
    ASSERT_TRUE(rig.start().has_value());
  }
}

TEST_F(VacuumTest, AReadGoesOnInTheLogInWhichItBegan) {
  put(1, 20, 100'000);
  remove(1, 10);
  const auto read_all = [](VolumeRig& at, int* wrong, const bool* stop) -> Task<void> {
    for (std::uint64_t key = 11; !*stop; key = key == 20 ? 11 : key + 1) {
      const auto got = co_await at.get(fid_of(key), 0, 100'000);
      if (!got.has_value() || *got != body_for(key, 100'000)) ++*wrong;
    }
  };
  int wrong = 0;
  bool stop = false;
  rig.disk.set_faults({.cold_read_per_million = 500'000});
  asio::co_spawn(rig.world.executor(), read_all(rig, &wrong, &stop), [](std::exception_ptr) {});
  for (int round = 0; round < 5; ++round) ASSERT_TRUE(rig.vacuum_now().has_value());
  stop = true;
  rig.world.run_out();
  EXPECT_EQ(wrong, 0);
}

// Who asks lets go of the log before he begins to wait for the answer.
TEST_F(VacuumTest, AReadThatWasAskedForBeforeTheSwitchMayBeginAfterIt) {
  put(1, 3, 3000);
  std::string body(3000, '\0');
  auto asked = rig.service->read(fid_of(2), 0, std::as_writable_bytes(std::span(body)));
  ASSERT_TRUE(rig.vacuum_now().has_value());
  ASSERT_TRUE(rig.world.run(std::move(asked)).has_value());
  EXPECT_EQ(body, body_for(2, 3000));
}

TEST_F(VacuumTest, WhatACrashLeftOfAVacuumIsRemoved) {
  put(1, 30, 3000);
  rig.disk.set_hook([](DiskOp op, const std::string& path) -> std::optional<Error> {
    const bool ends = op == DiskOp::kRename && path.find(".tmp") == std::string::npos;
    if (!ends && op != DiskOp::kRemove) return std::nullopt;
    return Error(Errc::kIo, "injected failure");
  });
  ASSERT_FALSE(rig.vacuum_now().has_value());
  rig.disk.set_hook(nullptr);
  ASSERT_TRUE(*rig.disk.exists(kNewLog));
  ASSERT_TRUE(rig.start().has_value());
  VolumeUpkeep upkeep(*rig.service, {});
  TaskGroup group(rig.world.executor());
  group.spawn(upkeep.run_vacuum());
  rig.world.run_for(std::chrono::seconds(1));
  group.cancel();
  rig.world.run(group.join());
  EXPECT_TRUE(rig.disk.list("/data/vacuum")->empty());
  expect_there(1, 30, 3000);
}

TEST_F(VacuumTest, ARenameThatFindsTheDiskFullChangesNothing) {
  put(1, 30, 3000);
  remove(1, 20);
  rig.disk.set_hook([](DiskOp op, const std::string& path) -> std::optional<Error> {
    if (op != DiskOp::kRename || path.find(".tmp") != std::string::npos) return std::nullopt;
    return Error(Errc::kNoSpace, "injected failure");
  });
  EXPECT_EQ(rig.vacuum_now().error().code(), Errc::kNoSpace);
  rig.disk.set_hook(nullptr);
  put(40, 40, 3000);
  ASSERT_TRUE(rig.vacuum_now().has_value());
  expect_there(21, 30, 3000);
  expect_there(40, 40, 3000);
}

Task<Result<void>> put_slowly(VolumeRig& rig, std::uint64_t key, std::size_t size) {
  const std::string body = body_for(key, size);
  OpenNeedle request{.fid = fid_of(key),
                     .generation = Generation{1},
                     .token = rig.token,
                     .body_bytes = size,
                     .bucket = {},
                     .object_key = "slow"};
  KELP_CO_TRY(const auto upload, co_await rig.service->open(std::move(request)));
  for (std::size_t at = 0; at < size; at += 50'000) {
    KELP_CO_CHECK(co_await upload->append(as_bytes(std::string_view(body).substr(at, 50'000))));
    KELP_CO_CHECK(co_await rig.timers.sleep_until(rig.clock.mono() + std::chrono::seconds(2)));
  }
  co_return co_await upload->finish();
}

TEST_F(VacuumTest, WaitsForAnUploadThatIsUnderWay) {
  put(1, 20, 3000);
  remove(1, 15);
  Result<void> put_outcome = Error(Errc::kInternal, "it did not end");
  const auto note = [](Task<Result<void>> task, Result<void>* outcome) -> Task<void> {
    *outcome = co_await std::move(task);
  };
  asio::co_spawn(rig.world.executor(), note(put_slowly(rig, 99, 300'000), &put_outcome),
                 [](std::exception_ptr) {});
  rig.world.run_for(std::chrono::seconds(1));
  const MonoTime begin = rig.world.now();
  ASSERT_TRUE(rig.vacuum_now().has_value());
  EXPECT_GE(rig.world.now() - begin, std::chrono::seconds(9));
  rig.world.run_out();
  ASSERT_TRUE(put_outcome.has_value()) << put_outcome.error().message();
  expect_there(99, 99, 300'000);
  ASSERT_TRUE(rig.start().has_value());
  expect_there(99, 99, 300'000);
  expect_there(16, 20, 3000);
}

// What was read past the page cache before is not what is there now.
TEST_F(VacuumTest, WithDirectIoItSeesWhatWasWrittenSince) {
  rig.options.direct_io = true;
  ASSERT_TRUE(rig.start().has_value());
  put(1, 20, 3000);
  remove(1, 15);
  const auto put_one = [](VolumeRig& at) -> Task<void> {
    (void)co_await put_slowly(at, 99, 300'000);
  };
  asio::co_spawn(rig.world.executor(), put_one(rig), [](std::exception_ptr) {});
  rig.world.run_for(std::chrono::seconds(1));
  put(100, 100, 3000);  // behind the room of the other one
  ASSERT_TRUE(rig.vacuum_now().has_value());
  rig.world.run_out();
  ASSERT_TRUE(rig.start().has_value());
  expect_there(16, 20, 3000);
  expect_there(99, 99, 300'000);
  expect_there(100, 100, 3000);
}

TEST_F(VacuumTest, GivesUpWhenTheVolumeIsNeverWithoutAnUpload) {
  put(1, 20, 3000);
  remove(1, 15);
  const auto keep_busy = [](VolumeRig& at, std::uint64_t key) -> Task<void> {
    for (int i = 0; i < 80; ++i, key += 2) (void)co_await put_slowly(at, key, 500'000);
  };
  asio::co_spawn(rig.world.executor(), keep_busy(rig, 100), [](std::exception_ptr) {});
  rig.world.run_for(std::chrono::seconds(10));
  asio::co_spawn(rig.world.executor(), keep_busy(rig, 101), [](std::exception_ptr) {});
  const auto outcome = rig.vacuum_now();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::kUnavailable);
  EXPECT_FALSE(*rig.disk.exists(kNewLog));
  rig.world.run_out();
  ASSERT_TRUE(rig.vacuum_now().has_value());
  expect_there(100, 110, 500'000);
}

TEST_F(VacuumTest, GenerationAndRoleStayWhatTheyAre) {
  put(1, 20, 3000);
  remove(1, 15);
  const auto set = [&](std::uint32_t generation, bool frozen) {
    return rig.world.run(
        rig.service->set_role(VolumeId{1}, Generation{1}, {Generation{generation}, frozen}));
  };
  ASSERT_TRUE(set(5, true).has_value());
  const auto digest = rig.world.run(rig.service->digest(VolumeId{1}, true));
  ASSERT_TRUE(rig.vacuum_now().has_value());
  EXPECT_EQ(*rig.world.run(rig.service->digest(VolumeId{1}, true)), *digest);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(status().generation, Generation{5});
    EXPECT_TRUE(status().frozen);
    EXPECT_EQ(rig.put_now(50, "x").error().code(), Errc::kConflict);
    ASSERT_TRUE(rig.start().has_value());
  }
  ASSERT_TRUE(set(6, false).has_value());
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(status().generation, Generation{6});
}

TEST_F(VacuumTest, ARoleThatIsSetMeanwhileIsKept) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    VolumeRig other(seed);
    other.start_fresh();
    for (std::uint64_t key = 1; key <= 20; ++key) {
      ASSERT_TRUE(other.put_now(key, body_for(key, 3000)).has_value());
    }
    const auto raise = [](VolumeRig& at, Result<void>* outcome) -> Task<void> {
      for (std::uint32_t generation = 2; generation <= 9; ++generation) {
        *outcome = co_await at.service->set_role(VolumeId{1}, Generation{1},
                                                 {Generation{generation}, false});
        (void)co_await at.timers.sleep_until(at.clock.mono() + std::chrono::microseconds(3));
      }
    };
    Result<void> outcome;
    asio::co_spawn(other.world.executor(), raise(other, &outcome), [](std::exception_ptr) {});
    ASSERT_TRUE(other.vacuum_now().has_value());
    other.world.run_out();
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message();
    for (int life = 0; life < 2; ++life) {
      EXPECT_EQ(other.world.run(other.service->status())->volumes.at(0).generation, Generation{9})
          << "seed " << seed;
      ASSERT_TRUE(other.start().has_value());
    }
  }
}

TEST_F(VacuumTest, AVolumeThatIsRetiredMeanwhileDoesNotComeBack) {
  put(1, 20, 3000);
  const auto retire_soon = [](VolumeRig& at) -> Task<void> {
    while (!*at.disk.exists(kNewLog)) {
      (void)co_await at.timers.sleep_until(at.clock.mono() + std::chrono::microseconds(1));
    }
    EXPECT_TRUE((co_await at.service->retire(VolumeId{1}, Generation{1})).has_value());
  };
  asio::co_spawn(rig.world.executor(), retire_soon(rig), [](std::exception_ptr) {});
  EXPECT_FALSE(rig.vacuum_now().has_value());
  rig.world.run_out();
  EXPECT_FALSE(*rig.disk.exists(kLog));
  EXPECT_FALSE(*rig.disk.exists(kNewLog));
}

TEST_F(VacuumTest, LeavesALogWithADamagedNeedleAsItIs) {
  put(1, 20, 3000);
  remove(1, 10);
  const std::string log = *rig.disk.content(kLog);
  rig.disk.flip_bit(kLog, log.find(body_for(15, 3000)) + 77, 3);
  const std::string damaged = *rig.disk.content(kLog);
  const auto outcome = rig.vacuum_now();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::kCorruption);
  EXPECT_THAT(outcome.error().detail(), HasSubstr("needle f"));
  EXPECT_EQ(*rig.disk.content(kLog), damaged);
  EXPECT_FALSE(*rig.disk.exists(kNewLog));
  EXPECT_TRUE(rig.put_now(30, "x").has_value()) << "writes go on";
  remove(15, 15);
  EXPECT_TRUE(rig.vacuum_now().has_value());
}

TEST_F(VacuumTest, ADeletedDamagedNeedleIsNoObstacleAndAReadOnlyVolumeIsLeftAlone) {
  put(1, 20, 3000);
  rig.disk.fail_nth(DiskOp::kSync, 1);
  EXPECT_FALSE(rig.put_now(30, "x").has_value());
  const auto outcome = rig.vacuum_now();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::kUnavailable);
}

TEST_F(VacuumTest, MakesRoomOnAFullDiskOutOfTheReserve) {
  constexpr std::uint64_t kCapacity = 4 << 20;
  rig.options.reserve_bytes = kCapacity;  // a twentieth of the disk is kept
  ASSERT_TRUE(rig.start().has_value());
  rig.disk.set_faults({.capacity_bytes = kCapacity});
  std::uint64_t last = 0;
  while (true) {
    const auto stored = rig.put_now(last + 1, body_for(last + 1, 6000));
    if (!stored.has_value()) {
      ASSERT_EQ(stored.error().code(), Errc::kNoSpace);
      break;
    }
    ASSERT_LT(++last, 1000U);
    rig.world.run_for(std::chrono::seconds(2));  // the disk is asked once a second
  }
  // Too much is alive for what vacuum may take, and it says how much.
  remove(1, last / 2);
  const auto refused = rig.vacuum_now();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kNoSpace);
  EXPECT_THAT(refused.error().detail(), HasSubstr("it may take"));
  ASSERT_TRUE(rig.service->measure_disk().has_value());
  rig.options.vacuum_least_bytes = 1;
  EXPECT_FALSE(rig.put_now(5000, body_for(1, 6000)).has_value()) << "small bodies leave no holes";

  remove(last / 2 + 1, last - 5);
  const auto done = rig.vacuum_now();
  ASSERT_TRUE(done.has_value()) << done.error().message();
  rig.world.run_for(std::chrono::seconds(2));
  EXPECT_TRUE(rig.put_now(5000, body_for(1, 6000)).has_value());
  expect_there(last - 4, last, 6000);
}

/// Vacuum with `event` once the new log is there.
Result<void> vacuum_with(VolumeRig& rig, const std::function<void()>& event) {
  const auto note = [](VolumeRig& at, Result<void>* outcome) -> Task<void> {
    *outcome = co_await at.service->vacuum(VolumeId{1});
  };
  Result<void> outcome = Error(Errc::kInternal, "it did not end");
  asio::co_spawn(rig.world.executor(), note(rig, &outcome), [](std::exception_ptr) {});
  while (!*rig.disk.exists(kNewLog)) rig.world.run_for(std::chrono::microseconds(1));
  event();
  rig.world.run_out();
  return outcome;
}

TEST_F(VacuumTest, StopsBeforeADiskIsFullThatFillsMeanwhile) {
  put(1, 100, 100'000);
  const auto outcome = vacuum_with(rig, [&] {
    const DiskSpace disk = *rig.disk.space("/data");
    rig.disk.set_faults({.capacity_bytes = disk.total_bytes - disk.free_bytes + (3 << 20)});
  });
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::kNoSpace);
  EXPECT_THAT(outcome.error().detail(), HasSubstr("it may take"));
  EXPECT_FALSE(*rig.disk.exists(kNewLog));
  expect_there(1, 100, 100'000);
}

TEST_F(VacuumTest, ALogWhoseSyncFailsMeanwhileStays) {
  put(1, 100, 100'000);
  const std::string log = *rig.disk.content(kLog);
  const auto outcome = vacuum_with(rig, [&] {
    rig.disk.set_hook([](DiskOp op, const std::string& path) -> std::optional<Error> {
      if (op != DiskOp::kSync || path != kLog) return std::nullopt;
      return Error(Errc::kIo, "injected failure");
    });
    asio::co_spawn(rig.world.executor(), rig.put(200, "two hundred"),
                   [](std::exception_ptr, const auto& put) { EXPECT_FALSE(put.has_value()); });
  });
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::kUnavailable);
  EXPECT_TRUE(status().read_only);
  EXPECT_TRUE(rig.disk.content(kLog)->starts_with(log));
  EXPECT_FALSE(*rig.disk.exists(kNewLog));
  expect_there(1, 100, 100'000);
}

TEST_F(VacuumTest, ChoosesByWhatTheDiskSays) {
  rig.options.vacuum_least_bytes = 100'000;
  ASSERT_TRUE(rig.start().has_value());
  put(1, 100, 3000);
  const auto chosen = [&] {
    EXPECT_TRUE(rig.service->measure_disk().has_value());
    return *rig.service->choose_vacuum(0.3, {});
  };
  EXPECT_FALSE(chosen().has_value());
  remove(1, 20);
  EXPECT_FALSE(chosen().has_value()) << "a fifth";
  remove(21, 40);
  EXPECT_EQ(chosen(), VolumeId{1});
  EXPECT_FALSE(rig.service->choose_vacuum(0.3, {VolumeId{1}})->has_value());
  ASSERT_TRUE(rig.vacuum_now().has_value());
  EXPECT_FALSE(chosen().has_value());
  // Holes are no garbage: nothing is left of them.
  put(201, 210, 1'000'000);
  remove(201, 210);
  EXPECT_FALSE(chosen().has_value());
}

}  // namespace
}  // namespace kelp::test
