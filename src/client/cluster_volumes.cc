#include "client/cluster_volumes.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <optional>

#include "async/all.h"
#include "async/event.h"
#include "async/task_group.h"
#include "base/log.h"
#include "client/striped_read.h"
#include "client/striped_upload.h"
#include "rpc/rpc_types.h"

namespace kelp {
namespace {

/// Worth asking somebody else, or the same one again with a newer location.
bool other_may_know(const Error& error) {
  switch (error.code()) {
    case Errc::kInvalidArgument:
    case Errc::kCancelled:
    case Errc::kPermissionDenied:
      return false;
    default:
      return true;
  }
}

}  // namespace

/// One read that several members may answer. Each runner has a buffer of its own, since a late one
/// may still be writing when the first has won.
struct ClusterVolumes::Race {
  struct Runner {
    VolumeMember member;
    std::string bytes;
    PackedPlace place;
  };
  FileId fid;
  std::uint64_t offset = 0;
  std::size_t size = 0;
  EcScheme packed;  ///< Not {}: asks where in extents of it the needle lies, instead of reading it.
  std::vector<VolumeMember> members;
  std::vector<std::unique_ptr<Runner>> runners;
  std::size_t running = 0;
  std::optional<std::size_t> winner;
  std::optional<Error> error;
  bool start_next = false;
  Event changed;
};

ClusterVolumes::ClusterVolumes(VolumeNodes& nodes, LocationCache& locations, Clock& clock,
                               Timers& timers, Metrics& metrics)
    : nodes_(nodes),
      locations_(locations),
      clock_(clock),
      timers_(timers),
      hedged_(metrics.counter("kelp_client_reads_hedged_total",
                              "Reads that asked a second copy because the first was late.")),
      read_around_(metrics.counter("kelp_client_reads_around_total",
                                   "Reads that another copy answered because one failed.")),
      rebuilt_(metrics.counter("kelp_client_reads_rebuilt_total",
                               "Reads that computed a shard from others.")) {}

Task<Result<void>> NeedleUpload::append_taking(std::string bytes) {
  co_return co_await append(as_bytes(bytes));
}

/// Only ClusterVolumes has all members in view; volume servers override it.
Task<Result<void>> VolumeClient::read_shard(ShardRead, MutableByteSpan) {
  co_return Error(Errc::kUnimplemented, "shards are read from volume servers");
}

Task<Result<NeedlePart>> VolumeReplicas::read_part(VolumeId, Generation, NeedleKey, std::uint64_t,
                                                   std::size_t) {
  co_return Error(Errc::kUnimplemented, "parts of needles are read from volume servers");
}

Task<Result<VolumeDigest>> VolumeReplicas::rebuild(VolumeId, Generation, std::string, StripeSources,
                                                   Urgency) {
  co_return Error(Errc::kUnimplemented, "shards are made by volume servers");
}

Task<Result<std::string>> VolumeReplicas::read_rebuilt(VolumeId, Generation, std::uint8_t,
                                                       NeedleKey) {
  co_return Error(Errc::kUnimplemented, "shards are made by volume servers");
}

namespace {

Error cannot_pack() {
  return {Errc::kUnimplemented, "volumes are packed by volume servers"};
}

}  // namespace

Task<Result<VolumeDigest>> VolumeReplicas::pack(VolumeId, Generation, std::string, PackSource,
                                                Urgency) {
  co_return cannot_pack();
}
Task<Result<VolumeDigest>> VolumeReplicas::verify_packed(VolumeId, Generation, Urgency) {
  co_return cannot_pack();
}
Task<Result<void>> VolumeReplicas::adopt_packed(VolumeId, Generation) {
  co_return cannot_pack();
}
Task<Result<void>> VolumeReplicas::drop_packed(VolumeId, Generation) {
  co_return cannot_pack();
}
Task<Result<std::string>> VolumeReplicas::read_packed(VolumeId, Generation, PackSource, NeedleKey,
                                                      Urgency) {
  co_return cannot_pack();
}
Task<Result<PackedPlace>> VolumeReplicas::find_packed(FileId, EcScheme) {
  co_return cannot_pack();
}
Task<Result<VolumeDigest>> VolumeReplicas::repack(VolumeId, Generation, std::string, StripeSources,
                                                  Urgency) {
  co_return cannot_pack();
}
Task<Result<std::vector<SparseVolume>>> VolumeReplicas::sparse_volumes() {
  co_return cannot_pack();
}

Task<Result<std::unique_ptr<NeedleUpload>>> ClusterVolumes::open(OpenNeedle request) {
  if (request.members.empty()) {
    co_return Error(Errc::kInvalidArgument, fmt::format("needle {} has no members to be written to",
                                                        to_string(request.fid)));
  }
  if (request.scheme) co_return co_await open_striped(nodes_, std::move(request));
  const auto primary = nodes_.at(request.members.front().address);
  co_return co_await primary->open(std::move(request));
}

Task<Result<void>> ClusterVolumes::read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) {
  constexpr int kLooks = 6;
  constexpr std::chrono::milliseconds kFirstPause{20};
  auto outcome = co_await read_once(fid, offset, buffer);
  if (outcome.has_value() || !other_may_know(outcome.error())) co_return outcome;
  // The volume may have moved since its location was learnt.
  locations_.forget(fid.volume);
  outcome = co_await read_once(fid, offset, buffer);
  // It has, and the master that was asked has not heard of it: servers have something else of it.
  auto pause = kFirstPause;
  for (int look = 2; look < kLooks && !outcome.has_value(); ++look, pause *= 2) {
    if (outcome.error().code() != Errc::kConflict) break;
    KELP_CO_CHECK(co_await timers_.sleep_until(clock_.mono() + pause));
    locations_.forget(fid.volume);
    outcome = co_await read_once(fid, offset, buffer);
  }
  co_return outcome;
}

