#include "tests/sim/cluster_world.h"

#include <algorithm>

#include "ec/layout.h"
#include "ec/reed_solomon.h"
#include "tests/support/sim_random.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLinesKept = 400;
constexpr std::uint64_t kStepLimit = 5'000'000;  ///< A storm takes some 70,000.
/// Full redundancy is back within so long after the last fault.
constexpr auto kRepairTime = 300s;
/// Nodes that came and went take no new volumes for a while.
constexpr auto kWriteTime = 60s;

}  // namespace

// --- the world

ClusterWorld::ClusterWorld(std::uint64_t world_seed, ClusterOptions world_options)
    : seed(world_seed),
      options(world_options),
      context(world_seed),
      net(context),
      rng(context.rng().next()) {
  seed_random_bytes(rng.next());
  context.set_step_limit(kStepLimit);
  for (std::uint64_t i = 1; i <= options.masters + 1; ++i) {
    masters.push_back(std::make_unique<MasterHost>(*this, i));
  }
  for (std::uint64_t i = 1; i <= options.volume_hosts; ++i) {
    volumes.push_back(std::make_unique<VolumeHost>(*this, i));
  }
  for (std::uint64_t i = 1; i <= options.clients; ++i) {
    clients.push_back(std::make_unique<ClientHost>(*this, fmt::format("c{}", i)));
  }
  operator_host = std::make_unique<ClientHost>(*this, "op");
}

ClusterWorld::~ClusterWorld() = default;

Task<void> ClusterWorld::sleep(std::chrono::nanoseconds span) {
  static_cast<void>(co_await timers.sleep_until(in(span)));
}

std::vector<std::string> ClusterWorld::master_addresses() const {
  std::vector<std::string> out;
  for (std::uint64_t i = 1; i <= options.masters + 1; ++i)
    out.push_back(fmt::format("m{}:7000", i));
  return out;
}

Task<void> ClusterWorld::start_all() {
  for (const auto& host : masters) co_await host->start();
  for (const auto& host : volumes) co_await host->start();
  for (const auto& host : clients) host->start();
  operator_host->start();
}

Task<void> ClusterWorld::stop_all() {
  for (const auto& host : clients) co_await host->stop();
  co_await operator_host->stop();
  for (const auto& host : volumes) co_await host->stop(!host->machine.disk.powered_off());
  for (const auto& host : masters) co_await host->stop();
  co_await sleep(5s);  // what is left in the pools
}

MasterHost* ClusterWorld::leader() {
  // Heard by what it sends, but for one that has nobody to send to.
  const auto heard = history.newest_lead();
  const auto found = std::ranges::find_if(masters, [&heard](const auto& host) {
    return host->leads() && (!heard || host->term() >= heard->term);
  });
  return found == masters.end() ? nullptr : found->get();
}

VolumeHost* ClusterWorld::host_of(const std::string& node_id) {
  const auto found =
      std::ranges::find_if(volumes, [&](const auto& host) { return host->node_id == node_id; });
  return found == volumes.end() ? nullptr : found->get();
}

std::vector<Machine*> ClusterWorld::machines() {
  std::vector<Machine*> out;
  for (const auto& host : masters) out.push_back(&host->machine);
  for (const auto& host : volumes) out.push_back(&host->machine);
  for (const auto& host : clients) out.push_back(&host->machine);
  return out;
}

void ClusterWorld::note(std::string line) {
  if (lines.size() == kLinesKept) lines.pop_front();
  const std::chrono::duration<double> at = context.now() - MonoTime(1h);
  lines.push_back(fmt::format("{:9.3f} s  {}", at.count(), line));
}

Task<Result<ClusterView>> ClusterWorld::view() {
  return on(operator_host->machine, operator_host->masters->view());
}

// --- after the storm

