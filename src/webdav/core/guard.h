#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/http_header.h"

namespace kelp::webdav {

/// A name and a password, as HTTP Basic brings them (RFC 7617).
struct BasicCredentials {
  std::string user;
  std::string password;
};
/// Reads an Authorization header; nothing when it is none of "Basic".
[[nodiscard]] std::optional<BasicCredentials> parse_basic(std::string_view header);

/// Whether a browser sent this on behalf of a page of another site: with the password that it keeps
/// for us such a page could write. A request that changes nothing may come from anywhere.
[[nodiscard]] bool from_foreign_page(std::string_view method, std::span<const HttpHeader> headers);

}  // namespace kelp::webdav
