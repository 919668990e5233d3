#pragma once

#include <string>

namespace kelp {

/// A random UUID as text, "8-4-4-4-12" in lower case (RFC 9562, version 4). Thread-safe.
[[nodiscard]] std::string random_uuid();

}  // namespace kelp
