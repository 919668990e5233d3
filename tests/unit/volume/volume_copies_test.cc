// Copies of a volume on several servers: client/volume_replicas.h and needles that are passed on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "async/background_budget.h"
#include "async/task_group.h"
#include "tests/unit/volume/volume_rig.h"

namespace kelp::test {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const VolumeId kVolume{1};

CopyRole frozen(std::uint32_t generation) {
  return {Generation{generation}, true};
}
CopyRole open(std::uint32_t generation) {
  return {Generation{generation}, false};
}

/// Three volume servers that reach each other as "a", "b" and "c"; volume 1 is on a and b.
class VolumeCopies : public ::testing::Test {
 protected:
  struct Server {
    explicit Server(std::uint64_t seed) : disk({.seed = seed}) {}
    SimDisk disk;
    std::unique_ptr<BackgroundBudget> budget;  ///< Of the next start().
    std::shared_ptr<VolumeService> service;
  };
  class Peers final : public VolumeNodes {
   public:
    explicit Peers(VolumeCopies& test) : test_(test) {}
    std::shared_ptr<VolumeNode> at(const std::string& address) override {
      return test_.servers_.at(address).service;
    }

   private:
    VolumeCopies& test_;
  };

  VolumeCopies() {
    (void)set_log_level("error");
    std::uint64_t seed = 1;
    for (const char* name : {"a", "b", "c"}) {
      servers_.emplace(std::piecewise_construct, std::forward_as_tuple(name),
                       std::forward_as_tuple(seed++));
      start(name);
    }
    for (const char* name : {"a", "b"}) {
      EXPECT_TRUE(run(at(name).create_volume(kVolume, Generation{1}, "pictures")).has_value());
    }
  }
  ~VolumeCopies() override { world_.run_out(); }

  void start(const std::string& name) {
    Server& server = servers_.at(name);
    server.service.reset();
    VolumeServiceOptions options;
    options.directory = "/data";
    options.cluster_id = kClusterId;
    options.index_on_disk = index_on_disk();
    if (!server.budget) server.budget = std::make_unique<BackgroundBudget>(0, clock_, timers_);
    VolumeServiceParts parts{.io = server.disk,
                             .pool = pool_,
                             .clock = clock_,
                             .metrics = metrics_,
                             .verify_token = [](const OpenNeedle&) { return Result<void>(); },
                             .peers = &peers_,
                             .background = server.budget.get(),
                             .timers = &timers_};
    auto started = VolumeService::start(options, std::move(parts));
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server.service = *std::move(started);
  }
  VolumeService& at(const std::string& name) { return *servers_.at(name).service; }
  SimDisk& disk(const std::string& name) { return servers_.at(name).disk; }
  Task<void> rest(std::chrono::nanoseconds time) {
    EXPECT_TRUE((co_await timers_.sleep_until(clock_.mono() + time)).has_value());
  }
  template <typename T>
  T run(Task<T> task) {
    return world_.run(std::move(task));
  }
  void run(Task<void> task) { world_.run(std::move(task)); }

