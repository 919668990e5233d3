// Full volumes that become shards while clients read and remove: single stories, and a kill at each
// step of the job.
#include "tests/sim/cluster_sealing.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using master::JobRecord;
using master::JobStep;

/// Read and removed from while it is sealed; then any two of its servers go.
Task<void> seals(ClusterWorld& w) {
  co_await w.start_all();
  co_await w.sleep(2s);
  const FileId early = co_await w.on(w.clients[0]->machine, put_unwatched(w));
  const VolumeId volume = co_await fill(w);
  EXPECT_EQ(early.volume, volume);
  bool stop = false;
  TaskGroup readers(w.clients[1]->machine.executor());
  readers.spawn(read_until(w, volume, &stop));
  while (!(co_await seal_of(w))) co_await w.sleep(1ms);
  co_await remove_until_done(w, early);
  co_await await_packed(w, volume);
  co_await w.sleep(1s);
  stop = true;
  co_await readers.join();
  co_await expect_removed(w, early);
  EXPECT_FALSE(w.packed_volumes.empty());
  const FileId late = w.history.needles().begin()->second.fid;
  EXPECT_EQ(late.volume, volume);
  co_await read_without_any(w, volume, true);
  co_await w.converge();
  co_await w.stop_all();
}

/// Who is killed when.
struct Kill {
  JobStep step;
  enum class Who : std::uint8_t { kLeader, kHolder, kTarget } who;
  bool loses_disk = false;
};

Task<void> kill_at(ClusterWorld& w, Kill kill) {
  co_await w.start_all();
  co_await w.sleep(2s);
  const VolumeId volume = co_await fill(w);
  const MonoTime end = w.in(100s);
  std::optional<JobRecord> job;
  while (w.context.now() < end) {
    job = co_await seal_of(w);
    if (job && job->step == kill.step) break;
    co_await w.sleep(1ms);
  }
  if (!job || job->step != kill.step) {
    ADD_FAILURE() << "no seal came to step " << static_cast<int>(kill.step);
    co_return;
  }
  const master::MasterState state = co_await w.leader()->service->state();
  if (kill.who == Kill::Who::kLeader) {
    co_await kill_leader(w);
  } else {
    const auto& members = state.volumes.at(volume).members;
    const master::NodeNumber node =
        kill.who == Kill::Who::kHolder ? members.front() : job->targets.back();
    co_await kill_host(w, state, node, kill.loses_disk);
  }
  co_await w.converge();
  co_await await_packed(w, volume);
  co_await w.converge();
  co_await w.stop_all();
}

TEST(ClusterSeal, AFullVolumeIsReadAndRemovedFromAllTheWhile) {
  in_worlds(10, seals);
}

class ClusterSealKill : public testing::TestWithParam<JobStep> {};
INSTANTIATE_TEST_SUITE_P(Steps, ClusterSealKill,
                         testing::Values(JobStep::kFreeze, JobStep::kPack, JobStep::kVerify,
                                         JobStep::kSwitch, JobStep::kRetire),
                         [](const auto& info) {
                           return "Step" + std::to_string(static_cast<int>(info.param));
                         });

TEST_P(ClusterSealKill, TheLeadingMaster) {
  in_worlds(3, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kLeader}); });
}
TEST_P(ClusterSealKill, AServerWithACopy) {
  in_worlds(3, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kHolder}); });
}
TEST_P(ClusterSealKill, AServerThatGetsAShard) {
  in_worlds(3, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kTarget}); });
}
TEST_P(ClusterSealKill, AServerThatGetsAShardAndItsDisk) {
  in_worlds(3, [](ClusterWorld& w) { return kill_at(w, {GetParam(), Kill::Who::kTarget, true}); });
}

}  // namespace
}  // namespace kelp::test
