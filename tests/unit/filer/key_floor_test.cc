// The key floor: the collector and a put that comes late never both get their way.

#include "filer/core/key_floor.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "filer/collector.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/fsck.h"
#include "tests/support/forwarding_kv.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using std::chrono::seconds;
using test::FilerWorld;

bool writes(const KvBatch& batch, char space) {
  for (const KvWrite& write : batch.writes) {
    if (write.kind == KvWrite::Kind::kPut && write.key.front() == space) return true;
  }
  return false;
}
bool puts_object(const KvBatch& batch) {
  return writes(batch, keys::kObject);
}
bool puts_part(const KvBatch& batch) {
  return writes(batch, keys::kUpload);
}
bool raises_floor(const KvBatch& batch) {
  return writes(batch, keys::kKeyFloor);
}

PutObject put_of(std::string key, const Chunk& chunk) {
  PutObject put;
  put.bucket = "photos";
  put.key = std::move(key);
  put.entry.etag = std::string(16, 'e');
  put.entry.size_bytes = chunk.size_bytes;
  put.entry.layout.chunks.push_back(chunk);
  return put;
}

PutPart part_of(UploadName upload, const Chunk& chunk) {
  PutPart part;
  part.upload = std::move(upload);
  part.part_number = 1;
  part.md5 = std::string(16, 'm');
  part.size_bytes = chunk.size_bytes;
  part.chunks.push_back(chunk);
  return part;
}

/// A filer and a collector whose needles are on disk.
struct FloorWorld {
  explicit FloorWorld(std::uint64_t seed = 1) : world(seed, {}, make_engine()) {
    world.make_bucket("photos");
  }

  Chunk stored() {
    const Chunk chunk = world.chunk(100);
    volumes.add(chunk);
    return chunk;
  }
  Errc put(const std::string& key, const Chunk& chunk) {
    const auto outcome = world.run(world.filer.put_object(put_of(key, chunk)));
    return outcome ? Errc{} : outcome.error().code();
  }
  UploadName upload(const std::string& key) {
    CreateUpload create;
    create.bucket = "photos";
    create.key = key;
    return {"photos", key, world.run(world.filer.create_upload(create))->upload_id};
  }
  Errc put_part(const UploadName& upload, const Chunk& chunk) {
    const auto outcome = world.run(world.filer.put_part(part_of(upload, chunk)));
    return outcome ? Errc{} : outcome.error().code();
  }
  /// A round with a walk whose floor is to be at least `least`.
  Result<Collected> walk(std::uint64_t least) {
    wanted = NeedleKey(least);
    return world.run(collector.collect(true));
  }
  /// Lets every quarantine end.
  void remove_dead() {
    world.clock.advance(seconds(61));
    EXPECT_TRUE(world.run(collector.collect(false)));
  }
  NeedleKey floor() { return key_floor_of(*world.store->get(keys::key_floor())).value(); }
  /// What is named is on disk, once.
  void expect_sound() {
    const auto report = world.run(fsck(*world.store, world.work, volumes));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->sound()) << (report->findings.empty() ? "" : report->findings[0]);
  }

  test::LateKv* engine = nullptr;
  FilerWorld world;
  test::FakeVolumes volumes;
  std::unique_ptr<Timers> timers = make_asio_timers();
  Metrics metrics;
  NeedleKey wanted;
  Collector collector{{world.kv, world.work, world.clock, *timers, volumes, volumes,
                       [this] { return wanted; }, metrics},
                      {.quarantine = seconds(60)}};

 private:
  std::unique_ptr<KvStore> make_engine() {
    auto made = std::make_unique<test::LateKv>(make_mem_kv());
    engine = made.get();
    return made;
  }
};

