#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "client/volume_admin.h"
#include "client/volume_client.h"
#include "client/volume_replicas.h"
#include "rpc/deadline_queue.h"
#include "rpc/rpc_server.h"

namespace kelp {

/// How long an upload waits for its next piece, and how many a thread keeps.
struct VolumeHandlersOptions {
  std::chrono::milliseconds upload_idle_time = std::chrono::minutes(5);
  std::size_t upload_limit = 4096;
};

/// Answers RpcVolumeNode's calls with `volumes` and `admin`, which must outlive the server. Before
/// RpcServer::start(); of RpcServers, on each.
void serve_volume(RpcServer& server, VolumeClient& volumes, VolumeAdmin& admin,
                  VolumeHandlersOptions options = {});

/// The same for VolumeReplicas.
void serve_volume_replicas(RpcServer& server, VolumeReplicas& replicas);

/// The needles of one RpcServer: its uploads under way, reads and removals. On its executor.
class VolumeHandlers {
 public:
  /// The server owns the handlers that own this.
  VolumeHandlers(RpcServer& server, VolumeClient& volumes, VolumeHandlersOptions options);

  Task<Result<RpcMessage>> write(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> open(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> append(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> finish(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> abandon(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> read(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> read_shard(RpcMessage request, RpcCallInfo info);

 private:
  struct Upload;
  using UploadPtr = std::shared_ptr<Upload>;
  class Use;

  Result<UploadPtr> find(std::uint64_t id, const RpcCallInfo& info);
  void drop(std::uint64_t id);
  void drop_connection(std::uint64_t connection);

  RpcServer& server_;
  VolumeClient& volumes_;
  const VolumeHandlersOptions options_;
  std::map<std::uint64_t, UploadPtr> uploads_;
  DeadlineQueue expiry_;  ///< Of the uploads that no call is working on.
};

}  // namespace kelp
