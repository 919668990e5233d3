#include "filer/dropped_buckets.h"

#include <gtest/gtest.h>

#include "filer/collector.h"
#include "filer/core/keys.h"
#include "filer/fsck.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using std::chrono::seconds;
using test::FilerWorld;
using test::put_of;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16};

struct DropWorld : FilerWorld {
  explicit DropWorld(std::uint64_t seed = 1) : FilerWorld(seed, kOptions) { make_bucket(kBucket); }

  /// An object of one needle that is on disk.
  PutObject large(const std::string& key) {
    PutObject put = put_of(kBucket, key, "");
    put.inline_body.reset();
    put.entry.size_bytes = 100;
    put.entry.layout.chunks = {stored_chunk()};
    return put;
  }
  Chunk stored_chunk() {
    const Chunk fresh = chunk(100);
    volumes.add(fresh);
    return fresh;
  }
  void fill(int objects) {
    for (int i = 0; i < objects; ++i) {
      const std::string key = "k" + std::to_string(i);
      const PutObject put = i % 2 == 0 ? large(key) : put_of(kBucket, key, "small");
      ASSERT_TRUE(run(filer.put_object(put)));
    }
    for (int i = 0; i < 3; ++i) {
      const std::string id = start_upload();
      ASSERT_TRUE(run(filer.put_part(part(id, 1))));
      ASSERT_TRUE(run(filer.put_part(part(id, 2))));
    }
  }
  std::string start_upload() {
    CreateUpload create;
    create.bucket = kBucket;
    create.key = "film";
    return run(filer.create_upload(create))->upload_id;
  }
  PutPart part(std::string upload, std::uint32_t number) {
    PutPart put;
    put.upload = {kBucket, "film", std::move(upload)};
    put.part_number = number;
    put.size_bytes = 100;
    put.md5 = std::string(16, 'm');
    put.chunks = {stored_chunk()};
    return put;
  }
  FsckReport check() {
    const auto report = run(fsck(*store, work, volumes));
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(FsckReport{});
  }
  std::size_t rows_of(char kind) {
    return store->scan(keys::within(std::string(1, kind)), 10'000)->size();
  }
  void quiet() {
    ASSERT_TRUE(run(collector.collect(true)));
    clock.advance(seconds(61));
    ASSERT_TRUE(run(collector.collect(true)));
  }

  test::FakeVolumes volumes;
  std::unique_ptr<Timers> timers = make_asio_timers();
  Metrics metrics;
  Collector collector{
      {kv, work, clock, *timers, volumes, volumes, [] { return NeedleKey(1'000'000); }, metrics},
      {.quarantine = seconds(60)}};
};

TEST(DropBucket, IsOneCommitAndTheCollectorTakesTheRestApart) {
  DropWorld world;
  world.fill(50);
  const int commits = world.kv.commits;
  ASSERT_TRUE(world.run(world.filer.drop_bucket(kBucket)));
  EXPECT_EQ(world.kv.commits, commits + 1);
  EXPECT_EQ(world.run(world.filer.get_bucket(kBucket)).error().reason(), Reason::kNoSuchBucket);
  EXPECT_EQ(world.run(world.filer.get_object({kBucket, "k1"}, true)).error().reason(),
            Reason::kNoSuchBucket);
  EXPECT_TRUE(world.run(world.filer.list_buckets({}))->buckets.empty());
  EXPECT_EQ(world.run(world.filer.drop_bucket(kBucket)).error().reason(), Reason::kNoSuchBucket);

  // The name is free, and the new bucket is nobody's heir.
  world.make_bucket(kBucket, "bob");
  EXPECT_EQ(world.run(world.filer.bucket_usage(kBucket)).value(), BucketUsage{});
  ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k1", "new"))));
  FsckReport report = world.check();
  EXPECT_TRUE(report.sound()) << report.findings[0];
  EXPECT_FALSE(report.clean());
  EXPECT_EQ(report.dropped_buckets, 1U);

  world.quiet();
  report = world.check();
  EXPECT_TRUE(report.clean()) << (report.findings.empty() ? "" : report.findings[0]);
  EXPECT_EQ(report.objects, 1U);
  EXPECT_EQ(report.needles, 0U);
  EXPECT_EQ(world.rows_of(keys::kObject), 1U);
  EXPECT_EQ(world.rows_of(keys::kUpload), 0U);
  EXPECT_EQ(world.rows_of(keys::kDropped), 0U);
  EXPECT_EQ(world.rows_of(kBulkPrefix), 1U);
  EXPECT_EQ(world.rows_of(keys::kCount), 2U) << "of the new bucket";
  EXPECT_EQ(world.run(world.filer.get_object({kBucket, "k1"}, true))->inline_body, "new");
}

TEST(DropBucket, GoesOnWhereItWasInterrupted) {
  DropWorld world;
  world.fill(900);
  ASSERT_TRUE(world.run(world.filer.drop_bucket(kBucket)));
  KvAsync kv(world.kv, world.work);
  std::uint64_t rows = 0;
  int calls = 0;
  for (; world.rows_of(keys::kDropped) > 0; ++calls) {
    ASSERT_LT(calls, 20);
    const auto gone = world.run(sweep_dropped_buckets(kv, 250, world.clock));
    ASSERT_TRUE(gone) << gone.error().message();
    rows += *gone;
    const FsckReport report = world.check();
    EXPECT_TRUE(report.sound()) << report.findings[0];
    EXPECT_EQ(report.orphan_needles, 0U);
  }
  EXPECT_GT(calls, 2);
  EXPECT_EQ(rows, 900U + 3 * 3);
  EXPECT_TRUE(world.check().clean());
}

struct Racers {
  static Task<void> put(DropWorld& world, int who, int& stored) {
    PutObject request = world.large("r" + std::to_string(who % 5));
    const auto outcome = co_await world.filer.put_object(std::move(request));
    if (outcome) ++stored;
    if (!outcome) EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchBucket);
  }
  static Task<void> part(DropWorld& world, std::string id, std::uint32_t number) {
    PutPart request = world.part(std::move(id), number);
    const auto outcome = co_await world.filer.put_part(std::move(request));
    if (outcome) co_return;
    const Reason reason = outcome.error().reason();
    EXPECT_TRUE(reason == Reason::kNoSuchBucket || reason == Reason::kNoSuchUpload);
  }
  static Task<void> remove(DropWorld& world, int who) {
    static_cast<void>(
        co_await world.filer.delete_object({kBucket, "r" + std::to_string(who % 5)}, {}));
  }
  static Task<void> abort(DropWorld& world, std::string id) {
    static_cast<void>(co_await world.filer.abort_upload({kBucket, "film", std::move(id)}));
  }
  static Task<void> drop(DropWorld& world) {
    const auto outcome = co_await world.filer.drop_bucket(kBucket);
    EXPECT_TRUE(outcome) << outcome.error().message();
    KvAsync kv(world.kv, world.work);
    const auto gone = co_await sweep_dropped_buckets(kv, 1'000'000, world.clock);
    EXPECT_TRUE(gone) << gone.error().message();
  }
};

