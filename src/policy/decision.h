#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "policy/document.h"

namespace kelp::policy {

/// The policies that may speak of a request. Null and empty: there is none of the kind.
struct Policies {
  std::vector<std::shared_ptr<const Document>>
      identity;                              ///< Of the user and its groups, or of the role.
  std::shared_ptr<const Document> boundary;  ///< The most that identity policies can allow.
  std::shared_ptr<const Document> session;   ///< The most that the session was given.
  std::shared_ptr<const Document> resource;  ///< The bucket's.
  /// What an access control list of the resource says; counts as an allowance of its policy.
  Naming granted = Naming::kNot;
};

/// Whether `request` is allowed on a resource of the account `owner` (twelve digits).
///
/// A denial by any policy stands above all. Beside it the request needs, within one account, an
/// allowance of an identity policy or of the resource's; between two accounts both. Boundary and
/// session cut down what identity policies allow; a resource's policy that names the user or the
/// session by itself is not cut down by a boundary, and one that names the session by no session
/// policy either. The owner's root needs no allowance.
///
/// Source   AWS IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation".
[[nodiscard]] bool allows(const Policies& policies, const Request& request, std::string_view owner);

}  // namespace kelp::policy
