#include "s3gw/s3_error.h"

#include <array>
#include <cstddef>

#include "s3gw/core/select_codes.h"

namespace kelp::s3 {
namespace {

struct Row {
  S3Code key;
  S3ErrorText text;
};

using enum S3Code;

// In the order of the enumerators; a test checks that. Texts as AWS sends them.
constexpr std::array kTable = std::to_array<Row>({
    {kAccessDenied, {"AccessDenied", 403, "Access Denied"}},
    {kAuthorizationHeaderMalformed,
     {"AuthorizationHeaderMalformed", 400, "The authorization header you provided is invalid."}},
    {kAuthorizationQueryParametersError,
     {"AuthorizationQueryParametersError", 400,
      "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
      "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."}},
    {kBadDigest,
     {"BadDigest", 400, "The Content-MD5 you specified did not match what we received."}},
    {kBucketAlreadyExists,
     {"BucketAlreadyExists", 409,
      "The requested bucket name is not available. The bucket namespace is shared by all users of "
      "the system. Please select a different name and try again."}},
    {kBucketAlreadyOwnedByYou,
     {"BucketAlreadyOwnedByYou", 409,
      "Your previous request to create the named bucket succeeded and you already own it."}},
    {kBucketNotEmpty, {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"}},
    {kConditionalRequestConflict,
     {"ConditionalRequestConflict", 409,
      "The conditional request cannot succeed due to a conflicting operation against this "
      "resource."}},
    {kEntityTooLarge,
     {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"}},
    {kEntityTooSmall,
     {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"}},
    {kExpiredToken, {"ExpiredToken", 400, "The provided token has expired."}},
    {kIllegalLocationConstraintException,
     {"IllegalLocationConstraintException", 400,
      "The unspecified location constraint is incompatible for the region specific endpoint this "
      "request was sent to."}},
    {kIncompleteBody,
     {"IncompleteBody", 400,
      "You did not provide the number of bytes specified by the Content-Length HTTP header"}},
    {kInternalError, {"InternalError", 500, "We encountered an internal error. Please try again."}},
    {kInvalidAccessKeyId,
     {"InvalidAccessKeyId", 403,
      "The AWS Access Key Id you provided does not exist in our records."}},
    {kInvalidArgument, {"InvalidArgument", 400, "Invalid Argument"}},
    {kInvalidBucketName, {"InvalidBucketName", 400, "The specified bucket is not valid."}},
    {kInvalidChunkSizeError,
     {"InvalidChunkSizeError", 403,
      "Only the last chunk is allowed to have a size less than 8192 bytes"}},
    {kInvalidDigest, {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."}},
    {kInvalidLocationConstraint,
     {"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"}},
    {kInvalidPart,
     {"InvalidPart", 400,
      "One or more of the specified parts could not be found.  The part may not have been "
      "uploaded, or the specified entity tag may not match the part's entity tag."}},
    {kInvalidPartNumber, {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"}},
    {kInvalidPartOrder,
     {"InvalidPartOrder", 400,
      "The list of parts was not in ascending order. Parts must be ordered by part number."}},
    {kInvalidRange, {"InvalidRange", 416, "The requested range is not satisfiable"}},
    {kInvalidRequest, {"InvalidRequest", 400, "Invalid Request"}},
    {kInvalidSecurity,
     {"InvalidSecurity", 403, "The provided security credentials are not valid."}},
    {kInvalidStorageClass,
     {"InvalidStorageClass", 400, "The storage class you specified is not valid"}},
    {kInvalidTag, {"InvalidTag", 400, "The TagKey you have provided is invalid"}},
    {kInvalidURI, {"InvalidURI", 400, "Couldn't parse the specified URI."}},
    {kKeyTooLongError, {"KeyTooLongError", 400, "Your key is too long"}},
    {kMalformedACLError,
     {"MalformedACLError", 400,
      "The XML you provided was not well-formed or did not validate against our published "
      "schema"}},
    {kMalformedPolicy,
     {"MalformedPolicy", 400, "Policies must be valid JSON and the first byte must be '{'"}},
    {kMalformedTrailerError,
     {"MalformedTrailerError", 400,
      "The request contained trailing data that was not well-formed or did not conform to our "
      "published schema."}},
    {kMalformedXML,
     {"MalformedXML", 400,
      "The XML you provided was not well-formed or did not validate against our published "
      "schema"}},
    {kMaxMessageLengthExceeded, {"MaxMessageLengthExceeded", 400, "Your request was too big."}},
    {kMetadataTooLarge,
     {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"}},
    {kMethodNotAllowed,
     {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."}},
    {kMissingContentLength,
     {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."}},
    {kMissingSecurityHeader,
     {"MissingSecurityHeader", 400, "Your request was missing a required header"}},
    {kNoSuchBucket, {"NoSuchBucket", 404, "The specified bucket does not exist"}},
    {kNoSuchBucketPolicy, {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"}},
    {kNoSuchCORSConfiguration,
     {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"}},
    {kNoSuchKey, {"NoSuchKey", 404, "The specified key does not exist."}},
    {kNoSuchLifecycleConfiguration,
     {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"}},
    {kNoSuchTagSet, {"NoSuchTagSet", 404, "The TagSet does not exist"}},
    {kNoSuchUpload,
     {"NoSuchUpload", 404,
      "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
      "been aborted or completed."}},
    {kNoSuchVersion, {"NoSuchVersion", 404, "The specified version does not exist."}},
    {kNoSuchWebsiteConfiguration,
     {"NoSuchWebsiteConfiguration", 404,
      "The specified bucket does not have a website configuration"}},
    {kNotImplemented,
     {"NotImplemented", 501,
      "A header you provided implies functionality that is not implemented"}},
    {kNotModified, {"NotModified", 304, "Not Modified"}},
    {kObjectLockConfigurationNotFoundError,
     {"ObjectLockConfigurationNotFoundError", 404,
      "Object Lock configuration does not exist for this bucket"}},
    {kOwnershipControlsNotFoundError,
     {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"}},
    {kPermanentRedirect,
     {"PermanentRedirect", 301,
      "The bucket you are attempting to access must be addressed using the specified endpoint. "
      "Please send all future requests to this endpoint."}},
    {kPreconditionFailed,
     {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"}},
    {kReplicationConfigurationNotFoundError,
     {"ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found"}},
    {kRequestTimeTooSkewed,
     {"RequestTimeTooSkewed", 403,
      "The difference between the request time and the current time is too large."}},
    {kRequestTimeout,
     {"RequestTimeout", 400,
      "Your socket connection to the server was not read from or written to within the timeout "
      "period. Idle connections will be closed."}},
    {kServerSideEncryptionConfigurationNotFoundError,
     {"ServerSideEncryptionConfigurationNotFoundError", 404,
      "The server side encryption configuration was not found"}},
    {kServiceUnavailable, {"ServiceUnavailable", 503, "Service is unable to handle request."}},
    {kSignatureDoesNotMatch,
     {"SignatureDoesNotMatch", 403,
      "The request signature we calculated does not match the signature you provided. Check your "
      "key and signing method."}},
    {kSlowDown, {"SlowDown", 503, "Please reduce your request rate."}},
    {kTooManyBuckets,
     {"TooManyBuckets", 400, "You have attempted to create more buckets than allowed"}},
    {kUnsupportedSignature,
     {"UnsupportedSignature", 400,
      "The provided request is signed with an unsupported STS Token version or the signature "
      "version is not supported."}},
    {kUserKeyMustBeSpecified,
     {"UserKeyMustBeSpecified", 400,
      "The bucket POST must contain the specified field name. If it is specified, please check "
      "the order of the fields."}},
    {kXAmzContentChecksumMismatch,
     {"XAmzContentChecksumMismatch", 400,
      "The provided 'x-amz-checksum' header does not match what was computed."}},
    {kXAmzContentSHA256Mismatch,
     {"XAmzContentSHA256Mismatch", 400,
      "The provided 'x-amz-content-sha256' header does not match what was computed."}},
    {kNoSuchPublicAccessBlockConfiguration,
     {"NoSuchPublicAccessBlockConfiguration", 404,
      "The public access block configuration was not found"}},
    {kAccessForbidden,
     {"AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket."}},
    {kAccessControlListNotSupported,
     {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"}},
    {kInvalidToken, {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."}},
    {kQuotaExceeded, {"QuotaExceeded", 403, "The bucket would hold more than its quota"}},
    {kIllegalVersioningConfigurationException,
     {"IllegalVersioningConfigurationException", 400, "The Versioning element must be specified"}},
    {kInvalidWriteOffset,
     {"InvalidWriteOffset", 400,
      "The write offset value that you specified does not match the current object size."}},
    {kTooManyParts,
     {"TooManyParts", 400,
      "You have attempted to add more parts than the maximum of 10000 that are allowed for this "
      "object."}},
    {kInvalidBucketState,
     {"InvalidBucketState", 409, "The request is not valid with the current state of the bucket."}},
    {kInvalidRetentionPeriod,
     {"InvalidRetentionPeriod", 400,
      "Default retention period must be a positive integer value of at most 36500 days or 100 "
      "years."}},
    {kNoSuchObjectLockConfiguration,
     {"NoSuchObjectLockConfiguration", 404,
      "The specified object does not have a ObjectLock configuration"}},
    {kUnresolvableGrantByEmailAddress,
     {"UnresolvableGrantByEmailAddress", 400,
      "The email address you provided does not match any account on record."}},
    {kInvalidBucketAclWithObjectOwnership,
     {"InvalidBucketAclWithObjectOwnership", 400,
      "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"}},
    {kUnexpectedContent, {"UnexpectedContent", 400, "This request does not support content"}},
    {kInvalidBucketAclWithBlockPublicAccessError,
     {"InvalidBucketAclWithBlockPublicAccessError", 400,
      "Bucket cannot have public ACLs set with BlockPublicAccess enabled"}},
    {kNoSuchConfiguration,
     {"NoSuchConfiguration", 404, "The specified configuration does not exist."}},
    {kTooManyConfigurations,
     {"TooManyConfigurations", 400,
      "You are attempting to create a new configuration but have already reached the "
      "1,000-configuration limit."}},
    {kIdMismatch,
     {"IdMismatch", 400, "Document ID does not match the specified configuration ID."}},
    {kInvalidS3DestinationBucket, {"InvalidS3DestinationBucket", 400, "Invalid bucket ARN."}},
    {kInvalidTargetBucketForLogging,
     {"InvalidTargetBucketForLogging", 400, "The target bucket for logging does not exist"}},
    {kBadRequest, {"BadRequest", 400, "Bad Request"}},
    {kMalformedPOSTRequest,
     {"MalformedPOSTRequest", 400,
      "The body of your POST request is not well-formed multipart/form-data."}},
    {kInvalidPolicyDocument, {"InvalidPolicyDocument", 400, "Invalid Policy"}},
    {kMaxPostPreDataLengthExceeded,
     {"MaxPostPreDataLengthExceeded", 400,
      "Your POST request fields preceeding the upload file was too large."}},
    {kKmsNotFound, {"KMS.NotFoundException", 400, "Invalid keyId"}},
    {kInvalidEncryptionAlgorithmError,
     {"InvalidEncryptionAlgorithmError", 400,
      "The encryption request you specified is not valid. The valid value is AES256."}},
    {kInvalidRedirectLocation,
     {"InvalidRedirectLocation", 400,
      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."}},
    {kInvalidObjectState,
     {"InvalidObjectState", 403, "The operation is not valid for the object's storage class"}},
    {kRestoreAlreadyInProgress,
     {"RestoreAlreadyInProgress", 409, "Object restore is already in progress"}},
    {kInvalidBucketOwnerAWSAccountID,
     {"InvalidBucketOwnerAWSAccountID", 400,
      "The value of the expected bucket owner parameter must be an AWS account ID."}},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].key) != i) return false;
  }
  return true;
}
static_assert(in_order(), "text_of() indexes by the code");
static_assert(kTable.size() == kS3CodeCount, "every code has its text");

/// A row of a code that only SelectObjectContent answers, with 400.
struct SelectRow {
  SelectCode key;
  std::string_view code;
  std::string_view message;
};
constexpr std::array kSelectTable = std::to_array<SelectRow>({
    {SelectCode::kAmbiguousFieldName, "AmbiguousFieldName",
     "The field name matches several fields of the object."},
    {SelectCode::kCastFailed, "CastFailed",
     "A value could not be converted to the type that CAST names."},
    {SelectCode::kCSVEscapingRecordDelimiter, "CSVEscapingRecordDelimiter",
     "A quoted record delimiter was found in the file. To allow quoted record delimiters, set "
     "AllowQuotedRecordDelimiter to 'TRUE'."},
    {SelectCode::kCSVUnescapedQuote, "CSVUnescapedQuote",
     "An unescaped quote was found while parsing the CSV file."},
    {SelectCode::kEvaluatorInvalidArguments, "EvaluatorInvalidArguments",
     "The number or the values of a function's arguments are not valid."},
    {SelectCode::kEvaluatorInvalidTimestampFormatPatternSymbol,
     "EvaluatorInvalidTimestampFormatPatternSymbol",
     "The format of a timestamp in the SQL expression has a symbol that is not valid."},
    {SelectCode::kEvaluatorLikePatternInvalidEscapeSequence,
     "EvaluatorLikePatternInvalidEscapeSequence",
     "A LIKE pattern has an escape sequence that is not valid."},
    {SelectCode::kEvaluatorNegativeLimit, "EvaluatorNegativeLimit", "LIMIT must not be negative."},
    {SelectCode::kEvaluatorUnterminatedTimestampFormatPatternToken,
     "EvaluatorUnterminatedTimestampFormatPatternToken",
     "The format of a timestamp in the SQL expression has a quote that is never closed."},
    {SelectCode::kExpressionTooLong, "ExpressionTooLong",
     "The SQL expression is too long: The maximum byte-length for the SQL expression is 256 KB."},
    {SelectCode::kIllegalSqlFunctionArgument, "IllegalSqlFunctionArgument",
     "Illegal argument was used in the SQL function."},
    {SelectCode::kIncorrectSqlFunctionArgumentType, "IncorrectSqlFunctionArgumentType",
     "Incorrect type of arguments in function call in the SQL expression."},
    {SelectCode::kIntegerOverflow, "IntegerOverflow",
     "A number is larger or smaller than it may be."},
    {SelectCode::kInvalidColumnIndex, "InvalidColumnIndex",
     "The column index in the SQL expression is not valid."},
    {SelectCode::kInvalidCompressionFormat, "InvalidCompressionFormat",
     "The file is not in a supported compression format. Only GZIP and BZIP2 are supported."},
    {SelectCode::kInvalidDataType, "InvalidDataType",
     "The SQL expression contains a data type that is not valid."},
    {SelectCode::kInvalidKeyPath, "InvalidKeyPath",
     "The key path in the SQL expression is not valid."},
    {SelectCode::kInvalidTableAlias, "InvalidTableAlias",
     "The SQL expression contains a table alias that is not valid."},
    {SelectCode::kInvalidTextEncoding, "InvalidTextEncoding",
     "Invalid encoding type. Only UTF-8 encoding is supported."},
    {SelectCode::kJSONParsingError, "JSONParsingError", "The JSON file could not be parsed."},
    {SelectCode::kLexerInvalidChar, "LexerInvalidChar",
     "The SQL expression contains a character that is not valid."},
    {SelectCode::kLexerInvalidIONLiteral, "LexerInvalidIONLiteral",
     "The SQL expression contains an Ion literal that is not valid."},
    {SelectCode::kLexerInvalidLiteral, "LexerInvalidLiteral",
     "The SQL expression contains a literal that is not valid."},
    {SelectCode::kLexerInvalidOperator, "LexerInvalidOperator",
     "The SQL expression contains an operator that is not valid."},
    {SelectCode::kLikeInvalidInputs, "LikeInvalidInputs", "LIKE takes texts only."},
    {SelectCode::kMissingHeaders, "MissingHeaders",
     "Some headers in the query are missing from the file."},
    {SelectCode::kOverMaxColumn, "OverMaxColumn",
     "The number of columns is larger than it may be."},
    {SelectCode::kOverMaxRecordSize, "OverMaxRecordSize",
     "The length of a record in the input or result is greater than the limit of 1 MB."},
    {SelectCode::kParseAsteriskIsNotAloneInSelectList, "ParseAsteriskIsNotAloneInSelectList",
     "An asterisk must be alone in the SELECT list."},
    {SelectCode::kParseCastArity, "ParseCastArity", "CAST takes one value and one type."},
    {SelectCode::kParseEmptySelect, "ParseEmptySelect", "The SELECT list is empty."},
    {SelectCode::kParseExpectedArgumentDelimiter, "ParseExpectedArgumentDelimiter",
     "An argument delimiter was expected in the SQL expression."},
    {SelectCode::kParseExpectedDatePart, "ParseExpectedDatePart",
     "A date part was expected in the SQL expression."},
    {SelectCode::kParseExpectedExpression, "ParseExpectedExpression",
     "An expression was expected in the SQL expression."},
    {SelectCode::kParseExpectedIdentForAlias, "ParseExpectedIdentForAlias",
     "An identifier was expected for an alias in the SQL expression."},
    {SelectCode::kParseExpectedKeyword, "ParseExpectedKeyword",
     "A keyword was expected in the SQL expression."},
    {SelectCode::kParseExpectedLeftParenValueConstructor, "ParseExpectedLeftParenValueConstructor",
     "A left parenthesis was expected in front of a list of values."},
    {SelectCode::kParseExpectedNumber, "ParseExpectedNumber",
     "A number was expected in the SQL expression."},
    {SelectCode::kParseExpectedRightParenBuiltinFunctionCall,
     "ParseExpectedRightParenBuiltinFunctionCall",
     "A right parenthesis was expected behind a function's arguments."},
    {SelectCode::kParseExpectedTokenType, "ParseExpectedTokenType",
     "Another token was expected in the SQL expression."},
    {SelectCode::kParseExpectedTypeName, "ParseExpectedTypeName",
     "The name of a type was expected in the SQL expression."},
    {SelectCode::kParseExpectedWhenClause, "ParseExpectedWhenClause",
     "WHEN was expected in the SQL expression."},
    {SelectCode::kParseInvalidContextForWildcardInSelectList,
     "ParseInvalidContextForWildcardInSelectList",
     "A wildcard is not valid at this place of the SELECT list."},
    {SelectCode::kParseInvalidPathComponent, "ParseInvalidPathComponent",
     "A path in the SQL expression has a component that is not valid."},
    {SelectCode::kParseInvalidTypeParam, "ParseInvalidTypeParam",
     "A type in the SQL expression has a parameter that is not valid."},
    {SelectCode::kParseNonUnaryAgregateFunctionCall, "ParseNonUnaryAgregateFunctionCall",
     "An aggregate function takes one argument."},
    {SelectCode::kParseSelectMissingFrom, "ParseSelectMissingFrom",
     "FROM is missing after the SELECT list."},
    {SelectCode::kParseUnexpectedKeyword, "ParseUnexpectedKeyword",
     "The SQL expression contains a keyword that was not expected."},
    {SelectCode::kParseUnexpectedOperator, "ParseUnexpectedOperator",
     "The SQL expression contains an operator that was not expected."},
    {SelectCode::kParseUnexpectedTerm, "ParseUnexpectedTerm",
     "The SQL expression contains a term that was not expected."},
    {SelectCode::kParseUnexpectedToken, "ParseUnexpectedToken",
     "The SQL expression contains a token that was not expected."},
    {SelectCode::kParseUnsupportedCallWithStar, "ParseUnsupportedCallWithStar",
     "Only COUNT takes an asterisk."},
    {SelectCode::kTruncatedInput, "TruncatedInput",
     "The object is truncated. Check that the object is not corrupted."},
    {SelectCode::kUnsupportedFunction, "UnsupportedFunction",
     "The SQL expression contains a function that is not supported."},
    {SelectCode::kUnsupportedSqlOperation, "UnsupportedSqlOperation",
     "The SQL expression contains an operation that is not supported."},
    {SelectCode::kUnsupportedSqlStructure, "UnsupportedSqlStructure",
     "The SQL expression contains a structure that is not supported."},
    {SelectCode::kValueParseFailure, "ValueParseFailure",
     "A timestamp in the SQL expression or in the object could not be parsed."},
    {SelectCode::kEmptyRequestBody, "EmptyRequestBody", "Request body cannot be empty."},
    {SelectCode::kInvalidDataSource, "InvalidDataSource",
     "Invalid data source type. Only CSV and JSON are supported."},
    {SelectCode::kInvalidExpressionType, "InvalidExpressionType",
     "The ExpressionType is not valid. Only SQL expressions are supported."},
    {SelectCode::kInvalidFileHeaderInfo, "InvalidFileHeaderInfo",
     "The FileHeaderInfo is not valid. Only NONE, USE, and IGNORE are supported."},
    {SelectCode::kInvalidJsonType, "InvalidJsonType",
     "The JsonType is not valid. Only DOCUMENT and LINES are supported."},
    {SelectCode::kInvalidQuoteFields, "InvalidQuoteFields",
     "The QuoteFields is not valid. Only ALWAYS and ASNEEDED are supported."},
    {SelectCode::kInvalidRequestParameter, "InvalidRequestParameter",
     "The value of a parameter in the SelectRequest element is not valid."},
    {SelectCode::kInvalidScanRange, "InvalidScanRange",
     "The ScanRange is not valid for this object."},
    {SelectCode::kMissingRequiredParameter, "MissingRequiredParameter",
     "The SelectRequest entity is missing a required parameter."},
    {SelectCode::kObjectSerializationConflict, "ObjectSerializationConflict",
     "The SelectRequest entity can only contain one of CSV or JSON."},
    {SelectCode::kUnsupportedRangeHeader, "UnsupportedRangeHeader",
     "Range header is not supported for this operation."},
    {SelectCode::kUnsupportedScanRangeInput, "UnsupportedScanRangeInput",
     "Scan ranges are supported for CSV without quoted record delimiters and for JSON lines, not "
     "compressed."},
});
constexpr bool select_in_order() {
  for (std::size_t i = 0; i < kSelectTable.size(); ++i) {
    if (static_cast<std::size_t>(kSelectTable[i].key) != i) return false;
  }
  return true;
}
static_assert(select_in_order(), "text_of() indexes by the code");

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

S3ErrorText text_of(S3Code code) {
  const auto index = static_cast<std::size_t>(code);
  if (index < kS3CodeCount) return kTable[index].text;
  const SelectRow& row = kSelectTable.at(index - kS3CodeCount);
  return {.code = row.code, .status = 400, .message = row.message};
}

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
