#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "iam/core/actions.h"
#include "policy/decision.h"

namespace kelp::iam {

/// What is known of a request besides who sent it.
struct Surroundings {
  std::string source_ip;
  std::string user_agent;
  bool secure = false;  ///< Came over TLS.
};

/// What `caller` asks, with the condition keys that every request has.
[[nodiscard]] policy::Request request_of(const s3::Credential& caller, std::string_view action,
                                         std::string resource, WallTime now,
                                         const Surroundings& around);

/// Whether the caller may do it; "iam:" stands in front of the action's name. AccessDenied with
/// AWS's words.
[[nodiscard]] Outcome<void> authorize(const Action& action, const Job& job,
                                      const Surroundings& around);

/// AccessDenied, with AWS's words.
[[nodiscard]] QueryError not_authorized(const policy::Request& request, std::string_view action);

}  // namespace kelp::iam
