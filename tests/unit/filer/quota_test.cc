// What buckets hold is counted exactly, and quotas are kept, whatever happens at once.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/fsck.h"
#include "filer/usage_watch.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;
using testing::HasSubstr;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16, .counter_shard = 3};

/// Two filers on one store, which count in rows of their own.
struct TwoFilers : FilerWorld {
  explicit TwoFilers(std::uint64_t seed) : FilerWorld(seed, kOptions) {
    FilerOptions other = kOptions;
    other.counter_shard = 7;
    second.emplace(kv, work, clock, other);
    make_bucket(kBucket);
  }
  FilerService& either() { return work.rng().below(2) == 0 ? filer : *second; }
  BucketUsage usage() { return run(filer.bucket_usage(kBucket)).value(); }
  void limit(std::uint64_t bytes, std::uint64_t objects) {
    ASSERT_TRUE(run(either().set_bucket_quota({kBucket, bytes, objects})));
  }

  std::optional<FilerService> second;
};

bool is_refusal(const Error& error) {
  return error.code() == Errc::kPermissionDenied && error.reason() == Reason::kQuotaExceeded;
}

PutObject body_of(FilerWorld& world, const std::string& key, std::uint64_t size) {
  PutObject put = put_of(kBucket, key, std::string(size % 2 == 0 ? size : 0, 'x'));
  if (size % 2 != 0) {
    put.inline_body.reset();
    put.entry.size_bytes = size;
    put.entry.layout.chunks = {world.chunk(size)};
  }
  return put;
}

/// The bucket in its plainest form, and what is done to both.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : world_(seed), rng_(seed) {}

  void step() {
    switch (rng_.below(10)) {
      case 0:
        return set_quota();
      case 1:
      case 2:
        return remove();
      case 3:
        return upload();
      case 4:
        return part();
      case 5:
        return finish();
      default:
        return put();
    }
  }

  void compare() {
    BucketUsage expected{.objects = static_cast<std::int64_t>(objects_.size())};
    for (const auto& [key, size] : objects_) expected.bytes += size;
    for (const auto& [id, parts] : uploads_) {
      for (const auto& [number, size] : parts) expected.upload_bytes += size;
    }
    expected.bytes += expected.upload_bytes;
    ASSERT_EQ(world_.usage(), expected);
  }

  /// The counters are those of a recount, row by row.
  void recount() {
    test::FakeVolumes volumes;
    const auto report = world_.run(fsck(*world_.store, world_.work, volumes));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->wrong_counters, 0U) << report->findings[0];
  }

  int refused = 0;

 private:
  std::string key() { return fmt::format("k{}", rng_.below(6)); }
  std::int64_t size() { return static_cast<std::int64_t>(1 + rng_.below(40)); }

  std::int64_t held() {
    std::int64_t bytes = 0;
    for (const auto& [key, size] : objects_) bytes += size;
    for (const auto& [id, parts] : uploads_) {
      for (const auto& [number, size] : parts) bytes += size;
    }
    return bytes;
  }
  bool fits(std::int64_t more_bytes, int more_objects) {
    if (max_bytes_ != 0 && more_bytes > 0 && held() + more_bytes > max_bytes_) return false;
    return max_objects_ == 0 || more_objects == 0 ||
           static_cast<std::int64_t>(objects_.size()) + more_objects <= max_objects_;
  }

  void set_quota() {
    max_bytes_ = rng_.below(3) == 0 ? 0 : static_cast<std::int64_t>(20 + rng_.below(150));
    max_objects_ = rng_.below(3) == 0 ? 0 : static_cast<std::int64_t>(1 + rng_.below(6));
    world_.limit(static_cast<std::uint64_t>(max_bytes_), static_cast<std::uint64_t>(max_objects_));
  }

  void put() {
    const std::string name = key();
    const std::int64_t bytes = size();
    const auto old = objects_.find(name);
    const bool fresh = old == objects_.end();
    const bool fit = fits(bytes - (fresh ? 0 : old->second), fresh ? 1 : 0);
    AskForRoom room{.bucket = kBucket, .key = name};
    room.size_bytes = static_cast<std::uint64_t>(bytes);
    expect(world_.run(world_.either().ask_for_room(room)), fit);
    const auto stored = world_.run(
        world_.either().put_object(body_of(world_, name, static_cast<std::uint64_t>(bytes))));
    expect(stored, fit);
    if (fit) objects_[name] = bytes;
  }

  void remove() {
    std::vector<std::string> names = {key(), key()};
    if (rng_.below(2) == 0) names.pop_back();
    for (const std::string& name : names) objects_.erase(name);
    if (names.size() == 1) {
      ASSERT_TRUE(world_.run(world_.either().delete_object({kBucket, names[0]}, {})));
    } else {
      ASSERT_TRUE(world_.run(world_.either().delete_objects({kBucket, names})));
    }
  }

  void upload() {
    CreateUpload create;
    create.bucket = kBucket;
    create.key = "film";
    uploads_[world_.run(world_.either().create_upload(create))->upload_id];
  }

  void part() {
    if (uploads_.empty()) return;
    auto& [id, parts] = *uploads_.begin();
    const auto number = static_cast<std::uint32_t>(1 + rng_.below(3));
    const std::int64_t bytes = size();
    const bool fit = fits(bytes - (parts.contains(number) ? parts[number] : 0), 0);
    const auto unsigned_bytes = static_cast<std::uint64_t>(bytes);
    AskForRoom room{kBucket, "film", unsigned_bytes, id, number};
    expect(world_.run(world_.either().ask_for_room(room)), fit);
    PutPart put;
    put.upload = {kBucket, "film", id};
    put.part_number = number;
    put.size_bytes = unsigned_bytes;
    put.md5 = std::string(16, 'm');
    put.chunks = {world_.chunk(unsigned_bytes)};
    expect(world_.run(world_.either().put_part(put)), fit);
    if (fit) parts[number] = bytes;
  }

  void finish() {
    if (uploads_.empty()) return;
    const auto at = uploads_.begin();
    const UploadName name{kBucket, "film", at->first};
    if (at->second.empty() || rng_.below(3) == 0) {
      ASSERT_TRUE(world_.run(world_.either().abort_upload(name)));
      uploads_.erase(at);
      return;
    }
    CompleteUpload complete;
    complete.upload = name;
    std::int64_t bytes = 0;
    for (const auto& [number, size] : at->second) {
      if (rng_.below(4) == 0 && bytes > 0) continue;
      complete.parts.push_back({number, std::string(32, '6'), {}});
      for (std::size_t i = 0; i < 32; i += 2) complete.parts.back().etag.replace(i, 2, "6d");
      bytes += size;
    }
    std::int64_t freed = 0;
    for (const auto& [number, size] : at->second) freed += size;
    const bool fresh = !objects_.contains("film");
    const bool fit = fits(bytes - freed - (fresh ? 0 : objects_["film"]), fresh ? 1 : 0);
    expect(world_.run(world_.either().complete_upload(complete)), fit);
    if (!fresh && !fit) return;
    if (!fit) return;
    objects_["film"] = bytes;
    uploads_.erase(at);
  }

  template <typename T>
  void expect(const Result<T>& answer, bool fit) {
    if (!fit) ++refused;
    ASSERT_EQ(answer.has_value(), fit) << (answer ? "" : answer.error().message());
    if (!fit) EXPECT_TRUE(is_refusal(answer.error())) << answer.error().message();
  }

  TwoFilers world_;
  Rng rng_;
  std::map<std::string, std::int64_t> objects_;
  std::map<std::string, std::map<std::uint32_t, std::int64_t>> uploads_;
  std::int64_t max_bytes_ = 0;
  std::int64_t max_objects_ = 0;
};