Task<Result<void>> ClusterVolumes::read_once(FileId fid, std::uint64_t offset,
                                             MutableByteSpan buffer) {
  KELP_CO_TRY(VolumeLocation location, co_await locations_.locate(fid.volume));
  if (location.scheme) co_return co_await read_striped(std::move(location), fid, offset, buffer);
  const auto begun = std::make_shared<Race>();
  begun->fid = fid;
  begun->offset = offset;
  begun->size = buffer.size();
  begun->members = health_.rank(std::move(location.members), turn_++, clock_.mono());
  if (begun->members.size() == 1) {
    co_return co_await read_at(begun->members.front(), fid, offset, buffer);
  }
  KELP_CO_CHECK(co_await race(begun));
  const std::string& bytes = begun->runners[*begun->winner]->bytes;
  std::memcpy(buffer.data(), bytes.data(), bytes.size());
  co_return Result<void>();
}

/// The first read of a packed volume finds stubs where shards should be.
Task<Result<void>> ClusterVolumes::read_striped(VolumeLocation location, FileId fid,
                                                std::uint64_t offset, MutableByteSpan buffer) {
  if (!knows_packed(fid.volume)) {
    StripedRead striped({nodes_, health_, clock_, timers_, hedged_, rebuilt_}, location,
                        {fid, offset, buffer});
    const auto outcome = co_await striped.run();
    if (outcome.has_value() || outcome.error().code() != Errc::kConflict) co_return outcome;
  }
  auto outcome = co_await read_packed(std::move(location), fid, offset, buffer);
  const std::lock_guard lock(packed_mutex_);
  if (outcome.has_value()) {
    packed_.insert(fid.volume.value);
  } else if (outcome.error().code() == Errc::kConflict) {
    packed_.erase(fid.volume.value);
  }
  co_return outcome;
}

bool ClusterVolumes::knows_packed(VolumeId volume) {
  const std::lock_guard lock(packed_mutex_);
  return packed_.contains(volume.value);
}

