#include "master/master_probe.h"

#include <algorithm>

namespace kelp::master {
namespace {

/// Copies that can be read, though their disk may take no writes.
std::uint32_t readable(const PlacementView& view, const SurveyedVolume& volume) {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(volume.record->members, [&](NodeNumber member) {
        return view.topology.trusted(member, volume.id, *volume.record, view.now) != nullptr;
      }));
}

void set(prometheus::Gauge& gauge, std::size_t count) {
  gauge.Set(static_cast<double>(count));
}

}  // namespace

MasterProbe::MasterProbe(Metrics& metrics)
    : short_volumes_(metrics.gauge("kelp_master_short_volumes",
                                   "Volumes that lack copies or shards, or have sick ones.")),
      at_risk_volumes_(
          metrics.gauge("kelp_master_at_risk_volumes", "Of them: can bear no further loss.")),
      unreadable_volumes_(metrics.gauge("kelp_master_unreadable_volumes",
                                        "Of them: too few copies or shards are left to read.")),
      nodes_(metrics.gauge("kelp_master_nodes", "Volume servers that belong to the cluster.")),
      alive_nodes_(metrics.gauge("kelp_master_alive_nodes", "Of them: heard lately.")),
      slow_nodes_(metrics.gauge("kelp_master_slow_nodes",
                                "Of them: with a disk much slower than those of the others.")),
      disk_bytes_(metrics.gauge("kelp_master_disk_bytes", "Size of the disks of those alive.")),
      free_bytes_(metrics.gauge("kelp_master_free_bytes", "Free for new needles on them.")),
      members_(metrics.gauge("kelp_master_members", "Masters of the group.")),
      alive_members_(metrics.gauge("kelp_master_alive_members", "Of them: heard lately.")),
      standing_jobs_(metrics.gauge("kelp_master_standing_jobs", "Jobs whose last attempt failed.")),
      jobs_paused_(metrics.gauge("kelp_master_jobs_paused", "1: no new jobs begin.")) {
  const std::pair<JobKind, const char*> kinds[] = {{JobKind::kRepair, "repair"},
                                                   {JobKind::kMove, "move"},
                                                   {JobKind::kSeal, "seal"},
                                                   {JobKind::kRepack, "repack"},
                                                   {JobKind::kRecode, "recode"}};
  for (const auto& [kind, name] : kinds) {
    jobs_[kind] = &metrics.gauge("kelp_master_jobs", "Jobs under way.", {{"kind", name}});
  }
}

void MasterProbe::look(const PlacementView& view, const Survey& survey, std::size_t standing) {
  count_nodes(view);
  count_volumes(view, survey);
  std::map<JobKind, std::size_t> jobs;
  for (const auto& [id, job] : view.state.jobs) ++jobs[job.kind];
  for (const auto& [kind, gauge] : jobs_) set(*gauge, jobs[kind]);
  set(standing_jobs_, standing);
  set(jobs_paused_, view.state.jobs_paused ? 1 : 0);
}

void MasterProbe::count_nodes(const PlacementView& view) {
  std::size_t alive = 0;
  std::size_t slow = 0;
  double disks = 0;
  double free = 0;
  for (const auto& [number, node] : view.state.nodes) {
    if (!view.topology.alive(number, view.now)) continue;
    ++alive;
    if (view.topology.slow(number, view.now)) ++slow;
    const ObservedNode* const seen = view.topology.find(number);
    disks += static_cast<double>(seen->total_bytes);
    free += static_cast<double>(seen->free_bytes);
  }
  set(nodes_, view.state.nodes.size());
  set(alive_nodes_, alive);
  set(slow_nodes_, slow);
  disk_bytes_.Set(disks);
  free_bytes_.Set(free);
}

void MasterProbe::count_volumes(const PlacementView& view, const Survey& survey) {
  std::size_t lacking = 0;
  std::size_t at_risk = 0;
  std::size_t unreadable = 0;
  for (const SurveyedVolume& volume : survey.volumes()) {
    if (volume.record->phase == VolumePhase::kCreating || volume.whole()) continue;
    ++lacking;
    if (volume.healthy > volume.least) continue;
    const std::uint32_t left = readable(view, volume);
    if (left < volume.least) ++unreadable;
    if (left == volume.least && volume.wanted > volume.least) ++at_risk;
  }
  set(short_volumes_, lacking);
  set(at_risk_volumes_, at_risk);
  set(unreadable_volumes_, unreadable);
}

void MasterProbe::look(const raft::NodeStatus& group) {
  set(members_, group.members.size());
  set(alive_members_,
      static_cast<std::size_t>(std::ranges::count_if(group.members, [&](const auto& member) {
        return member.active || member.node == group.self;
      })));
}

void MasterProbe::clear() {
  for (prometheus::Gauge* gauge : {&short_volumes_, &at_risk_volumes_, &unreadable_volumes_,
                                   &nodes_, &alive_nodes_, &slow_nodes_, &disk_bytes_, &free_bytes_,
                                   &members_, &alive_members_, &standing_jobs_, &jobs_paused_}) {
    gauge->Set(0);
  }
  for (const auto& [kind, gauge] : jobs_) gauge->Set(0);
}

}  // namespace kelp::master
