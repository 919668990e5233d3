// Two lost shards of a volume made in one pass, and a kill of anybody at each step of the job.
#include "tests/sim/cluster_sealing.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using master::JobKind;
using master::JobRecord;
using master::JobStep;

ClusterOptions in_shards() {
  ClusterOptions options;
  options.volume_hosts = 9;
  options.large = {.data = 2, .parity = 3};  // one more may go while two are missing
  options.volume_size_limit = 16 << 20;
  options.balance_bytes = 64 << 20;  // nothing moves meanwhile
  return options;
}

/// Needles in shards; the volume of the first one.
Task<VolumeId> write_shards(ClusterWorld& w) {
  ClientHost& client = *w.clients[0];
  for (std::uint64_t i = 0; i < 24; ++i) {
    co_await w.on(client.machine, client.put(2500 + 9973 * (i % 20)));
  }
  for (const auto& [key, needle] : w.history.needles()) {
    if (needle.acknowledged) co_return needle.fid.volume;
  }
  ADD_FAILURE() << "no needle was written";
  co_return VolumeId{};
}

/// The repair of several shards that is under way, as the leader knows it.
Task<std::optional<JobRecord>> repair_of(ClusterWorld& w, VolumeId volume) {
  MasterHost* const leader = w.leader();
  if (leader == nullptr) co_return std::nullopt;
  const master::MasterState state = co_await leader->service->state();
  for (const auto& [id, job] : state.jobs) {
    const bool several = job.kind == JobKind::kRepair && job.targets.size() > 1;
    if (several && job.volume == volume) co_return job;
  }
  co_return std::nullopt;
}

/// The servers of a volume that the leader knows, by the places of its members.
Task<std::vector<VolumeHost*>> members_of(ClusterWorld& w, VolumeId volume) {
  std::vector<VolumeHost*> out;
  const auto view = co_await w.view();
  if (!view) co_return out;
  for (const VolumeView& each : view->volumes) {
    if (each.location.volume != volume) continue;
    for (const VolumeMember& member : each.location.members)
      out.push_back(w.host_of(member.node_id));
  }
  co_return out;
}

/// Who is killed when.
struct Kill {
  JobStep step = JobStep::kFreeze;
  enum class Who : std::uint8_t { kNobody, kLeader, kMaker, kOther, kSource } who = Who::kNobody;
  bool loses_disk = false;
};

Task<std::optional<JobRecord>> await_step(ClusterWorld& w, VolumeId volume, JobStep step) {
  const MonoTime end = w.in(100s);
  while (w.context.now() < end) {
    auto job = co_await repair_of(w, volume);
    if (job && job->step == step) co_return job;
    co_await w.sleep(1ms);
  }
  co_return std::nullopt;
}

Task<void> kill_one(ClusterWorld& w, VolumeId volume, JobRecord job, Kill kill) {
  if (kill.who == Kill::Who::kLeader) co_return co_await kill_leader(w);
  const master::MasterState state = co_await w.leader()->service->state();
  master::NodeNumber node = state.volumes.at(volume).members.front();
  if (kill.who == Kill::Who::kMaker) node = job.targets.front();
  if (kill.who == Kill::Who::kOther) node = job.targets.back();
  co_await kill_host(w, state, node, kill.loses_disk);
}

Task<void> lose_two(ClusterWorld& w, Kill kill) {
  co_await w.start_all();
  co_await w.sleep(2s);
  const VolumeId volume = co_await write_shards(w);
  const auto members = co_await members_of(w, volume);
  if (members.size() != 5) {
    ADD_FAILURE() << "the volume has " << members.size() << " members";
    co_return co_await w.stop_all();
  }
  co_await members[1]->crash(true);
  co_await members[2]->crash(true);
  const auto job = co_await await_step(w, volume, kill.step);
  if (!job) {
    ADD_FAILURE() << "no repair of two shards came to step " << static_cast<int>(kill.step);
    co_return co_await w.stop_all();
  }
  if (kill.who != Kill::Who::kNobody) co_await kill_one(w, volume, *job, kill);
  // The two that are gone stay so until all is there again without them.
  const MonoTime end = w.in(200s);
  while (kill.who == Kill::Who::kNobody && w.context.now() < end) {
    const auto now = co_await members_of(w, volume);
    const bool without = std::ranges::none_of(
        now, [&](VolumeHost* host) { return host == members[1] || host == members[2]; });
    if (now.size() == 5 && without && !(co_await repair_of(w, volume))) break;
    co_await w.sleep(100ms);
  }
  if (kill.who == Kill::Who::kNobody) EXPECT_GT(w.images_given, 0U) << "each read for itself";
  co_await w.converge();
  co_await w.stop_all();
}

void lose_in_worlds(std::uint64_t seeds, Kill kill) {
  in_worlds(seeds, [kill](ClusterWorld& w) { return lose_two(w, kill); }, in_shards());
}

TEST(ClusterRebuild, TwoLostShardsAreMadeInOnePass) {
  lose_in_worlds(10, {});
}

class ClusterRebuildKill : public testing::TestWithParam<JobStep> {};
INSTANTIATE_TEST_SUITE_P(Steps, ClusterRebuildKill,
                         testing::Values(JobStep::kFreeze, JobStep::kCopy, JobStep::kSwitch),
                         [](const auto& info) {
                           return "Step" + std::to_string(static_cast<int>(info.param));
                         });

TEST_P(ClusterRebuildKill, TheLeadingMaster) {
  lose_in_worlds(3, {GetParam(), Kill::Who::kLeader});
}
TEST_P(ClusterRebuildKill, TheServerThatMakesAll) {
  lose_in_worlds(3, {GetParam(), Kill::Who::kMaker});
}
TEST_P(ClusterRebuildKill, TheServerThatMakesAllAndItsDisk) {
  lose_in_worlds(3, {GetParam(), Kill::Who::kMaker, true});
}
TEST_P(ClusterRebuildKill, AServerThatComesForItsShard) {
  lose_in_worlds(3, {GetParam(), Kill::Who::kOther});
}
TEST_P(ClusterRebuildKill, AServerThatComesForItsShardAndItsDisk) {
  lose_in_worlds(3, {GetParam(), Kill::Who::kOther, true});
}
TEST_P(ClusterRebuildKill, AServerThatIsRead) {
  lose_in_worlds(3, {GetParam(), Kill::Who::kSource});
}

}  // namespace
}  // namespace kelp::test
