#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "wire/event_origin.h"

namespace kelp {

/// What became of a version of an object. Values are stored: never renumber.
enum class EventKind : std::uint8_t {
  kPut = 1,           ///< It came, and where older ones are not kept, instead of the one before.
  kDelete = 2,        ///< It was deleted for good.
  kDeleteMarker = 3,  ///< It came and is a delete marker.
  kTags = 4,          ///< Its tags changed.
  kLock = 5,          ///< Its retention or legal hold changed.
  kAcl = 6,           ///< Its access control list changed.
  kRestore = 7,       ///< It is archived, and somebody wants to read it for a time.
  kRestored = 8,      ///< It can be read.
  kEncryption = 9     ///< Another key wraps its key.
};

/// A change of a bucket's objects.
struct ObjectEvent {
  EventKind kind{};
  WallTime time;
  std::string key;            ///< Raw bytes.
  std::uint64_t version = 0;  ///< The number of the version (ObjectEntry::version).
  /// Its id, or kNullVersion; nothing in a bucket that never had versions.
  std::optional<std::uint64_t> version_id = {};
  std::uint64_t size_bytes = 0;
  std::string etag;         ///< etag_text(); empty of a delete marker.
  EventOrigin origin = {};  ///< By what it came about.
  friend bool operator==(const ObjectEvent&, const ObjectEvent&) = default;
};

/// Where to read a bucket's events from.
enum class EventsFrom : std::uint8_t {
  kPosition = 0,  ///< Behind what was read up to a position.
  kOldest = 1,    ///< The oldest that is still kept.
  kNow = 2        ///< What happens from now on: answers no event, but the position.
};

/// Asks for a page of a bucket's events.
struct ReadEvents {
  std::string bucket;
  EventsFrom from = EventsFrom::kPosition;
  std::string position;        ///< Of kPosition: EventPage::position of the page before.
  std::uint32_t limit = 1000;  ///< 1 to 1,000.
};

/// A page of events. Those of one key are in their order, and so are those of one filer
/// (docs/operations/events.md).
struct EventPage {
  std::vector<ObjectEvent> events;
  std::string position;  ///< Behind the last of them; text that goes into a line of a file.
  bool more = false;     ///< There were more when this was read.
};

/// How long a bucket's events are kept from now on.
struct SetBucketEvents {
  std::string name;
  std::uint32_t keep_seconds = 0;  ///< 0: none are, and those that were kept go.
};

}  // namespace kelp