/// While a volume is packed anew (docs/adr/0015-repacking.md) members may say different places, and
/// one that missed it says one that is gone: then the others are asked.
Task<Result<void>> ClusterVolumes::read_packed(VolumeLocation location, FileId fid,
                                               std::uint64_t offset, MutableByteSpan buffer) {
  std::vector<VolumeMember> members = health_.rank(location.members, turn_++, clock_.mono());
  std::vector<PackedPlace> tried;
  std::optional<Error> failed;
  while (!members.empty()) {
    const auto begun = std::make_shared<Race>();
    begun->fid = fid;
    begun->members = members;
    begun->packed = location.scheme;
    const auto raced = co_await race(begun);
    if (!raced.has_value()) co_return failed.value_or(raced.error());
    const Race::Runner& winner = *begun->runners[*begun->winner];
    std::erase_if(members, [&winner](const VolumeMember& member) {
      return member.address == winner.member.address;
    });
    if (std::ranges::find(tried, winner.place) != tried.end()) continue;
    const auto outcome = co_await read_place(location, fid, winner.place, {offset, buffer});
    if (outcome.has_value() || outcome.error().code() == Errc::kCorruption ||
        !other_may_know(outcome.error())) {
      co_return outcome;
    }
    failed = outcome.error();
    tried.push_back(winner.place);
  }
  co_return failed.value_or(
      Error(Errc::kUnavailable, fmt::format("volume {} has no copy", fid.volume.value)));
}

/// Reads a packed needle out of its extent.
Task<Result<void>> ClusterVolumes::read_place(VolumeLocation location, FileId fid,
                                              PackedPlace place, BodyRange wanted) {
  const auto [offset, buffer] = wanted;
  if (offset > place.body_bytes || buffer.size() > place.body_bytes - offset) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("needle {}: {} bytes at {} of a body of {}", to_string(fid),
                                buffer.size(), offset, place.body_bytes));
  }
  if (buffer.empty()) co_return Result<void>();
  const PackedRange range = blocks_around(place, offset, buffer.size());
  const bool exact = range.begin == offset && range.end - range.begin == buffer.size();
  std::string blocks = exact ? std::string() : uninitialized(range.end - range.begin);
  const MutableByteSpan into = exact ? buffer : std::as_writable_bytes(std::span(blocks));
  StripedRead striped({nodes_, health_, clock_, timers_, hedged_, rebuilt_}, std::move(location),
                      {{fid.volume, place.extent, place.cookie}, place.offset + range.begin, into});
  KELP_CO_CHECK(co_await striped.run());
  // Shards that all check may still make another body than what was packed.
  if (!packed_matches(place, range.begin, into)) {
    co_return Error(Errc::kCorruption, fmt::format("needle {} in extent {:x}: wrong checksum",
                                                   to_string(fid), place.extent.value));
  }
  if (!exact) std::memcpy(buffer.data(), &blocks[offset - range.begin], buffer.size());
  co_return Result<void>();
}

Task<Result<void>> ClusterVolumes::read_at(VolumeMember member, FileId fid, std::uint64_t offset,
                                           MutableByteSpan buffer) {
  const MonoTime begin = clock_.mono();
  const auto node = nodes_.at(member.address);
  auto outcome = co_await node->read(fid, offset, buffer);
  note_answer(member, outcome, begin);
  co_return outcome;
}

Task<Result<void>> ClusterVolumes::find_at(VolumeMember member, FileId fid, EcScheme scheme,
                                           PackedPlace* place) {
  const MonoTime begin = clock_.mono();
  const auto node = nodes_.at(member.address);
  auto found = co_await node->find_packed(fid, scheme);
  Result<void> outcome;
  if (!found.has_value()) outcome = found.error();
  note_answer(member, outcome, begin);
  if (found.has_value()) *place = *std::move(found);
  co_return outcome;
}

void ClusterVolumes::note_answer(const VolumeMember& member, const Result<void>& outcome,
                                 MonoTime begin) {
  if (outcome.has_value()) {
    health_.answered(member.address, clock_.mono() - begin);
  } else if (node_failed(outcome.error())) {
    health_.failed(member.address, clock_.mono());
  }
}

