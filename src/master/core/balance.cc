#include "master/core/balance.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <set>
#include <utility>

namespace kelp::master {
namespace {

/// How far a node is from even: bytes that it has too many (or, below 0, too few).
struct Load {
  NodeNumber node;
  std::int64_t over = 0;
  std::int64_t room = 0;  ///< What else lies on its disk is not in `over`: it may be full.
};

struct Loads {
  std::vector<Load> nodes;
  std::int64_t mean = 0;  ///< Bytes of a node.
};

/// By node number: a flat list, since there may be a million copies.
std::vector<std::int64_t> used_bytes(const PlacementView& view, const Survey& survey) {
  std::vector<std::int64_t> used(view.state.next_node.value);
  for (const SurveyedVolume& volume : survey.volumes()) {
    for (const NodeNumber member : volume.record->members) {
      used.at(member.value) += static_cast<std::int64_t>(volume.bytes);
    }
  }
  for (const auto& [id, job] : view.state.jobs) {
    const SurveyedVolume* volume = survey.find(job.volume);
    if (volume == nullptr || is_decided(job.step)) continue;
    used.at(job.to.value) += static_cast<std::int64_t>(volume->bytes);
    for (std::size_t i = 1; job.kind == JobKind::kRepair && i < job.targets.size(); ++i) {
      used.at(job.targets[i].value) += static_cast<std::int64_t>(volume->bytes);
    }
    if (job.from.has_value()) used.at(job.from->value) -= static_cast<std::int64_t>(volume->bytes);
  }
  return used;
}

Loads loads_of(const PlacementView& view, const Survey& survey) {
  Loads out;
  const auto used = used_bytes(view, survey);
  double all_used = 0;
  double all_total = 0;
  const Rooms rooms(view);
  const auto total_of = [&view](NodeNumber node) {
    return static_cast<double>(view.topology.find(node)->total_bytes);
  };
  for (const auto& [number, node] : view.state.nodes) {
    if (node.intent != NodeIntent::kActive || !view.topology.steady(number, view.now) ||
        view.topology.slow(number, view.now)) {
      continue;
    }
    out.nodes.push_back(
        {number, used.at(number.value), static_cast<std::int64_t>(rooms.of(number))});
    all_used += static_cast<double>(out.nodes.back().over);
    all_total += total_of(number);
  }
  if (out.nodes.empty()) return out;
  out.mean = static_cast<std::int64_t>(all_used / static_cast<double>(out.nodes.size()));
  for (Load& load : out.nodes) {
    const double share = all_total > 0 ? total_of(load.node) / all_total : 0;
    load.over -= static_cast<std::int64_t>(all_used * share);
  }
  return out;
}

/// The volume whose move leaves the two nodes most alike; of those that take no data any more if
/// one of them does.
const SurveyedVolume* best_volume(const PlacementView& view, const Survey& survey,
                                  const std::set<VolumeId>& planned, const Load& from,
                                  const Load& to, std::int64_t least) {
  const SurveyedVolume* best = nullptr;
  const std::int64_t gap = from.over - to.over;
  const auto gap_after = [gap](const SurveyedVolume& volume) {
    return std::abs(gap - 2 * static_cast<std::int64_t>(volume.bytes));
  };
  const auto open = [](const SurveyedVolume& volume) {
    return volume.record->phase != VolumePhase::kSealed;
  };
  for (const SurveyedVolume& volume : survey.volumes()) {
    if (gap_after(volume) > gap - least || !volume.movable()) continue;
    if (static_cast<std::int64_t>(volume.bytes) > to.room) continue;
    if (best != nullptr &&
        std::pair(open(volume), gap_after(volume)) >= std::pair(open(*best), gap_after(*best))) {
      continue;
    }
    const auto& members = volume.record->members;
    if (std::ranges::find(members, from.node) == members.end() ||
        std::ranges::find(members, to.node) != members.end() || planned.contains(volume.id) ||
        !may_replace(view, *volume.record, from.node, to.node)) {
      continue;
    }
    best = &volume;
  }
  return best;
}

/// From and to, of which nothing may be moved now.
using Pairs = std::set<std::pair<NodeNumber, NodeNumber>>;
/// Each costs a look at every volume.
constexpr std::size_t kMisses = 16;
/// A node whose volumes may go to none of so many others does not keep the next one from giving.
constexpr int kMissesOfOne = 4;

/// The fullest node and the emptiest one with room for a job each, and on its disk for more than
/// `least` bytes, of `nodes` in the order of their load; a pair that was tried in vain never again.
std::optional<std::pair<Load*, Load*>> next_pair(std::vector<Load>& nodes, const JobBudget& budget,
                                                 const Pairs& hopeless, std::int64_t least) {
  for (Load& from : std::views::reverse(nodes)) {
    if (!budget.has_room(from.node)) continue;
    int misses = 0;
    for (Load& to : nodes) {
      if (to.over >= from.over || misses == kMissesOfOne) break;
      if (!budget.has_room(to.node) || to.room <= least) continue;
      if (!hopeless.contains({from.node, to.node})) return std::pair(&from, &to);
      ++misses;
    }
  }
  return std::nullopt;
}

}  // namespace

void plan_balance(const PlacementView& view, const Survey& survey, const PlanOptions& options,
                  JobBudget& budget, std::vector<StartJob>& out) {
  Loads loads = loads_of(view, survey);
  const auto bytes_least = static_cast<std::int64_t>(options.balance_bytes);
  const std::int64_t apart = std::max(loads.mean * options.balance_percent / 100, bytes_least);
  const std::int64_t gain = std::max<std::int64_t>(bytes_least / 8, 1);
  std::set<VolumeId> planned;
  Pairs hopeless;
  while (!budget.spent() && hopeless.size() < kMisses) {
    std::ranges::sort(loads.nodes, {}, &Load::over);
    const auto pair = next_pair(loads.nodes, budget, hopeless, gain);
    if (!pair.has_value()) return;
    auto& [from, to] = *pair;
    if (from->over - to->over <= apart) return;
    const SurveyedVolume* volume = best_volume(view, survey, planned, *from, *to, gain);
    if (volume == nullptr) {
      hopeless.emplace(from->node, to->node);
      continue;
    }
    const JobRecord job{JobKind::kMove, JobStep::kFreeze, volume->id, from->node, to->node};
    budget.take(job, *volume->record);
    out.push_back({job, volume->record->generation, {}});
    planned.insert(volume->id);
    const auto bytes = static_cast<std::int64_t>(volume->bytes);
    to->over += bytes;
    to->room -= bytes;
    from->over -= bytes;
  }
}

}  // namespace kelp::master
