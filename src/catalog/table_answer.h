#pragma once

#include <string>
#include <string_view>

#include "catalog/visit.h"

namespace kelp::catalog {

/// LoadTableResult: the metadata stays the bytes that the file has. `location`: empty of a table
/// that is only staged.
[[nodiscard]] Reply table_answer(const Visit& visit, std::string_view location,
                                 std::string_view metadata);

/// How the folder of a table ends that the catalog chose: no other table's does.
[[nodiscard]] std::string folder_suffix(std::string_view uuid);

}  // namespace kelp::catalog
