// What a client is told of errors that come from behind the gateway.

#include "s3gw/s3_error.h"

namespace kelp::s3 {
namespace {

using enum S3Code;

S3Code code_of(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      break;
    case Reason::kNoSuchBucket:
      return kNoSuchBucket;
    case Reason::kNoSuchKey:
      return kNoSuchKey;
    case Reason::kNoSuchUpload:
      return kNoSuchUpload;
    case Reason::kNoSuchVersion:
      return kNoSuchVersion;
    case Reason::kBucketOwnedByYou:
      return kBucketAlreadyOwnedByYou;
    case Reason::kBucketExists:
      return kBucketAlreadyExists;
    case Reason::kBucketNotEmpty:
      return kBucketNotEmpty;
    case Reason::kInvalidPart:
      return kInvalidPart;
    case Reason::kInvalidPartOrder:
      return kInvalidPartOrder;
    case Reason::kPartTooSmall:
      return kEntityTooSmall;
    case Reason::kConditionFailed:
      return kPreconditionFailed;
    case Reason::kConditionConflict:
      return kConditionalRequestConflict;
    case Reason::kBodyTruncated:
      return kIncompleteBody;
    case Reason::kBodyTooLarge:
      return kEntityTooLarge;
    case Reason::kBodyTooSlow:
      return kRequestTimeout;
    case Reason::kTooManyBuckets:
      return kTooManyBuckets;
    case Reason::kQuotaExceeded:
      return kQuotaExceeded;
    case Reason::kObjectLocked:
      return kAccessDenied;
    case Reason::kNoObjectLock:
      return kInvalidRequest;
    case Reason::kLockNeedsVersions:
      return kInvalidBucketState;
    case Reason::kNotLeader:
    case Reason::kKeyTooOld:
      return kServiceUnavailable;
  }
  return kInternalError;
}

S3Code code_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return kInvalidRequest;
    case Errc::kPrecondition:
      return kPreconditionFailed;
    case Errc::kResourceExhausted:
    case Errc::kNoSpace:
      return kSlowDown;
    // Of needles that went stale: the whole request, sent again, gets fresh ones.
    case Errc::kConflict:
    case Errc::kUnavailable:
    case Errc::kDeadlineExceeded:
    case Errc::kCancelled:
      return kServiceUnavailable;
    case Errc::kUnimplemented:
      return kNotImplemented;
    // A missing needle, a refused token or a broken block is our fault, never the client's.
    case Errc::kNotFound:
    case Errc::kAlreadyExists:
    case Errc::kUnauthenticated:
    case Errc::kPermissionDenied:
    case Errc::kCorruption:
    case Errc::kIo:
    case Errc::kInternal:
      return kInternalError;
  }
  return kInternalError;
}

}  // namespace

S3Error from_error(const Error& error) {
  const S3Code code =
      error.reason() == Reason::kNone ? code_of(error.code()) : code_of(error.reason());
  S3Error answer{
      .code = code, .message = {}, .fields = {}, .detail = error.message(), .headers = {}};
  if (code == kQuotaExceeded) {
    answer.message = std::string(text_of(code).message) + ": " + error.detail();
  }
  if (error.reason() == Reason::kObjectLocked) {
    answer.message = "Access Denied because object protected by object lock.";
  }
  if (error.reason() == Reason::kNoObjectLock) {
    answer.message = "Bucket is missing Object Lock Configuration";
  }
  if (error.reason() == Reason::kLockNeedsVersions) {
    answer.message =
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
        "changed.";
  }
  return answer;
}

}  // namespace kelp::s3
