#pragma once

#include <span>

#include "net/http.h"
#include "policy/condition_value.h"

namespace kelp::s3 {

/// The request as its client sent it to the first of the `trusted` proxies: the address is the
/// rightmost one of X-Forwarded-For that is none of theirs, and TLS what X-Forwarded-Proto says.
/// From any other peer these headers are anybody's words and change nothing. What is no address
/// ends the search: the proxy that passed it on counts. Views as those of `request`.
[[nodiscard]] HttpRequest behind_proxies(const HttpRequest& request,
                                         std::span<const policy::AddressRange> trusted);

}  // namespace kelp::s3
