// Packed volumes from which most was removed and that are packed anew, while clients read and
// remove: single stories, and a kill at each step of the job.
#include "tests/sim/cluster_sealing.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using master::JobKind;
using master::JobRecord;
using master::JobStep;

/// Each server looks at its extents about once a second, as its upkeep would.
Task<void> look_until(ClusterWorld& w, VolumeId volume, const bool* stop) {
  while (!*stop) {
    for (const auto& host : w.volumes) {
      if (!host->up() || host->machine.gate.closed()) continue;
      (void)co_await w.on(host->machine, host->service->drop_dead_extents(volume));
    }
    co_await w.sleep(1s);
  }
}

/// A full volume in shards; `thin` of it nobody expects any more.
struct Packed {
  VolumeId volume;
  std::vector<FileId> thin;
};

Task<Packed> make_packed(ClusterWorld& w) {
  co_await w.start_all();
  co_await w.sleep(2s);
  ClientHost& client = *w.clients[0];
  std::map<VolumeId, std::vector<FileId>> thin;
  for (int i = 0; i < 900; ++i) {
    co_await w.sleep(20ms);  // the masters hear how full it is
    if (i % 5 == 0) {
      co_await w.on(client.machine, client.put(700));
      continue;
    }
    const FileId fid = co_await w.on(client.machine, put_unwatched(w));
    thin[fid.volume].push_back(fid);
    if (thin[fid.volume].size() < 12 || !co_await is_full(w, fid.volume)) continue;
    co_await await_packed(w, fid.volume);
    co_return Packed{fid.volume, thin[fid.volume]};
  }
  ADD_FAILURE() << "no volume is full";
  co_return Packed{};
}

Task<void> remove_some(ClusterWorld& w, std::vector<FileId> fids) {
  for (const FileId& fid : fids) co_await remove_until_done(w, fid);
}

/// Bytes of extents on all servers, garbage and all.
Task<std::uint64_t> extent_bytes(ClusterWorld& w, VolumeId volume) {
  std::uint64_t bytes = 0;
  for (const auto& host : w.volumes) {
    if (!host->up()) continue;
    const auto listed =
        co_await w.on(host->machine, host->service->list_needles(volume, kLastNeedleKey, 100));
    for (const NeedleInfo& extent : listed.value_or(std::vector<NeedleInfo>())) {
      bytes += extent.body_bytes;
    }
  }
  co_return bytes;
}

/// Until less than two thirds of `before` is left and no job runs.
Task<void> await_repacked(ClusterWorld& w, VolumeId volume, std::uint64_t before) {
  const MonoTime end = w.in(400s);
  while (w.context.now() < end) {
    const std::uint64_t now = co_await extent_bytes(w, volume);
    if (now < before * 2 / 3 && !co_await job_of(w, JobKind::kRepack)) co_return;
    co_await w.sleep(500ms);
  }
  ADD_FAILURE() << "the volume keeps its garbage";
}

/// The first moment at which the job is at `step`.
Task<std::optional<JobRecord>> await_step(ClusterWorld& w, JobStep step) {
  const MonoTime end = w.in(100s);
  while (w.context.now() < end) {
    const auto job = co_await job_of(w, JobKind::kRepack);
    if (job && job->step == step) co_return job;
    co_await w.sleep(1ms);
  }
  ADD_FAILURE() << "nothing came to step " << static_cast<int>(step);
  co_return std::nullopt;
}

/// Read and removed from while it is packed anew; then any two of its servers go.
Task<void> repacks(ClusterWorld& w) {
  Packed packed = co_await make_packed(w);
  const VolumeId volume = packed.volume;
  bool stop = false;
  TaskGroup tasks(w.clients[1]->machine.executor());
  tasks.spawn(read_until(w, volume, &stop));
  const FileId late = packed.thin.back();
  packed.thin.pop_back();
  const std::uint64_t before = co_await extent_bytes(w, volume);
  co_await remove_some(w, packed.thin);
  tasks.spawn(look_until(w, volume, &stop));
  if (co_await await_step(w, JobStep::kFreeze)) {
    co_await remove_until_done(w, late);
    co_await await_repacked(w, volume, before);
    co_await w.sleep(1s);
  }
  stop = true;
  co_await tasks.join();
  for (const FileId& fid : packed.thin) co_await expect_removed(w, fid);
  co_await expect_removed(w, late);
  co_await read_without_any(w, volume, true);
  co_await w.converge();
  co_await w.stop_all();
}

/// Who is killed when.
struct Kill {
  JobStep step;
  enum class Who : std::uint8_t { kLeader, kMember } who;
  bool loses_disk = false;
};

Task<void> kill_at(ClusterWorld& w, Kill kill) {
  const Packed packed = co_await make_packed(w);
  const std::uint64_t before = co_await extent_bytes(w, packed.volume);
  co_await remove_some(w, packed.thin);
  bool stop = false;
  TaskGroup tasks(w.clients[1]->machine.executor());
  tasks.spawn(look_until(w, packed.volume, &stop));
  const auto job = co_await await_step(w, kill.step);
  if (!job) {
    stop = true;
    co_await tasks.join();
    co_return;
  }
  const master::MasterState state = co_await w.leader()->service->state();
  if (kill.who == Kill::Who::kLeader) {
    co_await kill_leader(w);
  } else {
    co_await kill_host(w, state, job->targets[w.rng.below(4)], kill.loses_disk);
  }
  co_await read_all(w, *w.clients[0], packed.volume);
  co_await w.converge();
  co_await await_repacked(w, packed.volume, before);
  stop = true;
  co_await tasks.join();
  for (const FileId& fid : packed.thin) co_await expect_removed(w, fid);
  co_await w.converge();
  co_await w.stop_all();
}

ClusterOptions repacking() {
  ClusterOptions options = sealing();
  options.volume_size_limit = 128 << 10;
  return options;
}

TEST(ClusterRepack, IsReadAndRemovedFromAllTheWhile) {
  in_worlds(10, repacks, repacking());
}

class ClusterRepackKill : public testing::TestWithParam<JobStep> {};
INSTANTIATE_TEST_SUITE_P(Steps, ClusterRepackKill,
                         testing::Values(JobStep::kFreeze, JobStep::kPack, JobStep::kVerify,
                                         JobStep::kSwitch),
                         [](const auto& info) {
                           return "Step" + std::to_string(static_cast<int>(info.param));
                         });

TEST_P(ClusterRepackKill, TheLeadingMaster) {
  in_worlds(
      10, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kLeader}); },
      repacking());
}
TEST_P(ClusterRepackKill, AMember) {
  in_worlds(
      10, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kMember}); },
      repacking());
}
TEST_P(ClusterRepackKill, AMemberAndItsDisk) {
  in_worlds(
      10, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kMember, true}); },
      repacking());
}

}  // namespace
}  // namespace kelp::test
