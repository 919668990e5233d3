#include "volume/heartbeats.h"

#include "base/log.h"

namespace kelp {

Heartbeats::Heartbeats(NodeIdentity identity, std::uint64_t process, VolumeAdmin& volumes,
                       MasterControl& master, Clock& clock, Timers& timers)
    : identity_(std::move(identity)),
      process_(process),
      volumes_(volumes),
      master_(master),
      clock_(clock),
      timers_(timers) {}

Task<void> Heartbeats::run() {
  bool failed = false;
  while (true) {
    const MonoTime begin = clock_.mono();
    std::chrono::milliseconds interval{1000};
    const auto answer = co_await beat();
    if (answer.has_value()) {
      interval = answer->interval;
    } else if (!failed && answer.error().code() != Errc::kCancelled) {
      logger("volume").warn("heartbeat_failed error={}", log_value(answer.error().message()));
    }
    failed = !answer.has_value();
    if (!(co_await timers_.sleep_until(begin + interval)).has_value()) co_return;
  }
}

Task<Result<HeartbeatAnswer>> Heartbeats::beat() {
  auto answer = co_await send(!told_all_);
  if (answer.has_value() && answer->send_full) answer = co_await send(true);
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
  // Until the answer is here nobody knows what the leader took.
  told_all_ = false;
  KELP_CO_TRY(const HeartbeatAnswer answer, co_await master_.heartbeat(std::move(beat)));
  told_ = std::move(now);
  told_all_ = true;
  co_return answer;
}

}  // namespace kelp
