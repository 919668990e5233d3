#include "s3gw/client_address.h"

#include <algorithm>

#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

/// Without a port and without the brackets around an address of IPv6.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
  const std::size_t colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) == text.npos) return text.substr(0, colon);
  return text;
}

std::optional<policy::AddressRange> address_of(std::string_view text) {
  if (text.contains('/')) return std::nullopt;
  return policy::parse_range(text);
}

bool contains(std::span<const policy::AddressRange> ranges, const policy::AddressRange& address) {
  return std::ranges::any_of(ranges, [&](const auto& range) { return range.contains(address); });
}

}  // namespace

HttpRequest behind_proxies(const HttpRequest& request,
                           std::span<const policy::AddressRange> trusted) {
  HttpRequest told = request;
  const auto peer = address_of(request.remote_address);
  if (!peer || !contains(trusted, *peer)) return told;
  bool found = false;
  // Each proxy adds whom it heard at the end: read from there.
  for (std::size_t line = request.headers.size(); line-- > 0;) {
    const HttpHeader& header = request.headers[line];
    if (equals_lower(header.name, "x-forwarded-proto")) {
      const std::string_view last = header.value.substr(header.value.rfind(',') + 1);
      told.secure = equals_lower(trimmed(last), "https");
    }
    if (found || !equals_lower(header.name, "x-forwarded-for")) continue;
    std::string_view rest = header.value;
    while (!found && !rest.empty()) {
      const std::size_t comma = rest.rfind(',');
      const std::size_t begin = comma == rest.npos ? 0 : comma + 1;
      const std::string_view text = without_port(trimmed(rest.substr(begin)));
      rest = rest.substr(0, comma == rest.npos ? 0 : comma);
      const auto address = address_of(text);
      if (address) told.remote_address = text;
      found = !address || !contains(trusted, *address);
    }
  }
  return told;
}

}  // namespace kelp::s3
