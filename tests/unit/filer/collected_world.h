#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "filer/collector.h"
#include "filer/core/keys.h"
#include "filer/fsck.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp::test {

/// A filer with volumes of needles that have no bytes, and a collector with a quarantine of a
/// minute.
class CollectedWorld {
 protected:
  explicit CollectedWorld(std::uint64_t seed, FilerOptions options) : world_(seed, options) {}

  /// A fresh needle of 100 bytes that is on disk.
  Chunk needle() {
    const Chunk chunk = world_.chunk(100);
    volumes_.add(chunk);
    return chunk;
  }
  /// The collector's rounds after a quarantine.
  void collect(bool with_walks = false) {
    world_.clock.advance(std::chrono::seconds(61));
    EXPECT_TRUE(world_.run(collector_.collect(with_walks)));
  }
  FsckReport check() {
    return world_.run(fsck(*world_.store, world_.work, volumes_)).value_or(FsckReport{});
  }
  std::size_t rows(char kind) {
    return world_.store->scan(keys::within(std::string(1, kind)), 100'000)->size();
  }

  FilerWorld world_;
  FakeVolumes volumes_;
  std::unique_ptr<Timers> timers_ = make_asio_timers();
  Metrics metrics_;
  NeedleKey oldest_provisional_{0};
  Collector collector_{{world_.kv, world_.work, world_.clock, *timers_, volumes_, volumes_,
                        [this] { return oldest_provisional_; }, metrics_},
                       {.quarantine = std::chrono::seconds(60)}};
};

}  // namespace kelp::test
