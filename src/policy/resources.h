#pragma once

#include <string_view>

namespace kelp::policy {

/// Whether each resource that a bucket policy names can be `bucket` or something in it: what stands
/// between "arn:aws:s3:::" and the first '/' fits its name. `json` is a policy that
/// Document::parse() took.
[[nodiscard]] bool speaks_only_of(std::string_view json, std::string_view bucket);

}  // namespace kelp::policy
