#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kelp::s3 {

/// Under which address clients reach us through a proxy that says another host or leaves a part of
/// the path away: what they sign.
struct ExternalUrl {
  std::string host;  ///< As in the Host header: "s3.example.com:8443".
  std::string path;  ///< What stands in front of ours: "/store"; empty: nothing.
  friend bool operator==(const ExternalUrl&, const ExternalUrl&) = default;
};

/// Takes "https://s3.example.com/store" apart. The port of the scheme is left away, as clients do.
/// Nothing for what is no such address, has a query or a user, or is longer than 512 bytes.
[[nodiscard]] std::optional<ExternalUrl> parse_external_url(std::string_view text);

}  // namespace kelp::s3
