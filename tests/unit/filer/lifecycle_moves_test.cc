// Objects that lifecycle rules move to other storage classes, and their bytes.

#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>
#include <cstring>
#include <map>

#include "async/work_pool.h"
#include "base/metrics.h"
#include "filer/core/keys.h"
#include "filer/lifecycle_runner.h"
#include "tests/support/run_coro.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using std::chrono::days;

const std::string kBucket = "photos";
const std::string kCold = "GLACIER";
constexpr std::uint32_t kColdVolume = 7;

/// Leases of two collections: the common one, and that of GLACIER, if it lies otherwise.
class Master final : public MasterClient {
 public:
  explicit Master(const Clock& clock) : clock_(clock) {}
  Task<Result<WriteLease>> lease(LeaseRequest request) override {
    WriteLease lease{.first_key = NeedleKey{next_key_},
                     .key_count = request.key_count,
                     .volume = VolumeId{request.collection.empty() ? 1 : kColdVolume},
                     .generation = Generation{1},
                     .members = {},
                     .bytes = request.bytes,
                     .token = "token",
                     .expires = clock_.wall() + std::chrono::hours(1)};
    lease.classes = classes;
    next_key_ += request.key_count;
    co_return lease;
  }
  Task<Result<void>> release(VolumeId, std::uint64_t) override { co_return Result<void>(); }
  Task<Result<VolumeLocation>> locate(VolumeId) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  std::vector<std::string> classes{kCold};

 private:
  const Clock& clock_;
  std::uint64_t next_key_ = 1'000'000;
};

/// Needles in memory.
class Volumes final : public VolumeClient {
 public:
  class Upload final : public NeedleUpload {
   public:
    Upload(Volumes& volumes, FileId fid) : volumes_(volumes), fid_(fid) {}
    Task<Result<void>> append(ByteSpan bytes) override {
      body_.append(as_text(bytes));
      co_return Result<void>();
    }
    Task<Result<void>> finish() override {
      if (volumes_.spoils) body_.back() ^= 1;
      volumes_.needles[fid_.key.value] = body_;
      co_return Result<void>();
    }

   private:
    Volumes& volumes_;
    FileId fid_;
    std::string body_;
  };
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override {
    ++opened;
    if (const auto happens = std::exchange(meanwhile, nullptr)) co_await happens();
    std::unique_ptr<NeedleUpload> upload = std::make_unique<Upload>(*this, request.fid);
    co_return upload;
  }
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override {
    const std::string& body = needles.at(fid.key.value);
    if (offset + buffer.size() > body.size()) co_return Error(Errc::kInvalidArgument, "too far");
    std::memcpy(buffer.data(), body.data() + offset, buffer.size());
    co_return Result<void>();
  }
  Task<Result<void>> remove(std::vector<FileId>) override { co_return Result<void>(); }

  std::map<std::uint64_t, std::string> needles;
  int opened = 0;
  bool spoils = false;                    ///< What is written is not what is read.
  std::function<Task<void>()> meanwhile;  ///< Happens once, during a copy.
};

std::string rule(const std::string& actions) {
  return "<Rule><ID>r</ID><Filter></Filter><Status>Enabled</Status>" + actions + "</Rule>";
}
const std::string kMove =
    "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>";

struct World {
  explicit World(std::size_t most_chunks = 8)
      : filer(*store, *pool, clock, {.min_part_bytes = 1, .most_chunks = most_chunks}) {}

