#pragma once

#include <string>

#include "s3gw/s3_error.h"
#include "select/failure.h"
#include "select/request.h"

namespace kelp::s3 {

/// SelectObjectContentRequest. Source: its API reference.
/// Errors  EmptyRequestBody, MalformedXML, MissingRequiredParameter, ObjectSerializationConflict,
///         InvalidExpressionType, InvalidDataSource (Parquet), InvalidFileHeaderInfo,
///         InvalidJsonType, InvalidQuoteFields, InvalidCompressionFormat, InvalidRequestParameter,
///         InvalidScanRange, UnsupportedScanRangeInput.
[[nodiscard]] S3Result<select::Request> parse_select(std::string body);

/// The answer that a failure of the query is.
[[nodiscard]] S3Error select_error(const select::Failure& failure);

}  // namespace kelp::s3
