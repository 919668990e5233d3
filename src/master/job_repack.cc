// How a packed volume is packed anew (docs/adr/0015-repacking.md): which ones are worth it, and the
// step that differs from a seal (job_seal.cc).

#include <fmt/format.h>

#include <set>

#include "async/all.h"
#include "base/log.h"
#include "master/job_runner.h"

namespace kelp::master {
namespace {

constexpr std::chrono::seconds kBetweenLooks{10};

}  // namespace

/// Every member for itself, all of them or none.
Task<Result<void>> JobRunner::repack(JobRecord job, VolumeRecord volume) {
  StripeSources from{.scheme = volume.scheme,
                     .shard = 0,
                     .members = context_.location(job.volume, volume).members};
  std::vector<std::shared_ptr<VolumeNode>> nodes;
  std::vector<Task<Result<VolumeDigest>>> packs;
  for (std::size_t i = 0; i < job.targets.size(); ++i) {
    from.shard = static_cast<std::uint8_t>(i);
    nodes.push_back(context_.reach(job.targets[i]));
    packs.push_back(nodes.back()->repack(job.volume, volume.generation, volume.collection, from,
                                         urgency_of(job, volume)));
  }
  const auto outcomes = co_await all(std::move(packs));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].has_value()) continue;
    const Error& error = outcomes[i].error();
    const std::string& node = context_.state().nodes.at(job.targets[i]).identity.node_id;
    co_return Error(error.code(), fmt::format("shard {} at {}: {}", i, node, error.detail()),
                    error.reason());
  }
  co_return Result<void>();
}

bool JobRunner::repack_rests(VolumeId volume) const {
  const auto rest = repack_rests_.find(volume);
  return rest != repack_rests_.end() && rest->second.until > context_.seams.clock.mono();
}

/// Asks every server that has a full volume in shards; what it says is in its memory.
void JobRunner::look_for_sparse() {
  const MonoTime now = context_.seams.clock.mono();
  if (asking_ || now - asked_ < kBetweenLooks || context_.state().jobs_paused) return;
  asked_ = now;
  std::set<NodeNumber> nodes;
  SparseReports found;
  for (const auto& [id, volume] : context_.state().volumes) {
    if (!volume.scheme || volume.phase != VolumePhase::kSealed) continue;
    if (repack_rests(id)) continue;
    found[id].generation = volume.generation;
    for (const NodeNumber member : volume.members) {
      if (context_.topology.alive(member, now)) nodes.insert(member);
    }
  }
  sparse_.clear();
  if (nodes.empty()) return;
  asking_ = true;
  tasks_.spawn(ask_for_sparse({nodes.begin(), nodes.end()}, std::move(found)));
}

/// One that does not know how, or does not answer, keeps its volumes as they are.
Task<void> JobRunner::ask_for_sparse(std::vector<NodeNumber> nodes, SparseReports found) {
  for (const NodeNumber node : nodes) {
    if (!context_.state().nodes.contains(node)) continue;
    const auto reached = context_.reach(node);
    const auto said = co_await reached->sparse_volumes();
    if (!said.has_value()) {
      if (said.error().code() == Errc::kCancelled) break;
      continue;
    }
    for (const SparseVolume& volume : *said) {
      const auto asked = found.find(volume.volume);
      if (asked != found.end()) asked->second.said[node] = volume;
    }
  }
  std::erase_if(found, [](const auto& report) { return report.second.said.empty(); });
  sparse_ = std::move(found);
  asking_ = false;
}

}  // namespace kelp::master
