#include "master/core/placement.h"

#include <fmt/format.h>

#include <algorithm>

#include "ec/layout.h"

namespace kelp::master {
namespace {

template <typename T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::ranges::find(values, value) != values.end();
}

/// Why no needle can be written to the copies of a volume just now; empty: it can.
std::string obstacle(const PlacementView& view, VolumeId id, const VolumeRecord& volume,
                     std::uint64_t bytes, const Rooms& rooms, bool avoid_slow) {
  if (volume.frozen) return "is being copied";
  if (volume.scheme && volume.members.size() < wanted_members(volume)) return "lacks a shard";
  for (const NodeNumber member : volume.members) {
    const NodeRecord& node = view.state.nodes.at(member);
    const std::string& name = node.identity.node_id;
    if (node.intent != NodeIntent::kActive) return fmt::format("node {} takes no data", name);
    const ObservedCopy* copy = view.topology.trusted(member, id, volume, view.now);
    if (copy == nullptr) return fmt::format("node {} or its copy is not there", name);
    if (copy->read_only || copy->frozen) return fmt::format("node {}: read-only", name);
    if (avoid_slow && view.topology.slow(member, view.now)) {
      return fmt::format("node {}: its disk is slow", name);
    }
    if (rooms.of(member) < bytes_on_member(volume.scheme, bytes))
      return fmt::format("node {}: its disk is full", name);
  }
  return {};
}

std::uint64_t filled_bytes(const PlacementView& view, VolumeId id, const VolumeRecord& volume) {
  std::uint64_t longest = 0;
  for (const NodeNumber member : volume.members) {
    const ObservedCopy* copy = view.topology.trusted(member, id, volume, view.now);
    if (copy != nullptr) longest = std::max(longest, copy->file_bytes);
  }
  return longest + bytes_on_member(volume.scheme, view.reservations.of(id));
}

bool near(const PlacementView& view, const VolumeRecord& volume, const std::string& rack) {
  return !rack.empty() && !volume.members.empty() &&
         view.state.nodes.at(volume.members.front()).identity.rack == rack;
}

std::uint32_t writable_wanted(const PlacementView& view, std::string_view tag) {
  if (view.options.writable_volumes > 0) return view.options.writable_volumes;
  std::uint32_t nodes = 0;
  for (const auto& [number, node] : view.state.nodes) {
    if (node.intent == NodeIntent::kActive && carries(node.identity, tag) &&
        view.topology.steady(number, view.now)) {
      ++nodes;
    }
  }
  return std::max<std::uint32_t>(nodes, 1);
}

/// The better of two volumes: near, then empty.
struct Choice {
  VolumeId volume;
  bool is_near = false;
  std::uint64_t filled = 0;
  [[nodiscard]] bool beats(const Choice& other) const {
    if (is_near != other.is_near) return is_near;
    return filled < other.filled;
  }
};

/// kNoSpace when not even the node with the most room has `bytes`, of those that carry `tag`.
Result<void> check_room(const PlacementView& view, const Rooms& rooms, std::string_view tag,
                        std::uint64_t bytes) {
  const NodeIdentity* roomiest = nullptr;
  std::uint64_t room = 0;
  for (const auto& [number, node] : view.state.nodes) {
    if (node.intent != NodeIntent::kActive || !carries(node.identity, tag) ||
        !view.topology.alive(number, view.now)) {
      continue;
    }
    const std::uint64_t its_room = rooms.of(number);
    if (its_room >= bytes) return {};
    if (roomiest != nullptr && its_room <= room) continue;
    roomiest = &node.identity;
    room = its_room;
  }
  if (roomiest == nullptr) return {};
  return Error(Errc::kNoSpace,
               fmt::format("node {} has the most room: {} bytes beside what is kept back for "
                           "deletions and promised to uploads; {} are missing",
                           roomiest->node_id, room, bytes - room));
}

bool all_alive(const PlacementView& view, const VolumeRecord& volume) {
  return std::ranges::all_of(
      volume.members, [&view](NodeNumber member) { return view.topology.alive(member, view.now); });
}

}  // namespace

VolumeShape shape_of(const StorageLayout& layout, bool large) {
  if (large && layout.large) return {.scheme = layout.large, .tag = layout.tag};
  return {.spread = layout.spread, .tag = layout.tag};
}

