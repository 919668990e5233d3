#pragma once

#include <optional>

#include "base/log.h"
#include "tests/sim/cluster_world.h"

namespace kelp::test {

// What stories about full volumes that become shards have in common.

inline ClusterOptions sealing() {
  ClusterOptions options;
  options.volume_hosts = 5;
  options.seal = {.data = 2, .parity = 2};
  options.volume_size_limit = 48 << 10;
  return options;
}

inline Task<bool> is_full(ClusterWorld& w, VolumeId volume) {
  MasterHost* const leader = w.leader();
  if (leader == nullptr) co_return false;
  const master::MasterState state = co_await leader->service->state();
  const auto record = state.volumes.find(volume);
  co_return record != state.volumes.end() && record->second.phase == master::VolumePhase::kSealed;
}

/// Writes until the volume of the first needle is full.
inline Task<VolumeId> fill(ClusterWorld& w) {
  ClientHost& client = *w.clients[0];
  VolumeId first;
  for (int i = 0; i < 200; ++i) {
    co_await w.on(client.machine, client.put(500 + 97 * static_cast<std::uint64_t>(i % 20)));
    if (w.history.needles().empty()) continue;
    first = w.history.needles().begin()->second.fid.volume;
    if (co_await is_full(w, first)) co_return first;
  }
  ADD_FAILURE() << "the volume does not fill";
  co_return first;
}

/// The job of this kind that is under way, as the leader knows it.
inline Task<std::optional<master::JobRecord>> job_of(ClusterWorld& w, master::JobKind kind) {
  MasterHost* const leader = w.leader();
  if (leader == nullptr) co_return std::nullopt;
  const master::MasterState state = co_await leader->service->state();
  for (const auto& [id, job] : state.jobs) {
    if (job.kind == kind) co_return job;
  }
  co_return std::nullopt;
}
inline Task<std::optional<master::JobRecord>> seal_of(ClusterWorld& w) {
  return job_of(w, master::JobKind::kSeal);
}

inline Task<EcScheme> scheme_of(ClusterWorld& w, VolumeId volume) {
  const auto view = co_await w.view();
  if (!view) co_return EcScheme{};
  for (const VolumeView& each : view->volumes) {
    if (each.location.volume == volume) co_return each.location.scheme;
  }
  co_return EcScheme{};
}

inline Task<void> await_packed(ClusterWorld& w, VolumeId volume) {
  const MonoTime end = w.in(std::chrono::seconds(200));
  while (w.context.now() < end) {
    if (co_await scheme_of(w, volume) && !co_await seal_of(w)) co_return;
    co_await w.sleep(std::chrono::milliseconds(200));
  }
  ADD_FAILURE() << "the volume stays copies";
}

inline Task<void> read_all(ClusterWorld& w, ClientHost& client, VolumeId volume) {
  for (const auto& [key, needle] : w.history.needles()) {
    if (!needle.acknowledged || needle.fid.volume != volume) continue;
    co_await w.on(client.machine, client.read(needle, true));
  }
}

inline Task<void> read_until(ClusterWorld& w, VolumeId volume, const bool* stop) {
  while (!*stop) {
    co_await read_all(w, *w.clients[1], volume);
    co_await w.sleep(std::chrono::milliseconds(1));
  }
}

/// Every server in turn is away, or with `two` every two neighbours.
inline Task<void> read_without_any(ClusterWorld& w, VolumeId volume, bool two) {
  for (std::size_t i = 0; i < w.volumes.size(); ++i) {
    VolumeHost& first = *w.volumes[i];
    VolumeHost& second = *w.volumes[(i + 1) % w.volumes.size()];
    co_await first.crash(true);
    if (two) co_await second.crash(true);
    co_await read_all(w, *w.clients[1], volume);
    co_await first.start();
    if (two) co_await second.start();
    co_await w.sleep(std::chrono::seconds(5));
  }
}

/// The leading master is killed and comes back.
inline Task<void> kill_leader(ClusterWorld& w) {
  MasterHost* const leader = w.leader();
  co_await leader->crash(false);
  co_await w.sleep(std::chrono::seconds(1));
  co_await leader->start();
}

/// A volume server is killed, with its disk perhaps, and away for long enough to be replaced.
inline Task<void> kill_host(ClusterWorld& w, const master::MasterState& state,
                            master::NodeNumber node, bool loses_disk) {
  VolumeHost& host = *w.host_of(state.nodes.at(node).identity.node_id);
  if (loses_disk) {
    co_await host.lose_disk();
  } else {
    co_await host.crash(false);
  }
  co_await w.sleep(std::chrono::seconds(20));
  co_await host.start();
}

/// Removes what was never told to the history as acknowledged: nobody expects it.
inline Task<void> remove_until_done(ClusterWorld& w, FileId fid) {
  ClientHost& client = *w.clients[0];
  const MonoTime end = w.in(std::chrono::seconds(200));
  while (w.context.now() < end) {
    std::vector<FileId> fids{fid};
    if (co_await w.on(client.machine, client.volumes->remove(std::move(fids)))) co_return;
    co_await w.sleep(std::chrono::milliseconds(100));
  }
  ADD_FAILURE() << "the removal never ends";
}

inline Task<void> expect_removed(ClusterWorld& w, FileId fid) {
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
inline Task<FileId> put_unwatched(ClusterWorld& w, std::uint64_t bytes = 700) {
  ClientHost& client = *w.clients[0];
  auto place = co_await client.leases->next(bytes);
  for (int i = 0; i < 100 && !place; ++i) {
    co_await w.sleep(std::chrono::milliseconds(100));
    place = co_await client.leases->next(bytes);
  }
  if (!place) {
    ADD_FAILURE() << "no lease: " << place.error().message();
    co_return FileId{};
  }
  const FileId fid = place->fid;
  OpenNeedle request{.fid = fid,
                     .generation = place->generation,
                     .token = std::move(place->token),
                     .body_bytes = bytes,
                     .bucket = BucketId{1},
                     .object_key = "key",
                     .members = std::move(place->members),
                     .scheme = place->scheme};
  auto upload = co_await client.volumes->open(std::move(request));
  const std::string body = body_of(fid, bytes);
  bool done = upload && co_await (*upload)->append(as_bytes(body));
  if (done) done = (co_await (*upload)->finish()).has_value();
  EXPECT_TRUE(done);
  co_return fid;
}

template <typename Story>
void in_worlds(std::uint64_t seeds, Story story, ClusterOptions options = sealing()) {
  spdlog::set_level(spdlog::level::off);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    ClusterWorld world(seed, options);
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

}  // namespace kelp::test
