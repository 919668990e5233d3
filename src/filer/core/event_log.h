#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/entry.h"
#include "wire/events.h"

namespace kelp {

// A bucket's event log: rows that commits append (docs/formats/metadata-keys.md). Each filer
// process writes a stream of its own, numbered by the store in the order of its commits, so that
// filers do not wait for each other and a reader that knows one number of each stream knows what
// it has read. Reads merge the streams by time.

/// What was read of a log: of each stream everything up to a number.
struct EventPosition {
  std::uint64_t log = 0;
  std::map<std::uint64_t, std::uint64_t> read;  ///< Number by stream.

  /// Hex digits.
  [[nodiscard]] std::string text() const;
  /// kInvalidArgument for anything that text() would not make.
  [[nodiscard]] static Result<EventPosition> parse(std::string_view text);
};

/// Adds to `batch` that `event` comes into the log.
void add_event(std::uint64_t log, std::uint64_t stream, const ObjectEvent& event, KvBatch& batch);

/// The row that counts the deletes of this key and some others. Whoever makes a key that was not
/// there, or a null version, reads it, then the time of its event, and commits under the condition
/// that it is the same: so the event is later than that of a delete before it.
[[nodiscard]] std::string deletes_of(std::uint64_t log, std::string_view key);

/// Adds to `batch` that the log of `events`, if there is one, goes with all its rows.
void end_event_log(const BucketEvents& events, KvBatch& batch);

/// A page of the log as of one point in time. Two events of one key that different filers wrote
/// come in their order as long as the filers' clocks differ by less than the time between them;
/// all of one filer do anyway. kNotFound when events behind the position were cut off or the log is
/// another one; kInvalidArgument for a bad position. May block.
[[nodiscard]] Result<EventPage> read_events(KvStore& store, std::uint64_t log,
                                            const ReadEvents& request);

/// What cuts off events that are older than `before`, at most about `most`; nothing when there are
/// none. The caller adds that the log still is the bucket's. May block.
[[nodiscard]] Result<std::optional<KvBatch>> cut_events(KvStore& store, std::uint64_t log,
                                                        WallTime before, std::size_t most);

}  // namespace kelp
