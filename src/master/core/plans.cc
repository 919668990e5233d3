#include "master/core/plans.h"

#include <algorithm>
#include <map>

namespace kelp::master {
namespace {

/// Counts what each node and all together are doing, against the limits.
class Budget {
 public:
  Budget(const PlacementView& view, const PlanOptions& options) : options_(options) {
    for (const auto& [id, job] : view.state.jobs) {
      const auto volume = view.state.volumes.find(job.volume);
      if (volume != view.state.volumes.end()) take(job, volume->second);
    }
  }
  [[nodiscard]] bool allows(const JobRecord& job, const VolumeRecord& volume) const {
    return total_ < options_.jobs && has_room(job.to) && has_room(source_of(job, volume));
  }
  void take(const JobRecord& job, const VolumeRecord& volume) {
    ++total_;
    ++used_[job.to];
    ++used_[source_of(job, volume)];
  }
  [[nodiscard]] bool spent() const { return total_ >= options_.jobs; }

 private:
  /// Whom the copy is read from, as far as the plan cares.
  static NodeNumber source_of(const JobRecord& job, const VolumeRecord& volume) {
    return volume.members.empty() ? job.to : volume.members.front();
  }
  [[nodiscard]] bool has_room(NodeNumber node) const {
    const auto found = used_.find(node);
    return found == used_.end() || found->second < options_.jobs_per_node;
  }
  const PlanOptions& options_;
  std::map<NodeNumber, std::uint32_t> used_;
  std::uint32_t total_ = 0;
};

bool healthy(const PlacementView& view, VolumeId id, const VolumeRecord& volume,
             NodeNumber member) {
  const ObservedCopy* copy = view.topology.trusted(member, id, volume, view.now);
  return copy != nullptr && !copy->read_only;
}

/// The member has no usable copy and is not expected to have one again soon.
bool lost(const PlacementView& view, VolumeId id, const VolumeRecord& volume, NodeNumber member) {
  if (view.topology.alive(member, view.now)) return !healthy(view, id, volume, member);
  const auto node = view.state.nodes.find(member);
  if (node != view.state.nodes.end() && node->second.intent == NodeIntent::kMaintenance) {
    return false;
  }
  return view.topology.dead(member, view.now);
}

/// Length of the longest copy that a member was heard to have, whatever its generation.
std::uint64_t bytes_of(const PlacementView& view, VolumeId id, const VolumeRecord& volume) {
  std::uint64_t bytes = 0;
  for (const NodeNumber member : volume.members) {
    const ObservedNode* node = view.topology.find(member);
    const ObservedCopy* copy = node == nullptr ? nullptr : node->find(id);
    if (copy != nullptr) bytes = std::max(bytes, copy->file_bytes);
  }
  return bytes;
}

/// A volume that needs a copy, and how badly.
struct Need {
  std::uint32_t healthy = 0;
  VolumeId volume;
  std::vector<NodeNumber> lost;
};

std::vector<Need> needs(const PlacementView& view) {
  std::vector<Need> out;
  for (const auto& [id, volume] : view.state.volumes) {
    if (volume.phase == VolumePhase::kCreating || volume.frozen) continue;
    Need need{healthy_copies(view, id, volume), id, {}};
    for (const NodeNumber member : volume.members) {
      if (lost(view, id, volume, member)) need.lost.push_back(member);
    }
    const bool too_few = volume.members.size() < copies_of(volume.spread);
    if (need.healthy > 0 && (!need.lost.empty() || too_few)) out.push_back(std::move(need));
  }
  std::ranges::sort(out, {}, [](const Need& need) { return std::pair(need.healthy, need.volume); });
  return out;
}

/// How full the nodes that take part in balancing are.
struct Load {
  NodeNumber node;
  std::uint64_t used = 0;
  std::uint64_t total = 0;
  [[nodiscard]] double share() const {
    return total == 0 ? 1 : static_cast<double>(used) / static_cast<double>(total);
  }
};

std::vector<Load> loads(const PlacementView& view) {
  std::map<NodeNumber, std::uint64_t> used;
  for (const auto& [id, volume] : view.state.volumes) {
    const std::uint64_t bytes = bytes_of(view, id, volume);
    for (const NodeNumber member : volume.members) used[member] += bytes;
  }
  std::vector<Load> out;
  for (const auto& [number, node] : view.state.nodes) {
    if (node.intent != NodeIntent::kActive || !view.topology.steady(number, view.now) ||
        view.topology.slow(number, view.now)) {
      continue;
    }
    out.push_back({number, used[number], view.topology.find(number)->total_bytes});
  }
  return out;
}

/// Whether anybody may touch this volume now: whole, quiet, without a job.
bool movable(const PlacementView& view, VolumeId id, const VolumeRecord& volume) {
  return volume.phase != VolumePhase::kCreating && !volume.frozen &&
         !view.state.job_of(id).has_value() &&
         healthy_copies(view, id, volume) == volume.members.size();
}

void plan_draining(const PlacementView& view, Budget& budget, std::vector<StartJob>& out) {
  for (const auto& [id, volume] : view.state.volumes) {
    if (budget.spent()) return;
    for (const NodeNumber member : volume.members) {
      if (view.state.nodes.at(member).intent != NodeIntent::kDraining) continue;
      if (!movable(view, id, volume)) break;
      const auto to =
          choose_replacement(view, volume, {member}, bytes_of(view, id, volume), id.value);
      if (!to.has_value()) break;
      const JobRecord job{JobKind::kMove, JobStep::kFreeze, id, member, *to};
      if (!budget.allows(job, volume)) break;
      budget.take(job, volume);
      out.push_back({job, volume.generation, {}});
      break;
    }
  }
}

/// The volume at `from` whose move to `to` evens the two out best without turning them round.
std::optional<VolumeId> best_volume(const PlacementView& view, const Load& from, const Load& to,
                                    const std::vector<StartJob>& planned, std::uint64_t least) {
  std::optional<VolumeId> best;
  std::uint64_t best_bytes = least;
  const std::uint64_t most =
      std::min((from.used - std::min(from.used, to.used)) / 2, room_of(view, to.node));
  for (const auto& [id, volume] : view.state.volumes) {
    if (std::ranges::find(volume.members, from.node) == volume.members.end() ||
        std::ranges::find(volume.members, to.node) != volume.members.end()) {
      continue;
    }
    const std::uint64_t bytes = bytes_of(view, id, volume);
    if (bytes <= best_bytes || bytes > most || !movable(view, id, volume)) continue;
    if (std::ranges::any_of(planned, [&](const StartJob& job) { return job.job.volume == id; })) {
      continue;
    }
    std::vector<NodeNumber> members = volume.members;
    std::ranges::replace(members, from.node, to.node);
    if (!fits_spread(view.state, members, volume.spread)) continue;
    best = id;
    best_bytes = bytes;
  }
  return best;
}

void plan_balance(const PlacementView& view, const PlanOptions& options, Budget& budget,
                  std::vector<StartJob>& out) {
  std::vector<Load> all = loads(view);
  if (all.size() < 2) return;
  // Moves under way count as done.
  for (const auto& [id, job] : view.state.jobs) {
    const auto volume = view.state.volumes.find(job.volume);
    if (volume == view.state.volumes.end() || job.step >= JobStep::kSwitch) continue;
    const std::uint64_t bytes = bytes_of(view, job.volume, volume->second);
    for (Load& load : all) {
      if (load.node == job.to) load.used += bytes;
      if (job.from == load.node) load.used -= std::min(load.used, bytes);
    }
  }
  while (!budget.spent()) {
    std::ranges::sort(all, {}, &Load::share);
    // What else lies on a disk is not in `used`: the emptiest node may be full.
    const auto roomy = std::ranges::find_if(all, [&](const Load& load) {
      return room_of(view, load.node) > options.balance_bytes / 8;
    });
    if (roomy == all.end()) return;
    Load& to = *roomy;
    Load& from = all.back();
    std::uint64_t sum = 0;
    for (const Load& load : all) sum += load.used;
    const std::uint64_t mean = sum / all.size();
    const std::uint64_t apart = from.used - std::min(from.used, to.used);
    if (apart <= std::max(mean * options.balance_percent / 100, options.balance_bytes)) return;
    const auto volume = best_volume(view, from, to, out, options.balance_bytes / 8);
    if (!volume.has_value()) return;
    const VolumeRecord& record = view.state.volumes.at(*volume);
    const JobRecord job{JobKind::kMove, JobStep::kFreeze, *volume, from.node, to.node};
    if (!budget.allows(job, record)) return;
    budget.take(job, record);
    out.push_back({job, record.generation, {}});
    const std::uint64_t bytes = bytes_of(view, *volume, record);
    to.used += bytes;
    from.used -= bytes;
  }
}

}  // namespace

std::uint32_t healthy_copies(const PlacementView& view, VolumeId id, const VolumeRecord& volume) {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      volume.members, [&](NodeNumber member) { return healthy(view, id, volume, member); }));
}

