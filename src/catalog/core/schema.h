#pragma once

#include <map>

#include "catalog/core/json.h"

namespace kelp::catalog {

/// The field ids of a schema as a client sent it, and those that the table gives them.
using FieldIds = std::map<std::int64_t, std::int64_t>;

/// A schema whose fields are numbered from 1, those of a struct before what is in them, as the
/// reference implementation does.
struct FreshSchema {
  Object schema;
  FieldIds ids;
  std::int64_t last_id = 0;
};
/// Numbers them. 400.
[[nodiscard]] Outcome<FreshSchema> number_fields(const Object& schema);

/// All field ids of a schema, nested ones too. 400 for one that comes twice.
[[nodiscard]] Outcome<FieldIds> field_ids(const Object& schema);

}  // namespace kelp::catalog
