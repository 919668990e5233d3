#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace kelp {

/// What a caller can do about a failure. Short on purpose: the story is in Error::detail.
enum class Errc : std::uint8_t {
  kInvalidArgument = 1,  ///< The request is wrong; sending it again will not help.
  kNotFound,             ///< The thing named does not exist.
  kAlreadyExists,        ///< The thing to be made exists.
  kConflict,             ///< Somebody else changed it meanwhile; read again and retry.
  kPrecondition,         ///< A condition that the caller set does not hold.
  kUnauthenticated,      ///< Who asks is unknown or its proof is wrong.
  kPermissionDenied,     ///< Who asks is known and may not.
  kResourceExhausted,    ///< A limit of ours is reached; come back later.
  kUnavailable,          ///< A part that we need does not answer; retry elsewhere or later.
  kDeadlineExceeded,     ///< The time given was not enough; the outcome is unknown.
  kCancelled,            ///< Whoever asked went away or we are shutting down.
  kCorruption,           ///< Stored or received bytes do not match their checksum or format.
  kIo,                   ///< The operating system refused an input or output.
  kNoSpace,              ///< The disk is full or its reserve is reached.
  kUnimplemented,        ///< Known and not built yet.
  kInternal,             ///< A bug of ours that was contained.
};

/// The domain's finer reason, for callers that answer differently by it (the S3 gateway). Values
/// travel between daemons and are never reused.
enum class Reason : std::uint16_t {
  kNone = 0,
  kNoSuchBucket = 1,
  kNoSuchKey = 2,
  kNoSuchUpload = 3,
  kNoSuchVersion = 4,
  kBucketOwnedByYou = 5,
  kBucketExists = 6,
  kBucketNotEmpty = 7,
  kInvalidPart = 8,
  kInvalidPartOrder = 9,
  kPartTooSmall = 10,
  kConditionFailed = 11,
  kConditionConflict = 12,
  kBodyTruncated = 13,
  kBodyTooLarge = 14,
  kBodyTooSlow = 15,
  kTooManyBuckets = 16,
  kNotLeader = 17,  ///< Nothing was done: another member leads; the detail names it when known.
  kKeyTooOld = 18,  ///< Metadata takes no needles of keys that old; the body goes under a new one.
  kQuotaExceeded = 19,  ///< The bucket would hold more than its quota; the detail has the numbers.
  kObjectLocked = 20,   ///< Retention or a legal hold keeps the version as it is.
  kNoObjectLock = 21,   ///< Versions of the bucket cannot be locked.
  kLockNeedsVersions = 22,  ///< Versioning and the bucket's lock would not go together.
};

/// Lower-case name of `code` for logs and messages, e.g. "not_found".
[[nodiscard]] constexpr std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return "invalid_argument";
    case Errc::kNotFound:
      return "not_found";
    case Errc::kAlreadyExists:
      return "already_exists";
    case Errc::kConflict:
      return "conflict";
    case Errc::kPrecondition:
      return "precondition";
    case Errc::kUnauthenticated:
      return "unauthenticated";
    case Errc::kPermissionDenied:
      return "permission_denied";
    case Errc::kResourceExhausted:
      return "resource_exhausted";
    case Errc::kUnavailable:
      return "unavailable";
    case Errc::kDeadlineExceeded:
      return "deadline_exceeded";
    case Errc::kCancelled:
      return "cancelled";
    case Errc::kCorruption:
      return "corruption";
    case Errc::kIo:
      return "io";
    case Errc::kNoSpace:
      return "no_space";
    case Errc::kUnimplemented:
      return "unimplemented";
    case Errc::kInternal:
      return "internal";
  }
  return "unknown";
}

/// A failure: what to do (code), why in the domain's words (reason), what we saw (detail; numbers,
/// never secrets).
class Error {
 public:
  Error(Errc code, std::string detail, Reason reason = Reason::kNone)
      : code_(code), reason_(reason), detail_(std::move(detail)) {}

  [[nodiscard]] Errc code() const { return code_; }
  [[nodiscard]] Reason reason() const { return reason_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  /// "not_found: needle 3,01: cookie differs".
  [[nodiscard]] std::string message() const { return std::string(name_of(code_)) + ": " + detail_; }

 private:
  Errc code_;
  Reason reason_;
  std::string detail_;
};

}  // namespace kelp
