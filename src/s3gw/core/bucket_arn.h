#pragma once

#include <string>
#include <string_view>

namespace kelp::s3 {

/// How AWS names a bucket everywhere: `arn:aws:s3:::name`.
[[nodiscard]] inline std::string bucket_arn(std::string_view bucket) {
  return "arn:aws:s3:::" + std::string(bucket);
}

}  // namespace kelp::s3
