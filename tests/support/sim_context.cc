#include "tests/support/sim_context.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "async/event.h"
#include "base/assert.h"

namespace kelp::test {
namespace {

constexpr std::size_t kEventsKept = 64;
constexpr MonoTime kStart = MonoTime(std::chrono::hours(1));
constexpr WallTime kWallStart = WallTime(std::chrono::seconds(1'790'000'000));

Task<void> mark_done(Task<void> task, bool* done) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(task);
  *done = true;
}

}  // namespace

asio::execution_context& SimExecutor::query(asio::execution::context_t) const noexcept {
  return *context_;
}

SimContext::SimContext(std::uint64_t seed) : seed_(seed), rng_(seed), now_(kStart) {}

SimContext::~SimContext() {
  // What never ran is destroyed; that may post the unwinding of a coroutine, which is then run.
  timers_.clear();
  while (!ready_.empty()) {
    auto rest = std::exchange(ready_, {});
    rest.clear();
    timers_.clear();
  }
  shutdown();
  destroy();
}

void SimContext::post(Job job) {
  ready_.push_back(Ready{.sequence = sequence_++, .job = std::move(job)});
}

SimContext::TimerId SimContext::at(MonoTime when, Job job) {
  const TimerId id(std::max(when, now_), sequence_++);
  timers_.emplace(id, std::move(job));
  return id;
}

void SimContext::cancel(TimerId timer) {
  timers_.erase(timer);
}

void SimContext::run(Task<void> task) {
  bool done = false;
  spawn(std::move(task), &done);
  run_until(done);
}

void SimContext::spawn(Task<void> task, bool* done) {
  asio::co_spawn(executor(), mark_done(std::move(task), done), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
}

void SimContext::run_until(const bool& done) {
  while (!done) {
    if (step(MonoTime::max())) continue;
    fmt::print(stderr, "deadlock: nothing is ready and no timer is set\n{}", last_events());
    std::abort();
  }
}

void SimContext::run_for(std::chrono::nanoseconds span) {
  const MonoTime end = now_ + span;
  while (step(end)) {
  }
  now_ = end;
}

void SimContext::run_out() {
  while (step(MonoTime::max())) {
  }
}

/// Runs one job that is due by `limit`; false when there is none.
bool SimContext::step(MonoTime limit) {
  if (ready_.empty()) {
    if (timers_.empty() || timers_.begin()->first.first > limit) return false;
    now_ = timers_.begin()->first.first;
    while (!timers_.empty() && timers_.begin()->first.first == now_) {
      auto timer = timers_.extract(timers_.begin());
      ready_.push_back(Ready{.sequence = timer.key().second, .job = std::move(timer.mapped())});
    }
  }
  const auto pick = static_cast<std::size_t>(rng_.below(ready_.size()));
  std::swap(ready_[pick], ready_.back());
  Ready next = std::move(ready_.back());
  ready_.pop_back();
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  mix(next.sequence);
  if (++steps_ > step_limit_) {
    fmt::print(stderr, "livelock: {} steps\n{}", steps_, last_events());
    std::abort();
  }
  next.job();
  return true;
}

void SimContext::note(std::string_view what, std::uint64_t value) {
  for (const char c : what) mix(static_cast<unsigned char>(c));
  mix(value);
  if (events_.size() == kEventsKept) events_.pop_front();
  events_.push_back(Event{.at = now_, .what = what, .value = value});
}

void SimContext::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
  hash_ ^= hash_ >> 32;
}

std::string SimContext::last_events() const {
  std::string text = fmt::format("seed {}, {} steps, trace {:016x}\n", seed_, steps_, hash_);
  for (const auto& event : events_) {
    const auto since = std::chrono::duration<double>(event.at - kStart).count();
    text += fmt::format("  {:.6f} s  {} {}\n", since, event.what, event.value);
  }
  return text;
}

void SimGate::post(SimContext::Job job) {
  if (closed_) {
    held_.push_back(std::move(job));
  } else {
    context_.post(std::move(job));
  }
}

void SimGate::open() {
  closed_ = false;
  for (auto& job : std::exchange(held_, {})) context_.post(std::move(job));
}

WallTime SimClock::wall() const {
  return kWallStart + (context_.now() - kStart) + skew_;
}

Task<Result<void>> SimTimers::sleep_until(MonoTime when) {
  auto event = std::make_shared<Event>();
  auto ring = [event] { event->notify_all(); };
  const auto timer = context_.at(when, std::move(ring));
  auto result = co_await event->wait();
  if (!result) context_.cancel(timer);
  co_return result;
}

bool SimWorkPool::try_post(Work work) {
  if (*queued_ >= options_.queue_limit) return false;
  ++*queued_;
  const auto most = static_cast<std::uint64_t>(options_.max_delay.count());
  const auto delay = std::chrono::nanoseconds(rng_.below(most + 1));
  auto run = [w = std::move(work), queued = queued_]() mutable {
    --*queued;
    w();
  };
  if (options_.gate == nullptr) {
    context_.at(context_.now() + delay, std::move(run));
    return true;
  }
  auto job = [gate = options_.gate, r = std::move(run)]() mutable { gate->post(std::move(r)); };
  context_.at(context_.now() + delay, std::move(job));
  return true;
}

}  // namespace kelp::test
