#include "s3gw/access_logs.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "crypto/random.h"
#include "s3gw/call.h"
#include "s3gw/ops/log_delivery.h"

namespace kelp::s3 {
namespace {

/// 16 upper-case hex digits.
std::string random_name() {
  std::uint64_t number = random_u64();
  std::string name(16, '0');
  for (char& digit : name) {
    digit = "0123456789ABCDEF"[number >> 60];
    number <<= 4;
  }
  return name;
}

}  // namespace

AccessLogs::AccessLogs(Metrics& metrics, std::chrono::nanoseconds period)
    : period_(period),
      objects_(metrics.counter("kelp_s3_access_log_objects_total", "Access logs that were put.")),
      dropped_(metrics.counter("kelp_s3_access_log_dropped_total",
                               "Lines of access logs that were lost: too many waited, or their "
                               "target refused them.")) {}

void AccessLogs::add(const LogTarget& target, const LogSource& source, std::string_view owner_id,
                     WallTime when, MonoTime now, std::string_view line) {
  Name name{.target = target, .source = source.bucket, .owner_id = std::string(owner_id)};
  if (target.by_event_time) name.day = std::chrono::floor<std::chrono::days>(when);
  const std::lock_guard lock(mutex_);
  if (waiting_bytes_ + line.size() > kMaxWaitingBytes) {
    dropped_.Increment();
    return;
  }
  const auto [at, made] = gathered_.try_emplace(std::move(name));
  Gathered& gathered = at->second;
  if (made) {
    gathered.source = source;
    gathered.since = now;
  }
  gathered.last = std::max(gathered.last, when);
  gathered.lines += line;
  waiting_bytes_ += line.size();
}

std::map<AccessLogs::Name, AccessLogs::Gathered> AccessLogs::take(MonoTime now, bool all) {
  std::map<Name, Gathered> taken;
  const std::lock_guard lock(mutex_);
  for (auto at = gathered_.begin(); at != gathered_.end();) {
    const Gathered& gathered = at->second;
    const bool due = now - gathered.since >= period_ || gathered.lines.size() >= kFullBytes;
    if (!all && !due) {
      ++at;
      continue;
    }
    waiting_bytes_ -= gathered.lines.size();
    taken.insert(gathered_.extract(at++));
  }
  return taken;
}

void AccessLogs::give_back(const Name& name, Gathered gathered) {
  const std::lock_guard lock(mutex_);
  if (waiting_bytes_ + gathered.lines.size() > kMaxWaitingBytes) return drop(gathered.lines);
  waiting_bytes_ += gathered.lines.size();
  Gathered& now = gathered_[name];
  gathered.lines += now.lines;
  gathered.last = std::max(gathered.last, now.last);
  now = std::move(gathered);
}

void AccessLogs::drop(const std::string& lines) {
  dropped_.Increment(static_cast<double>(std::ranges::count(lines, '\n')));
}

Task<void> AccessLogs::deliver(Services& services, bool all) {
  std::map<Name, Gathered> due = take(services.deps.clock.mono(), all);
  for (auto& [name, gathered] : due) {
    const WallTime time = name.target.by_event_time ? gathered.last : services.deps.clock.wall();
    LogObject object{.target_bucket = name.target.bucket,
                     .key = log_object_key(name.target, gathered.source, time, random_name()),
                     .source_bucket = name.source,
                     .owner_id = name.owner_id};
    const S3Result<void> put = co_await deliver_log(services, object, gathered.lines);
    if (put) {
      objects_.Increment();
      continue;
    }
    const S3ErrorText text = text_of(put.error().code);
    logger("s3gw").warn("access_log_failed bucket={} target={} code={} detail={}",
                        log_value(name.source), log_value(name.target.bucket), text.code,
                        log_value(put.error().detail));
    if (text.status >= 500 && !all) {
      give_back(name, std::move(gathered));
    } else {
      drop(gathered.lines);
    }
  }
}

}  // namespace kelp::s3
