#pragma once

#include <cstdint>
#include <string>

namespace kelp {

/// By what a change came about. Values are stored: never renumber.
enum class EventCause : std::uint8_t {
  kUnknown = 0,     ///< Nobody said: an event of before, or another protocol.
  kPut = 1,         ///< A request that says all: a put, a change of tags or of a list.
  kPost = 2,        ///< A form.
  kCopy = 3,        ///< A copy of another object.
  kUpload = 4,      ///< Parts that were put together.
  kRename = 5,      ///< Another key of the same object.
  kRemoval = 6,     ///< A request to take away: a delete, or tags that went.
  kExpiration = 7,  ///< A rule of the bucket's lifecycle.
  kTransition = 8   ///< The same, to another storage class.
};

/// What the event of a change says of who made it.
struct EventOrigin {
  EventCause cause = EventCause::kUnknown;
  std::string requester = {};   ///< Who asked: an account's or user's id; empty: nobody known.
  std::string address = {};     ///< From which IP address; empty: not known.
  std::string request_id = {};  ///< x-amz-request-id of the request; empty: it was none of S3.
  friend bool operator==(const EventOrigin&, const EventOrigin&) = default;
};

}  // namespace kelp
