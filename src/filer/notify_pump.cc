#include "filer/notify_pump.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "async/task_group.h"
#include "base/bytes.h"
#include "base/crc.h"
#include "base/log.h"
#include "filer/collector_turn.h"
#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/row_walk.h"
#include "notify/core/event_json.h"
#include "notify/core/event_name.h"

namespace kelp {
namespace {

constexpr std::chrono::seconds kTurn{120};

/// A message and the index of its event in the page.
struct Outgoing {
  std::size_t event = 0;
  notify::Message message;
};

/// Messages that go one behind the other.
struct Lane {
  std::vector<std::size_t> events;
  std::vector<notify::Message> messages;
  std::size_t taken = 0;
  Result<void> outcome;
};

std::string name_of(const notify::Message& message) {
  return message.id + message.key;
}

/// What `target` is to be told of the page, but for those that it was told, by name_of().
std::vector<Outgoing> messages_for(const NotifyWork& work, std::string_view target,
                                   const std::set<std::string>& told) {
  std::vector<Outgoing> out;
  for (std::size_t i = 0; i < work.page.events.size(); ++i) {
    const ObjectEvent& event = work.page.events[i];
    const std::string_view name = notify::event_name(event);
    const notify::Rule* const rule =
        name.empty() ? nullptr : notify::rule_for(work.rules, name, event.key);
    if (rule == nullptr || rule->target != target) continue;
    const notify::EventContext context{work.bucket, rule->id, name};
    notify::Message message{.key = fmt::format("{}/{}", work.bucket.name, event.key),
                            .id = notify::sequencer(event),
                            .name = std::string(name),
                            .body = notify::event_json(context, event)};
    if (!told.contains(name_of(message))) out.push_back({i, std::move(message)});
  }
  return out;
}

/// All of one key go by one lane.
std::vector<Lane> part(std::vector<Outgoing> outgoing, std::size_t lanes) {
  std::vector<Lane> parted(std::max<std::size_t>(lanes, 1));
  for (auto& [event, message] : outgoing) {
    Lane& lane = parted[crc32c(as_bytes(message.key)) % parted.size()];
    lane.events.push_back(event);
    lane.messages.push_back(std::move(message));
  }
  std::erase_if(parted, [](const Lane& lane) { return lane.messages.empty(); });
  return parted;
}

Task<void> run_lane(notify::Target& target, WorkPool& threads, Lane& lane) {
  auto work = [&target, &lane] { return target.send(lane.messages, lane.taken); };
  lane.outcome = co_await offload<void>(threads, std::move(work));
}

prometheus::Labels label(const std::string& target) {
  return {{"target", target}};
}

}  // namespace

NotifyPump::NotifyPump(NotifySeams seams, std::unique_ptr<notify::Target> target,
                       NotifyPumpOptions options)
    : seams_(seams),
      target_(std::move(target)),
      options_(std::move(options)),
      kv_(seams.store, seams.pool),
      sent_(seams.metrics.counter("kelp_notify_sent_total", "Messages that a target took",
                                  label(options_.target))),
      failed_(seams.metrics.counter("kelp_notify_failed_total",
                                    "Attempts to send that ended before all was taken",
                                    label(options_.target))),
      gaps_(seams.metrics.counter("kelp_notify_gaps_total",
                                  "Times that events were cut off before a target took them",
                                  label(options_.target))),
      lag_(seams.metrics.gauge("kelp_notify_lag_seconds",
                               "Age of the oldest event that a target has not taken",
                               label(options_.target))),
      threads_(make_thread_pool({.threads = std::max<std::size_t>(target_->lanes(), 1)})) {}

Task<void> NotifyPump::run() {
  Pause away;
  while (!co_await was_cancelled()) {
    const Round done = co_await round();
    std::chrono::nanoseconds pause = done.more ? std::chrono::nanoseconds(0) : options_.interval;
    if (done.sent || !done.failed) away = {};
    if (done.failed) {
      pause = fail(away);
    }
    if (!(co_await seams_.timers.sleep_until(seams_.clock.mono() + pause)).has_value()) co_return;
  }
}

/// Twice as long each time.
std::chrono::nanoseconds NotifyPump::fail(Pause& pause) {
  constexpr int kMostDoublings = 20;
  const auto length = std::min(options_.last_pause, options_.first_pause * (1 << pause.failures));
  pause.failures = std::min(pause.failures + 1, kMostDoublings);
  pause.until = seams_.clock.mono() + length;
  return length;
}

Task<NotifyPump::Round> NotifyPump::round() {
  auto done = co_await look();
  if (done) co_return *done;
  if (done.error().code() != Errc::kCancelled) {
    logger("notify").warn("not_sent target={} error={}", options_.target,
                          log_value(done.error().message()));
  }
  co_return Round{.more = false, .failed = true};
}

/// Of several filers one sends. That another one begins while a call of this one hangs is possible:
/// then a message comes twice, and this one's place does not move (move_cursor()).
Task<Result<bool>> NotifyPump::is_our_turn() {
  if (options_.holder == 0) co_return true;
  const MonoTime now = seams_.clock.mono();
  if (has_turn_ && now - turn_taken_ < kTurn / 4) co_return true;
  CollectorTurn turn{options_.holder, kTurn, keys::job("notify.turn/" + options_.target)};
  KELP_CO_TRY(has_turn_, co_await take_turn(kv_, std::move(turn), seams_.clock.wall()));
  turn_taken_ = now;
  co_return has_turn_;
}

Task<Result<NotifyPump::Round>> NotifyPump::look() {
  using Buckets = std::vector<NotifiedBucket>;
  std::move_only_function<Result<Buckets>(KvStore&)> list = [](KvStore& store) {
    return list_notified(store);
  };
  Round done;
  KELP_CO_TRY(const Buckets buckets, co_await kv_.read<Buckets>(std::move(list)));
  for (const NotifiedBucket& in : buckets) {
    const auto refusing = refusing_.find(in.id);
    if (refusing != refusing_.end() && refusing->second.until > seams_.clock.mono()) continue;
    KELP_CO_TRY(const bool ours, co_await is_our_turn());
    if (!ours) {
      lags_.clear();
      break;
    }
    const double before = sent_.Value();
    const auto more = co_await serve(in);
    const bool sent = sent_.Value() > before;
    done.sent = done.sent || sent;
    if (sent) refusing_.erase(in.id);
    if (more) {
      refusing_.erase(in.id);
      done.more = done.more || *more;
    } else if (more.error().code() == Errc::kPermissionDenied ||
               more.error().code() == Errc::kInvalidArgument) {
      static_cast<void>(fail(refusing_[in.id]));
    } else {
      done.failed = true;  // Whoever is away is so for all buckets.
      break;
    }
    if (co_await was_cancelled()) break;
  }
  double lag = 0;
  for (const auto& [bucket, seconds] : lags_) lag = std::max(lag, seconds);
  lag_.Set(lag);
  co_return done;
}

void NotifyPump::set_lag(BucketId bucket, const NotifyWork& work) {
  if (work.page.events.empty()) {
    lags_.erase(bucket);
    return;
  }
  const auto age = seams_.clock.wall() - work.page.events.front().time;
  lags_[bucket] = std::max(0.0, std::chrono::duration<double>(age).count());
}

/// Logs when a target ceases to take messages and when it does again.
void NotifyPump::note_outcome(const Result<void>& outcome) {
  if (!outcome && outcome.error().code() == Errc::kCancelled) return;
  if (!outcome) failed_.Increment();
  if (outcome.has_value() == working_) return;
  working_ = outcome.has_value();
  if (working_) {
    logger("notify").info("target_works target={}", options_.target);
  } else {
    logger("notify").warn("target_fails target={} error={}", options_.target,
                          log_value(outcome.error().message()));
  }
}

/// Sends a page. Whether there is more.
Task<Result<bool>> NotifyPump::serve(NotifiedBucket in) {
  using Work = std::optional<NotifyWork>;
  std::move_only_function<Result<Work>(KvStore&)> read = [this, &in](KvStore& store) {
    return read_notify_work(store, in, options_.target, options_.page);
  };
  KELP_CO_TRY(Work found, co_await kv_.read<Work>(std::move(read)));
  if (!found) {
    lags_.erase(in.id);
    taken_.erase(in.id);
    co_return false;
  }
  NotifyWork& work = *found;
  set_lag(in.id, work);
  if (work.lost) {
    gaps_.Increment();
    logger("notify").error("events_lost target={} bucket={} at_most={} why=\"{}\"", options_.target,
                           log_value(in.name), *work.lost,
                           "they were cut off before the target took them");
  }
  if (work.cursor.test) {
    KELP_CO_CHECK(co_await send_test(work));
  }
  if (work.page.events.empty() && !work.lost) co_return false;
  const Sent sent = co_await send_page(work);
  if (sent.events == work.page.events.size()) {
    const bool more = work.page.more;
    NotifyCursor to{.test = false, .position = work.page.position};
    KELP_CO_CHECK(co_await move_cursor(work, std::move(to)));
    if (!more) lags_.erase(in.id);
    co_return more;
  }
  if (sent.events > 0) {
    KELP_CO_TRY(std::string position, co_await position_behind(work, sent.events));
    NotifyCursor to{.test = false, .position = std::move(position)};
    KELP_CO_CHECK(co_await move_cursor(work, std::move(to)));
  }
  co_return sent.outcome.error();
}

Task<Result<void>> NotifyPump::send_test(NotifyWork& work) {
  const WallTime now = seams_.clock.wall();
  Lane lane;
  lane.messages.push_back({.key = work.bucket.name + "/",
                           .id = fmt::format("{:032X}", now.time_since_epoch().count()),
                           .name = "TestEvent",
                           .body = notify::test_event_json(work.bucket, now)});
  co_await run_lane(*target_, *threads_, lane);
  note_outcome(lane.outcome);
  KELP_CO_CHECK(lane.outcome);
  sent_.Increment();
  NotifyCursor to{.test = false, .position = work.cursor.position};
  co_return co_await move_cursor(work, std::move(to));
}

Task<NotifyPump::Sent> NotifyPump::send_page(NotifyWork work) {
  std::set<std::string>& told = taken_[work.bucket.id];
  std::vector<Lane> lanes = part(messages_for(work, options_.target, told), target_->lanes());
  TaskGroup sending(co_await asio::this_coro::executor);
  for (Lane& lane : lanes) sending.spawn(run_lane(*target_, *threads_, lane));
  co_await sending.join();
  Sent sent{.events = work.page.events.size(), .outcome = {}};
  for (Lane& lane : lanes) {
    sent_.Increment(static_cast<double>(lane.taken));
    for (std::size_t i = 0; i < lane.taken; ++i) told.insert(name_of(lane.messages[i]));
    if (lane.outcome && lane.taken == lane.messages.size()) continue;
    if (lane.outcome) lane.outcome = Error(Errc::kInternal, "a target took less than all");
    if (const std::size_t first = lane.events[lane.taken]; first < sent.events) {
      sent = {first, std::move(lane.outcome)};
    }
  }
  if (!lanes.empty()) note_outcome(sent.outcome);
  if (sent.events == work.page.events.size()) taken_.erase(work.bucket.id);
  co_return sent;
}

/// The position behind the first events of the page, read again: kConflict when there are others
/// now.
Task<Result<std::string>> NotifyPump::position_behind(NotifyWork work, std::size_t events) {
  std::move_only_function<Result<EventPage>(KvStore&)> read = [&work, events](KvStore& store) {
    ReadEvents ask;
    ask.from = work.lost ? EventsFrom::kOldest : EventsFrom::kPosition;
    ask.position = work.cursor.position;
    ask.limit = static_cast<std::uint32_t>(events);
    return read_events(store, work.bucket.events.log, ask);
  };
  KELP_CO_TRY(EventPage page, co_await kv_.read<EventPage>(std::move(read)));
  const auto front = std::span(work.page.events).first(events);
  if (!std::ranges::equal(page.events, front)) {
    co_return Error(Errc::kUnavailable, "other events came between those that were sent");
  }
  co_return std::move(page.position);
}

/// Only from where it was read: whoever changed it meanwhile knows better.
Task<Result<void>> NotifyPump::move_cursor(NotifyWork& work, NotifyCursor to) {
  KvBatch batch;
  std::string row = encode_setting(cursor_text(to));
  batch.conditions.push_back(KvCondition::equals(work.cursor_key, work.cursor_row));
  batch.writes.push_back(KvWrite::put(work.cursor_key, row));
  const Result<void> committed = co_await kv_.commit(std::move(batch));
  if (!committed && committed.error().code() == Errc::kPrecondition) {
    co_return Error(Errc::kUnavailable, "another filer, or the configuration, moved on");
  }
  KELP_CO_CHECK(committed);
  work.cursor_row = std::move(row);
  work.cursor = std::move(to);
  co_return Result<void>();
}

}  // namespace kelp
