// What only operators ask of a master (client/master_control.h): the lock, plans, volumes by hand.

#include <fmt/format.h>

#include <algorithm>

#include "master/master_service.h"

namespace kelp::master {

Task<Result<AdminLockView>> MasterService::admin_lock(AdminLockRequest request) {
  return here(lock_for(std::move(request)));
}
Task<Result<std::vector<JobView>>> MasterService::plan_jobs(PlanKind kind, bool start) {
  return here(plan(kind, start));
}
Task<Result<void>> MasterService::seal_volume(VolumeId volume) {
  return here(seal(volume));
}
Task<Result<void>> MasterService::set_volume_tier(VolumeId volume, std::string tag) {
  return here(keep_on(volume, std::move(tag)));
}
Task<Result<std::uint64_t>> MasterService::pack_volume(VolumeId volume, EcScheme scheme,
                                                       std::optional<Spread> spread) {
  return here(start_packing(volume, scheme, spread));
}
Task<Result<std::vector<VolumeId>>> MasterService::grow_volumes(std::string collection,
                                                                std::uint32_t count) {
  return here(desk_.grow_now(std::move(collection), count));
}
Task<GroupView> MasterService::group() {
  return here(describe_group());
}

// --- on the executor

Task<Result<AdminLockView>> MasterService::lock_for(AdminLockRequest request) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  constexpr std::size_t kOwnerBytes = 200;
  if (request.token != 0) {
    if (request.owner.empty() || request.owner.size() > kOwnerBytes || request.lease.count() < 0 ||
        request.lease > kMostLockTime) {
      co_return Error(Errc::kInvalidArgument,
                      fmt::format("the lock's owner has 1 to {} bytes, its lease 0 to {} minutes",
                                  kOwnerBytes, kMostLockTime.count()));
    }
    const WallTime now = context_.seams.clock.wall();
    TakeLock take{std::move(request.owner), request.token, now, now + request.lease};
    KELP_CO_CHECK(co_await context_.commit(std::move(take)));
  }
  AdminLockView view;
  const auto& lock = context_.state().lock;
  if (lock.has_value() && lock->expires > context_.seams.clock.wall()) {
    view.owner = lock->owner;
    view.expires = lock->expires;
  }
  co_return view;
}

Task<Result<std::vector<JobView>>> MasterService::plan(PlanKind kind, bool start) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  const auto id_of = [this](NodeNumber node) {
    return context_.state().nodes.at(node).identity.node_id;
  };
  PlanOptions options = context_.options.plan;
  options.although_paused = true;
  const PlacementView now = context_.view();
  const Survey survey(now);
  std::vector<StartJob> starts = kind == PlanKind::kRepair ? plan_repairs(now, survey, options)
                                                           : plan_moves(now, survey, options);
  std::vector<JobView> jobs;
  for (StartJob& job : starts) {
    JobView view;
    view.kind = kind == PlanKind::kRepair ? "repair" : "move";
    view.step = "planned";
    view.volume = job.job.volume;
    if (job.job.from.has_value()) view.from = id_of(*job.job.from);
    view.to = id_of(job.job.to);
    jobs.push_back(std::move(view));
  }
  if (!start) co_return jobs;
  std::vector<JobView> started;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto committed = co_await context_.commit(std::move(starts[i]));
    // Something else was decided about it meanwhile.
    if (!committed.has_value() && committed.error().code() == Errc::kConflict) continue;
    KELP_CO_CHECK(committed);
    jobs[i].id = context_.state().job_of(jobs[i].volume).value_or(JobId{}).value;
    jobs[i].step = "freeze";
    started.push_back(std::move(jobs[i]));
  }
  co_return started;
}

Task<Result<void>> MasterService::seal(VolumeId volume) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  const auto found = context_.state().volumes.find(volume);
  if (found != context_.state().volumes.end() && found->second.phase == VolumePhase::kSealed) {
    co_return Result<void>();
  }
  co_return co_await context_.commit(SealVolume{volume});
}

Task<Result<void>> MasterService::keep_on(VolumeId volume, std::string tag) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  const auto has_it = [&tag](const auto& node) { return carries(node.second.identity, tag); };
  if (!tag.empty() && std::ranges::none_of(context_.state().nodes, has_it)) {
    co_return Error(Errc::kInvalidArgument, fmt::format("no node has the tag {}", tag));
  }
  co_return co_await context_.commit(SetVolumeTier{volume, std::move(tag)});
}

Task<Result<std::uint64_t>> MasterService::start_packing(VolumeId volume, EcScheme scheme,
                                                         std::optional<Spread> spread) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  const PlacementView now = context_.view();
  const Survey survey(now);
  const SurveyedVolume* const surveyed = survey.find(volume);
  if (surveyed == nullptr) {
    co_return Error(Errc::kNotFound, fmt::format("volume {} was never made", volume.value));
  }
  auto planned = surveyed->record->scheme || !scheme ? plan_recode(now, *surveyed, scheme, spread)
                                                     : plan_seal(now, *surveyed, scheme);
  KELP_CO_TRY(StartJob start, std::move(planned));
  const JobId id = context_.state().next_job;
  KELP_CO_CHECK(co_await context_.commit(std::move(start)));
  co_return context_.state().job_of(volume).value_or(id).value;
}

Task<GroupView> MasterService::describe_group() {
  GroupView view;
  view.self = context_.options.id;
  view.masters = context_.state().masters;
  if (view.masters.empty()) view.masters = context_.options.bootstrap;
  if (view.masters.empty()) view.masters[view.self] = context_.options.address;
  if (context_.node == nullptr) co_return view;
  const auto leader = context_.node->status().leader;
  if (leader.has_value()) view.leader = leader->value;
  co_return view;
}

}  // namespace kelp::master
