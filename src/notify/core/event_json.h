#pragma once

#include <string>
#include <string_view>

#include "wire/entry.h"
#include "wire/events.h"

namespace kelp::notify {

/// What a message says besides the event.
struct EventContext {
  const BucketEntry& bucket;
  std::string_view configuration_id;  ///< Of the rule.
  std::string_view name;              ///< event_name().
};

/// The message of an event, as AWS's readers know it: one record, in JSON.
///
/// Source   "Event message structure", S3 user guide. What Kelp does not know of a request, its
///          address and its number, is an empty text.
[[nodiscard]] std::string event_json(const EventContext& context, const ObjectEvent& event);

/// The message that says that a target was configured: s3:TestEvent.
[[nodiscard]] std::string test_event_json(const BucketEntry& bucket, WallTime now);

/// What orders the events of one key: text of one length that rises, by bytes.
[[nodiscard]] std::string sequencer(const ObjectEvent& event);

/// A version id as S3 shows it: 16 hex digits or "null".
[[nodiscard]] std::string version_text(std::uint64_t version_id);

}  // namespace kelp::notify