TEST(DropBucket, LeavesNothingWhateverRacesWithIt) {
  int stored = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    DropWorld world(seed);
    const std::string id = world.start_upload();
    std::vector<Task<void>> tasks;
    for (int who = 0; who < 12; ++who) tasks.push_back(Racers::put(world, who, stored));
    for (std::uint32_t number = 1; number <= 4; ++number) {
      tasks.push_back(Racers::part(world, id, number));
    }
    for (int who = 0; who < 4; ++who) tasks.push_back(Racers::remove(world, who));
    tasks.push_back(Racers::abort(world, id));
    tasks.push_back(Racers::drop(world));
    world.run_all(std::move(tasks));
    EXPECT_EQ(world.rows_of(keys::kObject), 0U);
    EXPECT_EQ(world.rows_of(keys::kUpload), 0U);
    EXPECT_EQ(world.rows_of(keys::kCount), 0U);
    world.quiet();
    const FsckReport report = world.check();
    EXPECT_TRUE(report.clean()) << report.findings[0];
    EXPECT_EQ(report.needles, 0U);
  }
  EXPECT_GT(stored, 60);
}

// A put rests on a bucket's row that its filer has seen before; another filer changes it meanwhile.
TEST(DropBucket, IsSeenByAFilerThatRemembersTheBucket) {
  DropWorld world;
  FilerService other(world.kv, world.work, world.clock, kOptions);
  const auto put = [&](WriteConditions conditions) {
    PutObject request = put_of(kBucket, "k", "body");
    request.conditions = std::move(conditions);
    return world.run(world.filer.put_object(std::move(request)));
  };
  ASSERT_TRUE(put({}));
  ASSERT_TRUE(world.run(other.drop_bucket(kBucket)));
  EXPECT_EQ(put({}).error().reason(), Reason::kNoSuchBucket);
  world.make_bucket(kBucket, "bob");
  ASSERT_TRUE(put({}));
  ASSERT_TRUE(world.run(other.drop_bucket(kBucket)));
  BucketEntry again;
  again.name = kBucket;
  ASSERT_TRUE(world.run(other.create_bucket(again)));
  // There was a "k", and its new bucket has none.
  EXPECT_TRUE(put({.if_none_match_any = true}));
  ASSERT_TRUE(world.run(other.drop_bucket(kBucket)));
  EXPECT_EQ(put({.if_none_match_any = true}).error().reason(), Reason::kNoSuchBucket);
  ASSERT_TRUE(world.run(other.create_bucket(again)));
  EXPECT_EQ(put({.if_none_match_any = false, .if_match = "*"}).error().reason(),
            Reason::kNoSuchKey);
  ASSERT_TRUE(world.run(other.set_bucket_quota({kBucket, 1, 0})));
  EXPECT_EQ(put({}).error().reason(), Reason::kQuotaExceeded);
  ASSERT_TRUE(world.run(other.set_bucket_quota({kBucket, 0, 0})));
  EXPECT_TRUE(put({}));
}

}  // namespace
}  // namespace kelp
