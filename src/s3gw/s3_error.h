#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kelp/error.h"

namespace kelp::s3 {

/// The S3 error codes that Kelp can answer; those of SelectObjectContent alone follow behind them
/// (core/select_codes.h). Code text, HTTP status and message stand in one table: s3_error.cc. What
/// asks for each: tests/s3/error_codes_test.py.
enum class S3Code : std::uint16_t {
  kAccessDenied,
  kAuthorizationHeaderMalformed,
  kAuthorizationQueryParametersError,
  kBadDigest,
  kBucketAlreadyExists,
  kBucketAlreadyOwnedByYou,
  kBucketNotEmpty,
  kConditionalRequestConflict,
  kEntityTooLarge,
  kEntityTooSmall,
  kExpiredToken,
  kIllegalLocationConstraintException,
  kIncompleteBody,
  kInternalError,
  kInvalidAccessKeyId,
  kInvalidArgument,
  kInvalidBucketName,
  kInvalidChunkSizeError,
  kInvalidDigest,
  kInvalidLocationConstraint,
  kInvalidPart,
  kInvalidPartNumber,
  kInvalidPartOrder,
  kInvalidRange,
  kInvalidRequest,
  kInvalidStorageClass,
  kInvalidTag,
  kInvalidURI,
  kKeyTooLongError,
  kMalformedACLError,
  kMalformedPolicy,
  kMalformedTrailerError,
  kMalformedXML,
  kMaxMessageLengthExceeded,
  kMetadataTooLarge,
  kMethodNotAllowed,
  kMissingContentLength,
  kMissingSecurityHeader,
  kNoSuchBucket,
  kNoSuchBucketPolicy,
  kNoSuchCORSConfiguration,
  kNoSuchKey,
  kNoSuchLifecycleConfiguration,
  kNoSuchTagSet,
  kNoSuchUpload,
  kNoSuchVersion,
  kNoSuchWebsiteConfiguration,
  kNotImplemented,
  kNotModified,
  kObjectLockConfigurationNotFoundError,
  kOwnershipControlsNotFoundError,
  kPreconditionFailed,
  kReplicationConfigurationNotFoundError,
  kRequestTimeTooSkewed,
  kRequestTimeout,
  kServerSideEncryptionConfigurationNotFoundError,
  kServiceUnavailable,
  kSignatureDoesNotMatch,
  kSlowDown,
  kTooManyBuckets,
  kXAmzContentSHA256Mismatch,
  kNoSuchPublicAccessBlockConfiguration,
  kAccessForbidden,
  kAccessControlListNotSupported,
  kInvalidToken,
  kQuotaExceeded,
  kIllegalVersioningConfigurationException,
  kInvalidWriteOffset,
  kIdempotencyParameterMismatch,
  kTooManyParts,
  kInvalidBucketState,
  kInvalidRetentionPeriod,
  kNoSuchObjectLockConfiguration,
  kUnresolvableGrantByEmailAddress,
  kInvalidBucketAclWithObjectOwnership,
  kUnexpectedContent,
  kInvalidBucketAclWithBlockPublicAccessError,
  kNoSuchConfiguration,
  kTooManyConfigurations,
  kIdMismatch,
  kInvalidS3DestinationBucket,
  kInvalidTargetBucketForLogging,
  kBadRequest,
  kMalformedPOSTRequest,
  kInvalidPolicyDocument,
  kMaxPostPreDataLengthExceeded,
  kKmsNotFound,
  kInvalidEncryptionAlgorithmError,
  kInvalidRedirectLocation,
  kInvalidObjectState,
  kRestoreAlreadyInProgress,
  kInvalidBucketOwnerAWSAccountID,
  kAnnotationLimitExceeded,
  kAnnotationNameTooLong,
  kInvalidAnnotationName,
  kInvalidPrefix,
  kNoSuchAnnotation,
  kUnsupportedMediaType,
  kEncryptionTypeMismatch,
  kObjectAlreadyInActiveTierError,
  kObjectNotInActiveTierError,
};
inline constexpr std::size_t kS3CodeCount =
    static_cast<std::size_t>(S3Code::kObjectNotInActiveTierError) + 1;

/// An answer that is an error.
struct S3Error {
  S3Code code;
  std::string message;  ///< Empty: the table's text.
  /// Extra XML elements, in order, e.g. {"ArgumentName", "partNumber"}. Resource, BucketName, Key,
  /// RequestId and HostId are added by the writer.
  std::vector<std::pair<std::string, std::string>> fields;
  /// What failed inside, for the log; never sent.
  std::string detail = {};
  /// Lines of the answer's head, besides those that every answer has.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// A value or an S3Error.
template <typename T>
using S3Result = std::expected<T, S3Error>;

/// `return s3_error(S3Code::kNoSuchKey);` The message may replace the table's.
[[nodiscard]] inline std::unexpected<S3Error> s3_error(S3Code code, std::string message = {}) {
  return std::unexpected(S3Error{code, std::move(message), {}});
}

/// What stands in the table for a code.
struct S3ErrorText {
  std::string_view code;
  int status;
  std::string_view message;
};
/// The row of the table.
[[nodiscard]] S3ErrorText text_of(S3Code code);

/// The S3 error that an inner failure becomes: by its Reason, else by its Errc.
[[nodiscard]] S3Error from_error(const Error& error);

}  // namespace kelp::s3