  [[nodiscard]] VolumeMember member(const std::string& name) { return {at(name).node_id(), name}; }
  OpenNeedle needle(std::uint64_t key, std::size_t size, std::uint32_t generation = 1) {
    return {.fid = fid_of(key),
            .generation = Generation{generation},
            .token = {},
            .body_bytes = size,
            .bucket = BucketId{3},
            .object_key = "key/" + std::to_string(key),
            .members = {}};
  }
  Task<Result<void>> put_to(VolumeService& server, OpenNeedle request) {
    const std::string body = body_for(request.fid.key.value, request.body_bytes);
    KELP_CO_TRY(const auto upload, co_await server.open(std::move(request)));
    KELP_CO_CHECK(co_await upload->append(as_bytes(body)));
    co_return co_await upload->finish();
  }
  /// Puts through a, which passes on to b.
  Result<void> put(std::uint64_t key, std::size_t size, std::uint32_t generation = 1) {
    OpenNeedle request = needle(key, size, generation);
    request.members = {member("a"), member("b")};
    return run(put_to(at("a"), std::move(request)));
  }
  /// Puts at one server only.
  Result<void> put_at(const std::string& name, std::uint64_t key, std::size_t size,
                      std::uint32_t generation = 1) {
    return run(put_to(at(name), needle(key, size, generation)));
  }
  bool has(const std::string& name, std::uint64_t key, std::size_t size) {
    std::string body(size, '?');
    const auto got = run(at(name).read(fid_of(key), 0, std::as_writable_bytes(std::span(body))));
    return got.has_value() && body == body_for(key, size);
  }
  Result<VolumeDigest> pull_to(const std::string& to, std::uint32_t generation,
                               const std::string& from = "a") {
    return run(
        at(to).pull(kVolume, Generation{generation}, "pictures", member(from), Urgency::kRepair));
  }
  Task<void> pull_code(std::string to, std::vector<Errc>* codes) {
    const auto pulled =
        co_await at(to).pull(kVolume, Generation{2}, "pictures", member("a"), Urgency::kRepair);
    codes->push_back(pulled.has_value() ? Errc{} : pulled.error().code());
  }
  /// From now on the server's background work keeps to so many bytes a second; 0: it does not.
  void limit(const std::string& name, std::uint64_t rate) {
    Server& server = servers_.at(name);
    server.service.reset();
    server.budget = std::make_unique<BackgroundBudget>(rate, clock_, timers_);
    start(name);
  }
  /// Seconds that a copy from a to c takes; c has none afterwards.
  double time_of_pull(std::uint32_t generation) {
    const MonoTime begin = clock_.mono();
    const auto pulled = pull_to("c", generation);
    EXPECT_TRUE(pulled.has_value()) << pulled.error().message();
    EXPECT_TRUE(run(at("c").retire(kVolume, Generation{generation})).has_value());
    return std::chrono::duration<double>(clock_.mono() - begin).count();
  }
  Task<void> vacuum_later(std::chrono::nanoseconds delay, int& done) {
    (void)co_await timers_.sleep_until(clock_.mono() + delay);
    done += (co_await at("b").vacuum(kVolume)).has_value() ? 1 : 0;
  }
  void freeze_at(const std::string& name, std::uint32_t generation) {
    const auto set =
        run(at(name).set_role(kVolume, Generation{generation - 1}, frozen(generation)));
    ASSERT_TRUE(set.has_value()) << set.error().message();
  }

