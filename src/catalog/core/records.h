#pragma once

#include <string>
#include <string_view>

#include "catalog/core/json.h"

namespace kelp::catalog {

// What the catalog keeps as objects of its own (docs/formats/iceberg-catalog.md).

/// Where a table is.
struct Pointer {
  std::string metadata_location;  ///< Of its newest metadata file: "s3://bucket/key".
  std::string uuid;
};
/// The bytes of a pointer.
[[nodiscard]] std::string encode_pointer(const Pointer& pointer);
/// kCorruption; kUnimplemented for a newer format.
[[nodiscard]] Result<Pointer> decode_pointer(std::string_view text);

/// The bytes of a namespace, which is its properties.
[[nodiscard]] std::string encode_namespace(const Object& properties);
/// kCorruption; kUnimplemented for a newer format.
[[nodiscard]] Result<Object> decode_namespace(std::string_view text);

}  // namespace kelp::catalog
