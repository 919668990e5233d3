#include "client/rpc/rpc_identities.h"

#include <utility>

#include "client/rpc/rpc_serve.h"

namespace kelp {

using enum RpcMethod;

Task<Result<Identities>> RpcIdentityStore::read_identities(ReadIdentities request) {
  return caller_.ask<Identities>(kFilerReadIdentities, std::move(request));
}
Task<Result<IdentityRevision>> RpcIdentityStore::change_identities(ChangeIdentities request) {
  return caller_.ask<IdentityRevision>(kFilerChangeIdentities, std::move(request));
}

void serve_identities(RpcServer& server, IdentityStore& identities) {
  auto read = [&identities](ReadIdentities request) {
    return identities.read_identities(std::move(request));
  };
  serve_method<ReadIdentities>(server, kFilerReadIdentities, read);
  auto change = [&identities](ChangeIdentities request) {
    return identities.change_identities(std::move(request));
  };
  serve_method<ChangeIdentities>(server, kFilerChangeIdentities, change);
}

}  // namespace kelp
