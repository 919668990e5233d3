#include "master/job_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "master/needle_walk.h"

namespace kelp::master {
namespace {

/// A job that cannot be switched after so many attempts is given up; the plan finds another way.
constexpr int kAttempts = 5;
/// No new one begins for so long; twice that after the next one, and so on.
constexpr std::chrono::seconds kFirstRest{5};
/// A move can wait; a copy that is missing less.
constexpr std::chrono::seconds kLongestRest{300};
constexpr std::chrono::seconds kLongestRestOfRepair{30};
constexpr std::chrono::seconds kLongestRestOfRepack{3600};

Generation before(Generation generation, std::uint32_t steps) {
  return Generation{generation.value - std::min(generation.value, steps)};
}

}  // namespace

JobRunner::JobRunner(MasterContext& context)
    : context_(context),
      tasks_(context.seams.executor),
      probe_(context.seams.metrics),
      done_(context.seams.metrics.counter("kelp_master_jobs_done_total", "Jobs that ended well.")),
      abandoned_(context.seams.metrics.counter("kelp_master_jobs_abandoned_total",
                                               "Jobs that were given up before they switched.")) {}

Task<Result<void>> JobRunner::turn() {
  for (const auto& [id, job] : context_.state().jobs) {
    if (!running_.contains(id)) running_[id] = tasks_.spawn(run(id));
  }
  const auto is_over = [this](const auto& item) {
    return !context_.state().jobs.contains(item.first);
  };
  std::erase_if(errors_, is_over);
  std::erase_if(several_, is_over);
  const PlacementView view = context_.view();
  const Survey survey(view, resting());
  if (!context_.still_listening()) {
    probe_.look(view, survey, errors_.size());
    probe_.look(context_.node->status());
  }
  auto starts = plan_repairs(view, survey, context_.options.plan);
  if (starts.empty()) starts = plan_moves(view, survey, context_.options.plan);
  if (starts.empty()) starts = plan_seals(view, survey, context_.options.plan);
  if (starts.empty()) starts = plan_repacks(view, survey, sparse_, context_.options.plan);
  look_for_sparse();
  auto strays = plan_retirements(survey);
  name_unexplained(survey);
  for (StartJob& start : starts) {
    logger("master").info("job_started volume={} kind={} to={}", start.job.volume.value,
                          static_cast<int>(start.job.kind), start.job.to.value);
    KELP_CO_CHECK(co_await context_.commit(std::move(start)));
  }
  if (!retiring_ && !strays.empty()) {
    retiring_ = true;
    tasks_.spawn(retire_strays(std::move(strays)));
  }
  co_return Result<void>();
}

Task<void> JobRunner::stop() {
  tasks_.cancel();
  co_await tasks_.join();
  running_.clear();
  errors_.clear();
  several_.clear();
  rests_.clear();
  repack_rests_.clear();
  sparse_.clear();
  asking_ = false;
  probe_.clear();
}

std::string JobRunner::error_of(JobId id) const {
  const auto found = errors_.find(id);
  return found == errors_.end() ? std::string() : found->second;
}

Task<void> JobRunner::run(JobId id) {
  Backoff backoff({std::chrono::milliseconds(100), std::chrono::seconds(5)});
  Rng rng(id.value);
  int attempts = 0;
  while (context_.machine.is_leading()) {
    const auto found = context_.state().jobs.find(id);
    if (found == context_.state().jobs.end()) break;
    const JobRecord job = found->second;
    auto done = co_await step(id, job, context_.state().volumes.at(job.volume));
    if (done.has_value()) {
      attempts = 0;
      backoff.succeeded();
      errors_.erase(id);
      continue;
    }
    if (done.error().code() == Errc::kCancelled) break;
    errors_[id] = done.error().message();
    logger("master").warn("job_stands job={} volume={} step={} error={}", id.value,
                          job.volume.value, static_cast<int>(job.step),
                          log_value(done.error().message()));
    if (hopeless(job, done.error(), ++attempts)) {
      abandoned_.Increment();
      rest(job);
      done = co_await context_.commit(AbandonJob{id});
      attempts = 0;
      continue;
    }
    const MonoTime again = context_.seams.clock.mono() + backoff.failed(rng);
    if (!(co_await context_.seams.timers.sleep_until(again)).has_value()) break;
  }
  running_.erase(id);
}

bool JobRunner::hopeless(const JobRecord& job, const Error& error, int attempts) const {
  if (is_decided(job.step) || error.reason() == Reason::kNotLeader) return false;
  return attempts >= kAttempts;
}

Task<Result<void>> JobRunner::step(JobId id, JobRecord job, VolumeRecord volume) {
  KELP_CO_CHECK(co_await work_on(job, std::move(volume)));
  if (job.step == JobStep::kCopy || job.step == JobStep::kVerify) {
    KELP_CO_CHECK(co_await confirm_targets(id));
  }
  KELP_CO_CHECK(co_await context_.commit(AdvanceJob{id, job.step}));
  if (context_.state().jobs.contains(id)) co_return Result<void>();
  if (job.step != JobStep::kRelease) {
    done_.Increment();
    rests_.erase(job.volume);
    repack_rests_.erase(job.volume);
  }
  co_return Result<void>();
}

/// Before the targets become members: what was made, whoever has the targets' addresses now made.
Task<Result<void>> JobRunner::confirm_targets(JobId id) {
  const auto found = context_.state().jobs.find(id);
  if (found == context_.state().jobs.end()) co_return Error(Errc::kConflict, "the job is over");
  std::vector<NodeNumber> targets = found->second.targets;
  if (targets.empty()) targets.push_back(found->second.to);
  for (const NodeNumber target : targets) {
    KELP_CO_CHECK(co_await context_.confirm_node(target));
  }
  co_return Result<void>();
}

void JobRunner::rest(const JobRecord& job) {
  const bool repacks = job.kind == JobKind::kRepack;
  const auto longest = repacks                        ? kLongestRestOfRepack
                       : job.kind == JobKind::kRepair ? kLongestRestOfRepair
                                                      : kLongestRest;
  const auto [found, added] =
      (repacks ? repack_rests_ : rests_)
          .try_emplace(job.volume, Backoff({.first = kFirstRest, .most = longest}), MonoTime());
  Rng rng(job.volume.value);
  found->second.until = context_.seams.clock.mono() + found->second.backoff.failed(rng);
}

std::set<VolumeId> JobRunner::resting() const {
  std::set<VolumeId> out;
  for (const auto& [volume, rest] : rests_) {
    if (rest.until > context_.seams.clock.mono()) out.insert(volume);
  }
  return out;
}

Task<Result<void>> JobRunner::work_on(JobRecord job, VolumeRecord volume) {
  switch (job.step) {
    case JobStep::kFreeze:
      return freeze(job, std::move(volume));
    case JobStep::kCopy:
      return copy(job, std::move(volume));
    case JobStep::kPack:
      if (job.kind == JobKind::kRepack) return repack(job, std::move(volume));
      return pack(job, std::move(volume));
    case JobStep::kVerify:
      return verify_packed(job, std::move(volume));
    case JobStep::kRetire:
      if (replaces_members(job.kind)) return retire_copies(job, std::move(volume));
      return retire(job, std::move(volume));
    case JobStep::kSwitch:
      if (packs(job.kind)) return settle(job, std::move(volume));
      break;
    case JobStep::kRelease:
      if (packs(job.kind)) return give_up(job, std::move(volume));
      break;
  }
  return thaw(job, std::move(volume));
}

/// Every member must be frozen before a byte is copied: from then on no write of an older
/// generation can be acknowledged, since that takes them all.
Task<Result<void>> JobRunner::freeze(JobRecord job, VolumeRecord volume) {
  const CopyRole role{volume.generation, true};
  for (const NodeNumber member : volume.members) {
    const auto node = context_.reach(member);
    KELP_CO_CHECK(co_await node->set_role(job.volume, before(volume.generation, 1), role));
    context_.topology.assume(member, job.volume, role.generation, role.frozen);
  }
  co_return Result<void>();
}

Urgency JobRunner::urgency_of(const JobRecord& job, const VolumeRecord& volume) const {
  if (job.kind != JobKind::kRepair) return Urgency::kMove;
  const auto left = healthy_copies(context_.view(), job.volume, volume);
  return left > least_members(volume) ? Urgency::kRepair : Urgency::kLastCopy;
}

Task<Result<void>> JobRunner::copy(JobRecord job, VolumeRecord volume) {
  if (volume.scheme) co_return co_await rebuild(job, std::move(volume));
  Error last(Errc::kUnavailable, fmt::format("no member of volume {} is alive", job.volume.value));
  for (const NodeNumber source : sources(job, volume)) {
    const auto copied = co_await copy_from(source, job, volume);
    if (copied.has_value()) co_return copied;
    last = copied.error();
  }
  co_return last;
}

/// The members that are alive, fullest first: where a log rotted, needles are missing. But a move
/// copies first what it removes, so that nothing goes that only that member had.
std::vector<NodeNumber> JobRunner::sources(const JobRecord& job, const VolumeRecord& volume) const {
  std::vector<NodeNumber> found = volume.members;
  const MonoTime now = context_.seams.clock.mono();
  std::erase_if(found, [&](NodeNumber node) { return !context_.topology.alive(node, now); });
  const auto needles = [&](NodeNumber node) {
    if (node == job.from) return UINT64_MAX;
    const ObservedCopy* const copy = context_.topology.find(node)->find(job.volume);
    return copy == nullptr ? 0 : copy->needles;
  };
  std::ranges::sort(found, std::ranges::greater(), needles);
  return found;
}

Task<Result<void>> JobRunner::copy_from(NodeNumber source, JobRecord job, VolumeRecord volume) {
  const NodeIdentity& from = context_.state().nodes.at(source).identity;
  const VolumeMember member{from.node_id, from.address};
  KELP_CO_TRY(const VolumeDigest pulled, co_await context_.reach(job.to)->pull(
                                             job.volume, volume.generation, volume.collection,
                                             member, urgency_of(job, volume)));
  std::vector<NodeNumber> to_cover{source};
  const MonoTime now = context_.seams.clock.mono();
  if (job.from && *job.from != source && context_.topology.alive(*job.from, now)) {
    to_cover.push_back(*job.from);
  }
  for (const NodeNumber other : to_cover) {
    KELP_CO_CHECK(co_await check_covers(job, pulled, other));
  }
  co_return Result<void>();
}

/// The new copy has whatever `other` has. It may have more: needles that some members did not store
/// were never acknowledged, and an earlier attempt may have begun with another source.
Task<Result<void>> JobRunner::check_covers(JobRecord job, VolumeDigest made, NodeNumber other) {
  KELP_CO_TRY(const VolumeDigest expected,
              co_await context_.reach(other)->digest(job.volume, false));
  if (made == expected) co_return Result<void>();
  NeedleWalk ours(context_.reach(job.to), job.volume, true);
  NeedleWalk theirs(context_.reach(other), job.volume, true);
  KELP_CO_TRY(auto mine, co_await ours.next());
  while (true) {
    KELP_CO_TRY(const auto wanted, co_await theirs.next());
    if (!wanted) co_return Result<void>();
    while (mine && mine->key < wanted->key) {
      KELP_CO_TRY(mine, co_await ours.next());
    }
    if (mine && mine->key == wanted->key && mine->body_bytes == wanted->body_bytes) continue;
    co_return Error(
        Errc::kCorruption,
        fmt::format("volume {}: the copy has {} needles of {} bytes, that of node {} {} of {}; "
                    "needle {:x} is missing",
                    job.volume.value, made.needles, made.live_bytes, other.value, expected.needles,
                    expected.live_bytes, wanted->key.value));
  }
}

/// Members that are dead miss it: their copies are old then and are replaced. But never so many
/// that the others do not suffice: a generation that nothing is in would leave nothing to repair
/// from.
Task<Result<void>> JobRunner::thaw(JobRecord job, VolumeRecord volume) {
  const CopyRole role{volume.generation, false};
  std::uint32_t told = 0;
  for (const NodeNumber member : volume.members) {
    const auto node = context_.reach(member);
    const auto set = co_await node->set_role(job.volume, before(volume.generation, 2), role);
    if (set.has_value()) {
      context_.topology.assume(member, job.volume, role.generation, role.frozen);
      ++told;
      continue;
    }
    if (set.error().code() == Errc::kCancelled) co_return set.error();
    if (context_.topology.dead(member, context_.seams.clock.mono())) continue;
    if (set.error().code() == Errc::kConflict || set.error().code() == Errc::kNotFound) continue;
    co_return set.error();
  }
  if (told >= least_members(volume)) co_return Result<void>();
  co_return Error(Errc::kUnavailable,
                  fmt::format("{} members of volume {} are there to go on in generation {}", told,
                              job.volume.value, volume.generation.value));
}

/// The old copy goes only now that the new one is a member; a dead node's waits until it is back.
/// Where the new one missed the switch it stays, and goes with the strays once all are healthy.
Task<Result<void>> JobRunner::retire(JobRecord job, VolumeRecord volume) {
  if (!job.from.has_value() || !context_.state().nodes.contains(*job.from))
    co_return Result<void>();
  const MonoTime now = context_.seams.clock.mono();
  if (context_.topology.trusted(job.to, job.volume, volume, now) == nullptr)
    co_return Result<void>();
  const auto retired =
      co_await context_.reach(*job.from)->retire(job.volume, before(volume.generation, 1));
  if (!retired.has_value() && !context_.topology.dead(*job.from, context_.seams.clock.mono())) {
    co_return retired.error();
  }
  co_return Result<void>();
}

Task<void> JobRunner::retire_strays(std::vector<StrayCopy> strays) {
  for (const StrayCopy& stray : strays) {
    const auto retired =
        co_await context_.reach(stray.node)->retire(stray.volume, stray.generation);
    if (!retired.has_value()) continue;
    logger("master").info("stray_copy_retired volume={} node={} generation={}", stray.volume.value,
                          stray.node.value, stray.generation.value);
  }
  retiring_ = false;
}

/// Once for each copy, and again when it has changed or gone meanwhile.
void JobRunner::name_unexplained(const Survey& survey) {
  constexpr std::chrono::seconds kPause{5};
  const MonoTime now = context_.seams.clock.mono();
  if (now - looked_ < kPause) return;
  looked_ = now;
  std::set<StrayCopy> found;
  for (const StrayCopy& copy : survey.unexplained()) {
    if (!unexplained_.contains(copy)) {
      logger("master").warn("copy_of_nobody volume={} node={} generation={}", copy.volume.value,
                            context_.state().nodes.at(copy.node).identity.node_id,
                            copy.generation.value);
    }
    found.insert(copy);
  }
  unexplained_ = std::move(found);
}

}  // namespace kelp::master
