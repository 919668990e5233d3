#include "client/remote_leases.h"

#include <algorithm>

#include "wire/collections.h"
#include "wire/remote_volume.h"

namespace kelp {
namespace {

/// A bucket has no room that could run out: a lease ends with its keys or its time.
constexpr std::uint64_t kRoom = 1ULL << 50;

/// Of a lease that a master gave for keys alone.
void place_at(const Remote& remote, WriteLease& lease) {
  lease.volume = remote.volume();
  lease.generation = Generation{1};
  lease.members.clear();
  lease.token.clear();
  lease.scheme = {};
  lease.large_from = 0;
  lease.bytes = kRoom;
}

}  // namespace

Task<Result<WriteLease>> RemoteLeases::lease(LeaseRequest request) {
  std::erase_if(request.exclude, is_remote);
  const Remote* const remote = remotes_.of_class(request.collection);
  if (remote != nullptr) {
    request.collection = kRemoteCollection;
    request.bytes = 0;
    request.large = false;
  }
  KELP_CO_TRY(WriteLease lease, co_await master_.lease(std::move(request)));
  if (remote != nullptr) place_at(*remote, lease);
  for (const auto& each : remotes_.all()) {
    for (const std::string& name : each->classes()) {
      if (std::ranges::find(lease.classes, name) == lease.classes.end()) {
        lease.classes.push_back(name);
      }
    }
  }
  co_return lease;
}

Task<Result<void>> RemoteLeases::release(VolumeId volume, std::uint64_t bytes) {
  if (is_remote(volume)) co_return Result<void>();
  co_return co_await master_.release(volume, bytes);
}

Task<Result<VolumeLocation>> RemoteLeases::locate(VolumeId volume) {
  co_return co_await master_.locate(volume);
}

}  // namespace kelp
