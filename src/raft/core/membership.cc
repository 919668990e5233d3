#include "raft/core/membership.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"

namespace kelp::raft {
namespace {

constexpr std::uint8_t kVersion = 1;

void write_nodes(ByteWriter& writer, const std::vector<NodeId>& nodes) {
  writer.varint(nodes.size());
  for (const NodeId node : nodes) writer.varint(node.value);
}

std::vector<NodeId> read_nodes(ByteReader& reader) {
  const std::uint64_t count = reader.varint();
  std::vector<NodeId> nodes;
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    nodes.push_back(NodeId{reader.varint()});
  }
  return nodes;
}

bool ascending(const std::vector<NodeId>& nodes) {
  if (!nodes.empty() && nodes.front() == NodeId{}) return false;
  return std::ranges::adjacent_find(nodes, std::ranges::greater_equal()) == nodes.end();
}

}  // namespace

std::string encode_membership(const Membership& membership) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.fixed(kVersion);
  write_nodes(writer, membership.voters);
  write_nodes(writer, membership.old_voters);
  write_nodes(writer, membership.learners);
  return bytes;
}

Result<Membership> decode_membership(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto version = reader.fixed<std::uint8_t>();
  if (!reader.failed() && version > kVersion) {
    return Error(Errc::kUnimplemented, fmt::format("membership: version {}", version));
  }
  Membership membership;
  membership.voters = read_nodes(reader);
  membership.old_voters = read_nodes(reader);
  membership.learners = read_nodes(reader);
  KELP_CHECK(reader.finish("membership"));
  if (const auto valid = validate(membership); !valid || version == 0) {
    return Error(Errc::kCorruption, valid ? "membership: version 0" : valid.error().detail());
  }
  return membership;
}

Result<void> validate(const Membership& membership) {
  if (!ascending(membership.voters) || !ascending(membership.old_voters) ||
      !ascending(membership.learners)) {
    return Error(Errc::kInvalidArgument, "membership: an id of 0, twice, or out of order");
  }
  if (membership.voters.empty() && !membership.old_voters.empty()) {
    return Error(Errc::kInvalidArgument, "membership: old voters without new ones");
  }
  for (const NodeId node : membership.learners) {
    if (contains(membership.voters, node)) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("membership: {} is a voter and a learner", node.value));
    }
  }
  return {};
}

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::binary_search(nodes, node);
}

bool is_voter(const Membership& membership, NodeId node) {
  return contains(membership.voters, node) || contains(membership.old_voters, node);
}

std::vector<NodeId> members_of(const Membership& membership) {
  std::vector<NodeId> nodes = membership.voters;
  for (const auto* more : {&membership.old_voters, &membership.learners}) {
    nodes.insert(nodes.end(), more->begin(), more->end());
  }
  std::ranges::sort(nodes);
  const auto doubles = std::ranges::unique(nodes);
  nodes.erase(doubles.begin(), doubles.end());
  return nodes;
}

Membership enter_change(const Membership& current, std::vector<NodeId> voters,
                        std::vector<NodeId> learners) {
  std::ranges::sort(voters);
  std::ranges::sort(learners);
  Membership next{.voters = std::move(voters), .old_voters = {}, .learners = std::move(learners)};
  if (next.voters != current.voters) next.old_voters = current.voters;
  return next;
}

Membership leave_change(const Membership& joint) {
  return {.voters = joint.voters, .old_voters = {}, .learners = joint.learners};
}

MembershipHistory::MembershipHistory(LogIndex index, Membership membership) {
  sets_.push_back({index, std::move(membership)});
}

const Membership& MembershipHistory::at(LogIndex index) const {
  auto set = sets_.rbegin();
  while (set != sets_.rend() && set->index > index) ++set;
  KELP_ASSERT(set != sets_.rend(), "a membership was asked for that is forgotten");
  return set->membership;
}

void MembershipHistory::push(LogIndex index, Membership membership) {
  KELP_ASSERT(index > current_index(), "memberships come in the log's order");
  sets_.push_back({index, std::move(membership)});
}

void MembershipHistory::truncate_from(LogIndex index) {
  while (sets_.size() > 1 && sets_.back().index >= index) sets_.pop_back();
}

void MembershipHistory::forget_before(LogIndex index) {
  while (sets_.size() > 1 && sets_[1].index <= index) sets_.pop_front();
}

}  // namespace kelp::raft
