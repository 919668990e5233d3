#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "client/volume_admin.h"
#include "client/volume_client.h"
#include "wire/entry.h"

namespace kelp::test {

/// Volumes that remember which needles they hold, and no bytes.
class FakeVolumes final : public VolumeAdmin, public VolumeClient {
 public:
  void add(const Chunk& chunk) {
    needles_[{chunk.fid.volume, chunk.fid.key}] = {chunk.fid.key, chunk.fid.cookie,
                                                   chunk.size_bytes, BucketId(0)};
  }
  [[nodiscard]] std::size_t size() const { return needles_.size(); }
  [[nodiscard]] bool holds(const FileId& fid) const {
    return needles_.contains({fid.volume, fid.key});
  }
  void drop(const FileId& fid) { needles_.erase({fid.volume, fid.key}); }
  /// Volumes that answer kUnavailable to everything but status().
  std::set<VolumeId> refused;
  std::map<VolumeId, std::string> collections;  ///< Where it is not the common one.
  bool fail_status = false;
  std::set<NeedleKey> corrupt;  ///< What verify_volume() finds.

  Task<Result<NodeStatus>> status() override {
    if (fail_status) co_return Error(Errc::kUnavailable, "no status");
    NodeStatus node;
    for (const auto& [at, needle] : needles_) {
      if (node.volumes.empty() || node.volumes.back().volume != at.first) {
        VolumeStatus& status = node.volumes.emplace_back();
        status.volume = at.first;
        status.collection = collections[at.first];
      }
    }
    co_return node;
  }
  Task<Result<void>> create_volume(VolumeId, Generation, std::string) override {
    co_return Error(Errc::kUnimplemented, "not here");
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override {
    if (refused.contains(volume)) co_return Error(Errc::kUnavailable, "refused");
    std::vector<NeedleInfo> page;
    for (auto at = needles_.upper_bound({volume, after});
         at != needles_.end() && at->first.first == volume && page.size() < limit; ++at) {
      page.push_back(at->second);
    }
    co_return page;
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override {
    std::vector<NeedleInfo> failed;
    for (const auto& [at, needle] : needles_) {
      if (at.first == volume && corrupt.contains(at.second)) failed.push_back(needle);
    }
    co_return failed;
  }
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle) override {
    co_return Error(Errc::kUnimplemented, "not here");
  }
  Task<Result<void>> read(FileId, std::uint64_t, MutableByteSpan) override {
    co_return Error(Errc::kUnimplemented, "not here");
  }
  Task<Result<void>> remove(std::vector<FileId> fids) override {
    for (const FileId& fid : fids) {
      if (refused.contains(fid.volume)) co_return Error(Errc::kUnavailable, "refused");
    }
    for (const FileId& fid : fids) drop(fid);
    co_return Result<void>();
  }

 private:
  std::map<std::pair<VolumeId, NeedleKey>, NeedleInfo> needles_;
};

}  // namespace kelp::test
