#pragma once

#include <string>

namespace kelp::policy {

/// Who asks. Everything is empty of one that is anonymous.
struct Requester {
  std::string account;       ///< Twelve digits.
  std::string arn;           ///< "arn:aws:iam::ACCOUNT:user/NAME", ":root",
                             ///< "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION".
  std::string role_arn;      ///< Of a session of a role: the role.
  std::string canonical_id;  ///< Of the account: 64 hex digits.
  std::string federated;     ///< The identity provider of who asks for a role by a web identity.
  std::string service;       ///< "logging.s3.amazonaws.com", when it is a part of Kelp that asks.

  [[nodiscard]] bool anonymous() const {
    return arn.empty() && federated.empty() && service.empty();
  }
  [[nodiscard]] bool is_root() const { return arn.ends_with(":root"); }
};

}  // namespace kelp::policy