Task<void> ClusterWorld::heal() {
  trace("every fault ends");
  net.heal_all();
  net.set_options({});
  options.raft_drop_per_million = 0;
  for (Machine* const machine : machines()) {
    machine->resume();
    machine->clock.set_skew({});
    machine->pool.set_max_delay(2ms);
    machine->disk.set_faults({});
  }
  for (const auto& host : masters) {
    if (host->machine.broken || host->machine.disk.powered_off()) co_await host->crash(false);
    for (int i = 0; !host->up() && i < 5; ++i) co_await host->start();
  }
  for (const auto& host : volumes) {
    if (host->machine.disk.powered_off()) co_await host->crash(false);
    for (int i = 0; !host->up() && i < 5; ++i) co_await host->start();
  }
}

Task<void> ClusterWorld::converge() {
  co_await heal();
  const MonoTime begin = context.now();
  co_await await_redundancy();
  healed_after = context.now() - begin;
  const auto works = [](const auto& client) { return client->tasks->size() > 1; };
  while (std::ranges::any_of(clients, works)) co_await sleep(1s);
  co_await check_needles();
  co_await check_masters();
  const std::uint64_t wanted = history.acks() + 3;
  const MonoTime end = in(kWriteTime);
  while (history.acks() < wanted && context.now() < end) {
    co_await on(clients[0]->machine, clients[0]->put(100));
    co_await sleep(500ms);
  }
  if (history.acks() < wanted) history.violated("writes do not go on after healing");
}

/// Empty: everything is as it should be.
std::string ClusterWorld::what_is_missing(const ClusterView& view) {
  for (const auto& host : volumes) {
    const bool alive = std::ranges::any_of(view.nodes, [&](const NodeView& node) {
      return node.identity.node_id == host->node_id && node.alive;
    });
    if (!alive) return host->machine.name + " is not alive";
  }
  for (const JobView& job : view.jobs) {
    return fmt::format("job {} {} of volume {} is at {}: {}", job.id, job.kind, job.volume.value,
                       job.step, job.error);
  }
  for (const VolumeView& volume : view.volumes) {
    if (volume.phase == "creating") continue;
    if (volume.phase == "frozen" || volume.copies_healthy < volume.copies_asked) {
      return fmt::format("volume {} is {} with {} of {} copies", volume.location.volume.value,
                         volume.phase, volume.copies_healthy, volume.copies_asked);
    }
  }
  return {};
}

Task<void> ClusterWorld::await_redundancy() {
  const MonoTime end = in(kRepairTime);
  std::string missing = "no master leads";
  while (context.now() < end) {
    const auto now = co_await view();
    missing = now ? what_is_missing(*now) : now.error().message();
    if (missing.empty()) co_return;
    co_await sleep(500ms);
  }
  history.violated("full redundancy did not come back: " + missing);
}

namespace {

/// What a member should have of a body: its shard.
std::string shard_of(std::string body, EcScheme scheme, std::uint8_t shard) {
  const std::uint64_t longest = shard_bytes(scheme, 0, body.size());
  std::vector<std::string> shards(scheme.shards(), std::string(longest, '\0'));
  for (const CellPiece& piece : cut_into_cells(scheme, 0, body.size())) {
    shards[piece.shard].replace(piece.shard_offset, piece.bytes, body, piece.body_offset,
                                piece.bytes);
  }
  std::vector<ByteSpan> data;
  std::vector<MutableByteSpan> parity;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (i < scheme.data) {
      data.push_back(as_bytes(shards[i]));
    } else {
      parity.push_back(std::as_writable_bytes(std::span(shards[i])));
    }
  }
  (*ReedSolomon::shared(scheme))->encode(data, parity);
  return std::move(shards[shard]);
}

}  // namespace

/// `member` knows where a packed needle lies, and its shard of that is sound.
Task<Result<void>> ClusterWorld::check_packed(VolumeHost& host, ClusterHistory::Needle needle,
                                              VolumeLocation location, VolumeMember member) {
  KELP_CO_TRY(const PackedPlace place,
              co_await host.service->find_packed(needle.fid, location.scheme));
  const std::string body = body_of(needle.fid, needle.bytes);
  if (place.body_bytes != body.size() || !packed_matches(place, 0, as_bytes(body))) {
    history.violated(fmt::format("{} has packed another body as needle {}", host.machine.name,
                                 to_string(needle.fid)));
  }
  const std::uint64_t end = place.offset + place.body_bytes;
  std::string bytes(shard_bytes(location.scheme, 0, end), '\0');
  ShardRead request{
      {needle.fid.volume, place.extent, place.cookie}, location.scheme, member.shard, 0, end};
  co_return co_await host.service->read_shard(std::move(request),
                                              std::as_writable_bytes(std::span(bytes)));
}

