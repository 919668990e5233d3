#pragma once

#include <cstdint>
#include <string>

#include "async/event.h"
#include "async/timers.h"
#include "base/clock.h"
#include "client/master_control.h"

namespace kelp {

/// One operator's hold on the lock that whoever changes a cluster by hand takes first
/// (MasterControl::admin_lock). It runs out by itself kHoldTime after it was last taken. All calls
/// on one executor; one at a time reaches the masters.
class AdminLockHolder {
 public:
  static constexpr std::chrono::minutes kHoldTime{2};
  /// How long a change by hand waits for another one that is under way.
  static constexpr std::chrono::seconds kPatience{5};

  /// `owner` is what others are told; `token` is random, not 0. Everything must outlive this.
  AdminLockHolder(MasterControl& masters, Clock& clock, Timers& timers, std::string owner,
                  std::uint64_t token)
      : masters_(masters),
        clock_(clock),
        timers_(timers),
        owner_(std::move(owner)),
        token_(token) {}

  /// Takes it for kHoldTime, or holds it longer when it is ours already. Waits for another owner
  /// until `deadline`. kConflict names who has it.
  Task<Result<void>> take(MonoTime deadline);
  /// Does nothing when it cannot be ours. Call it again when it failed, or let it run out.
  Task<Result<void>> give_back();
  /// Holds it longer, when it is held, and notes when somebody else has it by now.
  Task<Result<void>> renew();
  /// Between take() and give_back(), until somebody else has it.
  [[nodiscard]] bool held() const { return held_; }
  /// `work` under the lock: takes it, waiting for kPatience, and gives it back unless it was held
  /// before. Errors: those of take() and of `work`. A master that knows no such lock yet is no
  /// obstacle.
  Task<Result<void>> run(Task<Result<void>> work);

 private:
  Task<Result<void>> extend();
  Task<Result<void>> ask(std::chrono::milliseconds lease);

  MasterControl& masters_;
  Clock& clock_;
  Timers& timers_;
  const std::string owner_;
  const std::uint64_t token_;
  bool held_ = false;
  bool may_be_ours_ = false;  ///< Held, or asked for without an answer.
  bool asking_ = false;
  Event asked_;
};

}  // namespace kelp
