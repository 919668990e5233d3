#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "async/timers.h"
#include "base/clock.h"
#include "client/master_control.h"
#include "client/volume_admin.h"

namespace kelp {

/// Tells the leading master about twice a second who this volume server is and what it holds: all
/// of it at first and when asked, else what changed. A new leader asks: until it is found, what
/// goes to the masters is small. One executor.
class Heartbeats {
 public:
  /// Everything must outlive this. `process` is random and not 0: it tells this process from
  /// another one with the same node id. `master` finds the leader by itself.
  /// `heard` is told each answer; may be empty.
  Heartbeats(NodeIdentity identity, std::uint64_t process, VolumeAdmin& volumes,
             MasterControl& master, Clock& clock, Timers& timers,
             std::function<void(const HeartbeatAnswer&)> heard = {});
  /// Until it is cancelled.
  Task<void> run();
  /// One heartbeat, and a full one at once when it is asked for.
  Task<Result<HeartbeatAnswer>> beat();
  /// Why the masters do not take this server, as they last said: another cluster, a node id that is
  /// in use, volumes that they never made. Nothing when they do or cannot be reached. Thread-safe.
  [[nodiscard]] std::optional<Error> refusal() const;

 private:
  Task<Result<HeartbeatAnswer>> send(bool full);
  void note(const Result<HeartbeatAnswer>& answer);

  const NodeIdentity identity_;
  const std::uint64_t process_;
  VolumeAdmin& volumes_;
  MasterControl& master_;
  Clock& clock_;
  Timers& timers_;
  const std::function<void(const HeartbeatAnswer&)> heard_;
  mutable std::mutex mutex_;
  std::optional<Error> refusal_;  ///< Guarded by mutex_.
  std::optional<Errc> failed_;    ///< How the last heartbeat failed.
  std::uint64_t sequence_ = 0;
  bool answered_ = false;                   ///< Some leader has, and may know what is in told_.
  std::map<VolumeId, std::uint64_t> told_;  ///< Hash of each volume as it was last sent.
};

}  // namespace kelp
