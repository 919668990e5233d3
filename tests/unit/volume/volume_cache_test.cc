// The cache in front of a slower disk: right bytes whatever it holds, and nothing but reads of
// clients goes by way of it.

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/volume/volume_rig.h"
#include "volume/store/block_cache.h"
#include "volume/store/cached_file.h"
#include "volume/volume_upkeep.h"

namespace kelp::test {
namespace {

constexpr const char* kBlocks = "/ssd/blocks";
constexpr std::uint64_t kFiller = 1'000'000;  ///< A needle behind all others.

double metric_of(const Metrics& metrics, const std::string& name) {
  const std::string text = metrics.text();
  const auto at = text.find("\nkelp_volume_" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + name.size() + 14, nullptr);
}

/// A volume server whose disk is always waited for, and a quicker one.
struct CachedRig : VolumeRig {
  explicit CachedRig(std::uint64_t seed = 1, std::uint64_t cache_bytes = 64ULL << 20)
      : VolumeRig(seed), ssd({.seed = seed}), ssd_pool(world) {
    disk.set_faults({.cold_read_per_million = 1'000'000});
    EXPECT_TRUE(ssd.make_dirs("/ssd").has_value());
    open_cache(cache_bytes);
  }
  ~CachedRig() {
    service.reset();
    world.run_out();
  }
  void open_cache(std::uint64_t bytes) {
    block_cache = std::make_unique<BlockCache>(BlockCacheOptions{"/ssd", bytes},
                                               BlockCacheParts{ssd, ssd_pool, cache_metrics});
    cache = block_cache.get();
  }
  [[nodiscard]] double count(const std::string& name) const {
    return metric_of(cache_metrics, "cache_" + name);
  }

  void put(std::uint64_t key, std::size_t size) {
    ASSERT_TRUE(put_now(key, body_for(key, size)).has_value()) << key;
    sizes[key] = size;
  }
  /// `count` needles that begin with `first`, of sizes small and large, and one behind them, so
  /// that nothing more is written where they lie.
  void put_all(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t key = first; key < first + count; ++key)
      put(key, 1 + (key * 37'813) % 300'000);
    put(kFiller + first, 200'000);
  }
  /// Reads every needle whole; each has to be what was put.
  void read_all() {
    for (const auto& [key, size] : sizes) {
      const auto body = get_now(key, size);
      ASSERT_TRUE(body.has_value()) << key << ": " << body.error().message();
      ASSERT_TRUE(*body == body_for(key, size)) << key;
    }
  }
  /// Until everything but the end of the log is in the cache.
  void warm() {
    for (int pass = 0; pass < 4; ++pass) read_all();
    sizes.erase(sizes.upper_bound(kFiller - 1), sizes.end());
  }
  /// Fails what would be read from the slower disk.
  void forbid_disk() {
    disk.set_hook([](DiskOp op, const std::string&) -> std::optional<Error> {
      if (op != DiskOp::kRead) return std::nullopt;
      return Error(Errc::kIo, "the disk was asked");
    });
  }
  void allow_disk() { disk.set_hook(nullptr); }

  SimDisk ssd;
  SimWorkPool ssd_pool;
  Metrics cache_metrics;
  std::unique_ptr<BlockCache> block_cache;
  std::map<std::uint64_t, std::size_t> sizes;
};

TEST(VolumeCache, HasWhatIsReadAgain) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 40);
  rig.read_all();
  EXPECT_LT(rig.count("admitted_total"), 5) << "read once";
  rig.warm();
  EXPECT_GT(rig.count("admitted_total"), 40);
  EXPECT_EQ(rig.count("bytes"), rig.count("admitted_total") * 65536);
  rig.forbid_disk();
  const double misses = rig.count("misses_total");
  rig.read_all();
  for (const auto& [key, size] : rig.sizes) {
    const std::size_t from = size / 3;
    const auto part = rig.world.run(rig.get(fid_of(key), from, size - from));
    ASSERT_TRUE(part.has_value()) << part.error().message();
    EXPECT_TRUE(*part == body_for(key, size).substr(from));
  }
  EXPECT_EQ(rig.count("misses_total"), misses);
  EXPECT_EQ(rig.count("bad_total"), 0);
}

TEST(VolumeCache, DamageInItIsServedFromTheDiskAndCounted) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 40);
  rig.warm();
  const std::size_t bytes = rig.ssd.content(kBlocks)->size();
  for (std::size_t at = 100; at < std::min<std::size_t>(bytes, 8 << 20); at += 5000) {
    rig.ssd.flip_bit(kBlocks, at, at % 8);
  }
  rig.read_all();
  EXPECT_GE(rig.count("bad_total"), 35) << "nearly every needle has a damaged byte";
  EXPECT_EQ(metric_of(*rig.metrics, "corruptions_total"), 0) << "the disk is sound";
  // What was damaged comes in again.
  const double bad = rig.count("bad_total");
  rig.read_all();
  rig.read_all();
  EXPECT_EQ(rig.count("bad_total"), bad);
  rig.forbid_disk();
  rig.read_all();
}

