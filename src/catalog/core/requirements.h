#pragma once

#include "catalog/core/json.h"

namespace kelp::catalog {

/// That a table is what a commit takes it for; `table`: null when there is none.
/// 409 CommitFailedException when it is not; 400 for a requirement that is unknown.
[[nodiscard]] Outcome<void> check_requirements(const Array& requirements, const Object* table);

/// Whether the commit makes the table: assert-create.
[[nodiscard]] bool makes_table(const Array& requirements);

}  // namespace kelp::catalog
