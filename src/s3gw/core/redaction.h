#pragma once

#include <string>
#include <string_view>

namespace kelp::s3 {

/// Whether the value of a header or parameter gives away who may do something, or what a sealed
/// body says: signatures, session tokens, cookies, customers' keys. In any case of letters.
[[nodiscard]] bool is_secret(std::string_view name);

/// A target as logs and traces may show it: the values of is_secret() parameters are "-".
[[nodiscard]] std::string without_secrets(std::string_view target);

/// The value of a header in the same way. Of an Authorization of SigV4 only the signature goes, of
/// others all.
[[nodiscard]] std::string without_secrets(std::string_view name, std::string_view value);

}  // namespace kelp::s3