TEST(Quota, CountsAndRefusesAsTheModelDoes) {
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    for (int i = 0; i < 200 && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(i);
      pair.step();
      pair.compare();
    }
    pair.recount();
    refused += pair.refused;
  }
  EXPECT_GT(refused, 100);
}

TEST(Quota, NamesTheNumbers) {
  TwoFilers world(1);
  world.limit(100, 2);
  ASSERT_TRUE(world.run(world.filer.put_object(body_of(world, "a", 60))));
  const auto bytes = world.run(world.filer.put_object(body_of(world, "b", 42)));
  ASSERT_FALSE(bytes);
  EXPECT_THAT(bytes.error().detail(),
              HasSubstr("100 bytes are allowed, it holds 60, and this needs 42 more"));
  ASSERT_TRUE(world.run(world.filer.put_object(body_of(world, "b", 40))));
  const auto objects = world.run(world.filer.put_object(body_of(world, "c", 0)));
  ASSERT_FALSE(objects);
  EXPECT_THAT(objects.error().detail(),
              HasSubstr("2 objects are allowed, it holds 2, and this needs 1 more"));
}

TEST(Quota, LetsAFullBucketShrinkAndItsObjectsChange) {
  TwoFilers world(1);
  ASSERT_TRUE(world.run(world.filer.put_object(body_of(world, "a", 100))));
  ASSERT_TRUE(world.run(world.second->put_object(body_of(world, "b", 100))));
  world.limit(50, 1);
  EXPECT_TRUE(world.run(world.filer.put_object(body_of(world, "a", 100))));
  EXPECT_TRUE(world.run(world.filer.put_object(body_of(world, "a", 99))));
  EXPECT_FALSE(world.run(world.filer.put_object(body_of(world, "a", 100))));
  EXPECT_TRUE(world.run(world.second->delete_object({kBucket, "b"}, {})));
  EXPECT_TRUE(world.run(world.second->delete_object({kBucket, "a"}, {})));
  EXPECT_TRUE(world.run(world.second->put_object(body_of(world, "c", 50))));
  EXPECT_EQ(world.usage(), (BucketUsage{.objects = 1, .bytes = 50}));
}

