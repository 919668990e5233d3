#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "kelp/result.h"

namespace kelp::policy {

/// A JSON object of a policy: no name twice in one object (readers differ in which they take), at
/// most 32 deep. kInvalidArgument otherwise.
[[nodiscard]] Result<boost::json::object> parse_json_object(std::string_view text);

}  // namespace kelp::policy