  Chunk needle(std::size_t bytes) {
    std::string body(bytes, '\0');
    for (char& c : body) c = static_cast<char>(rng.below(256));
    volumes.needles[++last_key] = std::move(body);
    return {{VolumeId(1), NeedleKey(last_key), Cookie(1)}, bytes};
  }
  Task<void> set_up(std::string rules, bool versions = false) {
    BucketEntry bucket;
    bucket.name = kBucket;
    bucket.owner_id = "alice";
    if (versions) bucket.versioning = Versioning::kEnabled;
    EXPECT_TRUE(co_await filer.create_bucket(std::move(bucket)));
    EXPECT_TRUE(co_await filer.set_bucket_setting({kBucket, "lifecycle", std::move(rules)}));
  }
  Task<void> put(std::string key, std::vector<std::size_t> sizes) {
    PutObject request = test::put_of(kBucket, std::move(key), "");
    request.inline_body.reset();
    for (const std::size_t size : sizes) {
      request.entry.layout.chunks.push_back(needle(size));
      request.entry.size_bytes += size;
    }
    EXPECT_TRUE(co_await filer.put_object(std::move(request)));
  }
  Task<ObjectEntry> entry_of(std::string key) {
    const auto found = co_await filer.get_object({kBucket, std::move(key)}, false);
    EXPECT_TRUE(found);
    co_return found ? found->entry : ObjectEntry{};
  }
  Task<std::string> body_of(std::vector<Chunk> chunks) {
    std::string body;
    for (const Chunk& chunk : chunks) {
      if (chunk.is_manifest()) {
        const auto listed = co_await filer.get_manifest(chunk.fid.key.value);
        for (const Chunk& each : *listed) body += volumes.needles.at(each.fid.key.value);
      } else {
        body += volumes.needles.at(chunk.fid.key.value);
      }
    }
    co_return body;
  }
  Task<void> pass() {
    KeyLeases leases(master, clock, co_await asio::this_coro::executor);
    {
      BodyMover mover(volumes, leases);
      LifecycleRunner runner({filer, *store, *pool, clock, *timers, metrics, &mover});
      const auto over = co_await runner.go_on(1000);
      EXPECT_TRUE(over && *over);
    }
    co_await leases.close();
  }
  std::size_t dead() {
    return store->scan(keys::within(std::string(1, keys::kDead)), 1000)->size();
  }

  test::StillClock clock;
  Rng rng{1};
  std::unique_ptr<KvStore> store = make_mem_kv();
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 1});
  std::unique_ptr<Timers> timers = make_asio_timers();
  Metrics metrics;
  Master master{clock};
  Volumes volumes;
  FilerService filer;
  std::uint64_t last_key = 0;
};

