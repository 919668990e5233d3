#pragma once

#include <string_view>

#include "kelp/error.h"

namespace kelp {

/// The status that an error becomes where scripts are answered; 401 for kUnauthenticated, 403 for
/// kPermissionDenied, 500 for what is nobody's fault but ours.
[[nodiscard]] int http_status_of(Errc code);

/// Whether a peer's address (HttpRequest::remote_address) is this machine's own.
[[nodiscard]] bool from_this_machine(std::string_view peer);

}  // namespace kelp
