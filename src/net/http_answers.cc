#include "net/http_answers.h"

namespace kelp {

int http_status_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return 400;
    case Errc::kUnauthenticated:
      return 401;
    case Errc::kPermissionDenied:
      return 403;
    case Errc::kNotFound:
      return 404;
    case Errc::kAlreadyExists:
    case Errc::kConflict:
    case Errc::kPrecondition:
      return 409;
    case Errc::kUnimplemented:
      return 501;
    case Errc::kResourceExhausted:
    case Errc::kUnavailable:
    case Errc::kCancelled:
      return 503;
    case Errc::kDeadlineExceeded:
      return 504;
    case Errc::kNoSpace:
      return 507;
    case Errc::kCorruption:
    case Errc::kIo:
    case Errc::kInternal:
      break;
  }
  return 500;
}

bool from_this_machine(std::string_view peer) {
  return peer == "::1" || peer.starts_with("127.") || peer.starts_with("::ffff:127.");
}

}  // namespace kelp