TEST(VolumeCache, DamageOfTheDiskIsTheDisks) {
  CachedRig rig;
  rig.start_fresh();
  rig.put(500, 150'000);
  rig.put_all(1, 40);
  const auto places = rig.places_now();
  const auto at = std::ranges::find(places, NeedleKey{500}, &IndexEntry::key)->place.offset;
  rig.disk.flip_bit(kLog, at + 100'000, 3);
  rig.sizes.erase(500);
  for (int pass = 0; pass < 4; ++pass) {
    EXPECT_EQ(rig.get_now(500, 150'000).error().code(), Errc::kCorruption);
    rig.read_all();
  }
  EXPECT_EQ(rig.count("bad_total"), 0) << "what it had is what the disk has";
  EXPECT_GT(metric_of(*rig.metrics, "corruptions_total"), 0);
}

TEST(VolumeCache, AnErrorOfItsDiskSwitchesItOff) {
  struct Case {
    DiskOp op;
    Errc code;
  };
  for (const Case each : {Case{DiskOp::kRead, Errc::kIo}, Case{DiskOp::kWrite, Errc::kIo},
                          Case{DiskOp::kWrite, Errc::kNoSpace}}) {
    CachedRig rig;
    rig.start_fresh();
    rig.put_all(1, 20);
    const bool while_filling = each.op == DiskOp::kWrite;
    while_filling ? rig.read_all() : rig.warm();
    EXPECT_EQ(rig.count("off"), 0);
    rig.ssd.fail_nth(each.op, 3, each.code);
    rig.read_all();
    EXPECT_EQ(rig.count("off"), 1);
    EXPECT_FALSE(rig.block_cache->on());
    const std::uint64_t asked = rig.ssd.count(DiskOp::kRead) + rig.ssd.count(DiskOp::kWrite);
    for (int pass = 0; pass < 3; ++pass) rig.read_all();
    EXPECT_EQ(rig.ssd.count(DiskOp::kRead) + rig.ssd.count(DiskOp::kWrite), asked);
  }
}

TEST(VolumeCache, OneThatCannotBeOpenedKeepsNobodyFromServing) {
  CachedRig rig;
  rig.block_cache.reset();
  Metrics metrics;
  const auto check_off = [&](const std::string& directory, std::uint64_t bytes) {
    BlockCache cache({directory, bytes}, {rig.ssd, rig.ssd_pool, metrics});
    EXPECT_FALSE(cache.on());
    EXPECT_EQ(metric_of(metrics, "cache_off"), 1);
    EXPECT_EQ(cache.admit({1, 1}), std::nullopt);
  };
  check_off("/not/mounted", 1 << 20);
  EXPECT_FALSE(*rig.ssd.exists("/not/mounted"));
  rig.ssd.set_faults({.capacity_bytes = 1 << 20});
  check_off("/ssd", 2 << 20);
  const auto lock = rig.ssd.lock_dir("/ssd");
  check_off("/ssd", 1 << 20);
}

TEST(VolumeCache, BeginsEmpty) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 10);
  rig.warm();
  EXPECT_GT(rig.count("bytes"), 0);
  ASSERT_TRUE(rig.service->close().has_value());
  rig.service.reset();
  rig.world.run_out();
  rig.block_cache.reset();
  rig.open_cache(16ULL << 20);
  const std::string file = *rig.ssd.content(kBlocks);
  EXPECT_EQ(file.find_first_not_of('\0'), std::string::npos);
  ASSERT_TRUE(rig.start().has_value());
  const double hits = rig.count("hits_total");
  rig.read_all();
  EXPECT_EQ(rig.count("hits_total"), hits);
}

TEST(VolumeCache, IsNoLongerThanItMayBe) {
  CachedRig rig(1, 1 << 20);
  rig.start_fresh();
  rig.put_all(1, 40);
  for (int pass = 0; pass < 6; ++pass) rig.read_all();
  EXPECT_EQ(rig.ssd.content(kBlocks)->size(), 1U << 20);
  EXPECT_LE(rig.count("bytes"), 1 << 20);
  EXPECT_GT(rig.count("bytes"), 0);
}

TEST(VolumeCache, VacuumMakesAnotherLogOfIt) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 40);
  rig.warm();
  std::vector<FileId> removed;
  for (std::uint64_t key = 1; key <= 20; ++key) {
    removed.push_back(fid_of(key));
    rig.sizes.erase(key);
  }
  ASSERT_TRUE(rig.remove_now(removed).has_value());
  EXPECT_EQ(rig.get_now(7, 10).error().code(), Errc::kNotFound);
  ASSERT_TRUE(rig.vacuum_now().has_value());
  const double hits = rig.count("hits_total");
  rig.read_all();
  EXPECT_EQ(rig.count("bad_total"), 0) << "what it has is of the old log";
  rig.put_all(2000, 3);  // nothing more is written where the others lie
  rig.warm();
  EXPECT_GT(rig.count("hits_total"), hits);
}

