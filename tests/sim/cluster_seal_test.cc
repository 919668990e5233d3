// Full volumes that become shards while clients read and remove: single stories, and a kill at each
// step of the job.
#include "base/log.h"
#include "tests/sim/cluster_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using master::JobKind;
using master::JobRecord;
using master::JobStep;

ClusterOptions sealing() {
  ClusterOptions options;
  options.volume_hosts = 5;
  options.seal = {.data = 2, .parity = 2};
  options.volume_size_limit = 48 << 10;
  return options;
}

/// Writes until the volume of the first needle is full.
Task<VolumeId> fill(ClusterWorld& w) {
  ClientHost& client = *w.clients[0];
  VolumeId first;
  for (int i = 0; i < 200; ++i) {
    co_await w.on(client.machine, client.put(500 + 97 * static_cast<std::uint64_t>(i % 20)));
    if (w.history.needles().empty()) continue;
    first = w.history.needles().begin()->second.fid.volume;
    MasterHost* const leader = w.leader();
    if (leader == nullptr) continue;
    const master::MasterState state = co_await leader->service->state();
    const auto record = state.volumes.find(first);
    if (record != state.volumes.end() && record->second.phase == master::VolumePhase::kSealed) {
      co_return first;
    }
  }
  ADD_FAILURE() << "the volume does not fill";
  co_return first;
}

/// The seal that is under way, as the leader knows it.
Task<std::optional<JobRecord>> seal_of(ClusterWorld& w) {
  MasterHost* const leader = w.leader();
  if (leader == nullptr) co_return std::nullopt;
  const master::MasterState state = co_await leader->service->state();
  for (const auto& [id, job] : state.jobs) {
    if (job.kind == JobKind::kSeal) co_return job;
  }
  co_return std::nullopt;
}

Task<EcScheme> scheme_of(ClusterWorld& w, VolumeId volume) {
  const auto view = co_await w.view();
  if (!view) co_return EcScheme{};
  for (const VolumeView& each : view->volumes) {
    if (each.location.volume == volume) co_return each.location.scheme;
  }
  co_return EcScheme{};
}

Task<void> await_packed(ClusterWorld& w, VolumeId volume) {
  const MonoTime end = w.in(200s);
  while (w.context.now() < end) {
    if (co_await scheme_of(w, volume) && !co_await seal_of(w)) co_return;
    co_await w.sleep(200ms);
  }
  ADD_FAILURE() << "the volume stays copies";
}

Task<void> read_all(ClusterWorld& w, ClientHost& client, VolumeId volume) {
  for (const auto& [key, needle] : w.history.needles()) {
    if (!needle.acknowledged || needle.fid.volume != volume) continue;
    co_await w.on(client.machine, client.read(needle, true));
  }
}

Task<void> read_until(ClusterWorld& w, VolumeId volume, const bool* stop) {
  while (!*stop) {
    co_await read_all(w, *w.clients[1], volume);
    co_await w.sleep(1ms);
  }
}

/// Removes what was never told to the history as acknowledged: nobody expects it.
Task<void> remove_until_done(ClusterWorld& w, FileId fid) {
  ClientHost& client = *w.clients[0];
  const MonoTime end = w.in(200s);
  while (w.context.now() < end) {
    std::vector<FileId> fids{fid};
    if (co_await w.on(client.machine, client.volumes->remove(std::move(fids)))) co_return;
    co_await w.sleep(100ms);
  }
  ADD_FAILURE() << "the removal never ends";
}

Task<void> expect_removed(ClusterWorld& w, FileId fid) {
  const auto view = co_await w.view();
  if (!view) {
    ADD_FAILURE() << view.error().message();
    co_return;
  }
  for (const VolumeView& volume : view->volumes) {
    if (volume.location.volume != fid.volume) continue;
    for (const VolumeMember& member : volume.location.members) {
      VolumeHost& host = *w.host_of(member.node_id);
      const auto listed =
          co_await w.on(host.machine, host.service->list_needles(fid.volume, NeedleKey{}, 1000));
      EXPECT_TRUE(listed.has_value());
      for (const NeedleInfo& info : listed.value_or(std::vector<NeedleInfo>())) {
        EXPECT_NE(info.key, fid.key) << host.machine.name << " still has it";
      }
    }
  }
}

/// A needle that the history does not know: it may be removed.
Task<FileId> put_unwatched(ClusterWorld& w) {
  ClientHost& client = *w.clients[0];
  auto place = co_await client.leases->next(700);
  for (int i = 0; i < 100 && !place; ++i) {
    co_await w.sleep(100ms);
    place = co_await client.leases->next(700);
  }
  if (!place) {
    ADD_FAILURE() << "no lease: " << place.error().message();
    co_return FileId{};
  }
  const FileId fid = place->fid;
  OpenNeedle request{.fid = fid,
                     .generation = place->generation,
                     .token = std::move(place->token),
                     .body_bytes = 700,
                     .bucket = BucketId{1},
                     .object_key = "key",
                     .members = std::move(place->members),
                     .scheme = place->scheme};
  auto upload = co_await client.volumes->open(std::move(request));
  const std::string body = body_of(fid, 700);
  bool done = upload && co_await (*upload)->append(as_bytes(body));
  if (done) done = (co_await (*upload)->finish()).has_value();
  EXPECT_TRUE(done);
  co_return fid;
}

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
  for (std::size_t i = 0; i < w.volumes.size(); ++i) {
    VolumeHost& first = *w.volumes[i];
    VolumeHost& second = *w.volumes[(i + 1) % w.volumes.size()];
    co_await first.crash(true);
    co_await second.crash(true);
    co_await read_all(w, *w.clients[1], volume);
    co_await first.start();
    co_await second.start();
    co_await w.sleep(5s);
  }
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
  MasterHost* const leader = w.leader();
  const master::MasterState state = co_await leader->service->state();
  if (kill.who == Kill::Who::kLeader) {
    co_await leader->crash(false);
    co_await w.sleep(1s);
    co_await leader->start();
  } else {
    const auto& members = state.volumes.at(volume).members;
    const master::NodeNumber node =
        kill.who == Kill::Who::kHolder ? members.front() : job->targets.back();
    VolumeHost& host = *w.host_of(state.nodes.at(node).identity.node_id);
    if (kill.loses_disk) {
      co_await host.lose_disk();
    } else {
      co_await host.crash(false);
    }
    co_await w.sleep(20s);  // dead for long enough to be replaced
    co_await host.start();
  }
  co_await w.converge();
  co_await await_packed(w, volume);
  co_await w.converge();
  co_await w.stop_all();
}

template <typename Story>
void in_worlds(std::uint64_t seeds, Story story) {
  spdlog::set_level(spdlog::level::off);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    ClusterWorld world(seed, sealing());
    world.tracing = true;
    world.context.run(story(world));
    for (const auto& violation : world.history.violations) ADD_FAILURE() << violation;
    if (::testing::Test::HasFailure()) {
      std::string told;
      for (const std::string& line : world.lines) told += line + "\n";
      ADD_FAILURE() << "seed " << seed << "\n" << told;
      return;
    }
  }
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