/// What `member` has of a needle is what it should be.
Task<Result<void>> ClusterWorld::check_needle(VolumeHost& host, ClusterHistory::Needle needle,
                                              VolumeLocation location, VolumeMember member) {
  const EcScheme scheme = location.scheme;
  std::string bytes(scheme ? shard_bytes(scheme, 0, needle.bytes) : needle.bytes, '\0');
  const auto buffer = std::as_writable_bytes(std::span(bytes));
  if (!scheme) {
    KELP_CO_CHECK(co_await host.service->read(needle.fid, 0, buffer));
    history.read(needle.fid, 0, bytes, host.machine.name);
    co_return Result<void>();
  }
  ShardRead request{needle.fid, scheme, member.shard, 0, needle.bytes};
  const auto read = co_await host.service->read_shard(std::move(request), buffer);
  if (!read && read.error().code() == Errc::kConflict) {
    co_return co_await check_packed(host, needle, location, member);
  }
  KELP_CO_CHECK(read);
  if (bytes != shard_of(body_of(needle.fid, needle.bytes), scheme, member.shard)) {
    history.violated(fmt::format("{} has other bytes in shard {} of needle {}", host.machine.name,
                                 member.shard, to_string(needle.fid)));
  }
  co_return Result<void>();
}

/// Each acknowledged needle, at each member and through a client.
Task<void> ClusterWorld::check_needles() {
  const auto now = co_await view();
  if (!now) co_return history.violated("no view: " + now.error().message());
  std::map<VolumeId, VolumeLocation> locations;
  for (const VolumeView& volume : now->volumes) {
    locations[volume.location.volume] = volume.location;
  }
  for (const auto& [key, needle] : history.needles()) {
    std::uint32_t good = 0;
    const VolumeLocation& location = locations[needle.fid.volume];
    for (const VolumeMember& member : location.members) {
      VolumeHost* const host = host_of(member.node_id);
      if (host == nullptr || !host->up()) continue;
      const auto done = co_await on(host->machine, check_needle(*host, needle, location, member));
      if (done) {
        ++good;
      } else if (needle.acknowledged && !rotten) {
        history.violated(fmt::format("needle {} is lost at {}: {}", to_string(needle.fid),
                                     host->machine.name, done.error().message()));
      }
    }
    if (needle.acknowledged && good < std::max<std::uint32_t>(location.scheme.data, 1)) {
      history.violated(fmt::format("needle {} is lost", to_string(needle.fid)));
    }
  }
  ClientHost& client = *clients[0];
  const int reads = options.seal ? 50 : 10;
  for (int i = 0; i < reads; ++i) {
    const ClusterHistory::Needle* const needle = history.any(rng);
    if (needle == nullptr || !needle->acknowledged) continue;
    co_await on(client.machine, client.read(*needle, true));
  }
}

/// All members of the masters' group come to the same state.
Task<void> ClusterWorld::check_masters() {
  const MonoTime end = in(60s);
  while (true) {
    const auto now = co_await view();
    std::optional<master::MasterState> first;
    bool same = now.has_value();
    std::string seen;
    for (const MasterView& member : now ? now->masters : std::vector<MasterView>()) {
      MasterHost& host = *masters[member.id - 1];
      if (!host.up()) continue;
      master::MasterState state = co_await host.service->state();
      if (!first)
        first = std::move(state);
      else if (*first != state)
        same = false;
      seen += fmt::format(" {}{} at '{}' has {}", host.machine.name,
                          member.learner ? " (learner)" : "", member.address, member.match);
    }
    if (same) co_return;
    if (context.now() >= end) {
      co_return history.violated("the masters do not become the same:" + seen);
    }
    co_await sleep(500ms);
  }
}

}  // namespace kelp::test
