#pragma once

#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// That an annotation may have this name ("Annotating your objects" of the S3 user guide): 1 to 512
/// bytes of letters, digits, underscores, periods and hyphens, that do not begin with `aws` or `s3`
/// in any case. Whatever is not ASCII counts as a letter. AnnotationNameTooLong,
/// InvalidAnnotationName.
[[nodiscard]] S3Result<void> check_annotation_name(std::string_view name);

/// That names may begin with it; it may be empty. InvalidPrefix.
[[nodiscard]] S3Result<void> check_annotation_prefix(std::string_view prefix);

}  // namespace kelp::s3
