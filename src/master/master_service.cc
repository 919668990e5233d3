#include "master/master_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "wire/lease_token.h"

namespace kelp::master {
namespace {

constexpr std::uint64_t kStateLimitBytes = 64ULL << 20;

std::string state_path(const MasterOptions& options) {
  return options.dir + "/state";
}

Result<std::optional<MasterState>> load(FileIo& io, const MasterOptions& options) {
  KELP_CHECK(io.make_dirs(options.dir));
  const auto bytes = read_whole_file(io, state_path(options), kStateLimitBytes);
  if (!bytes.has_value()) {
    if (bytes.error().code() == Errc::kNotFound) return std::optional<MasterState>();
    return bytes.error();
  }
  KELP_TRY(MasterState state, decode_state(*bytes));
  if (state.cluster_id != options.cluster_id) {
    return Error(Errc::kPrecondition,
                 fmt::format("{} belongs to cluster {}, this is cluster {}", state_path(options),
                             state.cluster_id, options.cluster_id));
  }
  return std::optional<MasterState>(std::move(state));
}

/// Says what differs between the decisions and the disk; nothing is changed or removed here.
void report_differences(const MasterState& state, const NodeStatus& node) {
  for (const auto& [id, record] : state.volumes) {
    if (record.phase == VolumePhase::kCreating) continue;
    if (trusted_status(state, node, id) == nullptr) {
      logger("master").error("volume_missing volume={} generation={} node={}", id.value,
                             record.generation.value, log_value(node.node_id));
    }
  }
  for (const auto& status : node.volumes) {
    if (!state.volumes.contains(status.volume)) {
      logger("master").error("volume_unknown volume={} generation={} node={}", status.volume.value,
                             status.generation.value, log_value(node.node_id));
    }
  }
}

}  // namespace

Task<Result<std::unique_ptr<MasterService>>> open_master(MasterSeams seams, MasterOptions options) {
  auto read = [&io = seams.io, options] { return load(io, options); };
  auto loaded = co_await offload<std::optional<MasterState>>(seams.pool, std::move(read));
  if (!loaded.has_value()) co_return std::move(loaded).error();
  KELP_CO_TRY(const NodeStatus node, co_await seams.volumes.status());
  MasterState state;
  state.cluster_id = options.cluster_id;
  if (loaded->has_value()) {
    state = **std::move(loaded);
  } else if (!node.volumes.empty()) {
    co_return Error(Errc::kCorruption,
                    fmt::format("{} is missing, but there are {} volumes: without it file ids "
                                "would be given out twice",
                                state_path(options), node.volumes.size()));
  }
  report_differences(state, node);
  co_return std::make_unique<MasterService>(seams, std::move(options), std::move(state));
}

MasterService::MasterService(MasterSeams seams, MasterOptions options, MasterState state)
    : seams_(seams),
      options_(std::move(options)),
      leases_(seams.metrics.counter("kelp_master_leases_total", "Write leases given out.")),
      refusals_(seams.metrics.counter("kelp_master_lease_refusals_total",
                                      "Lease requests that were refused.")),
      volume_count_(seams.metrics.gauge("kelp_master_volumes", "Volumes that were decided on.")),
      next_key_(state.key_mark),
      state_(std::move(state)) {
  volume_count_.Set(static_cast<double>(state_.volumes.size()));
}

Task<Result<WriteLease>> MasterService::lease(LeaseRequest request) {
  if (request.key_count == 0 || request.key_count > options_.key_reserve) {
    co_return Error(Errc::kInvalidArgument, fmt::format("lease: {} keys, allowed are 1 to {}",
                                                        request.key_count, options_.key_reserve));
  }
  const auto pass = co_await turn_.enter();
  const auto volume = co_await volume_for(request, request.key_count);
  if (!volume.has_value()) {
    refusals_.Increment();
    co_return volume.error();
  }
  leases_.Increment();
  co_return grant(request, *volume);
}

Task<Result<VolumeId>> MasterService::volume_for(LeaseRequest request, std::uint64_t keys_wanted) {
  if (broken_) co_return *broken_;
  KELP_CO_TRY(const NodeStatus node, co_await seams_.volumes.status());
  Placement placement;
  {
    const std::lock_guard lock(mutex_);
    reservations_.expire(seams_.clock.wall());
    KELP_CO_TRY(placement, place(state_, node, reservations_, request, options_.placement));
  }
  std::vector<Command> commands;
  add_reserve(keys_wanted, commands);
  for (const VolumeId full : placement.full) commands.emplace_back(SealVolume{full});
  VolumeRecord record;
  if (placement.kind == Placement::Kind::kCreate) {
    record.generation = Generation{1};
    record.collection = request.collection;
    record.member_node_ids = {node.node_id};
    placement.volume = state_.next_volume;
    for (const VolumeStatus& known : node.volumes) {  // also those that we never decided on
      placement.volume = std::max(placement.volume, VolumeId{known.volume.value + 1});
    }
    commands.emplace_back(CreateVolume{placement.volume, record});
  } else if (placement.kind == Placement::Kind::kFinish) {
    record = state_.volumes.at(placement.volume);
  }
  if (!commands.empty()) {
    KELP_CO_CHECK(co_await commit(std::move(commands)));
  }
  if (placement.kind != Placement::Kind::kUse) {
    KELP_CO_CHECK(co_await make_volume(placement.volume, record.generation, record.collection));
  }
  co_return placement.volume;
}

Task<Result<void>> MasterService::make_volume(VolumeId volume, Generation generation,
                                              std::string collection) {
  const auto made =
      co_await seams_.volumes.create_volume(volume, generation, std::move(collection));
  if (!made.has_value()) {
    if (made.error().code() != Errc::kAlreadyExists) co_return made.error();
    // It was made before a crash. Only if it is the one we meant may it be used.
    KELP_CO_TRY(const NodeStatus node, co_await seams_.volumes.status());
    if (trusted_status(state_, node, volume) == nullptr) {
      co_return Error(Errc::kConflict, fmt::format("volume {} exists with another generation than "
                                                   "{}, or on another node",
                                                   volume.value, generation.value));
    }
  }
  logger("master").info("volume_made volume={} generation={}", volume.value, generation.value);
  std::vector<Command> commands{ActivateVolume{volume}};
  co_return co_await commit(std::move(commands));
}

void MasterService::add_reserve(std::uint64_t keys_wanted, std::vector<Command>& commands) const {
  if (state_.key_mark.value - next_key_.value < keys_wanted) {
    commands.emplace_back(ReserveKeys{options_.key_reserve});
  }
}

Task<Result<void>> MasterService::commit(std::vector<Command> commands) {
  MasterState next = state_;
  for (const Command& command : commands) {
    KELP_CO_CHECK(apply_command(next, command));
  }
  auto write = [&io = seams_.io, path = state_path(options_), bytes = encode_state(next)] {
    return write_file_atomically(io, path, bytes);
  };
  const auto written = co_await offload<void>(seams_.pool, std::move(write));
  if (!written.has_value()) {
    const Errc code = written.error().code();
    if (code != Errc::kNoSpace && code != Errc::kResourceExhausted) {
      // Old or new, the disk has one of them; which one only a restart can tell.
      logger("master").error("state_write_failed error={}", log_value(written.error().message()));
      broken_.emplace(Errc::kUnavailable, fmt::format("the master's state could not be written "
                                                      "({}); restart when the disk is well",
                                                      written.error().detail()));
    }
    co_return written.error();
  }
  const std::lock_guard lock(mutex_);
  state_ = std::move(next);
  volume_count_.Set(static_cast<double>(state_.volumes.size()));
  co_return Result<void>();
}

WriteLease MasterService::grant(const LeaseRequest& request, VolumeId volume) {
  WriteLease lease;
  lease.first_key = next_key_;
  lease.key_count = request.key_count;
  lease.volume = volume;
  lease.bytes = request.bytes;
  lease.expires = seams_.clock.wall() + options_.lease_time;
  next_key_.value += request.key_count;
  const std::lock_guard lock(mutex_);
  const VolumeRecord& record = state_.volumes.at(volume);
  lease.generation = record.generation;
  for (const auto& node_id : record.member_node_ids) lease.members.push_back({node_id, {}});
  lease.token = sign_lease(options_.cluster_secret, {volume, lease.generation, lease.first_key,
                                                     lease.key_count, lease.expires});
  reservations_.grant(volume, lease.bytes, lease.expires);
  return lease;
}

Task<Result<void>> MasterService::release(VolumeId volume, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  reservations_.release(volume, bytes);
  co_return Result<void>();
}

Task<Result<VolumeLocation>> MasterService::locate(VolumeId volume) {
  const std::lock_guard lock(mutex_);
  const auto found = state_.volumes.find(volume);
  if (found == state_.volumes.end()) {
    co_return Error(Errc::kNotFound, fmt::format("volume {} was never made", volume.value));
  }
  VolumeLocation location;
  location.volume = volume;
  location.generation = found->second.generation;
  location.writable = found->second.phase == VolumePhase::kWritable;
  for (const auto& node_id : found->second.member_node_ids) {
    location.members.push_back({node_id, {}});
  }
  co_return location;
}

MasterState MasterService::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace kelp::master
