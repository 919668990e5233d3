#pragma once

#include <cstddef>
#include <cstdint>

#include "s3gw/s3_error.h"
#include "select/failure.h"

namespace kelp::s3 {

// What is wrong with the request of a SelectObjectContent; what is wrong with its query or with the
// object are the failures of select/failure.h.
#define KELP_SELECT_REQUEST_CODES(X) \
  X(EmptyRequestBody)                \
  X(InvalidDataSource)               \
  X(InvalidExpressionType)           \
  X(InvalidFileHeaderInfo)           \
  X(InvalidJsonType)                 \
  X(InvalidQuoteFields)              \
  X(InvalidRequestParameter)         \
  X(InvalidScanRange)                \
  X(MissingRequiredParameter)        \
  X(ObjectSerializationConflict)     \
  X(UnsupportedRangeHeader)          \
  X(UnsupportedScanRangeInput)

/// Codes that only SelectObjectContent answers. They continue S3Code, and have their texts in the
/// same table: s3_error.cc.
enum class SelectCode : std::uint16_t {
#define KELP_SELECT_CODE(name) k##name,
  KELP_SELECT_FAILURES(KELP_SELECT_CODE) KELP_SELECT_REQUEST_CODES(KELP_SELECT_CODE)
#undef KELP_SELECT_CODE
};

/// The code as an S3Code.
[[nodiscard]] constexpr S3Code s3_code(SelectCode code) {
  return static_cast<S3Code>(kS3CodeCount + static_cast<std::size_t>(code));
}

}  // namespace kelp::s3
