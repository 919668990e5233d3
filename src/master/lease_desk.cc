#include "master/lease_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "wire/collections.h"
#include "wire/lease_token.h"

namespace kelp::master {
namespace {

constexpr std::chrono::hours kBlockAge{1};
/// Attempts to find or make a volume before a lease is refused.
constexpr int kAttempts = 3;
/// Volumes that an operator may ask for at once.
constexpr std::uint32_t kMostGrown = 64;

}  // namespace

LeaseDesk::LeaseDesk(MasterContext& context)
    : context_(context),
      tasks_(context.seams.executor),
      leases_(context.seams.metrics.counter("kelp_master_leases_total", "Write leases given out.")),
      refusals_(context.seams.metrics.counter("kelp_master_lease_refusals_total",
                                              "Lease requests that were refused.")) {}

Task<void> LeaseDesk::stop() {
  tasks_.cancel();
  co_await tasks_.join();
}

Task<Result<WriteLease>> LeaseDesk::lease(LeaseRequest request) {
  KELP_CO_CHECK(context_.check_serving());
  if (request.key_count == 0 || request.key_count > context_.options.key_reserve) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("lease: {} keys, allowed are 1 to {}", request.key_count,
                                context_.options.key_reserve));
  }
  while (keys_left() < request.key_count) {
    KELP_CO_CHECK(co_await reserve(request.key_count));
  }
  auto lease = request.collection == kRemoteCollection ? co_await keys_alone(request)
                                                       : co_await volume_for(request);
  if (!lease.has_value()) refusals_.Increment();
  co_return lease;
}

/// Finds a volume and takes the lease in the same step, so that nothing changes in between.
Task<Result<WriteLease>> LeaseDesk::volume_for(LeaseRequest request) {
  for (int attempt = 0;; ++attempt) {
    KELP_CO_CHECK(co_await context_.confirm_serving());
    context_.reservations.expire(context_.seams.clock.mono());
    const auto placed = place(context_.view(), request);
    const bool use = placed.has_value() && placed->use.has_value();
    if (context_.still_listening() && !use) {
      // Nodes that are well may just not have been heard: nothing is refused or made for that.
      --attempt;
      KELP_CO_CHECK(co_await context_.changed.wait());
      continue;
    }
    KELP_CO_TRY(const Placement placement, placed);
    for (const VolumeId full : placement.full) seal(full);
    if (!context_.still_listening() && (placement.grow || placement.finish)) {
      wanted_[{request.collection, request.large}] = request.exclude;
      wanted_changed_.notify_all();
    }
    if (placement.use) {
      if (keys_left() < request.key_count) {
        KELP_CO_CHECK(co_await reserve(request.key_count));
        continue;
      }
      co_return grant(request, *placement.use);
    }
    if (attempt >= kAttempts) {
      co_return last_growth_.value_or(Error(Errc::kUnavailable, "no volume could be made"));
    }
    KELP_CO_CHECK(co_await grown_.wait());
  }
}

/// Of needles that no volume takes: so they need no room, and a cluster that is full gives it.
Task<Result<WriteLease>> LeaseDesk::keys_alone(LeaseRequest request) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  while (keys_left() < request.key_count) {
    KELP_CO_CHECK(co_await reserve(request.key_count));
  }
  co_return take_keys(request);
}

/// A lease without a volume.
WriteLease LeaseDesk::take_keys(const LeaseRequest& request) {
  WriteLease lease;
  lease.first_key = next_key_;
  lease.key_count = request.key_count;
  next_key_.value += request.key_count;
  const PlacementOptions& placement = context_.options.placement;
  for (const auto& [name, other] : placement.classes) lease.classes.push_back(name);
  lease.expires = context_.lease_clock() + context_.options.lease_time;
  lease.lifetime = context_.options.lease_time;
  leases_.Increment();
  return lease;
}

WriteLease LeaseDesk::grant(const LeaseRequest& request, VolumeId id) {
  const VolumeRecord& volume = context_.state().volumes.at(id);
  VolumeLocation location = context_.location(id, volume);
  WriteLease lease = take_keys(request);
  lease.volume = id;
  lease.generation = volume.generation;
  lease.members = std::move(location.members);
  lease.scheme = volume.scheme;
  const PlacementOptions& placement = context_.options.placement;
  const StorageLayout& layout = placement.layout_of(request.collection);
  if (layout.large) lease.large_from = layout.large_from;
  lease.bytes = request.bytes;
  lease.token = sign_lease(context_.options.cluster_secret,
                           {id, lease.generation, lease.first_key, lease.key_count, lease.expires});
  context_.reservations.grant(id, lease.bytes, context_.seams.clock.mono() + lease.lifetime);
  return lease;
}

void LeaseDesk::seal(VolumeId full) {
  if (!sealing_.insert(full).second) return;
  tasks_.spawn(seal_one(full));
}

Task<void> LeaseDesk::seal_one(VolumeId full) {
  const auto sealed = co_await context_.commit(SealVolume{full});
  if (!sealed.has_value()) {
    logger("master").warn("seal_failed volume={} error={}", full.value,
                          log_value(sealed.error().message()));
  }
  sealing_.erase(full);
}

// --- keys

