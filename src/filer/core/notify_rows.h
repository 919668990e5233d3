#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "kv/kv_store.h"
#include "notify/core/rules.h"
#include "wire/entry.h"
#include "wire/events.h"

namespace kelp {

// What a bucket's notifications need in the store (docs/formats/metadata-keys.md): the setting
// `notification` is the configuration, `notification/TARGET` where each target stands in the log of
// events, `notification-log` says that the log is kept for them alone. The row of keys::notified()
// lists the bucket among those that have targets.

inline constexpr std::string_view kNotificationSetting = "notification";
/// What the settings of its cursors begin with; the target's name follows.
inline constexpr std::string_view kNotifyCursors = "notification/";
/// How long a log is kept that is kept for notifications alone: a target may be away as long.
inline constexpr std::uint32_t kNotifiedLogSeconds = 7 * 24 * 3600;

/// Where a target stands in a bucket's log.
struct NotifyCursor {
  bool test = false;     ///< The test event has not been sent.
  std::string position;  ///< EventPosition::text(): all before it was taken.
  friend bool operator==(const NotifyCursor&, const NotifyCursor&) = default;
};
/// The setting's value.
[[nodiscard]] std::string cursor_text(const NotifyCursor& cursor);
/// kCorruption for anything that cursor_text() would not make.
[[nodiscard]] Result<NotifyCursor> parse_cursor_text(std::string_view text);
/// The key of its row.
[[nodiscard]] std::string notify_cursor_key(BucketId bucket, std::string_view target);

/// Adds to `batch` what becomes of the bucket's log and cursors when its configuration becomes
/// `configuration` (nothing: none): a target that is new stands at now, one that stays where it is,
/// one that is gone nowhere. The log is switched on, as `new_log`, if it is off, and off again if
/// it was on for this alone; then `bucket` is changed. The caller adds the setting itself and that
/// the bucket is what it was. kInvalidArgument for a configuration that cannot be read. May block.
Result<void> plan_notification(KvStore& store, std::uint64_t new_log,
                               const std::optional<std::string>& configuration, BucketEntry& bucket,
                               KvBatch& batch);

/// The same when an operator wants the log kept for `keep_seconds` (0: not), whatever notifications
/// need: with a configuration it stays on, for that alone. May block.
Result<void> plan_kept_log(KvStore& store, std::uint64_t new_log, std::uint32_t keep_seconds,
                           BucketEntry& bucket, KvBatch& batch);

/// A bucket that has targets.
struct NotifiedBucket {
  BucketId id;
  std::string name;
};
/// All of them. May block.
[[nodiscard]] Result<std::vector<NotifiedBucket>> list_notified(KvStore& store);

/// What is to be sent next to a target of a bucket.
struct NotifyWork {
  BucketEntry bucket;
  std::vector<notify::Rule> rules;
  std::string cursor_key;
  std::string cursor_row;
  NotifyCursor cursor;
  EventPage page;
  /// Events were cut off before the target got them: at most so many, of a log that the position
  /// is of; the page begins with the oldest that is kept.
  std::optional<std::uint64_t> lost;
};
/// Nothing when the bucket is gone or the target is none of its own. At most `limit` events. May
/// block.
[[nodiscard]] Result<std::optional<NotifyWork>> read_notify_work(KvStore& store,
                                                                 const NotifiedBucket& in,
                                                                 std::string_view target,
                                                                 std::uint32_t limit);

}  // namespace kelp
