// How the copies of a full volume become shards (docs/adr/0011-sealed-volumes.md): the work of the
// steps of a seal, most of which a change of scheme has as well (job_recode.cc). Nothing goes
// before all shards are durable, read back, and decided on.

#include <fmt/format.h>

#include <algorithm>

#include "async/all.h"
#include "base/log.h"
#include "master/job_runner.h"

namespace kelp::master {
namespace {

Generation one_before(Generation generation) {
  return Generation{generation.value - std::min(generation.value, 1U)};
}

/// The first error of any node, with its id.
template <typename T>
Result<void> first_error(const std::vector<Result<T>>& outcomes,
                         const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].has_value()) continue;
    const Error& error = outcomes[i].error();
    return Error(error.code(), fmt::format("shard {} at {}: {}", i, names[i], error.detail()),
                 error.reason());
  }
  return {};
}

std::vector<std::string> names_of(const MasterState& state, const std::vector<NodeNumber>& nodes) {
  std::vector<std::string> names;
  for (const NodeNumber node : nodes) names.push_back(state.nodes.at(node).identity.node_id);
  return names;
}

/// A server that lost its disk is another node at the address of the one that was chosen.
Task<Result<void>> check_identities(MasterContext& context, std::vector<NodeNumber> nodes) {
  for (const NodeNumber node : nodes) {
    const std::string expected = context.state().nodes.at(node).identity.node_id;
    KELP_CO_TRY(const NodeStatus status, co_await context.reach(node)->status());
    if (status.node_id == expected) continue;
    co_return Error(Errc::kConflict,
                    fmt::format("where node {} was, node {} is now", expected, status.node_id));
  }
  co_return Result<void>();
}

}  // namespace

/// From one copy, so that the shards belong together. It must have whatever the others have, since
/// those go too.
Task<Result<void>> JobRunner::pack(JobRecord job, VolumeRecord volume) {
  Error last(Errc::kUnavailable, fmt::format("no member of volume {} is alive", job.volume.value));
  for (const NodeNumber source : sources(job, volume)) {
    auto attempt = job.kind == JobKind::kRecode ? recode_from(source, job, volume)
                                                : pack_from(source, job, volume);
    const auto packed = co_await std::move(attempt);
    if (packed.has_value()) co_return packed;
    last = packed.error();
    if (last.code() == Errc::kNoSpace || last.code() == Errc::kCancelled)
      break;  // not the source's
  }
  co_return last;
}

Task<Result<void>> JobRunner::pack_from(NodeNumber source, JobRecord job, VolumeRecord volume) {
  KELP_CO_TRY(const VolumeDigest whole, co_await context_.reach(source)->digest(job.volume, false));
  JobRecord compared = job;
  compared.to = source;
  for (const NodeNumber other : sources(job, volume)) {
    if (other == source) continue;
    KELP_CO_CHECK(co_await check_covers(compared, whole, other));
  }
  const NodeIdentity& from = context_.state().nodes.at(source).identity;
  PackSource copy{.scheme = job.scheme, .copy = VolumeMember{from.node_id, from.address}};
  co_return co_await pack_at_targets(std::move(copy), std::move(job), std::move(volume));
}

/// All of them, from the same source.
Task<Result<void>> JobRunner::pack_at_targets(PackSource from, JobRecord job, VolumeRecord volume) {
  std::vector<std::shared_ptr<VolumeNode>> nodes;
  std::vector<Task<Result<VolumeDigest>>> packs;
  for (std::size_t i = 0; i < job.targets.size(); ++i) {
    nodes.push_back(context_.reach(job.targets[i]));
    PackSource part = from;
    if (job.scheme) part.shard = static_cast<std::uint8_t>(i);
    packs.push_back(nodes.back()->pack(job.volume, volume.generation, volume.collection,
                                       std::move(part), urgency_of(job, volume)));
  }
  const auto outcomes = co_await all(std::move(packs));
  co_return first_error(outcomes, names_of(context_.state(), job.targets));
}