Task<Result<void>> LeaseDesk::reserve(std::uint64_t keys) {
  if (reserving_) co_return co_await reserved_.wait();
  reserving_ = true;
  const ReserveKeys command{std::max(keys, context_.options.key_reserve),
                            context_.seams.clock.wall()};
  const auto outcome = co_await context_.propose(command);
  reserving_ = false;
  reserved_.notify_all();
  if (!outcome.has_value()) co_return outcome.error();
  KELP_CO_CHECK(outcome->result);
  // What is left of the block before is skipped unless the new one follows it.
  if (outcome->reserved_first != end_key_ || keys_left() == 0) next_key_ = outcome->reserved_first;
  end_key_ = NeedleKey{outcome->reserved_first.value + command.count};
  reserved_at_ = context_.seams.clock.mono();
  blocks_.push_back({outcome->reserved_first, reserved_at_});
  co_return Result<void>();
}

std::optional<NeedleKey> LeaseDesk::first_younger_than(std::chrono::seconds age) {
  const MonoTime cut = context_.seams.clock.mono() - age;
  while (!blocks_.empty() && blocks_.front().reserved < cut) blocks_.pop_front();
  if (blocks_.empty()) return std::nullopt;
  return blocks_.front().first;
}

Task<Result<void>> LeaseDesk::refresh_keys() {
  const bool old = context_.seams.clock.mono() - reserved_at_ > kBlockAge;
  if (old) forget_keys();
  if (keys_left() > context_.options.key_reserve / 4) co_return Result<void>();
  co_return co_await reserve(context_.options.key_reserve);
}

// --- volumes

Task<void> LeaseDesk::grow_forever() {
  while (true) {
    while (wanted_.empty()) {
      if (!(co_await wanted_changed_.wait()).has_value()) co_return;
    }
    auto wish = wanted_.extract(wanted_.begin());
    const auto grown = co_await grow(std::move(wish.key()), std::move(wish.mapped()));
    last_growth_.reset();
    if (!grown.has_value()) {
      last_growth_ = grown.error();
      logger("master").warn("no_volume_made error={}", log_value(grown.error().message()));
    }
    grown_.notify_all();
  }
}

Task<Result<void>> LeaseDesk::grow(Wanted wanted, std::vector<VolumeId> exclude) {
  LeaseRequest request;
  request.collection = wanted.collection;
  request.large = wanted.large;
  request.exclude = std::move(exclude);
  KELP_CO_TRY(const Placement placement, place(context_.view(), request));
  if (placement.finish) co_return co_await make(*placement.finish);
  if (!placement.grow) co_return Result<void>();
  KELP_CO_CHECK(co_await make_one(std::move(wanted)));
  co_return Result<void>();
}

Task<Result<VolumeId>> LeaseDesk::make_one(Wanted wanted) {
  const VolumeId id = context_.state().next_volume;
  VolumeRecord record;
  record.generation = Generation{1};
  record.collection = std::move(wanted.collection);
  const StorageLayout& layout = context_.options.placement.layout_of(record.collection);
  const VolumeShape shape = shape_of(layout, wanted.large);
  record.spread = shape.spread;
  record.scheme = shape.scheme;
  KELP_CO_TRY(record.members, choose_members(context_.view(), shape, 0, id.value));
  for (std::uint8_t shard = 0; shard < record.scheme.shards(); ++shard) {
    record.shards.push_back(shard);
  }
  KELP_CO_CHECK(co_await context_.commit(CreateVolume{id, record}));
  KELP_CO_CHECK(co_await make(id));
  co_return id;
}

Task<Result<std::vector<VolumeId>>> LeaseDesk::grow_now(std::string collection,
                                                        std::uint32_t count) {
  KELP_CO_CHECK(context_.check_serving());
  if (count == 0 || count > kMostGrown) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("{} volumes, allowed are 1 to {}", count, kMostGrown));
  }
  std::vector<VolumeId> made;
  for (int attempt = 0; made.size() < count;) {
    const auto one = co_await make_one({collection, false});
    if (one.has_value()) {
      made.push_back(*one);
      continue;
    }
    // Growth for a lease took the same id first.
    if (one.error().code() == Errc::kConflict && ++attempt < kAttempts) continue;
    if (made.empty()) co_return one.error();
    break;
  }
  grown_.notify_all();
  co_return made;
}

Task<Result<void>> LeaseDesk::make(VolumeId id) {
  const VolumeRecord record = context_.state().volumes.at(id);
  for (const NodeNumber member : record.members) {
    const auto made = co_await make_at(member, id, record);
    if (made.has_value()) continue;
    // It holds nothing yet: another set is taken rather than waiting for this one.
    const auto dropped = co_await context_.commit(DropVolume{id});
    logger("master").warn("volume_not_made volume={} node={} dropped={} error={}", id.value,
                          member.value, dropped.has_value(), log_value(made.error().message()));
    co_return made;
  }
  KELP_CO_CHECK(co_await context_.commit(ActivateVolume{id}));
  logger("master").info("volume_made volume={} copies={}", id.value, record.members.size());
  co_return Result<void>();
}

Task<Result<void>> LeaseDesk::make_at(NodeNumber member, VolumeId id, VolumeRecord record) {
  const auto node = context_.reach(member);
  const auto made = co_await node->create_volume(id, record.generation, record.collection);
  if (!made.has_value()) {
    if (made.error().code() != Errc::kAlreadyExists) co_return made.error();
    // It was made before a crash. Only if it is the one we meant may it be used.
    KELP_CO_TRY(const VolumeDigest digest, co_await node->digest(id, false));
    if (digest.generation != record.generation || digest.needles != 0) {
      co_return Error(
          Errc::kConflict,
          fmt::format("volume {} exists with generation {} and {} needles, an empty one "
                      "of generation {} was decided",
                      id.value, digest.generation.value, digest.needles, record.generation.value));
    }
  }
  context_.topology.assume(member, id, record.generation, false);
  co_return Result<void>();
}

}  // namespace kelp::master
