#include "policy/outgoing.h"

#include <algorithm>

namespace kelp::policy {
namespace {

// IPv4 stands for its mapped form as well. fd00:ec2::254 is a cloud's metadata service; the last
// two are link-local and loopback behind NAT64 (RFC 6052).
constexpr std::string_view kRefused[] = {
    "0.0.0.0/8",    "127.0.0.0/8",  "169.254.0.0/16",      "224.0.0.0/4",        "255.255.255.255",
    "::",           "::1",          "fe80::/10",           "ff00::/8",           "fd00:ec2::254",
    "::7f00:0/104", "::a9fe:0/112", "64:ff9b::a9fe:0/112", "64:ff9b::7f00:0/104"};

const std::vector<AddressRange>& refused() {
  static const std::vector<AddressRange> kRanges = [] {
    std::vector<AddressRange> all;
    for (const std::string_view text : kRefused) all.push_back(parse_range(text).value());
    return all;
  }();
  return kRanges;
}

}  // namespace

bool may_call(const OutgoingRules& rules, std::string_view address) {
  const auto called = parse_range(address);
  if (!called || address.contains('/')) return false;
  const auto in = [&](const std::vector<AddressRange>& ranges) {
    return std::ranges::any_of(ranges, [&](const auto& range) { return range.contains(*called); });
  };
  if (in(rules.allowed)) return true;
  return !in(rules.denied) && !in(refused());
}

}  // namespace kelp::policy