TEST(VolumeCache, AVolumeThatIsMadeAgainIsAnother) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 40);
  rig.warm();
  ASSERT_TRUE(rig.world.run(rig.service->retire(VolumeId{1}, Generation{1})).has_value());
  ASSERT_TRUE(
      rig.world.run(rig.service->create_volume(VolumeId{1}, Generation{1}, "")).has_value());
  rig.sizes.clear();
  // Needles of the same keys and lengths in other order: at many places the old ones would check.
  for (std::uint64_t key = 40; key > 0; --key) rig.put(key, 1 + (key * 37'813) % 300'000);
  for (int pass = 0; pass < 3; ++pass) rig.read_all();
  EXPECT_EQ(rig.count("bad_total"), 0) << "it found bytes of the one before";
}

// The rest of the chunk is written later.
TEST(VolumeCache, TheEndOfALogStaysOut) {
  CachedRig rig;
  rig.start_fresh();
  for (std::uint64_t key = 1; key <= 60; ++key) {
    rig.put(key, 3000);
    for (int pass = 0; pass < 2; ++pass) rig.read_all();
  }
  EXPECT_GT(rig.count("hits_total"), 0);
  EXPECT_EQ(rig.count("bad_total"), 0) << "a chunk came in before all of it was written";
}

TEST(VolumeCache, IsForClientsReadsOnly) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 30);
  rig.warm();
  const auto seen = [&] {
    return std::array{rig.count("hits_total"), rig.count("misses_total"),
                      rig.count("admitted_total"), rig.count("bytes")};
  };
  const auto before = seen();
  const CopyRole frozen{Generation{1}, true};
  ASSERT_TRUE(rig.world.run(rig.service->set_role(VolumeId{1}, Generation{1}, frozen)).has_value());
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_TRUE(rig.world.run(rig.service->verify_volume(VolumeId{1}))->empty());
    VolumeUpkeep upkeep(*rig.service, {});
    EXPECT_TRUE(rig.world.run(upkeep.scrub_once()).has_value());
    const auto batch = rig.world.run(
        rig.service->read_needles(VolumeId{1}, Generation{1}, NeedleKey{}, Urgency::kRepair));
    ASSERT_TRUE(batch.has_value()) << batch.error().message();
    EXPECT_FALSE(batch->empty());
    EXPECT_TRUE(
        rig.world.run(rig.service->read_part(VolumeId{1}, Generation{1}, NeedleKey{9}, 0, 200))
            .has_value());
    EXPECT_FALSE(rig.list_now().empty());
    EXPECT_TRUE(rig.vacuum_now().has_value());
  }
  EXPECT_EQ(seen(), before);
}

// A volume that serves from elsewhere must not wait for a disk whose threads are all busy.
TEST(VolumeCache, WhatItHasIsReadOnItsOwnThreads) {
  CachedRig rig;
  rig.start_fresh();
  rig.put_all(1, 20);
  rig.warm();
  rig.ssd.set_faults({.cold_read_per_million = 1'000'000});
  rig.pool.set_max_delay(std::chrono::hours(1));
  const MonoTime begin = rig.clock.mono();
  rig.read_all();
  EXPECT_LT(rig.clock.mono() - begin, std::chrono::seconds(10));
}