TEST(Quota, IsKeptInTheBucketsRowAndCanBeTakenAway) {
  TwoFilers world(1);
  const auto set = world.run(world.filer.set_bucket_quota({kBucket, 10, 0}));
  ASSERT_TRUE(set);
  const auto read = world.run(world.second->get_bucket(kBucket));
  EXPECT_EQ(read.value(), set.value());
  EXPECT_EQ(read->quota.max_bytes, 10U);
  EXPECT_NE(read->quota.id, 0U);
  ASSERT_TRUE(world.run(world.filer.set_bucket_quota({kBucket, 0, 0})));
  EXPECT_EQ(world.run(world.second->get_bucket(kBucket))->quota, BucketQuota{});
  EXPECT_TRUE(world.run(world.second->put_object(body_of(world, "a", 100))));
  EXPECT_EQ(world.run(world.filer.set_bucket_quota({"nope", 1, 1})).error().reason(),
            Reason::kNoSuchBucket);
  EXPECT_EQ(world.run(world.filer.set_bucket_quota({kBucket, (1ULL << 62) + 1, 0})).error().code(),
            Errc::kInvalidArgument);
}

struct Racers {
  static Task<void> put(TwoFilers& world, int who, int& stored) {
    FilerService& filer = who % 2 == 0 ? world.filer : *world.second;
    const auto outcome =
        co_await filer.put_object(body_of(world, "k" + std::to_string(who), who % 3 == 0 ? 9 : 10));
    if (outcome) {
      ++stored;
      co_return;
    }
    EXPECT_TRUE(is_refusal(outcome.error())) << outcome.error().message();
  }
  static Task<void> part(TwoFilers& world, std::string id, std::uint32_t number, int& stored) {
    FilerService& filer = number % 2 == 0 ? world.filer : *world.second;
    PutPart put;
    put.upload = {kBucket, "film", std::move(id)};
    put.part_number = number;
    put.size_bytes = 10;
    put.md5 = std::string(16, 'm');
    put.chunks = {world.chunk(10)};
    const auto outcome = co_await filer.put_part(std::move(put));
    if (outcome) ++stored;
    if (!outcome) EXPECT_TRUE(is_refusal(outcome.error())) << outcome.error().message();
  }
  static Task<void> remove(TwoFilers& world, int who) {
    FilerService& filer = who % 2 == 0 ? world.filer : *world.second;
    EXPECT_TRUE(co_await filer.delete_object({kBucket, "k" + std::to_string(who)}, {}));
  }
  /// Sets the quota and takes it away, some times; then `held` is what there was.
  static Task<void> limit(TwoFilers& world, std::uint64_t objects, int times, std::int64_t& held) {
    for (int i = 0; i < times; ++i) {
      EXPECT_TRUE(co_await world.filer.set_bucket_quota({kBucket, 0, 0}));
      EXPECT_TRUE(co_await world.filer.set_bucket_quota({kBucket, 1'000'000, objects}));
    }
    const auto usage = co_await world.filer.bucket_usage(kBucket);
    EXPECT_TRUE(usage);
    if (usage) held = usage->objects;
  }
};

TEST(Quota, ExactlyAsManyOfManyWritersWinAsFit) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    TwoFilers world(seed);
    ASSERT_TRUE(world.run(world.second->put_object(body_of(world, "before", 10))));
    world.limit(0, 10);
    int stored = 0;
    std::vector<Task<void>> tasks;
    for (int who = 0; who < 24; ++who) tasks.push_back(Racers::put(world, who, stored));
    world.run_all(std::move(tasks));
    EXPECT_EQ(stored, 9);
    EXPECT_EQ(world.usage().objects, 10);
  }
}

TEST(Quota, CoversPartsOfUploadsAndObjectsTogether) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    TwoFilers world(seed);
    CreateUpload create;
    create.bucket = kBucket;
    create.key = "film";
    const std::string id = world.run(world.filer.create_upload(create))->upload_id;
    world.limit(100, 0);
    int stored = 0;
    std::vector<Task<void>> tasks;
    for (int who = 0; who < 10; ++who) tasks.push_back(Racers::put(world, who, stored));
    for (std::uint32_t part = 1; part <= 10; ++part) {
      tasks.push_back(Racers::part(world, id, part, stored));
    }
    world.run_all(std::move(tasks));
    EXPECT_GE(stored, 10);
    EXPECT_LE(world.usage().bytes, 100);
    EXPECT_GE(world.usage().bytes, 91) << "what would have fit was refused";
  }
}

