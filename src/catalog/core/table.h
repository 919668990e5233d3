#pragma once

#include "catalog/core/json.h"

namespace kelp::catalog {

// Table metadata of the Iceberg specification, formats 1 and 2, as JSON: what this does not know in
// it stays as it is.

inline constexpr std::int64_t kNewestFormat = 2;
inline constexpr std::int64_t kFirstPartitionField = 1000;

/// Time and names that a new table is made of.
struct Birth {
  std::string uuid;
  std::string location;  ///< Where it lies, when the request does not say.
  std::int64_t now_ms = 0;
};

/// The metadata of a new table, by the request that makes it. 400.
[[nodiscard]] Outcome<Object> new_table(const Object& request, const Birth& birth);

/// That the metadata is of a known format and whole, so that the catalog can work with it: uuid,
/// location, current schema, default partition spec and sort order. 400.
[[nodiscard]] Outcome<void> check_table(const Object& table);

/// A table that a transaction makes from nothing: without uuid, location and schema yet.
[[nodiscard]] Object empty_table();

}  // namespace kelp::catalog