Task<void> ClusterVolumes::run_in_race(std::shared_ptr<Race> race, std::size_t index) {
  Race::Runner& runner = *race->runners[index];
  if (!race->packed) runner.bytes = uninitialized(race->size);
  const auto buffer = std::as_writable_bytes(std::span(runner.bytes));
  auto work = race->packed ? find_at(runner.member, race->fid, race->packed, &runner.place)
                           : read_at(runner.member, race->fid, race->offset, buffer);
  const auto outcome = co_await std::move(work);
  --race->running;
  if (outcome.has_value()) {
    if (!race->winner) race->winner = index;
  } else {
    race->error = outcome.error();
    race->start_next = true;
    if (outcome.error().code() == Errc::kCorruption) {
      logger("client").error("copy_corrupt fid={} node={} error={}", to_string(race->fid),
                             log_value(runner.member.node_id),
                             log_value(outcome.error().message()));
    }
  }
  race->changed.notify_all();
}

Task<void> ClusterVolumes::wait_in_race(std::shared_ptr<Race> race, std::size_t index) {
  const auto patience = health_.patience(race->runners[index]->member.address);
  const auto slept = co_await timers_.sleep_until(clock_.mono() + patience);
  if (!slept.has_value() || race->winner || race->runners.size() == race->members.size()) co_return;
  hedged_.Increment();
  race->start_next = true;
  race->changed.notify_all();
}

/// The first good answer of the members, in their order: `race->winner`.
Task<Result<void>> ClusterVolumes::race(std::shared_ptr<Race> race) {
  if (race->members.empty()) {
    co_return Error(Errc::kUnavailable,
                    fmt::format("volume {} has no copy", race->fid.volume.value));
  }
  race->start_next = true;
  TaskGroup group(co_await asio::this_coro::executor);
  std::optional<Error> stopped;
  while (!race->winner && !stopped) {
    const std::size_t next = race->runners.size();
    if (race->start_next && next < race->members.size()) {
      race->start_next = false;
      race->runners.push_back(std::make_unique<Race::Runner>());
      race->runners.back()->member = race->members[next];
      ++race->running;
      group.spawn(run_in_race(race, next));
      group.spawn(wait_in_race(race, next));
    }
    if (race->running == 0 && race->runners.size() == race->members.size()) break;
    const auto waited = co_await race->changed.wait();
    if (!waited.has_value()) stopped = waited.error();
  }
  group.cancel();
  co_await group.join();
  if (race->winner) {
    if (race->error) read_around_.Increment();
    co_return Result<void>();
  }
  co_return stopped.value_or(race->error.value_or(Error(Errc::kUnavailable, "no copy answered")));
}

Task<Result<void>> ClusterVolumes::remove(std::vector<FileId> fids) {
  std::map<VolumeId, std::vector<FileId>> by_volume;
  for (const FileId& fid : fids) by_volume[fid.volume].push_back(fid);
  std::map<std::string, std::vector<FileId>> by_address;
  for (const auto& [volume, group] : by_volume) {
    // Where it is now, not where it was: a copy that is missed keeps what should be gone.
    locations_.forget(volume);
    const auto location = co_await locations_.locate(volume);
    if (!location.has_value()) {
      if (location.error().code() == Errc::kNotFound) continue;
      co_return location.error();
    }
    for (const VolumeMember& member : location->members) {
      auto& there = by_address[member.address];
      there.insert(there.end(), group.begin(), group.end());
    }
  }
  std::vector<std::shared_ptr<VolumeNode>> nodes;
  std::vector<Task<Result<void>>> removals;
  for (auto& [address, group] : by_address) {
    nodes.push_back(nodes_.at(address));
    removals.push_back(nodes.back()->remove(std::move(group)));
  }
  for (Result<void>& removed : co_await all(std::move(removals))) {
    if (!removed.has_value()) co_return removed;
  }
  co_return Result<void>();
}

}  // namespace kelp
