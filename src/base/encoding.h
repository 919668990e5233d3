#pragma once

#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

/// Lower-case hexadecimal.
[[nodiscard]] std::string hex_encode(std::string_view bytes);
/// Either case. kInvalidArgument for an odd length or another character.
[[nodiscard]] Result<std::string> hex_decode(std::string_view text);

/// RFC 4648 section 4, with padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// Strict: padding required, no white space, no trailing bits. kInvalidArgument otherwise.
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);

/// Percent-encodes everything but A-Z a-z 0-9 - . _ ~ (AWS SigV4's UriEncode, upper-case hex); `/`
/// is kept when `keep_slash`. A space is %20.
[[nodiscard]] std::string url_encode(std::string_view bytes, bool keep_slash);
/// Undoes percent-encoding; `+` stays a plus unless `plus_is_space`. kInvalidArgument for a broken
/// escape.
[[nodiscard]] Result<std::string> url_decode(std::string_view text, bool plus_is_space = false);

}  // namespace kelp
