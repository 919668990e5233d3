#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/rpc/rpc_caller.h"
#include "client/volume_nodes.h"

namespace kelp {

/// One volume server at one address. Safe from any io thread. Two things differ from the
/// interfaces: a needle of up to kSmallNeedleBytes travels when it is finished, so that what open()
/// would refuse comes from finish(), and the body can be had back then; and an upload stays on the
/// thread that opened it, where it also dies, before its RpcChannels.
class RpcVolumeNode final : public VolumeNode {
 public:
  /// `channels` must outlive this.
  RpcVolumeNode(RpcChannels& channels, std::string address);

  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override;
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override;
  Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer) override;
  Task<Result<void>> remove(std::vector<FileId> fids) override;

  Task<Result<NodeStatus>> status() override;
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override;
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override;
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override;

  Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) override;
  Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation, std::string collection,
                                  VolumeMember source, Urgency urgency) override;
  Task<Result<VolumeDigest>> rebuild(VolumeId volume, Generation generation, std::string collection,
                                     StripeSources from, Urgency urgency) override;
  Task<Result<VolumeDigest>> digest(VolumeId volume, bool verify) override;
  Task<Result<void>> retire(VolumeId volume, Generation generation) override;
  Task<Result<std::string>> read_needles(VolumeId volume, Generation generation, NeedleKey after,
                                         Urgency urgency) override;
  Task<Result<std::string>> read_needle(VolumeId volume, Generation generation,
                                        NeedleKey key) override;
  Task<Result<NeedlePart>> read_part(VolumeId volume, Generation generation, NeedleKey key,
                                     std::uint64_t offset, std::size_t bytes) override;
  Task<Result<std::string>> read_rebuilt(VolumeId volume, Generation generation, std::uint8_t shard,
                                         NeedleKey key) override;
  Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation, std::string collection,
                                  PackSource from, Urgency urgency) override;
  Task<Result<VolumeDigest>> verify_packed(VolumeId volume, Generation generation,
                                           Urgency urgency) override;
  Task<Result<void>> adopt_packed(VolumeId volume, Generation generation) override;
  Task<Result<void>> drop_packed(VolumeId volume, Generation generation) override;
  Task<Result<std::string>> read_packed(VolumeId volume, Generation generation, PackSource from,
                                        NeedleKey after, Urgency urgency) override;
  Task<Result<PackedPlace>> find_packed(FileId fid, EcScheme scheme) override;
  Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation, std::string collection,
                                    StripeSources from, Urgency urgency) override;
  Task<Result<std::vector<SparseVolume>>> sparse_volumes() override;

 private:
  template <typename Request>
  Task<Result<std::string>> bytes_of(RpcMethod method, Request request);
  /// Into `buffer`, which must be as long as what comes.
  template <typename Request>
  Task<Result<void>> read_piece(RpcMethod method, Request request, MutableByteSpan buffer);

  RpcCaller caller_;
};

/// Volume servers by address, each made once. Thread-safe.
class RpcVolumeNodes final : public VolumeNodes {
 public:
  /// `channels` must outlive this. `own`, when there is one, is the server in this process, at
  /// `own_address` and at the empty one.
  explicit RpcVolumeNodes(RpcChannels& channels, std::shared_ptr<VolumeNode> own = nullptr,
                          std::string own_address = "")
      : channels_(channels), own_(std::move(own)), own_address_(std::move(own_address)) {}
  [[nodiscard]] std::shared_ptr<VolumeNode> at(const std::string& address) override;

 private:
  RpcChannels& channels_;
  const std::shared_ptr<VolumeNode> own_;
  const std::string own_address_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<VolumeNode>> nodes_;
};

}  // namespace kelp
