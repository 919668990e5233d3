// How the shards of a full volume become those of another scheme, or copies
// (docs/adr/0018-change-of-scheme.md): what differs from a seal (job_seal.cc).

#include <fmt/format.h>

#include "master/job_runner.h"
#include "master/needle_walk.h"

namespace kelp::master {

/// One member puts the needles together for all targets. It must know whatever the others know of,
/// since those go too.
Task<Result<void>> JobRunner::recode_from(NodeNumber source, JobRecord job, VolumeRecord volume) {
  KELP_CO_CHECK(co_await check_knows_all(source, job, volume));
  const VolumeLocation location = context_.location(job.volume, volume);
  PackSource from{.scheme = job.scheme, .from = volume.scheme, .members = location.members};
  const NodeIdentity& reader = context_.state().nodes.at(source).identity;
  from.copy = VolumeMember{reader.node_id, reader.address, shard_of(volume, source)};
  co_return co_await pack_at_targets(std::move(from), std::move(job), std::move(volume));
}

/// Shards of one needle differ, so their keys and the lengths of whole bodies are compared.
Task<Result<void>> JobRunner::check_knows_all(NodeNumber source, JobRecord job,
                                              VolumeRecord volume) {
  NeedleWalk ours(context_.reach(source), job.volume, false);
  struct Other {
    NodeNumber node;
    NeedleWalk walk;
    std::optional<NeedleInfo> next;
  };
  std::vector<Other> others;
  for (const NodeNumber member : sources(job, volume)) {
    if (member == source) continue;
    others.push_back({member, NeedleWalk(context_.reach(member), job.volume, false), {}});
    KELP_CO_TRY(others.back().next, co_await others.back().walk.next());
  }
  while (true) {
    KELP_CO_TRY(const auto mine, co_await ours.next());
    for (Other& other : others) {
      if (!other.next || (mine && mine->key < other.next->key)) continue;
      if (!mine || mine->key != other.next->key || mine->body_bytes != other.next->body_bytes) {
        co_return Error(
            Errc::kCorruption,
            fmt::format("volume {}: node {} does not have needle {:x} as node {} has it",
                        job.volume.value, source.value, other.next->key.value, other.node.value));
      }
      KELP_CO_TRY(other.next, co_await other.walk.next());
    }
    if (!mine) co_return Result<void>();
  }
}

/// No member knows of a needle more than there are in what was made.
Task<Result<void>> JobRunner::check_counts(JobRecord job, VolumeRecord volume,
                                           VolumeDigest packed) {
  for (const NodeNumber member : sources(job, volume)) {
    NeedleWalk walk(context_.reach(member), job.volume, false);
    std::uint64_t needles = 0;
    while (true) {
      KELP_CO_TRY(const auto next, co_await walk.next());
      if (!next) break;
      ++needles;
    }
    if (needles <= packed.needles) continue;
    co_return Error(Errc::kCorruption,
                    fmt::format("volume {}: {} needles are made anew, node {} has {}",
                                job.volume.value, packed.needles, member.value, needles));
  }
  co_return Result<void>();
}

}  // namespace kelp::master
