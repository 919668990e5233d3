#include "master/core/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace kelp::master {
namespace {

template <typename T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::ranges::find(values, value) != values.end();
}

Result<void> check_room(const NodeStatus& node, const Reservations& reservations,
                        std::uint64_t bytes, const PlacementOptions& options) {
  const std::uint64_t reserve = std::min(options.free_reserve_bytes, node.total_bytes / 20);
  const std::uint64_t kept = reservations.total() + reserve;
  const std::uint64_t room = node.free_bytes > kept ? node.free_bytes - kept : 0;
  if (bytes <= room) return {};
  return Error(
      Errc::kNoSpace,
      fmt::format("the disk of node {} has {} bytes free, {} of them kept back for "
                  "deletions and {} promised to uploads; {} are missing",
                  node.node_id, node.free_bytes, reserve, reservations.total(), bytes - room));
}

}  // namespace

const VolumeStatus* trusted_status(const MasterState& state, const NodeStatus& node,
                                   VolumeId volume) {
  const auto record = state.volumes.find(volume);
  if (record == state.volumes.end()) return nullptr;
  if (!contains(record->second.member_node_ids, node.node_id)) return nullptr;
  const auto status = std::ranges::find(node.volumes, volume, &VolumeStatus::volume);
  if (status == node.volumes.end()) return nullptr;
  return status->generation == record->second.generation ? &*status : nullptr;
}

Result<Placement> place(const MasterState& state, const NodeStatus& node,
                        const Reservations& reservations, const LeaseRequest& request,
                        const PlacementOptions& options) {
  KELP_CHECK(check_room(node, reservations, request.bytes, options));
  Placement placement;
  std::optional<VolumeId> unfinished;
  std::optional<VolumeId> emptiest;
  std::uint64_t emptiest_bytes = 0;
  std::uint32_t usable = 0;
  std::uint32_t open = 0;
  std::uint32_t excluded = 0;
  for (const auto& [id, record] : state.volumes) {
    if (record.collection != request.collection || record.phase == VolumePhase::kSealed) continue;
    ++open;
    if (contains(request.exclude, id)) {
      ++excluded;
      continue;
    }
    if (record.phase == VolumePhase::kCreating) {
      if (contains(record.member_node_ids, node.node_id)) unfinished = id;
      continue;
    }
    const VolumeStatus* status = trusted_status(state, node, id);
    if (status == nullptr || status->read_only) continue;
    const std::uint64_t filled = status->file_bytes + reservations.of(id);
    if (filled >= options.volume_size_limit) {
      placement.full.push_back(id);
      --open;
      continue;
    }
    ++usable;
    if (!emptiest || filled < emptiest_bytes) {
      emptiest = id;
      emptiest_bytes = filled;
    }
  }
  const bool may_create = open < options.writable_volumes + options.spare_volumes;
  if (usable < options.writable_volumes && (unfinished || may_create)) {
    placement.kind = unfinished ? Placement::Kind::kFinish : Placement::Kind::kCreate;
    placement.volume = unfinished.value_or(VolumeId{});
    return placement;
  }
  if (emptiest) {
    placement.volume = *emptiest;
    return placement;
  }
  return Error(Errc::kUnavailable,
               fmt::format("none of the {} volumes of node {} that are not full takes data: {} "
                           "failed for the caller, the others are read-only or not there",
                           open, node.node_id, excluded));
}

}  // namespace kelp::master
