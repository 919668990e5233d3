#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/rng.h"
#include "tests/support/sim_context.h"
#include "tests/support/sim_disk.h"
#include "volume/core/index_snapshot.h"
#include "volume/volume_service.h"

namespace kelp::test {

inline constexpr const char* kClusterId = "00112233-4455-6677-8899-aabbccddeeff";
inline constexpr const char* kLog = "/data/000000001.dat";
inline constexpr const char* kSnapshot = "/data/000000001.idx";

/// The body that a test gives the needle `key`: tells itself from every other.
inline std::string body_for(std::uint64_t key, std::size_t size) {
  Rng rng(key * 1'000'003 + size);
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = rng.next();
    std::memcpy(body.data() + i, &word, std::min<std::size_t>(8, size - i));
  }
  return body;
}

inline FileId fid_of(std::uint64_t key) {
  return {VolumeId{1}, NeedleKey{key}, Cookie{static_cast<std::uint32_t>(key * 7919)}};
}

/// KELP_INDEX=disk: all tests of the room with indexes on disk.
inline bool index_on_disk() {
  const char* const index = std::getenv("KELP_INDEX");
  return index != nullptr && std::string_view(index) == "disk";
}

/// A volume server with volume 1 on a disk twin in a simulated world. Restarts as often as is
/// asked.
class VolumeRig {
 public:
  explicit VolumeRig(std::uint64_t seed) : world(seed), disk({.seed = seed}), pool(world) {
    options.directory = "/data";
    options.cluster_id = kClusterId;
    options.index_on_disk = index_on_disk();
    (void)set_log_level("error");
  }
  ~VolumeRig() { world.run_out(); }

  Result<void> start() {
    service.reset();
    metrics = std::make_unique<Metrics>();
    VolumeServiceParts parts{.io = disk,
                             .pool = pool,
                             .clock = clock,
                             .metrics = *metrics,
                             .verify_token = [this](const OpenNeedle& request) -> Result<void> {
                               if (request.token == token) return {};
                               return Error(Errc::kPermissionDenied, "another token");
                             },
                             .background = &budget,
                             .timers = &timers,
                             .cache = cache};
    KELP_TRY(service, VolumeService::start(options, std::move(parts)));
    return {};
  }
  /// start() and volume 1.
  void start_fresh() {
    ASSERT_TRUE(start().has_value());
    const auto made = world.run(service->create_volume(VolumeId{1}, Generation{1}, ""));
    ASSERT_TRUE(made.has_value()) << made.error().message();
  }

  Task<Result<void>> put(std::uint64_t key, std::string body, std::size_t piece = 256 * 1024) {
    OpenNeedle request{.fid = fid_of(key),
                       .generation = Generation{1},
                       .token = token,
                       .body_bytes = body.size(),
                       .bucket = BucketId{key % 5},
                       .object_key = "key/" + std::to_string(key)};
    KELP_CO_TRY(const auto upload, co_await service->open(std::move(request)));
    for (std::size_t at = 0; at < body.size(); at += piece) {
      KELP_CO_CHECK(co_await upload->append(as_bytes(std::string_view(body).substr(at, piece))));
    }
    co_return co_await upload->finish();
  }

  Task<Result<std::string>> get(FileId fid, std::uint64_t offset, std::size_t size) {
    std::string body(size, '?');
    KELP_CO_CHECK(co_await service->read(fid, offset, std::as_writable_bytes(std::span(body))));
    co_return body;
  }
  Result<std::string> get_now(std::uint64_t key, std::size_t size) {
    return world.run(get(fid_of(key), 0, size));
  }
  Result<void> put_now(std::uint64_t key, std::string body) {
    return world.run(put(key, std::move(body)));
  }
  Result<void> remove_now(std::vector<FileId> fids) {
    return world.run(service->remove(std::move(fids)));
  }
  /// Where the live needles lie, by key; writes a snapshot.
  std::vector<IndexEntry> places_now() {
    EXPECT_TRUE(service->close().has_value());
    return decode_index_snapshot(*disk.content(kSnapshot))->entries;
  }
  Result<void> vacuum_now() { return world.run(service->vacuum(VolumeId{1})); }
  std::vector<NeedleInfo> list_now() {
    return *world.run(service->list_needles(VolumeId{1}, NeedleKey{0}, 10'000));
  }

  SimContext world;
  SimDisk disk;
  SimWorkPool pool;
  SimClock clock{world};
  SimTimers timers{world};
  BackgroundBudget budget{0, clock, timers};
  BlockCache* cache = nullptr;
  std::string token = "good token";
  VolumeServiceOptions options;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<VolumeService> service;
};

}  // namespace kelp::test
