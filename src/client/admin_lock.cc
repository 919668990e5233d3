#include "client/admin_lock.h"

#include <utility>

namespace kelp {

/// A renewal under way must not undo what comes after it: the calls wait for each other.
Task<Result<void>> AdminLockHolder::ask(std::chrono::milliseconds lease) {
  asking_ = true;
  AdminLockRequest request{owner_, token_, lease};
  const auto answer = co_await masters_.admin_lock(std::move(request));
  asking_ = false;
  asked_.notify_all();
  if (!answer.has_value()) co_return answer.error();
  co_return Result<void>();
}

Task<Result<void>> AdminLockHolder::take(MonoTime deadline) {
  constexpr std::chrono::milliseconds kPause{200};
  while (true) {
    while (asking_) {
      KELP_CO_CHECK(co_await asked_.wait());
    }
    const auto taken = co_await extend();
    const bool wait = !taken.has_value() && taken.error().code() == Errc::kConflict;
    if (!wait || clock_.mono() >= deadline) co_return taken;
    KELP_CO_CHECK(co_await timers_.sleep_until(clock_.mono() + kPause));
  }
}

Task<Result<void>> AdminLockHolder::give_back() {
  while (asking_) {
    KELP_CO_CHECK(co_await asked_.wait());
  }
  held_ = false;
  if (!may_be_ours_) co_return Result<void>();
  const auto given = co_await ask(std::chrono::milliseconds(0));
  may_be_ours_ = !given.has_value() && given.error().code() != Errc::kConflict;
  co_return given;
}

Task<Result<void>> AdminLockHolder::renew() {
  if (!held_ || asking_) co_return Result<void>();
  co_return co_await extend();
}

/// Only an answer says that it is held, or that it is not.
Task<Result<void>> AdminLockHolder::extend() {
  may_be_ours_ = true;
  const auto taken = co_await ask(kHoldTime);
  if (taken.has_value()) held_ = true;
  const Errc code = taken.has_value() ? Errc::kUnavailable : taken.error().code();
  if (code == Errc::kConflict || code == Errc::kUnimplemented) held_ = may_be_ours_ = false;
  co_return taken;
}

Task<Result<void>> AdminLockHolder::run(Task<Result<void>> work) {
  const bool held_before = held_;
  const auto taken = co_await take(clock_.mono() + kPatience);
  if (!taken.has_value() && taken.error().code() != Errc::kUnimplemented) co_return taken;
  const auto done = co_await std::move(work);
  // When that fails it runs out by itself.
  if (!held_before) {
    [[maybe_unused]] const auto given = co_await give_back();
  }
  co_return done;
}

}  // namespace kelp
