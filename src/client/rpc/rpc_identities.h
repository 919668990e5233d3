#pragma once

#include <string>
#include <vector>

#include "client/identity_store.h"
#include "client/rpc/rpc_caller.h"

namespace kelp {

/// The identities that the filers at some addresses keep together.
class RpcIdentityStore final : public IdentityStore {
 public:
  /// `channels` must outlive this.
  RpcIdentityStore(RpcChannels& channels, std::vector<std::string> addresses)
      : caller_(channels, std::move(addresses), {.probe = RpcMethod::kFilerLimits}) {}

  Task<Result<Identities>> read_identities(ReadIdentities request) override;
  Task<Result<IdentityRevision>> change_identities(ChangeIdentities request) override;

 private:
  RpcCaller caller_;
};

/// Answers RpcIdentityStore's calls with `identities`, which must outlive the server. Before
/// RpcServer::start(); of RpcServers, on each.
void serve_identities(RpcServer& server, IdentityStore& identities);

}  // namespace kelp
