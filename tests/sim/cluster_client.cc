// A gateway's part: needles under leases, read from any copy.
#include <algorithm>

#include "tests/sim/cluster_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

constexpr int kAttempts = 3;

bool worth_another_volume(const Error& error) {
  switch (error.code()) {
    case Errc::kUnavailable:
    case Errc::kDeadlineExceeded:
    case Errc::kConflict:
    case Errc::kNotFound:
    case Errc::kNoSpace:
    case Errc::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

/// Mostly small; some are laid out while they come, some travel in pieces.
std::uint64_t draw_size(Rng& rng) {
  const std::uint64_t kind = rng.below(100);
  if (kind < 94) return 1 + rng.below(3000);
  return kind < 98 ? 65'000 + rng.below(10'000) : 262'000 + rng.below(40'000);
}

}  // namespace

ClientHost::ClientHost(ClusterWorld& w, std::string its_name)
    : world(w), machine(w, std::move(its_name)), rng(w.rng.next()) {}

void ClientHost::start() {
  RpcChannelsOptions options;
  options.identity = {.cluster_id = std::string(kClusterId), .secret = std::string(kSecret)};
  channels = std::make_unique<RpcChannels>(machine.rpc(), std::vector{machine.executor()},
                                           std::move(options));
  masters = std::make_unique<RpcMasterClient>(*channels, world.master_addresses());
  nodes = std::make_unique<RpcVolumeNodes>(*channels);
  locations = std::make_unique<LocationCache>(*masters, *masters, machine.clock, world.timers);
  volumes = std::make_unique<ClusterVolumes>(*nodes, *locations, machine.clock, world.timers,
                                             *machine.metrics);
  KeyLeaseOptions lease_options;
  lease_options.keys = world.options.lease_keys;
  lease_options.bytes = 64 << 10;
  lease_options.failure_memory = 5s;
  leases = std::make_unique<KeyLeases>(*masters, machine.clock, machine.executor(), lease_options);
  tasks = std::make_unique<TaskGroup>(machine.executor());
  tasks->spawn(locations->follow());
}

Task<void> ClientHost::stop() {
  machine.resume();
  tasks->cancel();
  co_await tasks->join();
  co_await world.on(machine, leases->close());
  co_await channels->stop();
}

Task<void> ClientHost::put(std::uint64_t bytes) {
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    auto place = co_await leases->next(bytes);
    if (!place) break;
    const FileId fid = place->fid;
    world.history.begun(fid, bytes);
    OpenNeedle request{.fid = fid,
                       .generation = place->generation,
                       .token = std::move(place->token),
                       .body_bytes = bytes,
                       .bucket = BucketId{1},
                       .object_key = "key",
                       .members = std::move(place->members),
                       .scheme = place->scheme};
    auto opened = co_await volumes->open(std::move(request));
    Result<void> done;
    if (!opened) {
      done = opened.error();
    } else {
      const std::string body = body_of(fid, bytes);
      done = co_await (*opened)->append(as_bytes(body));
      if (done) done = co_await (*opened)->finish();
    }
    world.trace("{}: put {} of {} bytes: {}", machine.name, to_string(fid), bytes,
                done ? "acknowledged" : done.error().message());
    if (done) co_return world.history.acknowledged(fid);
    if (!worth_another_volume(done.error())) break;
    leases->report_failed(fid.volume);
  }
  ++refused_puts;
}

Task<void> ClientHost::read(ClusterHistory::Needle needle, bool must_work) {
  const std::uint64_t offset = must_work ? 0 : rng.below(needle.bytes);
  std::string bytes(must_work ? needle.bytes : 1 + rng.below(needle.bytes - offset), '\0');
  const auto buffer = std::as_writable_bytes(std::span(bytes));
  const auto done = co_await volumes->read(needle.fid, offset, buffer);
  if (done) {
    world.history.read(needle.fid, offset, bytes, machine.name);
  } else if (must_work) {
    world.history.violated(fmt::format("needle {} cannot be read by {}: {}", to_string(needle.fid),
                                       machine.name, done.error().message()));
  }
}

/// A key beyond the lease, under the lease's own token.
Task<void> ClientHost::forge() {
  auto place = co_await leases->next(10);
  if (!place || place->members.empty()) co_return;
  FileId fid = place->fid;
  fid.key.value += 1'000'000;
  OpenNeedle request{.fid = fid,
                     .generation = place->generation,
                     .token = place->token,
                     .body_bytes = 10,
                     .bucket = BucketId{1},
                     .object_key = "key",
                     .members = {place->members.front()}};
  if (rng.below(2) == 0) {
    request.fid = place->fid;
    request.token[rng.below(request.token.size())] ^= 1;
  }
  const std::string body(10, 'x');
  const auto node = nodes->at(place->members.front().address);
  const auto upload = co_await node->open(std::move(request));
  if (!upload || !co_await (*upload)->append(as_bytes(body))) co_return;
  if (co_await (*upload)->finish()) {
    world.history.violated(fmt::format("needle {} was taken without a lease", to_string(fid)));
  }
}

Task<void> ClientHost::work(const bool* stop) {
  while (!*stop) {
    const std::uint64_t what = rng.below(100);
    if (what < 60) {
      co_await put(draw_size(rng));
    } else if (what < 62) {
      co_await forge();
    } else if (const auto* needle = world.history.any(rng)) {
      co_await read(*needle, false);
    }
    co_await world.sleep(std::chrono::milliseconds(rng.below(400)));
  }
}

}  // namespace kelp::test
