#include "volume/heartbeats.h"

#include "base/log.h"

namespace kelp {
namespace {

/// Asking again changes nothing: somebody must look.
bool is_refusal(const Error& error) {
  switch (error.code()) {
    case Errc::kPermissionDenied:
    case Errc::kUnauthenticated:
    case Errc::kConflict:
    case Errc::kCorruption:
    case Errc::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

Heartbeats::Heartbeats(NodeIdentity identity, std::uint64_t process, VolumeAdmin& volumes,
                       MasterControl& master, Clock& clock, Timers& timers,
                       std::function<void(const HeartbeatAnswer&)> heard)
    : identity_(std::move(identity)),
      process_(process),
      volumes_(volumes),
      master_(master),
      clock_(clock),
      timers_(timers),
      heard_(std::move(heard)) {}

Task<void> Heartbeats::run() {
  while (true) {
    const MonoTime begin = clock_.mono();
    std::chrono::milliseconds interval = HeartbeatAnswer().interval;
    const auto answer = co_await beat();
    if (answer.has_value()) interval = answer->interval;
    if (!(co_await timers_.sleep_until(begin + interval)).has_value()) co_return;
  }
}

/// Says once how it fails, and once more when it fails in another way.
void Heartbeats::note(const Result<HeartbeatAnswer>& answer) {
  if (answer.has_value()) {
    if (failed_.has_value()) logger("volume").info("heartbeat_taken");
    failed_.reset();
    const std::lock_guard lock(mutex_);
    refusal_.reset();
    return;
  }
  const Error& error = answer.error();
  if (error.code() == Errc::kCancelled) return;
  const bool refused = is_refusal(error);
  if (failed_ != error.code()) {
    // A restart within seconds is a conflict too, until its predecessor counts as silent.
    const bool act = refused && error.code() != Errc::kConflict;
    logger("volume").log(act ? spdlog::level::err : spdlog::level::warn,
                         "heartbeat_failed error={}", log_value(error.message()));
  }
  failed_ = error.code();
  const std::lock_guard lock(mutex_);
  if (refused) {
    refusal_ = error;
  } else {
    refusal_.reset();
  }
}

std::optional<Error> Heartbeats::refusal() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

Task<Result<HeartbeatAnswer>> Heartbeats::beat() {
  auto answer = co_await send(!answered_);
  if (answer.has_value() && answer->send_full) answer = co_await send(true);
  note(answer);
  if (answer.has_value() && heard_) heard_(*answer);
  co_return answer;
}

Task<Result<HeartbeatAnswer>> Heartbeats::send(bool full) {
  KELP_CO_TRY(NodeStatus status, co_await volumes_.status());
  Heartbeat beat;
  beat.identity = identity_;
  beat.process = process_;
  beat.sequence = ++sequence_;
  beat.full = full;
  beat.status.node_id = status.node_id;
  beat.status.total_bytes = status.total_bytes;
  beat.status.free_bytes = status.free_bytes;
  beat.status.write_micros = status.write_micros;
  std::map<VolumeId, std::uint64_t> now;
  for (VolumeStatus& volume : status.volumes) {
    const std::uint64_t hash = hash_of(volume);
    now[volume.volume] = hash;
    beat.volumes_hash += hash;
    const auto told = told_.find(volume.volume);
    if (full || told == told_.end() || told->second != hash) {
      beat.status.volumes.push_back(std::move(volume));
    }
  }
  for (const auto& [volume, hash] : told_) {
    if (!full && !now.contains(volume)) beat.gone.push_back(volume);
  }
  // When the answer is lost, the next one says the same again; sequence and hash show the leader
  // whether that is enough.
  KELP_CO_TRY(const HeartbeatAnswer answer, co_await master_.heartbeat(std::move(beat)));
  told_ = std::move(now);
  answered_ = true;
  co_return answer;
}

}  // namespace kelp
