// Full volumes in shards that get another scheme or become copies, while clients read and remove:
// single stories, and a kill at each step of the job.
#include "tests/sim/cluster_sealing.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using master::JobKind;
using master::JobRecord;
using master::JobStep;

constexpr EcScheme kBefore{.data = 2, .parity = 2};
/// What becomes of a volume.
struct Change {
  EcScheme to;
  bool striped = false;  ///< Its needles were written as shards; else they are packed.
};

/// An operator asks for it until it is so: a job that is given up does not begin again by itself.
Task<void> ask_until(ClusterWorld& w, VolumeId volume, EcScheme scheme) {
  const MonoTime end = w.in(400s);
  while (w.context.now() < end) {
    const bool works = co_await job_of(w, JobKind::kRecode) || co_await seal_of(w);
    if (!works && co_await scheme_of(w, volume) == scheme) co_return;
    MasterHost* const leader = w.leader();
    if (!works && leader != nullptr) {
      (void)co_await w.on(leader->machine, leader->service->pack_volume(volume, scheme, {}));
    }
    co_await w.sleep(500ms);
  }
  ADD_FAILURE() << "volume " << volume.value << " does not become " << to_string(scheme);
}

/// Writes until the volume of the first needle is full, which then lies in shards; one needle in
/// it nobody expects.
Task<FileId> make_shards(ClusterWorld& w, Change change) {
  co_await w.start_all();
  co_await w.sleep(2s);
  ClientHost& client = *w.clients[0];
  FileId extra;
  VolumeId volume;
  for (int i = 0; i < 400; ++i) {
    const auto more = 97 * static_cast<std::uint64_t>(i % 20);
    co_await w.on(client.machine, client.put((change.striped ? 2500 : 500) + more));
    if (w.history.needles().empty()) continue;
    volume = w.history.needles().begin()->second.fid.volume;
    if (co_await is_full(w, volume)) break;
    if (extra.key == NeedleKey{}) {
      const std::uint64_t bytes = change.striped ? 2600 : 700;
      const FileId fid = co_await w.on(client.machine, put_unwatched(w, bytes));
      if (fid.volume == volume) extra = fid;
    }
  }
  EXPECT_TRUE(co_await is_full(w, volume));
  EXPECT_EQ(extra.volume, volume);
  if (!change.striped) co_await ask_until(w, volume, kBefore);
  EXPECT_EQ(co_await scheme_of(w, volume), kBefore);
  co_return extra;
}

/// Read and removed from while it changes; then as many of its servers go as it can lose.
Task<void> changes(ClusterWorld& w, Change change) {
  const FileId removed = co_await make_shards(w, change);
  const VolumeId volume = removed.volume;
  bool stop = false;
  TaskGroup readers(w.clients[1]->machine.executor());
  readers.spawn(read_until(w, volume, &stop));
  MasterHost* const leader = w.leader();
  const auto asked =
      co_await w.on(leader->machine, leader->service->pack_volume(volume, change.to, {}));
  EXPECT_TRUE(asked.has_value()) << asked.error().message();
  co_await remove_until_done(w, removed);
  co_await ask_until(w, volume, change.to);
  co_await w.sleep(1s);
  stop = true;
  co_await readers.join();
  co_await expect_removed(w, removed);
  co_await read_without_any(w, volume, static_cast<bool>(change.to));
  co_await w.converge();
  co_await w.stop_all();
}

/// Who is killed when.
struct Kill {
  JobStep step;
  enum class Who : std::uint8_t { kLeader, kMember, kTarget } who;
  bool loses_disk = false;
};

