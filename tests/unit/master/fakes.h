#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "async/work_pool.h"
#include "base/clock.h"
#include "client/volume_nodes.h"
#include "raft/node/transport.h"

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

/// A group of one master has nobody to talk to.
class NoTransport final : public raft::Transport {
 public:
  void receive(Receiver) override {}
  void send(raft::Message) override {}
  Task<Result<void>> send_chunk(raft::NodeId, raft::SnapshotChunk) override {
    co_return Error(Errc::kUnavailable, "alone");
  }
};

/// A volume server in memory, as the master sees it; what it made survives a crash of the master.
class FakeNode final : public VolumeNode {
 public:
  explicit FakeNode(std::string id) {
    node.node_id = std::move(id);
    node.total_bytes = 100ULL << 30;
    node.free_bytes = 100ULL << 30;
  }

  Task<Result<NodeStatus>> status() override {
    NodeStatus said = node;
    if (!answers_as.empty()) said.node_id = answers_as;
    co_return said;
  }
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override {
    KELP_CO_CHECK(check());
    ++creations;
    if (find(volume) != nullptr) co_return Error(Errc::kAlreadyExists, "the volume is there");
    VolumeStatus made;
    made.volume = volume;
    made.generation = generation;
    made.collection = std::move(collection);
    made.file_bytes = 4096;
    node.volumes.push_back(made);
    co_return Result<void>();
  }
  Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) override {
    KELP_CO_CHECK(check());
    if (loses_copies) retire_now(volume);
    VolumeStatus* const copy = find(volume);
    if (copy == nullptr) co_return Error(Errc::kNotFound, "no such volume here");
    if (copy->generation < oldest || copy->generation > role.generation) {
      co_return Error(Errc::kConflict, "another generation");
    }
    copy->generation = role.generation;
    copy->frozen = role.frozen;
    co_return Result<void>();
  }
  Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation, std::string,
                                  VolumeMember source, Urgency urgency) override {
    pulled_as.push_back(urgency);
    KELP_CO_CHECK(check());
    const VolumeStatus* const from = peers->at(source.address)->find(volume);
    if (from == nullptr || !from->frozen) co_return Error(Errc::kConflict, "not frozen");
    retire_now(volume);
    node.volumes.push_back(*from);
    node.volumes.back().generation = generation;
    if (spoil_pulls > 0) {
      --spoil_pulls;
      ++node.volumes.back().needle_count;
    }
    co_return digest_of(node.volumes.back());
  }
  Task<Result<VolumeDigest>> rebuild(VolumeId volume, Generation generation, std::string,
                                     StripeSources from, Urgency urgency) override {
    rebuilt_as.push_back(urgency);
    if (before_rebuild) before_rebuild();
    KELP_CO_CHECK(check());
    if (spoils_rebuilds) co_return Error(Errc::kCorruption, "the new copy does not check");
    rebuilt_from.push_back(from);
    for (const VolumeMember& member : from.members) {
      const VolumeStatus* const source = peers->at(member.address)->find(volume);
      if (source == nullptr || !source->frozen || source->generation != generation) {
        co_return Error(Errc::kConflict, "not frozen in this generation");
      }
    }
    if (from.members.size() < from.scheme.data) co_return Error(Errc::kUnavailable, "too few");
    retire_now(volume);
    node.volumes.push_back(*peers->at(from.members.front().address)->find(volume));
    co_return digest_of(node.volumes.back());
  }
  Task<Result<VolumeDigest>> digest(VolumeId volume, bool) override {
    KELP_CO_CHECK(check());
    const VolumeStatus* const copy = find(volume);
    if (copy == nullptr) co_return Error(Errc::kNotFound, "no such volume here");
    co_return digest_of(*copy);
  }
  Task<Result<void>> retire(VolumeId volume, Generation generation) override {
    KELP_CO_CHECK(check());
    const VolumeStatus* const copy = find(volume);
    if (copy != nullptr && copy->generation > generation) {
      co_return Error(Errc::kConflict, "newer");
    }
    retire_now(volume);
    co_return Result<void>();
  }

  Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation, std::string,
                                  PackSource from, Urgency) override {
    KELP_CO_CHECK(check());
    packed_from.push_back(from);
    const VolumeStatus* const source = peers->at(from.copy.address)->find(volume);
    if (source == nullptr || !source->frozen || source->generation != generation) {
      co_return Error(Errc::kConflict, "not frozen in this generation");
    }
    packed = *source;
    if (spoil_packs > 0) {
      --spoil_packs;
      packed->live_bytes += static_cast<unsigned char>(node.node_id.back());
    }
    co_return digest_of(*packed);
  }
  Task<Result<VolumeDigest>> verify_packed(VolumeId, Generation generation, Urgency) override {
    KELP_CO_CHECK(check());
    ++verified;
    if (!packed || packed->generation != generation) co_return Error(Errc::kNotFound, "none");
    co_return digest_of(*packed);
  }
  Task<Result<void>> adopt_packed(VolumeId volume, Generation generation) override {
    KELP_CO_CHECK(check());
    if (loses_packed) packed.reset();
    if (!packed) {
      const VolumeStatus* const here = find(volume);
      const bool done = adopted && here != nullptr && here->generation >= generation;
      co_return done ? Result<void>() : Error(Errc::kNotFound, "none");
    }
    retire_now(volume);
    node.volumes.push_back(*std::exchange(packed, std::nullopt));
    adopted = true;
    co_return Result<void>();
  }
  Task<Result<void>> drop_packed(VolumeId, Generation) override {
    KELP_CO_CHECK(check());
    packed.reset();
    co_return Result<void>();
  }

  Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation, std::string,
                                    StripeSources from, Urgency) override {
    KELP_CO_CHECK(check());
    repacked_from.push_back(from);
    const VolumeStatus* const here = find(volume);
    if (here == nullptr || !here->frozen || here->generation != generation) {
      co_return Error(Errc::kConflict, "not frozen in this generation");
    }
    packed = *here;
    packed->live_bytes /= 2;
    if (spoil_packs > 0) {
      --spoil_packs;
      packed->live_bytes += static_cast<unsigned char>(node.node_id.back());
    }
    co_return digest_of(*packed);
  }
  Task<Result<std::vector<SparseVolume>>> sparse_volumes() override {
    KELP_CO_CHECK(check());
    co_return sparse;
  }

  Task<Result<std::string>> read_needles(VolumeId, Generation, NeedleKey, Urgency) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  Task<Result<std::string>> read_needle(VolumeId, Generation, NeedleKey) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId, NeedleKey after,
                                                     std::uint32_t limit) override {
    KELP_CO_CHECK(check());
    std::vector<NeedleInfo> out;
    for (const NeedleKey key : keys) {
      if (key > after && out.size() < limit) out.push_back({.key = key});
    }
    co_return out;
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  Task<Result<void>> read(FileId, std::uint64_t, MutableByteSpan) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  Task<Result<void>> remove(std::vector<FileId>) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }

  std::vector<Urgency> pulled_as;  ///< Of each pull(), in order.
  std::string answers_as;  ///< Not empty: another node has the address now, and was not heard yet.
  std::vector<Urgency> rebuilt_as;           ///< Of each rebuild().
  std::vector<StripeSources> rebuilt_from;   ///< Likewise.
  std::vector<PackSource> packed_from;       ///< Of each pack().
  std::vector<StripeSources> repacked_from;  ///< Of each repack().
  std::vector<SparseVolume> sparse;
  std::optional<VolumeStatus> packed;    ///< Made by pack() or repack(), not adopted.
  std::function<void()> before_rebuild;  ///< Whenever rebuild() is called.
  bool spoils_rebuilds = false;          ///< None comes out well.
  bool adopted = false;
  int verified = 0;           ///< Calls of verify_packed().
  int spoil_packs = 0;        ///< So many come out different.
  bool loses_packed = false;  ///< What it packed is gone when it is to be adopted.
  VolumeStatus* find(VolumeId volume) {
    for (auto& status : node.volumes) {
      if (status.volume == volume) return &status;
    }
    return nullptr;
  }

  NodeStatus node;
  std::set<NeedleKey> keys;        ///< In each of its volumes, for list_needles().
  bool up = true;                  ///< Answers.
  Errc down = Errc::kUnavailable;  ///< What its calls come to when it is not.
  int creations = 0;
  int spoil_pulls = 0;        ///< So many copies come out different.
  bool loses_copies = false;  ///< A copy is gone when it is to have a role.
  std::map<std::string, std::shared_ptr<FakeNode>>* peers = nullptr;

 private:
  [[nodiscard]] Result<void> check() const {
    if (up) return {};
    return Error(down, "the test's node is down");
  }
  void retire_now(VolumeId volume) {
    std::erase_if(node.volumes, [&](const auto& status) { return status.volume == volume; });
  }
  static VolumeDigest digest_of(const VolumeStatus& copy) {
    return {copy.generation, copy.needle_count, copy.live_bytes, 0};
  }
};

/// Volume servers by their address.
class FakeNodes final : public VolumeNodes {
 public:
  std::shared_ptr<VolumeNode> at(const std::string& address) override { return all.at(address); }
  std::shared_ptr<FakeNode> add(const std::string& address) {
    auto node = std::make_shared<FakeNode>("node-" + address);
    node->peers = &all;
    all[address] = node;
    return node;
  }
  std::map<std::string, std::shared_ptr<FakeNode>> all;
};

}  // namespace kelp::test