  SimContext world_{7};
  SimWorkPool pool_{world_};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  Metrics metrics_;
  Peers peers_{*this};
  std::map<std::string, Server> servers_;
};

TEST_F(VolumeCopies, HaveANeedleAllBeforeItIsAcknowledged) {
  for (const std::size_t size : {100U, 300'000U}) {
    ASSERT_TRUE(put(size, size).has_value());
    disk("a").crash_losing_all();
    disk("b").crash_losing_all();
    start("a");
    start("b");
    EXPECT_TRUE(has("a", size, size));
    EXPECT_TRUE(has("b", size, size));
  }
}

TEST_F(VolumeCopies, AcknowledgeNothingThatOneOfThemCouldNotStore) {
  disk("b").fail_nth(DiskOp::kSync, 1);
  const auto refused = put(1, 100);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail(), HasSubstr(at("b").node_id()));
}

TEST_F(VolumeCopies, ArePassedOnOnlyByTheFirstMember) {
  OpenNeedle request = needle(1, 100);
  request.members = {member("b"), member("a")};
  EXPECT_EQ(run(put_to(at("a"), std::move(request))).error().code(), Errc::kInvalidArgument);
}

TEST_F(VolumeCopies, RefuseAnOldGenerationForEver) {
  ASSERT_TRUE(run(at("a").set_role(kVolume, Generation{1}, open(2))).has_value());
  EXPECT_EQ(put_at("a", 1, 100, 1).error().code(), Errc::kConflict);
  EXPECT_TRUE(put_at("a", 1, 100, 2).has_value());
  disk("a").crash_losing_all();
  start("a");
  EXPECT_EQ(put_at("a", 2, 100, 1).error().code(), Errc::kConflict);
  EXPECT_EQ(run(at("a").status())->volumes[0].generation, Generation{2});
}

TEST_F(VolumeCopies, RefuseARoleThatWouldSkipWhatTheyMissed) {
  EXPECT_EQ(run(at("a").set_role(kVolume, Generation{2}, frozen(3))).error().code(),
            Errc::kConflict);
  ASSERT_TRUE(run(at("a").set_role(kVolume, Generation{1}, open(4))).has_value());
  EXPECT_EQ(run(at("a").set_role(kVolume, Generation{1}, open(3))).error().code(), Errc::kConflict);
  EXPECT_TRUE(run(at("a").set_role(kVolume, Generation{3}, open(4))).has_value()) << "repeated";
}

TEST_F(VolumeCopies, LetNoUploadFinishThatBeganInAnOlderGeneration) {
  for (const std::size_t size : {100U, 300'000U}) {
    auto upload = *run(at("a").open(needle(size, size)));
    const std::string body = body_for(size, size);
    ASSERT_TRUE(run(upload->append(as_bytes(body))).has_value());
    const std::uint32_t now = run(at("a").status())->volumes[0].generation.value;
    ASSERT_TRUE(run(at("a").set_role(kVolume, Generation{now}, open(now + 1))).has_value());
    EXPECT_EQ(run(upload->finish()).error().code(), Errc::kConflict);
    upload.reset();
    EXPECT_FALSE(has("a", size, size));
    ASSERT_EQ(put_at("a", size, size, 1).error().code(), Errc::kConflict);
    servers_.at("a").service.reset();
    disk("a").crash_losing_all();
    start("a");
    EXPECT_FALSE(has("a", size, size));
    // For the second round, from generation 1 again.
    ASSERT_TRUE(run(at("a").retire(kVolume, Generation{9})).has_value());
    ASSERT_TRUE(run(at("a").create_volume(kVolume, Generation{1}, "")).has_value());
  }
}

TEST_F(VolumeCopies, DoNotChangeWhileFrozen) {
  ASSERT_TRUE(put(1, 100).has_value());
  freeze_at("a", 2);
  const VolumeDigest before = *run(at("a").digest(kVolume, false));
  EXPECT_EQ(put_at("a", 2, 100, 2).error().code(), Errc::kConflict);
  EXPECT_EQ(run(at("a").remove({fid_of(1)})).error().code(), Errc::kConflict);
  EXPECT_EQ(*run(at("a").digest(kVolume, true)), before);
  EXPECT_TRUE(run(at("a").status())->volumes[0].frozen);
}

TEST_F(VolumeCopies, AreEqualAfterAPullAndTakeWritesOnceThawed) {
  for (std::uint64_t key = 1; key <= 200; ++key) {
    ASSERT_TRUE(put(key, 1 + key * 997 % 150'000).has_value());
  }
  ASSERT_TRUE(run(at("a").remove({fid_of(7), fid_of(8)})).has_value());
  freeze_at("a", 2);
  const auto pulled = pull_to("c", 2);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message();
  EXPECT_EQ(*pulled, *run(at("a").digest(kVolume, true)));
  EXPECT_EQ(pulled->needles, 198U);
  EXPECT_TRUE(has("c", 9, 1 + 9 * 997 % 150'000));
  EXPECT_FALSE(has("c", 7, 1 + 7 * 997 % 150'000));
  ASSERT_TRUE(run(at("c").set_role(kVolume, Generation{2}, open(3))).has_value());
  EXPECT_TRUE(put_at("c", 1000, 100, 3).has_value());
  disk("c").crash_losing_all();
  start("c");
  EXPECT_TRUE(has("c", 1000, 100));
  EXPECT_TRUE(has("c", 9, 1 + 9 * 997 % 150'000));
}

// A master that lost its connection asks again while the first pull still goes on.
TEST_F(VolumeCopies, AreMadeByOnePullAtATime) {
  for (std::uint64_t key = 1; key <= 12; ++key) ASSERT_TRUE(put(key, 1'000'000).has_value());
  freeze_at("a", 2);
  std::vector<Errc> codes;
  TaskGroup group(world_.executor());
  for (int i = 0; i < 3; ++i) group.spawn(pull_code("c", &codes));
  run(group.join());
  EXPECT_THAT(codes, UnorderedElementsAre(Errc{}, Errc::kUnavailable, Errc::kUnavailable));
  EXPECT_TRUE(has("c", 12, 1'000'000));
  EXPECT_EQ(*run(at("c").digest(kVolume, true)), *run(at("a").digest(kVolume, true)));
  EXPECT_TRUE(run(at("c").set_role(kVolume, Generation{2}, open(3))).has_value());
}

TEST_F(VolumeCopies, GoOnWithAPullWhereItStopped) {
  for (std::uint64_t key = 1; key <= 12; ++key) ASSERT_TRUE(put(key, 1'000'000).has_value());
  freeze_at("a", 2);
  disk("c").fail_nth(DiskOp::kWrite, 9);
  ASSERT_FALSE(pull_to("c", 2).has_value());
  const std::uint64_t before = disk("c").count(DiskOp::kWrite);
  ASSERT_TRUE(pull_to("c", 2).has_value());
  EXPECT_LT(disk("c").count(DiskOp::kWrite) - before, 12U);
  EXPECT_EQ(*pull_to("c", 2), *run(at("a").digest(kVolume, false))) << "done already";
}

TEST_F(VolumeCopies, KeepToTheBudgetsOfBothServers) {
  for (std::uint64_t key = 1; key <= 16; ++key) ASSERT_TRUE(put(key, 1'000'000).has_value());
  freeze_at("a", 2);
  const double without = time_of_pull(2);
  limit("a", 1 << 20);
  EXPECT_NEAR(time_of_pull(2) - without, 12, 4)
      << "16 MB are read, the last piece is not waited for";
  limit("a", 0);
  limit("c", 1 << 20);
  EXPECT_NEAR(time_of_pull(2) - without, 15, 4) << "16 MB are written and read again";
}

TEST_F(VolumeCopies, AreMadeAtAShareOfTheBudgetWhileClientsAreServed) {
  constexpr std::uint64_t kRate = 1 << 20;
  limit("a", kRate);
  BackgroundBudget& budget = *servers_.at("a").budget;
  EXPECT_EQ(budget.rate(), kRate);
  for (std::uint64_t key = 1; key <= 20; ++key) ASSERT_TRUE(put(key, 100).has_value());
  run(rest(std::chrono::seconds(1)));
  EXPECT_LT(budget.rate(), kRate / 4) << "puts";
  run(rest(std::chrono::seconds(1)));
  EXPECT_EQ(budget.rate(), kRate);
  for (std::uint64_t key = 1; key <= 20; ++key) EXPECT_TRUE(has("a", key, 100));
  run(rest(std::chrono::seconds(1)));
  EXPECT_LT(budget.rate(), kRate / 4) << "gets";
}

TEST_F(VolumeCopies, TakeNothingOfASourceThatDoesNotCheck) {
  for (std::uint64_t key = 1; key <= 5; ++key) ASSERT_TRUE(put(key, 10'000).has_value());
  freeze_at("a", 2);
  disk("a").flip_bit(kLog, 4096 + 25'000, 3);
  const auto refused = pull_to("c", 2);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
  EXPECT_TRUE(run(at("c").status())->volumes.empty());
  freeze_at("b", 2);
  EXPECT_TRUE(pull_to("c", 2, "b").has_value()) << "another member's copy is good";
}

// Of the first source a part was taken; what it did not have may be in front of where it ended.
TEST_F(VolumeCopies, TakeAllOfTheNextSourceWhenTheFirstOneFails) {
  ASSERT_TRUE(put_at("a", 1, 100).has_value());  // was never acknowledged
  ASSERT_TRUE(put_at("b", 2, 100).has_value());  // nor this one
  for (std::uint64_t key = 3; key <= 12; ++key) ASSERT_TRUE(put(key, 1'000'000).has_value());
  freeze_at("a", 2);
  freeze_at("b", 2);
  disk("a").flip_bit(kLog, 4096 + 9'500'000, 3);
  ASSERT_FALSE(pull_to("c", 2).has_value());
  ASSERT_TRUE(pull_to("c", 2, "b").has_value());
  for (const std::uint64_t key : {1U, 2U}) {
    const auto found = run(at("c").read_needle(kVolume, Generation{2}, NeedleKey{key}));
    EXPECT_TRUE(found.has_value()) << key;
  }
  for (std::uint64_t key = 3; key <= 12; ++key) EXPECT_TRUE(has("c", key, 1'000'000)) << key;
}

TEST_F(VolumeCopies, AreNeverMergedWithAnOldCopyThatIsInTheWay) {
  ASSERT_TRUE(put(1, 100).has_value());
  ASSERT_TRUE(put_at("b", 66, 100).has_value());  // b alone has it: it was never acknowledged
  freeze_at("a", 2);
  ASSERT_TRUE(pull_to("b", 2).has_value());
  EXPECT_FALSE(has("b", 66, 100));
  EXPECT_TRUE(disk("b").content("/data/000000001.dat.old").has_value());
  ASSERT_TRUE(run(at("b").set_role(kVolume, Generation{2}, open(3))).has_value());
  EXPECT_FALSE(disk("b").content("/data/000000001.dat.old").has_value());
}

TEST_F(VolumeCopies, ReplaceACopyAlsoWhileThatIsVacuumed) {
  for (std::uint64_t key = 1; key <= 30; ++key) ASSERT_TRUE(put(key, 3000).has_value());
  constexpr std::uint32_t kSteps = 40;
  std::chrono::nanoseconds pull_time{};
  int vacuums = 0;
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    SCOPED_TRACE(step);
    const std::uint32_t generation = step + 2;
    ASSERT_TRUE(put_at("a", 1000 + step, 3000, generation - 1).has_value());
    freeze_at("a", generation);
    asio::co_spawn(world_.executor(), vacuum_later(pull_time * step / kSteps, vacuums),
                   [](std::exception_ptr) {});
    const MonoTime begin = world_.now();
    const auto digest = pull_to("b", generation);
    ASSERT_TRUE(digest.has_value()) << digest.error().message();
    pull_time = world_.now() - begin;
    world_.run_out();
    for (int life = 0; life < 2; ++life) {
      EXPECT_EQ(*run(at("b").digest(kVolume, true)), *digest);
      EXPECT_EQ(*run(at("a").digest(kVolume, true)), *digest);
      start("b");
    }
    ASSERT_TRUE(
        run(at("a").set_role(kVolume, Generation{generation}, open(generation))).has_value());
  }
  EXPECT_GT(vacuums, 3) << "they never met";
  EXPECT_LT(vacuums, 37);
}

TEST_F(VolumeCopies, AreOldOrNewWhereverThePowerFailsDuringAPull) {
  ASSERT_TRUE(put(1, 100).has_value());
  ASSERT_TRUE(put_at("b", 66, 100).has_value());
  freeze_at("a", 2);
  const VolumeDigest expected = *run(at("a").digest(kVolume, false));
  Rng rng(3);
  bool done = false;
  for (std::uint64_t nth = 1; !done; ++nth) {
    ASSERT_LT(nth, 100U);
    disk("b").power_off_after(nth);
    done = pull_to("b", 2).has_value();
    servers_.at("b").service.reset();
    disk("b").crash(rng);
    start("b");
    const auto volumes = run(at("b").status())->volumes;
    for (const VolumeStatus& volume : volumes) {
      if (volume.generation < Generation{2}) continue;
      EXPECT_EQ(*run(at("b").digest(kVolume, true)), expected) << "power cut at change " << nth;
    }
    if (done) EXPECT_EQ(volumes.size(), 1U);
  }
  EXPECT_TRUE(pull_to("b", 2).has_value());
}

// After a sync that failed the page cache shows bytes that no later sync writes.
TEST_F(VolumeCopies, AreMadeAnewAfterASyncThatFailedAlsoByAnotherProcess) {
  ASSERT_TRUE(put(1, 300'000).has_value());
  freeze_at("a", 2);
  for (const bool restarts : {false, true}) {
    std::uint64_t failed = 0;
    while (failed < 20) {
      disk("c").fail_nth(DiskOp::kSync, failed + 1);
      if (pull_to("c", 2).has_value()) break;
      ++failed;
      if (restarts) {
        servers_.at("c").service.reset();
        disk("c").kill();
        start("c");
      }
      ASSERT_TRUE(pull_to("c", 2).has_value());
      disk("c").crash_losing_all();
      start("c");
      ASSERT_TRUE(has("c", 1, 300'000)) << "sync " << failed << " failed, restarts " << restarts;
      ASSERT_TRUE(run(at("c").retire(kVolume, Generation{2})).has_value());
    }
    EXPECT_GT(failed, 1U);
    EXPECT_LT(failed, 20U);
    disk("c").fail_no_more();
    ASSERT_TRUE(run(at("c").retire(kVolume, Generation{2})).has_value());
  }
}

TEST_F(VolumeCopies, AreRetiredOnlyWhenNotNewerThanTheDecision) {
  ASSERT_TRUE(run(at("b").set_role(kVolume, Generation{1}, open(3))).has_value());
  EXPECT_EQ(run(at("b").retire(kVolume, Generation{2})).error().code(), Errc::kConflict);
  ASSERT_TRUE(run(at("b").retire(kVolume, Generation{3})).has_value());
  EXPECT_TRUE(run(at("b").status())->volumes.empty());
  EXPECT_TRUE(run(at("b").retire(kVolume, Generation{3})).has_value()) << "repeated";
  start("b");
  EXPECT_TRUE(run(at("b").status())->volumes.empty());
}

TEST_F(VolumeCopies, AreNotCountedAsRefusedOnceTheyAreRetired) {
  disk("b").flip_bit("/data/000000001.dat", 40, 0);
  start("b");
  EXPECT_NE(metrics_.text().find("kelp_volume_refused_volumes 1\n"), std::string::npos);
  ASSERT_TRUE(run(at("b").retire(kVolume, Generation{1})).has_value());
  EXPECT_NE(metrics_.text().find("kelp_volume_refused_volumes 0\n"), std::string::npos);
  EXPECT_NE(metrics_.text().find("kelp_volume_read_only_volumes 0\n"), std::string::npos);
}

}  // namespace
}  // namespace kelp::test
