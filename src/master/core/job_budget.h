#pragma once

#include <map>

#include "master/core/plans.h"

namespace kelp::master {

/// What each node and all together are doing, against the limits; counts what a plan adds.
class JobBudget {
 public:
  JobBudget(const PlacementView& view, const PlanOptions& options) : options_(options) {
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
    for (std::size_t i = 1; job.kind == JobKind::kRepair && i < job.targets.size(); ++i) {
      ++used_[job.targets[i]];
    }
    ++used_[source_of(job, volume)];
  }
  [[nodiscard]] bool spent() const { return total_ >= options_.jobs; }
  [[nodiscard]] bool has_room(NodeNumber node) const {
    const auto found = used_.find(node);
    return found == used_.end() || found->second < options_.jobs_per_node;
  }
  /// Whom the copy is read from (JobRunner::sources), as far as a plan cares: by a repair from the
  /// first member.
  static NodeNumber source_of(const JobRecord& job, const VolumeRecord& volume) {
    if (job.from.has_value()) return *job.from;
    return volume.members.empty() ? job.to : volume.members.front();
  }

 private:
  const PlanOptions& options_;
  std::map<NodeNumber, std::uint32_t> used_;
  std::uint32_t total_ = 0;
};

}  // namespace kelp::master
