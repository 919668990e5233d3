#include "policy/decision.h"

#include <algorithm>

namespace kelp::policy {
namespace {

/// Without a policy of the kind nothing is cut down.
Verdict limit_of(const std::shared_ptr<const Document>& policy, const Request& request) {
  if (policy == nullptr) return {.allowed = Naming::kItself};
  return policy->evaluate(request);
}

}  // namespace

bool allows(const Policies& policies, const Request& request, std::string_view owner) {
  Verdict identity;
  for (const auto& each : policies.identity) {
    const Verdict verdict = each->evaluate(request);
    identity.denied = identity.denied || verdict.denied;
    identity.allowed = std::max(identity.allowed, verdict.allowed);
  }
  const Verdict boundary = limit_of(policies.boundary, request);
  const Verdict session = limit_of(policies.session, request);
  Verdict resource =
      policies.resource == nullptr ? Verdict{} : policies.resource->evaluate(request);
  resource.allowed = std::max(resource.allowed, policies.granted);
  if (identity.denied || boundary.denied || session.denied || resource.denied) return false;

  const Requester& who = request.who;
  if (who.anonymous()) return resource.allowed == Naming::kItself;
  const bool within_boundary = boundary.allowed != Naming::kNot;
  const bool within_session = session.allowed != Naming::kNot;
  const bool by_identity = who.is_root() || identity.allowed != Naming::kNot;
  const bool may = by_identity && within_boundary && within_session;
  if (who.account != owner) return may && resource.allowed != Naming::kNot;
  if (may) return true;
  if (resource.allowed == Naming::kSession) return true;
  const bool is_role = !who.role_arn.empty();
  return resource.allowed == Naming::kItself && within_session && (!is_role || within_boundary);
}

}  // namespace kelp::policy