std::vector<StartJob> plan_repairs(const PlacementView& view, const PlanOptions& options) {
  std::vector<StartJob> out;
  if (view.state.jobs_paused && !options.although_paused) return out;
  Budget budget(view, options);
  for (const Need& need : needs(view)) {
    if (budget.spent()) break;
    const VolumeRecord& volume = view.state.volumes.at(need.volume);
    if (view.state.job_of(need.volume).has_value()) continue;
    const auto to = choose_replacement(view, volume, need.lost, bytes_of(view, need.volume, volume),
                                       need.volume.value);
    if (!to.has_value()) continue;
    VolumeRecord left = volume;
    for (const NodeNumber member : need.lost) std::erase(left.members, member);
    const JobRecord job{JobKind::kRepair, JobStep::kFreeze, need.volume, std::nullopt, *to};
    if (!budget.allows(job, left)) continue;
    budget.take(job, left);
    out.push_back({job, volume.generation, need.lost});
  }
  return out;
}

std::vector<StartJob> plan_moves(const PlacementView& view, const PlanOptions& options) {
  std::vector<StartJob> out;
  if (view.state.jobs_paused && !options.although_paused) return out;
  if (!needs(view).empty()) return out;
  Budget budget(view, options);
  plan_draining(view, budget, out);
  if (out.empty()) plan_balance(view, options, budget, out);
  return out;
}

