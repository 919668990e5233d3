#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "async/completion.h"

namespace kelp::master {

/// Lets one coroutine at a time pass, in the order they came, whatever threads they run on; unlike
/// a mutex it may be held across co_await. Thread-safe; must outlive its passes.
class Turn {
 public:
  /// Held while it is one's turn.
  class Pass {
   public:
    explicit Pass(Turn* turn) : turn_(turn) {}
    Pass(Pass&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (turn_ != nullptr) turn_->leave();
    }

   private:
    Turn* turn_;
  };

  /// Waits for one's turn.
  Task<Pass> enter() {
    auto start = [this](std::function<void(bool)> done) {
      {
        const std::lock_guard lock(mutex_);
        if (busy_) return waiting_.push_back(std::move(done));
        busy_ = true;
      }
      done(true);
    };
    co_await await_callback<bool>(std::move(start));
    co_return Pass(this);
  }

 private:
  void leave() {
    std::function<void(bool)> next;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        busy_ = false;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next(true);
  }

  std::mutex mutex_;
  bool busy_ = false;
  std::deque<std::function<void(bool)>> waiting_;
};

}  // namespace kelp::master
