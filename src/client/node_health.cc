#include "client/node_health.h"

#include <algorithm>

namespace kelp {
namespace {

constexpr std::chrono::nanoseconds kLeastPatience = std::chrono::milliseconds(2);
constexpr std::chrono::nanoseconds kMostPatience = std::chrono::milliseconds(500);
constexpr std::chrono::nanoseconds kFirstPatience = std::chrono::milliseconds(50);
constexpr std::chrono::seconds kFailureMemory{5};
constexpr std::size_t kRenewEvery = 16;
/// Slower than the quickest by this factor, and by this much: asked after the others.
constexpr std::int64_t kMuchSlower = 8;
constexpr std::int64_t kSlowFloor = 5'000'000;

}  // namespace

void NodeHealth::answered(const std::string& address, std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  Node& node = nodes_[address];
  node.took[node.count % kSamples] = took.count();
  ++node.count;
  node.failed_until = {};
  if (node.count % kRenewEvery == 0) renew(node);
}

void NodeHealth::renew(Node& node) {
  auto sorted = node.took;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(node.count, kSamples));
  std::sort(sorted.begin(), end);
  const auto size = static_cast<std::size_t>(end - sorted.begin());
  node.median = sorted[size / 2];
  node.slowest = sorted[size * 99 / 100];
}

bool node_failed(const Error& error) {
  return error.code() == Errc::kUnavailable || error.code() == Errc::kDeadlineExceeded ||
         error.code() == Errc::kIo || error.code() == Errc::kResourceExhausted;
}

void NodeHealth::failed(const std::string& address, MonoTime now) {
  const std::lock_guard lock(mutex_);
  nodes_[address].failed_until = now + kFailureMemory;
}

bool NodeHealth::failing(const std::string& address, MonoTime now) const {
  const std::lock_guard lock(mutex_);
  const auto at = nodes_.find(address);
  return at != nodes_.end() && at->second.failed_until > now;
}

std::vector<VolumeMember> NodeHealth::rank(std::vector<VolumeMember> members, std::uint64_t turn,
                                           MonoTime now) const {
  if (members.size() < 2) return members;
  std::ranges::rotate(members,
                      members.begin() + static_cast<std::ptrdiff_t>(turn % members.size()));
  const std::lock_guard lock(mutex_);
  const auto find = [this](const VolumeMember& member) {
    const auto at = nodes_.find(member.address);
    return at == nodes_.end() ? nullptr : &at->second;
  };
  std::int64_t quickest = INT64_MAX;
  for (const VolumeMember& member : members) {
    const Node* node = find(member);
    if (node != nullptr && node->median > 0) quickest = std::min(quickest, node->median);
  }
  const auto badness = [&](const VolumeMember& member) {
    const Node* node = find(member);
    if (node == nullptr) return 0;
    if (node->failed_until > now) return 2;
    return node->median > std::max(kSlowFloor, quickest > INT64_MAX / kMuchSlower
                                                   ? INT64_MAX
                                                   : quickest * kMuchSlower)
               ? 1
               : 0;
  };
  std::vector<VolumeMember> ranked;
  for (const int wanted : {0, 1, 2}) {
    for (const VolumeMember& member : members) {
      if (badness(member) == wanted) ranked.push_back(member);
    }
  }
  return ranked;
}

std::chrono::nanoseconds NodeHealth::patience(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  const auto at = nodes_.find(address);
  if (at == nodes_.end() || at->second.slowest == 0) return kFirstPatience;
  return std::clamp(std::chrono::nanoseconds(at->second.slowest), kLeastPatience, kMostPatience);
}

}  // namespace kelp
