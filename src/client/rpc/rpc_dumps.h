#pragma once

#include <string>
#include <vector>

#include "client/metadata_dumps.h"
#include "client/rpc/rpc_caller.h"

namespace kelp {

/// Dumps of a filer at some address.
class RpcMetadataDumps final : public MetadataDumps {
 public:
  /// `channels` must outlive this.
  RpcMetadataDumps(RpcChannels& channels, std::string address)
      : caller_(channels, std::vector{std::move(address)}) {}

  Task<Result<DumpPiece>> next_piece(std::uint64_t dump, std::string since) override;

 private:
  RpcCaller caller_;
};

/// Answers RpcMetadataDumps' calls with `dumps`, which must outlive the server. Before
/// RpcServer::start(); of RpcServers, on each.
void serve_dumps(RpcServer& server, MetadataDumps& dumps);

}  // namespace kelp
