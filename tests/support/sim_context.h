#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/awaitable.h"
#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/rng.h"

namespace kelp::test {

class SimContext;
class SimGate;

/// Runs functions on a SimContext; usable as kelp::Executor, so coroutines run unchanged. With a
/// gate they wait while it is closed.
class SimExecutor {
 public:
  explicit SimExecutor(SimContext& context, SimGate* gate = nullptr)
      : context_(&context), gate_(gate) {}
  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept;
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  template <typename Function>
  void execute(Function function) const;
  bool operator==(const SimExecutor& other) const noexcept = default;

 private:
  SimContext* context_;
  SimGate* gate_;
};

/// The world of a simulation: one thread, a virtual clock, one seed. The next job is drawn from all
/// that are ready; when none is, the clock jumps to the next timer. Same seed, same run:
/// trace_hash() tells. Not thread-safe: everything in the world happens inside run().
class SimContext final : public asio::execution_context {
 public:
  using Job = std::move_only_function<void()>;
  using TimerId = std::pair<MonoTime, std::uint64_t>;

  explicit SimContext(std::uint64_t seed);
  ~SimContext();

  [[nodiscard]] SimExecutor get_executor() { return SimExecutor(*this); }
  [[nodiscard]] Executor executor() { return get_executor(); }
  [[nodiscard]] MonoTime now() const { return now_; }
  /// Seeds for the world's parts (networks, disks, workloads) come from here.
  [[nodiscard]] Rng& rng() { return rng_; }

  /// Makes `job` ready.
  void post(Job job);
  /// Makes `job` ready at `when`, at once when that is past.
  TimerId at(MonoTime when, Job job);
  void cancel(TimerId timer);

  /// Runs `task` and everything else until it returns; gives its value. A deadlock (nothing ready,
  /// no timer) stops the test with the last events, as does running past the step limit.
  template <typename T>
  T run(Task<T> task);
  void run(Task<void> task);
  /// Runs everything that happens in the next `span` of virtual time.
  void run_for(std::chrono::nanoseconds span);
  /// Runs until nothing is ready and no timer is set.
  void run_out();

  /// Records that something happened: mixed into the trace. `what` must be a literal.
  void note(std::string_view what, std::uint64_t value = 0);
  [[nodiscard]] std::uint64_t trace_hash() const { return hash_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// The last notes, oldest first, one a line, with the seed: for a failing test.
  [[nodiscard]] std::string last_events() const;
  /// More steps than this in all stop the process: a livelock.
  void set_step_limit(std::uint64_t steps) { step_limit_ = steps; }

 private:
  struct Ready {
    std::uint64_t sequence;
    Job job;
  };
  struct Event {
    MonoTime at;
    std::string_view what;
    std::uint64_t value;
  };
  bool step(MonoTime limit);
  void mix(std::uint64_t value);
  void spawn(Task<void> task, bool* done);
  void run_until(const bool& done);
  template <typename T>
  static Task<void> store(Task<T> task, std::optional<T>* value) {
    value->emplace(co_await std::move(task));
  }

  std::uint64_t seed_;
  Rng rng_;
  MonoTime now_;
  std::vector<Ready> ready_;
  std::map<TimerId, Job> timers_;
  std::deque<Event> events_;
  std::uint64_t sequence_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t step_limit_ = 50'000'000;
  std::uint64_t hash_ = 0;
};

/// One process of the world: closed, it stands still as after SIGSTOP. Must outlive what runs on
/// it; open it before the world ends.
class SimGate {
 public:
  explicit SimGate(SimContext& context) : context_(context) {}
  [[nodiscard]] Executor executor() { return SimExecutor(context_, this); }
  /// Makes `job` ready, when it is open.
  void post(SimContext::Job job);
  void close() { closed_ = true; }
  void open();
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  SimContext& context_;
  bool closed_ = false;
  std::vector<SimContext::Job> held_;
};

template <typename Function>
void SimExecutor::execute(Function function) const {
  SimContext::Job job(std::move(function));
  if (gate_ != nullptr) return gate_->post(std::move(job));
  context_->post(std::move(job));
}

template <typename T>
T SimContext::run(Task<T> task) {
  std::optional<T> value;
  run(store<T>(std::move(task), &value));
  return *std::move(value);
}

/// A node's clock in the world; each may be off by `skew` and has its own wall clock.
class SimClock final : public Clock {
 public:
  explicit SimClock(const SimContext& context, std::chrono::nanoseconds skew = {})
      : context_(context), skew_(skew) {}
  [[nodiscard]] MonoTime mono() const override { return context_.now(); }
  [[nodiscard]] WallTime wall() const override;
  /// Moves the wall clock, as an operator or NTP does.
  void set_skew(std::chrono::nanoseconds skew) { skew_ = skew; }

 private:
  const SimContext& context_;
  std::chrono::nanoseconds skew_;
};

/// Sleeping in virtual time.
class SimTimers final : public Timers {
 public:
  explicit SimTimers(SimContext& context) : context_(context) {}
  Task<Result<void>> sleep_until(MonoTime when) override;

 private:
  SimContext& context_;
};

/// A disk pool without threads: each job runs at one instant, after a drawn delay.
struct SimWorkPoolOptions {
  std::size_t queue_limit = 4096;
  std::chrono::nanoseconds max_delay = std::chrono::milliseconds(2);
  SimGate* gate = nullptr;  ///< The process whose threads these are.
};
class SimWorkPool final : public WorkPool {
 public:
  explicit SimWorkPool(SimContext& context, SimWorkPoolOptions options = {})
      : context_(context), options_(options), rng_(context.rng().next()) {}
  bool try_post(Work work) override;
  /// Of work that comes from now on: a disk becomes slow, or quick again.
  void set_max_delay(std::chrono::nanoseconds delay) { options_.max_delay = delay; }

 private:
  SimContext& context_;
  SimWorkPoolOptions options_;
  Rng rng_;
  std::shared_ptr<std::size_t> queued_ = std::make_shared<std::size_t>(0);
};

}  // namespace kelp::test
