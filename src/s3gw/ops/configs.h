#pragma once

#include <optional>
#include <string>

#include "s3gw/call.h"
#include "s3gw/core/config/shape.h"

namespace kelp::s3 {

/// What the filer keeps of a document: what is inside of its root. MaxMessageLengthExceeded when
/// that is more than a setting may be.
[[nodiscard]] S3Result<std::string> config_value(const Element& document);

/// The setting `name` of the request's bucket. ops/configs.cc
[[nodiscard]] Task<S3Result<std::optional<std::string>>> get_config(Call& call, std::string name);
/// Sets it, or removes it; from the answer on this gateway goes by it.
[[nodiscard]] Task<S3Result<void>> set_config(Call& call, std::string name,
                                              std::optional<std::string> value);

/// own_bucket(), with `call.access` of this moment: for who tells what it holds, or refuses because
/// of it. What another gateway took a moment ago counts.
[[nodiscard]] Task<S3Result<BucketEntry>> own_bucket_now(Call& call);

}  // namespace kelp::s3