TEST(KeyFloor, RefusesObjectsAndPartsThatNameOlderNeedles) {
  FloorWorld w;
  const UploadName upload = w.upload("film");
  const Chunk old = w.stored();
  const Chunk young = w.stored();
  ASSERT_TRUE(w.walk(young.fid.key.value));
  EXPECT_EQ(w.floor(), young.fid.key);

  const auto refused = w.world.run(w.world.filer.put_object(put_of("k", old)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_EQ(refused.error().reason(), Reason::kKeyTooOld);
  EXPECT_EQ(refused.error().detail(),
            "needle 1 was leased too long ago: keys below 2 are no longer taken");
  PutObject both = put_of("k", young);
  both.entry.layout.chunks.push_back(old);
  both.entry.size_bytes += old.size_bytes;
  EXPECT_EQ(w.world.run(w.world.filer.put_object(both)).error().code(), Errc::kConflict);
  EXPECT_EQ(w.put_part(upload, old), Errc::kConflict);

  EXPECT_EQ(w.put("k", young), Errc{});
  EXPECT_EQ(w.put_part(upload, w.stored()), Errc{});
  EXPECT_TRUE(w.world.run(w.world.filer.put_object(test::put_of("photos", "inline", "body"))));
  w.expect_sound();
}

TEST(KeyFloor, LetsAnUploadBeCompletedWhosePartsAreOlder) {
  FloorWorld w;
  const UploadName upload = w.upload("film");
  const Chunk chunk = w.stored();
  ASSERT_EQ(w.put_part(upload, chunk), Errc{});
  ASSERT_EQ(w.put("k", w.stored()), Errc{});
  ASSERT_TRUE(w.walk(1000));
  CompleteUpload complete;
  complete.upload = upload;
  complete.parts.push_back({1, "6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d", {}});
  ASSERT_TRUE(w.world.run(w.world.filer.complete_upload(complete)));
  ASSERT_TRUE(w.walk(1000));
  w.remove_dead();
  EXPECT_TRUE(w.volumes.holds(chunk.fid));
  EXPECT_TRUE(w.world.run(w.world.filer.delete_object({"photos", "k"}, {})));
  w.expect_sound();
}

TEST(KeyFloor, APutThatReadTheOldFloorLosesToTheWalkThatBuriedItsNeedle) {
  FloorWorld w;
  const UploadName upload = w.upload("film");
  // Both with no floor yet and with an older one.
  for (std::uint64_t round = 0; round < 2; ++round) {
    const Chunk of_object = w.stored();
    std::uint64_t buried = 0;
    const auto walk = [&] { buried = w.walk(w.world.last_key + 1)->orphans_buried; };
    w.engine->before(puts_object, walk);
    EXPECT_EQ(w.put("k", of_object), Errc::kConflict);
    EXPECT_EQ(buried, 1U);
    const Chunk of_part = w.stored();
    w.engine->before(puts_part, walk);
    EXPECT_EQ(w.put_part(upload, of_part), Errc::kConflict);
    EXPECT_EQ(buried, 1U);
    w.remove_dead();
    EXPECT_EQ(w.volumes.size(), 0U);
    w.expect_sound();
  }
}

TEST(KeyFloor, APutThatCommitsBeforeTheFloorRisesIsNamedInTheWalk) {
  FloorWorld w;
  const UploadName upload = w.upload("film");
  const Chunk of_object = w.stored();
  const Chunk of_part = w.stored();
  w.engine->before(raises_floor, [&] {
    EXPECT_EQ(w.put("k", of_object), Errc{});
    EXPECT_EQ(w.put_part(upload, of_part), Errc{});
  });
  EXPECT_EQ(w.walk(1000)->orphans_buried, 0U);
  EXPECT_EQ(w.floor(), NeedleKey(1000));
  w.remove_dead();
  EXPECT_EQ(w.volumes.size(), 2U);
  w.expect_sound();
}

TEST(KeyFloor, APutOfYoungerNeedlesOutlivesARisingFloor) {
  FloorWorld w;
  const Chunk old = w.stored();
  const Chunk young = w.stored();
  w.engine->before(puts_object, [&] { EXPECT_TRUE(w.walk(young.fid.key.value)); });
  EXPECT_EQ(w.put("k", young), Errc{});
  w.remove_dead();
  EXPECT_FALSE(w.volumes.holds(old.fid));
  EXPECT_TRUE(w.volumes.holds(young.fid));
  w.expect_sound();
}

TEST(KeyFloor, NeverFalls) {
  FloorWorld w;
  const Chunk old = w.stored();
  ASSERT_TRUE(w.walk(1000));
  // What is below the committed floor is garbage, whatever this collector was told.
  const Chunk late = w.stored();
  EXPECT_EQ(w.walk(late.fid.key.value)->orphans_buried, 1U);
  EXPECT_EQ(w.floor(), NeedleKey(1000));
  EXPECT_EQ(w.put("k", late), Errc::kConflict);
  EXPECT_EQ(w.put("k", old), Errc::kConflict);

  // Another collector raises it further after this one has read it.
  Collector other({w.world.kv, w.world.work, w.world.clock, *w.timers, w.volumes, w.volumes,
                   [] { return NeedleKey(3000); }, w.metrics},
                  {});
  w.engine->before(raises_floor, [&] { EXPECT_TRUE(w.world.run(other.collect(true))); });
  EXPECT_TRUE(w.walk(2000));
  EXPECT_EQ(w.floor(), NeedleKey(3000));
}

TEST(KeyFloor, ACrashBetweenTheFloorAndTheWalkOnlyDelaysTheWalk) {
  FloorWorld w;
  const Chunk named = w.stored();
  ASSERT_EQ(w.put("k", named), Errc{});
  const Chunk orphan = w.stored();
  w.volumes.fail_status = true;
  EXPECT_FALSE(w.walk(1000));
  EXPECT_EQ(w.floor(), NeedleKey(1000));
  w.volumes.fail_status = false;

  Collector next({w.world.kv, w.world.work, w.world.clock, *w.timers, w.volumes, w.volumes,
                  [] { return NeedleKey(1); }, w.metrics},
                 {});
  EXPECT_EQ(w.world.run(next.collect(true))->orphans_buried, 1U);
  w.remove_dead();
  EXPECT_FALSE(w.volumes.holds(orphan.fid));
  EXPECT_TRUE(w.volumes.holds(named.fid));
  w.expect_sound();
}

/// Writers through two filers, slow and fast ones, and floors that a clock that jumps would ask
/// for.
struct Race {
  FloorWorld& w;
  FilerService& second;
  UploadName upload;
  int accepted = 0;
  int refused = 0;
  std::uint64_t buried = 0;

  FilerService& any_filer() { return w.world.work.rng().below(2) == 0 ? w.world.filer : second; }

  void count(const Error* error) {
    ++(error == nullptr ? accepted : refused);
    if (error != nullptr) EXPECT_EQ(error->code(), Errc::kConflict) << error->message();
  }

  static Task<void> write(Race& race, int times) {
    Rng& rng = race.w.world.work.rng();
    for (int i = 0; i < times; ++i) {
      const Chunk chunk = race.w.stored();
      FilerService& filer = race.any_filer();
      if (rng.below(2) == 0) {
        PutObject put = put_of(std::to_string(rng.below(4)), chunk);
        const auto done = co_await filer.put_object(std::move(put));
        race.count(done ? nullptr : &done.error());
      } else {
        PutPart part = part_of(race.upload, chunk);
        part.part_number = 1 + static_cast<std::uint32_t>(rng.below(3));
        const auto done = co_await filer.put_part(std::move(part));
        race.count(done ? nullptr : &done.error());
      }
    }
  }

  static Task<void> collect(Race& race, int times) {
    for (int i = 0; i < times; ++i) {
      race.w.wanted = NeedleKey(1 + race.w.world.work.rng().below(race.w.world.last_key + 2));
      race.w.world.clock.advance(seconds(61));
      const auto done = co_await race.w.collector.collect(true);
      EXPECT_TRUE(done) << done.error().message();
      if (done) race.buried += done->orphans_buried;
    }
  }
};

TEST(KeyFloor, NoAcknowledgedNeedleIsTakenWhateverRaces) {
  int accepted = 0;
  int refused = 0;
  std::uint64_t buried = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    FloorWorld w(seed);
    FilerService second(w.world.kv, w.world.work, w.world.clock);
    Race race{w, second, w.upload("film")};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 6; ++i) tasks.push_back(Race::write(race, 6));
    tasks.push_back(Race::collect(race, 6));
    w.world.run_all(std::move(tasks));
    w.remove_dead();
    w.expect_sound();
    accepted += race.accepted;
    refused += race.refused;
    buried += race.buried;

    // And what was refused does not stay.
    ASSERT_TRUE(w.walk(w.world.last_key + 1));
    w.remove_dead();
    const auto report = w.world.run(fsck(*w.world.store, w.world.work, w.volumes));
    ASSERT_TRUE(report && report->clean());
    EXPECT_EQ(report->dead_needles, 0U);
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0) << "no floor overtook a write: the test proves nothing";
  EXPECT_GT(buried, 0U);
}

}  // namespace
}  // namespace kelp
