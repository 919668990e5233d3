#pragma once

#include <string_view>

#include "s3gw/core/operations.h"
#include "s3gw/core/s3_request.h"

namespace kelp::s3 {

/// The operation that a request asks for, by method, scope and sub-resource; `?x-id=` and other
/// unknown parameters do not count.
///
/// `has_copy_source`  the x-amz-copy-source header is there.
/// Errors  MethodNotAllowed: the method does not exist, or names a sub-resource that does not have
///         it (so that `PUT /bucket/key?policy` never makes an object).
[[nodiscard]] S3Result<Operation> route(std::string_view method, const S3Request& request,
                                        bool has_copy_source);

}  // namespace kelp::s3