Task<void> kill_at(ClusterWorld& w, Change change, Kill kill) {
  const FileId removed = co_await make_shards(w, change);
  const VolumeId volume = removed.volume;
  MasterHost* const leader = w.leader();
  const auto asked =
      co_await w.on(leader->machine, leader->service->pack_volume(volume, change.to, {}));
  EXPECT_TRUE(asked.has_value()) << asked.error().message();
  std::optional<JobRecord> job;
  const MonoTime end = w.in(100s);
  while (w.context.now() < end) {
    job = co_await job_of(w, JobKind::kRecode);
    if (!job || job->step == kill.step) break;
    co_await w.sleep(1ms);
  }
  if (!job || job->step != kill.step) {
    ADD_FAILURE() << "the job did not come to step " << static_cast<int>(kill.step);
    co_return;
  }
  const master::MasterState state = co_await w.leader()->service->state();
  if (kill.who == Kill::Who::kLeader) {
    co_await kill_leader(w);
  } else {
    const auto& members = state.volumes.at(volume).members;
    const master::NodeNumber node = kill.who == Kill::Who::kMember
                                        ? members[w.rng.below(members.size())]
                                        : job->targets[w.rng.below(job->targets.size())];
    co_await kill_host(w, state, node, kill.loses_disk);
  }
  co_await read_all(w, *w.clients[0], volume);
  co_await w.converge();
  co_await remove_until_done(w, removed);
  co_await ask_until(w, volume, change.to);
  co_await w.converge();
  co_await expect_removed(w, removed);
  co_await read_all(w, *w.clients[0], volume);
  co_await w.stop_all();
}

ClusterOptions recoding(Change change) {
  ClusterOptions options = sealing();
  options.volume_hosts = 6;
  options.seal = {};  // it would be sealed again
  if (change.striped) options.large = kBefore;
  return options;
}

constexpr Change kChanges[] = {{.to = {}},
                               {.to = {.data = 3, .parity = 2}},
                               {.to = {}, .striped = true},
                               {.to = {.data = 3, .parity = 2}, .striped = true}};
std::string name_of(const Change& change) {
  return fmt::format("{}To{}{}", change.striped ? "Striped" : "Packed",
                     change.to ? "Shards" : "Copies", change.to.shards());
}

class ClusterRecode : public testing::TestWithParam<Change> {};
INSTANTIATE_TEST_SUITE_P(Changes, ClusterRecode, testing::ValuesIn(kChanges),
                         [](const auto& info) { return name_of(info.param); });
TEST_P(ClusterRecode, IsReadAndRemovedFromAllTheWhile) {
  in_worlds(10, [](ClusterWorld& w) { return changes(w, GetParam()); }, recoding(GetParam()));
}

class ClusterRecodeKill : public testing::TestWithParam<std::tuple<Change, JobStep>> {
 protected:
  static void kills(std::uint64_t seeds, Kill::Who who, bool loses_disk) {
    const auto& [change, step] = GetParam();
    in_worlds(
        seeds, [&](ClusterWorld& w) { return kill_at(w, change, {step, who, loses_disk}); },
        recoding(change));
  }
};
INSTANTIATE_TEST_SUITE_P(Steps, ClusterRecodeKill,
                         testing::Combine(testing::ValuesIn(kChanges),
                                          testing::Values(JobStep::kFreeze, JobStep::kPack,
                                                          JobStep::kVerify, JobStep::kSwitch,
                                                          JobStep::kRetire)),
                         [](const auto& info) {
                           return fmt::format("{}Step{}", name_of(std::get<0>(info.param)),
                                              static_cast<int>(std::get<1>(info.param)));
                         });

TEST_P(ClusterRecodeKill, TheLeadingMaster) {
  kills(5, Kill::Who::kLeader, false);
}
TEST_P(ClusterRecodeKill, AMember) {
  kills(5, Kill::Who::kMember, false);
}
TEST_P(ClusterRecodeKill, ATarget) {
  kills(5, Kill::Who::kTarget, false);
}
TEST_P(ClusterRecodeKill, ATargetAndItsDisk) {
  kills(5, Kill::Who::kTarget, true);
}

}  // namespace
}  // namespace kelp::test
