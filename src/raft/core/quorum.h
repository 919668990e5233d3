#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "raft/core/types.h"

namespace kelp::raft {

/// How an election stands.
enum class VoteResult : std::uint8_t { kPending, kWon, kLost };

/// The largest value that a majority of `voters` has reached; `reached(node)` is how far a node is.
/// 0 for no voters.
template <typename Reached>
[[nodiscard]] std::uint64_t majority_reached(const std::vector<NodeId>& voters, Reached reached) {
  std::uint64_t best = 0;
  for (const NodeId node : voters) {
    const std::uint64_t value = reached(node);
    if (value <= best) continue;
    const auto there =
        std::ranges::count_if(voters, [&](const NodeId other) { return reached(other) >= value; });
    if (static_cast<std::size_t>(there) * 2 > voters.size()) best = value;
  }
  return best;
}

/// The same of both sets of voters (thesis 4.3): what `membership` has decided.
template <typename Reached>
[[nodiscard]] std::uint64_t quorum_reached(const Membership& membership, Reached reached) {
  const std::uint64_t now = majority_reached(membership.voters, reached);
  if (membership.old_voters.empty()) return now;
  return std::min(now, majority_reached(membership.old_voters, reached));
}

/// Whether the nodes for which `has(node)` holds can decide alone.
template <typename Has>
[[nodiscard]] bool is_quorum(const Membership& membership, Has has) {
  return quorum_reached(membership,
                        [&](const NodeId node) -> std::uint64_t { return has(node) ? 1 : 0; }) == 1;
}

/// `vote(node)` is std::optional<bool>: nothing until the node has answered.
template <typename Vote>
[[nodiscard]] VoteResult count_votes(const Membership& membership, Vote vote) {
  if (is_quorum(membership, [&](const NodeId node) { return vote(node) == true; })) {
    return VoteResult::kWon;
  }
  const bool possible =
      is_quorum(membership, [&](const NodeId node) { return vote(node) != false; });
  return possible ? VoteResult::kPending : VoteResult::kLost;
}

}  // namespace kelp::raft