TEST(VolumeCache, DoesWhatADiskWithoutOneDoes) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const std::uint64_t cache_bytes = seed % 3 == 0 ? 64ULL << 20 : 1 << 20;
    CachedRig rig(seed, cache_bytes);
    rig.disk.set_faults({.cold_read_per_million = 700'000});
    rig.ssd.set_faults({.cold_read_per_million = 500'000});
    rig.start_fresh();
    Rng rng(seed);
    std::uint64_t next = 1;
    for (int step = 0; step < 600; ++step) {
      const std::uint64_t what = rng.below(100);
      if (what < 12 || rig.sizes.empty()) {
        rig.put(next++, 1 + rng.below(rng.below(3) == 0 ? 400'000 : 9'000));
      } else if (what < 15) {
        const auto gone =
            std::next(rig.sizes.begin(), static_cast<long>(rng.below(rig.sizes.size())));
        ASSERT_TRUE(rig.remove_now({fid_of(gone->first)}).has_value());
        EXPECT_EQ(rig.get_now(gone->first, 1).error().code(), Errc::kNotFound);
        rig.sizes.erase(gone);
      } else if (what < 17) {
        ASSERT_TRUE(rig.vacuum_now().has_value());
      } else if (what < 25) {
        for (int flip = 0; flip < 5; ++flip) rig.ssd.flip_bit(kBlocks, rng.below(cache_bytes), 3);
      } else {
        // A few are read often.
        const std::size_t among =
            rng.below(2) == 0 ? std::min<std::size_t>(5, rig.sizes.size()) : rig.sizes.size();
        const auto at = std::next(rig.sizes.begin(), static_cast<long>(rng.below(among)));
        const std::size_t from = rng.below(at->second);
        const std::size_t bytes = 1 + rng.below(at->second - from);
        const auto got = rig.world.run(rig.get(fid_of(at->first), from, bytes));
        ASSERT_TRUE(got.has_value()) << got.error().message();
        ASSERT_TRUE(*got == body_for(at->first, at->second).substr(from, bytes)) << at->first;
      }
    }
    EXPECT_GT(rig.count("hits_total"), 0);
    EXPECT_EQ(metric_of(*rig.metrics, "corruptions_total"), 0);
  }
}

// Nobody checks the bytes here: none may be of another chunk, or half of it.
TEST(VolumeCache, ThreadsSeeNoOthersBytes) {
  constexpr std::size_t kChunk = BlockCache::kChunkBytes;
  constexpr std::size_t kChunks = 24;
  SimDisk disk;
  SimDisk ssd;
  ASSERT_TRUE(disk.make_dirs("/d").has_value() && ssd.make_dirs("/ssd").has_value());
  std::shared_ptr<File> log = *disk.open("/d/log", OpenMode::kCreate);
  std::string content = body_for(1, kChunks * kChunk);
  const ByteSpan piece = as_bytes(std::string_view(content));
  ASSERT_TRUE(log->write_at(0, std::span(&piece, 1)).has_value());
  Metrics metrics;
  const auto pool = make_thread_pool({.threads = 1});
  BlockCache cache({"/ssd", 6 * kChunk}, {ssd, *pool, metrics});
  CachedFile file(log, cache, [] { return kChunks * kChunk; });
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> readers;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    readers.emplace_back([&, seed] {
      Rng rng(seed);
      std::string buffer(3 * kChunk, '\0');
      for (int step = 0; step < 3000; ++step) {
        const std::size_t most = rng.below(3) == 0 ? content.size() : 8 * kChunk;
        const std::size_t from = rng.below(most - 1);
        const std::size_t bytes = 1 + rng.below(std::min(buffer.size(), content.size() - from));
        const auto into = std::as_writable_bytes(std::span(buffer)).first(bytes);
        const auto got = file.read_at(from, into);
        if (got.value_or(0) != bytes || content.compare(from, bytes, buffer, 0, bytes) != 0)
          ++wrong;
        if (rng.below(50) == 0) file.forget(from, bytes);
      }
    });
  }
  readers.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(metric_of(metrics, "cache_hits_total"), 100);
  EXPECT_GT(metric_of(metrics, "cache_evicted_total"), 10);
}

}  // namespace
}  // namespace kelp::test
