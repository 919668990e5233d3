#include "filer/core/notify_rows.h"

#include <algorithm>
#include <utility>

#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

constexpr std::string_view kOwnLog = "notification-log";
constexpr std::string_view kTestMark = "test ";
constexpr std::size_t kBucketsPerRead = 10'000;

/// Whether the log is kept for notifications alone; `batch` requires that it stays so.
Result<bool> require_own_log(KvStore& store, BucketId bucket, KvBatch& batch) {
  std::string key = keys::setting(bucket, kOwnLog);
  KELP_TRY(auto row, store.get(key));
  const bool own = row.has_value();
  batch.conditions.push_back(KvCondition::unchanged(std::move(key), std::move(row)));
  return own;
}

void begin_own_log(std::uint64_t new_log, BucketEntry& bucket, KvBatch& batch) {
  bucket.events = {.keep_seconds = kNotifiedLogSeconds, .log = new_log};
  batch.writes.push_back(KvWrite::put(keys::setting(bucket.id, kOwnLog), encode_setting("")));
}

Result<void> end_notification(KvStore& store, BucketEntry& bucket, KvBatch& batch) {
  KELP_TRY(const bool own, require_own_log(store, bucket.id, batch));
  if (own) end_event_log(std::exchange(bucket.events, {}), batch);
  KvRange cursors = keys::within(keys::setting(bucket.id, kNotifyCursors));
  batch.writes.push_back(KvWrite::remove_range(std::move(cursors.begin), std::move(cursors.end)));
  batch.writes.push_back(KvWrite::remove(keys::setting(bucket.id, kOwnLog)));
  batch.writes.push_back(KvWrite::remove(keys::notified(bucket.id)));
  return {};
}

/// Takes away the cursors of targets that are none any more and makes those of new ones.
Result<void> settle_cursors(KvStore& store, BucketId bucket, std::vector<std::string> targets,
                            const std::string& now, KvBatch& batch) {
  const KvRange range = keys::within(keys::setting(bucket, kNotifyCursors));
  const auto rows = store.cursor(range);
  for (rows->seek(range.begin); rows->valid(); rows->next()) {
    const std::string_view name = rows->key().substr(range.begin.size());
    if (std::erase(targets, name) > 0) continue;
    batch.writes.push_back(KvWrite::remove(std::string(rows->key())));
  }
  KELP_CHECK(rows->status());
  for (const std::string& target : targets) {
    std::string key = notify_cursor_key(bucket, target);
    batch.conditions.push_back(KvCondition::absent(key));
    const std::string text = cursor_text({.test = true, .position = now});
    batch.writes.push_back(KvWrite::put(std::move(key), encode_setting(text)));
  }
  return {};
}

/// How many events at most were cut off behind `position`: the numbers that passed, which the store
/// gives to those of other buckets, too. 0 of another log.
Result<std::uint64_t> count_lost(KvStore& store, std::uint64_t log, std::string_view position) {
  KELP_TRY(EventPosition read, EventPosition::parse(position));
  if (read.log != log) return 0;
  KELP_TRY(const EventPage oldest,
           read_events(store, log,
                       {.bucket = {}, .from = EventsFrom::kOldest, .position = {}, .limit = 1}));
  KELP_TRY(const EventPosition kept, EventPosition::parse(oldest.position));
  std::uint64_t lost = 0;
  for (const auto& [stream, number] : kept.read) {
    if (const std::uint64_t had = read.read[stream]; number > had) lost += number - had;
  }
  // The oldest that is kept was read with it.
  return lost - std::min<std::uint64_t>(lost, oldest.events.size());
}

}  // namespace

std::string cursor_text(const NotifyCursor& cursor) {
  return std::string(cursor.test ? kTestMark : std::string_view()) + cursor.position;
}

Result<NotifyCursor> parse_cursor_text(std::string_view text) {
  NotifyCursor cursor{.test = text.starts_with(kTestMark), .position = {}};
  if (cursor.test) text.remove_prefix(kTestMark.size());
  if (!EventPosition::parse(text)) {
    return Error(Errc::kCorruption, "where a notification's target stands cannot be read");
  }
  cursor.position = text;
  return cursor;
}

std::string notify_cursor_key(BucketId bucket, std::string_view target) {
  return keys::setting(bucket, std::string(kNotifyCursors).append(target));
}

