#include "raft/node/lead_lease.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace kelp::raft {
namespace {

/// A member's first tick may be due when the heartbeat arrives, and so may the second when it
/// slept.
constexpr std::uint32_t kTicksAtOnce = 2;
/// Times that are kept of one length of the lease.
constexpr int kParts = 32;

}  // namespace

LeadLease::LeadLease(std::chrono::nanoseconds tick, std::uint32_t election_ticks)
    : length_(tick * (election_ticks - std::min(election_ticks, kTicksAtOnce)) * 7 / 8) {}

void LeadLease::note(const std::optional<LeadRounds>& rounds, MonoTime before) {
  if (!rounds || rounds->term != term_) {
    begun_.clear();
    seen_ = 0;
  }
  if (!rounds) return;
  term_ = rounds->term;
  const bool news = rounds->begun > std::exchange(seen_, rounds->begun);
  if (!news) return;
  while (!begun_.empty() && before - begun_.front().at >= length_) begun_.pop_front();
  // A round that is left out counts as the one before it: the lease is shorter, never longer.
  const bool close = !begun_.empty() && before - begun_.back().at < length_ / kParts;
  if (!close) begun_.push_back({rounds->begun, before});
}

bool LeadLease::holds(const std::optional<LeadRounds>& rounds, MonoTime now) const {
  if (!rounds || rounds->term != term_) return false;
  for (const Begun& begun : std::views::reverse(begun_)) {
    if (begun.round <= rounds->confirmed) return now - begun.at < length_;
  }
  return false;
}

}  // namespace kelp::raft
