#pragma once

#include <string_view>
#include <vector>

#include "policy/condition_value.h"

namespace kelp::policy {

/// Which machines may be called where somebody else than the operator says whom: an identity
/// provider's address comes from whoever may make providers, and its name can be made to mean
/// anything. `allowed` stands above `denied`, and both above what is refused by itself.
struct OutgoingRules {
  std::vector<AddressRange> allowed;
  std::vector<AddressRange> denied;
};

/// Whether `address`, an IP address as text, may be called. By itself everything may but this
/// machine (loopback, unspecified), what is on the same link (169.254.0.0/16, fe80::/10: there are
/// the metadata services of clouds, with their keys), multicast and broadcast; IPv6 addresses that
/// mean such IPv4 ones (mapped, NAT64) neither. To be asked of the very address that is connected
/// to, behind the resolution of its name. What is no address may not be called.
[[nodiscard]] bool may_call(const OutgoingRules& rules, std::string_view address);

}  // namespace kelp::policy
