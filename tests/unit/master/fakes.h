#pragma once

#include <map>

#include "async/work_pool.h"
#include "base/clock.h"
#include "client/volume_admin.h"

namespace kelp::test {

/// Runs work at once, on the caller's thread.
class InlinePool final : public WorkPool {
 public:
  bool try_post(Work work) override {
    work();
    return true;
  }
};

/// Stands still until it is told.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(since_); }
  [[nodiscard]] WallTime wall() const override { return WallTime(since_); }
  void advance(std::chrono::nanoseconds by) { since_ += by; }

 private:
  std::chrono::nanoseconds since_{std::chrono::hours(1)};
};

/// A volume server in memory; what it made survives a crash of the master.
class FakeVolumes final : public VolumeAdmin {
 public:
  FakeVolumes() {
    node.node_id = "node-1";
    node.total_bytes = 100ULL << 30;
    node.free_bytes = 100ULL << 30;
  }

  Task<Result<NodeStatus>> status() override { co_return node; }
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override {
    ++creations;
    if (fail_next_creation) {
      fail_next_creation = false;
      co_return Error(Errc::kIo, "the test's disk fails");
    }
    if (find(volume) != nullptr) co_return Error(Errc::kAlreadyExists, "the volume is there");
    node.volumes.push_back({.volume = volume,
                            .generation = generation,
                            .collection = std::move(collection),
                            .file_bytes = 4096});
    co_return Result<void>();
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId, NeedleKey, std::uint32_t) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }

  VolumeStatus* find(VolumeId volume) {
    for (auto& status : node.volumes) {
      if (status.volume == volume) return &status;
    }
    return nullptr;
  }

  NodeStatus node;
  int creations = 0;
  bool fail_next_creation = false;
};

}  // namespace kelp::test