Result<void> plan_notification(KvStore& store, std::uint64_t new_log,
                               const std::optional<std::string>& configuration, BucketEntry& bucket,
                               KvBatch& batch) {
  std::vector<std::string> targets;
  if (configuration) {
    auto rules = notify::parse_rules(*configuration);
    if (!rules) return Error(Errc::kInvalidArgument, rules.error().detail());
    targets = notify::targets_of(*rules);
  }
  if (targets.empty()) return end_notification(store, bucket, batch);
  std::string now = EventPosition{.log = new_log, .read = {}}.text();
  if (bucket.events.log == 0) {
    begin_own_log(new_log, bucket, batch);
  } else {
    KELP_TRY(EventPage end, read_events(store, bucket.events.log,
                                        {.bucket = {}, .from = EventsFrom::kNow, .position = {}}));
    now = std::move(end.position);
  }
  batch.writes.push_back(KvWrite::put(keys::notified(bucket.id), encode_setting(bucket.name)));
  return settle_cursors(store, bucket.id, std::move(targets), now, batch);
}

Result<void> plan_kept_log(KvStore& store, std::uint64_t new_log, std::uint32_t keep_seconds,
                           BucketEntry& bucket, KvBatch& batch) {
  std::string key = keys::notified(bucket.id);
  KELP_TRY(auto row, store.get(key));
  const bool notified = row.has_value();
  batch.conditions.push_back(KvCondition::unchanged(std::move(key), std::move(row)));
  if (keep_seconds == 0 && notified) {
    if (bucket.events.log == 0) bucket.events.log = new_log;
    begin_own_log(bucket.events.log, bucket, batch);
    return {};
  }
  batch.writes.push_back(KvWrite::remove(keys::setting(bucket.id, kOwnLog)));
  if (keep_seconds == 0) {
    end_event_log(std::exchange(bucket.events, {}), batch);
    return {};
  }
  if (bucket.events.log == 0) bucket.events.log = new_log;
  bucket.events.keep_seconds = keep_seconds;
  return {};
}

Result<std::vector<NotifiedBucket>> list_notified(KvStore& store) {
  std::vector<NotifiedBucket> found;
  KvRange range = keys::all_notified();
  while (true) {
    KELP_TRY(const auto rows, store.scan(range, kBucketsPerRead));
    for (const auto& [key, value] : rows) {
      KELP_TRY(const BucketId id, keys::parse_notified(key));
      KELP_TRY(std::string name, decode_setting(value));
      found.push_back({id, std::move(name)});
    }
    if (rows.size() < kBucketsPerRead) return found;
    range.begin = rows.back().first + '\0';
  }
}

Result<std::optional<NotifyWork>> read_notify_work(KvStore& store, const NotifiedBucket& in,
                                                   std::string_view target, std::uint32_t limit) {
  NotifyWork work{.bucket = {},
                  .rules = {},
                  .cursor_key = notify_cursor_key(in.id, target),
                  .cursor_row = {},
                  .cursor = {},
                  .page = {},
                  .lost = {}};
  KELP_TRY(auto row, store.get(work.cursor_key));
  if (!row) return std::nullopt;
  work.cursor_row = *std::move(row);
  KELP_TRY(const std::string text, decode_setting(work.cursor_row));
  KELP_TRY(work.cursor, parse_cursor_text(text));
  KELP_TRY(const auto bucket_row, store.get(keys::bucket(in.name)));
  if (!bucket_row) return std::nullopt;
  KELP_TRY(work.bucket, decode_bucket(*bucket_row));
  if (work.bucket.id != in.id || work.bucket.events.log == 0) return std::nullopt;
  work.bucket.name = in.name;
  const std::uint64_t log = work.bucket.events.log;
  ReadEvents ask{.bucket = {},
                 .from = EventsFrom::kPosition,
                 .position = work.cursor.position,
                 .limit = limit};
  auto page = read_events(store, log, ask);
  if (!page && page.error().code() == Errc::kNotFound) {
    KELP_TRY(work.lost, count_lost(store, log, work.cursor.position));
    ask.from = EventsFrom::kOldest;
    page = read_events(store, log, ask);
  }
  if (!page) return page.error();
  work.page = *std::move(page);
  if (work.page.events.empty()) return work;
  KELP_TRY(const auto setting, store.get(keys::setting(in.id, kNotificationSetting)));
  if (!setting) return std::nullopt;
  KELP_TRY(const std::string configuration, decode_setting(*setting));
  KELP_TRY(work.rules, notify::parse_rules(configuration));
  return work;
}

}  // namespace kelp