bool carries(const NodeIdentity& node, std::string_view tag) {
  return tag.empty() || std::ranges::find(node.tags, tag) != node.tags.end();
}

const std::string& tag_of(const PlacementOptions& options, const VolumeRecord& volume) {
  return volume.tier.empty() ? options.layout_of(volume.collection).tag : volume.tier;
}

std::string_view host_of(const NodeIdentity& node) {
  const auto says = [](const std::string& tag) { return tag.starts_with(kHostTag); };
  const auto tag = std::ranges::find_if(node.tags, says);
  if (tag == node.tags.end()) return node.node_id;
  return std::string_view(*tag).substr(kHostTag.size());
}

std::uint64_t bytes_on_member(EcScheme scheme, std::uint64_t bytes) {
  if (!scheme) return bytes;
  // A row that is not full takes a cell of parity all the same.
  return bytes == 0 ? 0 : bytes / scheme.data + kEcCellBytes;
}

Rooms::Rooms(const PlacementView& view) : view_(view), promised_(view.state.next_node.value) {
  view.reservations.for_each([this](VolumeId volume, std::uint64_t bytes) {
    const auto record = view_.state.volumes.find(volume);
    if (record == view_.state.volumes.end()) return;
    const std::uint64_t each = bytes_on_member(record->second.scheme, bytes);
    for (const NodeNumber member : record->second.members) promised_.at(member.value) += each;
  });
}

std::uint64_t Rooms::of(NodeNumber number) const {
  const ObservedNode* node = view_.topology.find(number);
  if (node == nullptr) return 0;
  const std::uint64_t kept = std::min(view_.options.free_reserve_bytes, node->total_bytes / 20) +
                             promised_.at(number.value);
  return node->free_bytes > kept ? node->free_bytes - kept : 0;
}

Result<Placement> place(const PlacementView& view, const LeaseRequest& request) {
  const Rooms rooms(view);
  const VolumeShape shape = shape_of(view.options.layout_of(request.collection), request.large);
  const std::uint64_t each = bytes_on_member(shape.scheme, request.bytes);
  KELP_CHECK(check_room(view, rooms, shape.tag, each));
  Placement placement;
  std::optional<Choice> best;
  std::string last_obstacle;
  const bool avoid_slow = view.topology.any_slow(view.now) && can_avoid_slow(view, shape, each);
  std::uint32_t usable = 0;
  std::uint32_t open = 0;
  for (const VolumeId id : view.state.open_volumes) {
    const VolumeRecord& volume = view.state.volumes.at(id);
    if (volume.collection != request.collection || volume.scheme != shape.scheme) continue;
    ++open;
    if (contains(request.exclude, id)) {
      last_obstacle = fmt::format("volume {} failed for the caller", id.value);
      continue;
    }
    if (volume.phase == VolumePhase::kCreating) {
      if (all_alive(view, volume)) placement.finish = id;
      continue;
    }
    const std::uint64_t filled = filled_bytes(view, id, volume);
    if (filled >= view.options.volume_size_limit) {
      if (!volume.frozen) placement.full.push_back(id);
      --open;
      continue;
    }
    if (std::string why = obstacle(view, id, volume, request.bytes, rooms, avoid_slow);
        !why.empty()) {
      last_obstacle = fmt::format("volume {}: {}", id.value, why);
      continue;
    }
    ++usable;
    const Choice choice{id, near(view, volume, request.rack), filled};
    if (!best || choice.beats(*best)) best = choice;
  }
  const std::uint32_t wanted = writable_wanted(view, shape.tag);
  placement.grow = usable < wanted && open < wanted + view.options.spare_volumes;
  if (usable >= wanted) placement.finish.reset();
  if (best) placement.use = best->volume;
  if (placement.use || placement.finish) return placement;
  if (!placement.grow) {
    return Error(Errc::kUnavailable,
                 fmt::format("none of the {} volumes that are not full takes data: {}", open,
                             last_obstacle));
  }
  KELP_TRY([[maybe_unused]] const auto members,
           choose_members(view, shape, each, view.state.next_volume.value));
  return placement;
}

}  // namespace kelp::master