// Filers that count in their own rows until they see the quota must not slip past it.
TEST(Quota, HoldsFromTheMomentItIsSetOn) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    TwoFilers world(seed);
    int stored = 0;
    std::int64_t held = 0;
    std::vector<Task<void>> tasks;
    tasks.push_back(Racers::limit(world, 5, 2, held));
    for (int who = 0; who < 20; ++who) tasks.push_back(Racers::put(world, who, stored));
    for (int who = 0; who < 4; ++who) tasks.push_back(Racers::remove(world, who));
    world.run_all(std::move(tasks));
    EXPECT_LE(world.usage().objects, std::max<std::int64_t>(5, held));
  }
}

TEST(Quota, PartsThatWereNeverCountedAreNotTakenOff) {
  TwoFilers world(1);
  CreateUpload create;
  create.bucket = kBucket;
  create.key = "film";
  const std::string id = world.run(world.filer.create_upload(create))->upload_id;
  int stored = 0;
  std::vector<Task<void>> tasks;
  tasks.push_back(Racers::part(world, id, 1, stored));
  tasks.push_back(Racers::part(world, id, 2, stored));
  world.run_all(std::move(tasks));
  // Part 1 as an older Kelp wrote it.
  const auto bucket = world.run(world.filer.get_bucket(kBucket));
  const std::string row_key =
      keys::part(keys::upload(bucket->id, "film", std::stoull(id, nullptr, 16)), 1);
  PartRow part = decode_part(world.store->get(row_key).value().value()).value();
  part.counted = false;
  KvBatch batch;
  batch.writes.push_back(KvWrite::put(row_key, encode_part(part)));
  batch.writes.push_back(KvWrite::add(keys::count(bucket->id, keys::Counter::kBytes, 3), -10));
  batch.writes.push_back(
      KvWrite::add(keys::count(bucket->id, keys::Counter::kUploadBytes, 3), -10));
  world.store->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  EXPECT_EQ(world.usage(), (BucketUsage{.objects = 0, .bytes = 10, .upload_bytes = 10}));
  test::FakeVolumes volumes;
  EXPECT_EQ(world.run(fsck(*world.store, world.work, volumes))->wrong_counters, 0U);
  ASSERT_TRUE(world.run(world.filer.abort_upload({kBucket, "film", id})));
  EXPECT_EQ(world.usage(), BucketUsage{});
}

TEST(UsageWatch, TellsWhatAllBucketsHold) {
  TwoFilers world(1);
  world.make_bucket("second");
  ASSERT_TRUE(world.run(world.filer.put_object(body_of(world, "a", 90))));
  world.limit(100, 0);
  Metrics metrics;
  const auto timers = make_asio_timers();
  UsageWatch watch(*world.store, world.work, world.clock, *timers, metrics);
  ASSERT_TRUE(world.run(watch.look()));
  const std::string text = metrics.text();
  for (const char* line :
       {"kelp_filer_buckets 2\n", "kelp_filer_objects 1\n", "kelp_filer_bytes 90\n",
        "kelp_filer_upload_bytes 0\n", "kelp_filer_buckets_near_quota 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(BucketLimit, CountsTheBucketsOfEachAccount) {
  FilerWorld world(1, {.bucket_limit = 2});
  const auto make = [&world](const std::string& name, const std::string& owner) {
    const auto made = world.run(world.filer.create_bucket({.name = name, .owner_id = owner}));
    return made ? Reason::kNone : made.error().reason();
  };
  EXPECT_EQ(make("a1", "a"), Reason::kNone);
  EXPECT_EQ(make("b1", "b"), Reason::kNone);
  EXPECT_EQ(make("a2", "a"), Reason::kNone);
  EXPECT_EQ(make("a3", "a"), Reason::kTooManyBuckets);
  // One that is there is said to be there all the same.
  EXPECT_EQ(make("a1", "a"), Reason::kBucketOwnedByYou);
  EXPECT_EQ(make("b1", "a"), Reason::kBucketExists);
  EXPECT_EQ(make("b2", "b"), Reason::kNone);
  ASSERT_TRUE(world.run(world.filer.delete_bucket("a2")));
  EXPECT_EQ(make("a3", "a"), Reason::kNone);
  EXPECT_EQ(make("a4", "a"), Reason::kTooManyBuckets);

  FilerWorld open(1, {.bucket_limit = 0});
  for (const std::string name : {"x", "y", "z"}) {
    ASSERT_TRUE(open.run(open.filer.create_bucket({.name = name, .owner_id = "a"})));
  }
}

}  // namespace
}  // namespace kelp