std::vector<StrayCopy> plan_retirements(const PlacementView& view) {
  std::vector<StrayCopy> out;
  for (const auto& [number, node] : view.topology.nodes()) {
    if (!view.topology.alive(number, view.now)) continue;
    for (const ObservedCopy& copy : node.copies) {
      const auto found = view.state.volumes.find(copy.volume);
      if (found == view.state.volumes.end()) continue;
      const VolumeRecord& volume = found->second;
      const bool member = std::ranges::find(volume.members, number) != volume.members.end();
      if (member || copy.generation >= volume.generation || volume.frozen) continue;
      if (view.state.job_of(copy.volume).has_value()) continue;
      if (volume.members.size() < copies_of(volume.spread) ||
          healthy_copies(view, copy.volume, volume) < copies_of(volume.spread)) {
        continue;
      }
      out.push_back({number, copy.volume, copy.generation});
    }
  }
  return out;
}

std::vector<StrayCopy> unexplained_copies(const PlacementView& view) {
  std::vector<StrayCopy> out;
  for (const auto& [number, node] : view.topology.nodes()) {
    if (!view.topology.alive(number, view.now)) continue;
    for (const ObservedCopy& copy : node.copies) {
      const auto found = view.state.volumes.find(copy.volume);
      if (found == view.state.volumes.end()) continue;
      const VolumeRecord& volume = found->second;
      const bool member = std::ranges::find(volume.members, number) != volume.members.end();
      if (member || volume.frozen || copy.generation < volume.generation) continue;
      if (!view.state.job_of(copy.volume).has_value()) {
        out.push_back({number, copy.volume, copy.generation});
      }
    }
  }
  return out;
}

}  // namespace kelp::master
