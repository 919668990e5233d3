#include "notify/core/event_name.h"

namespace kelp::notify {
namespace {

std::string_view name_of_put(EventCause cause) {
  switch (cause) {
    case EventCause::kPost:
      return "ObjectCreated:Post";
    case EventCause::kCopy:
    case EventCause::kRename:  // S3 has none of its own.
      return "ObjectCreated:Copy";
    case EventCause::kUpload:
      return "ObjectCreated:CompleteMultipartUpload";
    case EventCause::kTransition:
      return "LifecycleTransition";
    case EventCause::kUnknown:
    case EventCause::kPut:
    case EventCause::kRemoval:
    case EventCause::kExpiration:
      return "ObjectCreated:Put";
  }
  return "ObjectCreated:Put";
}

}  // namespace

std::string_view event_name(const ObjectEvent& event) {
  const EventCause cause = event.origin.cause;
  const bool expired = cause == EventCause::kExpiration;
  switch (event.kind) {
    case EventKind::kPut:
      return name_of_put(cause);
    case EventKind::kDelete:
      return expired ? "LifecycleExpiration:Delete" : "ObjectRemoved:Delete";
    case EventKind::kDeleteMarker:
      return expired ? "LifecycleExpiration:DeleteMarkerCreated"
                     : "ObjectRemoved:DeleteMarkerCreated";
    case EventKind::kTags:
      return cause == EventCause::kRemoval ? "ObjectTagging:Delete" : "ObjectTagging:Put";
    case EventKind::kAcl:
      return "ObjectAcl:Put";
    case EventKind::kRestore:
      return "ObjectRestore:Post";
    case EventKind::kRestored:
      return "ObjectRestore:Completed";
    case EventKind::kEncryption:
    case EventKind::kLock:
      return {};
  }
  return {};
}

}  // namespace kelp::notify