Task<void> bytes_go_along(World& world) {
  co_await world.set_up(rule(kMove));
  co_await world.put("k", {300'000, 256 << 10, 1});
  co_await world.put("small", {100'000});
  const ObjectEntry before = co_await world.entry_of("k");
  const std::string body = co_await world.body_of(before.layout.chunks);
  world.clock.advance(days(3));
  co_await world.pass();
  ObjectEntry after = co_await world.entry_of("k");
  EXPECT_EQ(after.headers.storage_class, kCold);
  EXPECT_EQ(co_await world.body_of(after.layout.chunks), body);
  for (const Chunk& chunk : after.layout.chunks) EXPECT_EQ(chunk.fid.volume.value, kColdVolume);
  EXPECT_EQ(world.dead(), 3U) << "the needles of before wait for their removal";
  // Nothing else of it changed.
  after.headers.storage_class.clear();
  after.layout = before.layout;
  EXPECT_EQ(after, before);
  EXPECT_EQ((co_await world.entry_of("small")).headers.storage_class, "") << "below 128 KiB";
  const int opened = world.volumes.opened;
  co_await world.pass();
  EXPECT_EQ(world.volumes.opened, opened) << "it is there already";
}

TEST(LifecycleMoves, TakeTheBytesAlong) {
  World world;
  test::run_coro(bytes_go_along(world));
}

Task<void> told(World& world) {
  co_await world.set_up(rule(kMove));
  EXPECT_TRUE(co_await world.filer.set_bucket_events({kBucket, 1'000'000}));
  co_await world.put("k", {300'000});
  const ObjectEntry before = co_await world.entry_of("k");
  world.clock.advance(days(3));
  co_await world.pass();
  const auto page = co_await world.filer.read_events({kBucket, EventsFrom::kOldest, {}, 10});
  EXPECT_EQ(page->events.size(), 2U);
  const ObjectEvent& moved = page->events.back();
  EXPECT_EQ(moved.origin.cause, EventCause::kTransition);
  EXPECT_EQ(moved.version, before.version);
  EXPECT_GT(moved.time, before.modified + days(2)) << "when it moved, not when it came";
}

TEST(LifecycleMoves, AreToldOf) {
  World world;
  test::run_coro(told(world));
}

Task<void> annotated(World& world) {
  co_await world.set_up(rule(kMove));
  co_await world.put("k", {300'000});
  PutAnnotation request{.object = {kBucket, "k"}, .name = "a"};
  request.entry.size_bytes = 4;
  request.inline_body = "text";
  EXPECT_TRUE(co_await world.filer.put_annotation(request));
  const Annotations before = (co_await world.entry_of("k")).layout.annotations;
  world.clock.advance(days(3));
  co_await world.pass();
  const ObjectEntry after = co_await world.entry_of("k");
  EXPECT_EQ(after.headers.storage_class, kCold);
  EXPECT_EQ(after.layout.annotations, before);
  const auto loose = world.store->scan(keys::within(std::string(1, keys::kLooseSet)), 10);
  EXPECT_TRUE(loose->empty());
  const auto found = co_await world.filer.get_annotation({{kBucket, "k"}, "a", true});
  EXPECT_EQ(found->inline_body, "text");
}

TEST(LifecycleMoves, LeaveAnnotationsToTheirObject) {
  World world;
  test::run_coro(annotated(world));
}

Task<void> alike(World& world) {
  world.master.classes.clear();
  co_await world.set_up(rule(kMove));
  co_await world.put("k", {300'000});
  const ObjectEntry before = co_await world.entry_of("k");
  world.clock.advance(days(3));
  co_await world.pass();
  const ObjectEntry after = co_await world.entry_of("k");
  EXPECT_EQ(after.headers.storage_class, kCold);
  EXPECT_EQ(after.layout, before.layout);
  EXPECT_EQ(world.volumes.opened, 0);
  EXPECT_EQ(world.dead(), 0U);
}

TEST(LifecycleMoves, CopyNothingBetweenClassesThatLieAlike) {
  World world;
  test::run_coro(alike(world));
}

Task<void> spoilt(World& world) {
  co_await world.set_up(rule(kMove));
  co_await world.put("k", {300'000});
  const ObjectEntry before = co_await world.entry_of("k");
  world.clock.advance(days(3));
  world.volumes.spoils = true;
  co_await world.pass();
  EXPECT_EQ(co_await world.entry_of("k"), before);
  EXPECT_EQ(world.dead(), 0U);
  world.volumes.spoils = false;
  co_await world.pass();
  EXPECT_EQ((co_await world.entry_of("k")).headers.storage_class, kCold);
}

TEST(LifecycleMoves, KeepWhatWasThereUntilTheCopyIsTheSame) {
  World world;
  test::run_coro(spoilt(world));
}

Task<void> overwritten(World& world) {
  co_await world.set_up(rule(kMove));
  co_await world.put("k", {300'000});
  world.clock.advance(days(3));
  world.volumes.meanwhile = [&world] { return world.put("k", {200'000}); };
  co_await world.pass();
  const ObjectEntry after = co_await world.entry_of("k");
  EXPECT_EQ(after.size_bytes, 200'000U);
  EXPECT_EQ(after.headers.storage_class, "");
  EXPECT_EQ(after.layout.chunks.front().fid.volume.value, 1U);
}

TEST(LifecycleMoves, LeaveWhatIsOverwrittenMeanwhile) {
  World world;
  test::run_coro(overwritten(world));
}

Task<void> drop_rules(FilerService& filer) {
  EXPECT_TRUE(co_await filer.set_bucket_setting({kBucket, "lifecycle", std::nullopt}));
}

Task<void> rules_change(World& world) {
  co_await world.set_up(rule(kMove));
  co_await world.put("k", {300'000});
  const ObjectEntry before = co_await world.entry_of("k");
  world.clock.advance(days(3));
  world.volumes.meanwhile = [&world] { return drop_rules(world.filer); };
  co_await world.pass();
  EXPECT_EQ(co_await world.entry_of("k"), before);
}

TEST(LifecycleMoves, StopWhenTheRulesChange) {
  World world;
  test::run_coro(rules_change(world));
}

Task<void> older_and_long(World& world) {
  const std::string older =
      "<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays>"
      "<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>";
  co_await world.set_up(rule(older), true);
  co_await world.put("k", {100'000, 100'000, 100'000});
  co_await world.put("k", {300'000});
  const auto listed = co_await world.filer.list_versions({.bucket = kBucket});
  const ObjectKey name{kBucket, "k", listed->versions.at(1).version_id};
  const auto before = co_await world.filer.get_object(name, false);
  const std::string body = co_await world.body_of(before->entry.layout.chunks);
  world.clock.advance(days(3));
  co_await world.pass();
  const auto after = co_await world.filer.get_object(name, false);
  EXPECT_EQ(after->entry.headers.storage_class, kCold);
  EXPECT_EQ(after->entry.layout.chunks.size(), 1U);
  EXPECT_TRUE(after->entry.layout.chunks.front().is_manifest());
  EXPECT_EQ(co_await world.body_of(after->entry.layout.chunks), body);
  EXPECT_EQ((co_await world.entry_of("k")).headers.storage_class, "") << "the current one stays";
}

TEST(LifecycleMoves, AreOfOlderVersionsAndManyNeedlesToo) {
  World world(2);
  test::run_coro(older_and_long(world));
}

}  // namespace
}  // namespace kelp
