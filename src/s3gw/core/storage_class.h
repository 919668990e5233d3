#pragma once

#include <string_view>

namespace kelp::s3 {

/// Whether S3 has a storage class of that name that may be asked for (the StorageClass of PutObject
/// in AWS's API reference, without those of other services).
[[nodiscard]] bool is_storage_class(std::string_view name);

}  // namespace kelp::s3