/// Each target reads back what it made; all made shards of the same extents, and every needle of
/// every copy is in them.
Task<Result<void>> JobRunner::verify_packed(JobRecord job, VolumeRecord volume) {
  std::vector<std::shared_ptr<VolumeNode>> nodes;
  std::vector<Task<Result<VolumeDigest>>> reads;
  for (const NodeNumber target : job.targets) {
    nodes.push_back(context_.reach(target));
    reads.push_back(
        nodes.back()->verify_packed(job.volume, volume.generation, urgency_of(job, volume)));
  }
  const auto outcomes = co_await all(std::move(reads));
  KELP_CO_CHECK(first_error(outcomes, names_of(context_.state(), job.targets)));
  const VolumeDigest packed = *outcomes.front();
  for (const auto& other : outcomes) {
    if (other->needles == packed.needles && other->live_bytes == packed.live_bytes &&
        other->keys_hash == packed.keys_hash) {
      continue;
    }
    co_return Error(Errc::kCorruption,
                    fmt::format("volume {}: its shards are of different extents: {} needles of {} "
                                "bytes and {} of {}",
                                job.volume.value, packed.needles, packed.live_bytes, other->needles,
                                other->live_bytes));
  }
  KELP_CO_CHECK(co_await check_identities(context_, job.targets));
  if (job.kind == JobKind::kRepack) co_return Result<void>();  // each compared it with its own
  if (job.kind == JobKind::kRecode) {
    co_return co_await check_counts(std::move(job), std::move(volume), packed);
  }
  for (const NodeNumber member : sources(job, volume)) {
    KELP_CO_TRY(const VolumeDigest whole,
                co_await context_.reach(member)->digest(job.volume, false));
    if (whole.needles <= packed.needles) continue;
    co_return Error(Errc::kCorruption,
                    fmt::format("volume {}: {} needles are packed, node {} has {}",
                                job.volume.value, packed.needles, member.value, whole.needles));
  }
  co_return Result<void>();
}

/// What was packed takes the place of whatever is there. A member that is dead misses it and is
/// replaced like any lost one. Thawed is only who has its shard: a copy must never be taken for it.
Task<Result<void>> JobRunner::settle(JobRecord job, VolumeRecord volume) {
  const Generation packed = one_before(volume.generation);
  VolumeRecord settled = volume;
  for (const NodeNumber member : volume.members) {
    const auto adopted = co_await context_.reach(member)->adopt_packed(job.volume, packed);
    if (adopted.has_value()) continue;
    const bool gone = adopted.error().code() == Errc::kNotFound ||
                      context_.topology.dead(member, context_.seams.clock.mono());
    if (!gone) co_return adopted.error();
    erase_member(settled, member);
  }
  if (settled.members.size() < least_members(volume)) {
    co_return Error(Errc::kUnavailable, fmt::format("volume {}: {} members have their shards",
                                                    job.volume.value, settled.members.size()));
  }
  co_return co_await thaw(job, std::move(settled));
}

/// Only while every member has its shard; else the copies go with the strays once all have. Those
/// of dead nodes go when they are back.
Task<Result<void>> JobRunner::retire_copies(JobRecord job, VolumeRecord volume) {
  if (healthy_copies(context_.view(), job.volume, volume) < wanted_members(volume)) {
    co_return Result<void>();
  }
  std::vector<NodeNumber> holders;
  for (const auto& [number, node] : context_.topology.nodes()) {
    const bool member = std::ranges::find(volume.members, number) != volume.members.end();
    if (!member && node.find(job.volume) != nullptr && context_.state().nodes.contains(number)) {
      holders.push_back(number);
    }
  }
  for (const NodeNumber holder : holders) {
    const auto retired =
        co_await context_.reach(holder)->retire(job.volume, one_before(volume.generation));
    if (!retired.has_value() && !context_.topology.dead(holder, context_.seams.clock.mono())) {
      co_return retired.error();
    }
  }
  co_return Result<void>();
}

/// The copies go on; what the targets made is of no use. One that does not answer now keeps it
/// until the volume is packed there again.
Task<Result<void>> JobRunner::give_up(JobRecord job, VolumeRecord volume) {
  for (const NodeNumber target : job.targets) {
    if (!context_.topology.alive(target, context_.seams.clock.mono())) continue;
    const auto dropped =
        co_await context_.reach(target)->drop_packed(job.volume, one_before(volume.generation));
    if (dropped.has_value()) continue;
    logger("master").warn("packed_shard_stays volume={} node={} error={}", job.volume.value,
                          target.value, log_value(dropped.error().message()));
  }
  co_return co_await thaw(job, std::move(volume));
}

}  // namespace kelp::master
