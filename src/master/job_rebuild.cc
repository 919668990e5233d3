// How lost shards of a volume are made anew: the work of the step kCopy where needles lie in
// shards.

#include <fmt/format.h>

#include "async/all.h"
#include "base/log.h"
#include "master/job_runner.h"

namespace kelp::master {
namespace {

/// A target that fails as often, while others have their shards, is left out.
constexpr int kAttemptsOfTarget = 3;

}  // namespace

/// A shard is on one member: a move copies it, and when that does not answer it is computed from
/// the others, as a repair does.
Task<Result<void>> JobRunner::rebuild(JobRecord job, VolumeRecord volume) {
  if (!job.targets.empty()) co_return co_await rebuild_several(job, std::move(volume));
  if (job.from && context_.topology.alive(*job.from, context_.seams.clock.mono())) {
    const auto copied = co_await copy_from(*job.from, job, volume);
    if (copied.has_value() || copied.error().code() != Errc::kCorruption) co_return copied;
  }
  StripeSources from = shard_sources(job, volume);
  from.shard = job.from ? shard_of(volume, *job.from) : missing_shard(volume);
  std::erase_if(from.members, [&from](const auto& each) { return each.shard == from.shard; });
  auto rebuilt = co_await context_.reach(job.to)->rebuild(
      job.volume, volume.generation, volume.collection, std::move(from), urgency_of(job, volume));
  KELP_CO_CHECK(rebuilt);
  co_return Result<void>();
}

/// The members that are alive.
StripeSources JobRunner::shard_sources(const JobRecord& job, const VolumeRecord& volume) const {
  StripeSources from{.scheme = volume.scheme};
  const MonoTime now = context_.seams.clock.mono();
  for (const VolumeMember& member : context_.location(job.volume, volume).members) {
    const auto number = context_.state().find_node(member.node_id);
    if (number && context_.topology.alive(*number, now)) from.members.push_back(member);
  }
  return from;
}

/// All at once: the first target reads the members and makes what all of them lack, the others
/// come to it. Each goes on alone where another one fails, so that each succeeds or fails by
/// itself.
Task<Result<void>> JobRunner::rebuild_several(JobRecord job, VolumeRecord volume) {
  const auto id = context_.state().job_of(job.volume);
  if (!id) co_return Error(Errc::kConflict, "the job is over");
  struct Asked {
    NodeNumber target;
    std::shared_ptr<VolumeNode> node;
  };
  std::vector<Asked> asked;
  std::vector<StripeSources> parts;
  const StripeSources sources = shard_sources(job, volume);
  for (std::size_t i = 0; i < job.targets.size(); ++i) {
    const NodeNumber target = job.targets[i];
    if (several_[*id].made.contains(target)) continue;
    asked.push_back({target, context_.reach(target)});
    parts.push_back(sources);
    parts.back().shard = job.shards[i];
    if (parts.size() == 1) continue;
    const NodeIdentity& maker = context_.state().nodes.at(asked.front().target).identity;
    parts.back().maker = VolumeMember{maker.node_id, maker.address, parts.front().shard};
    parts.front().others.push_back(job.shards[i]);
  }
  std::vector<Task<Result<VolumeDigest>>> rebuilds;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    rebuilds.push_back(asked[i].node->rebuild(job.volume, volume.generation, volume.collection,
                                              std::move(parts[i]), urgency_of(job, volume)));
  }
  const auto outcomes = co_await all(std::move(rebuilds));
  std::map<NodeNumber, Error> failed;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (outcomes[i].has_value()) {
      several_[*id].made.insert(asked[i].target);
    } else {
      failed.emplace(asked[i].target, outcomes[i].error());
    }
  }
  co_return co_await leave_out(*id, std::move(failed));
}

/// Whoever has its shard does not wait long for others: a target that is gone, or fails again and
/// again, is left out. What it should have had is made by a job of its own.
Task<Result<void>> JobRunner::leave_out(JobId id, std::map<NodeNumber, Error> failed) {
  if (failed.empty()) co_return Result<void>();
  const bool often = ++several_[id].failures >= kAttemptsOfTarget;
  std::optional<Error> stays;
  for (const auto& [target, error] : failed) {
    const bool gone = !context_.topology.alive(target, context_.seams.clock.mono());
    const bool cancelled = error.code() == Errc::kCancelled;
    if (several_[id].made.empty() || cancelled || !(gone || often)) {
      stays = error;
      continue;
    }
    logger("master").warn("target_left_out job={} node={} error={}", id.value, target.value,
                          log_value(error.message()));
    KELP_CO_CHECK(co_await context_.commit(LeaveOut{id, target}));
  }
  if (stays) co_return *stays;
  co_return Result<void>();
}

}  // namespace kelp::master
