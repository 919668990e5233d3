#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "policy/condition.h"
#include "policy/principal.h"

namespace kelp::policy {

/// Where a policy stands, which decides what its statements must have.
enum class PolicyKind : std::uint8_t {
  kBucket,    ///< Principals and resources, actions of S3 alone.
  kIdentity,  ///< Of a user, group, role or session: resources and no principals.
  kTrust,     ///< Who may take a role: principals and no resources.
};

/// What a statement does to requests that it speaks of.
enum class Effect : std::uint8_t { kAllow, kDeny };

/// What is to be done.
struct Request {
  Requester who;
  std::string action;    ///< In lower case: "s3:getobject".
  std::string resource;  ///< "arn:aws:s3:::bucket/key"; "*" of an action on no resource.
  Context context;
};

/// One statement of a policy.
///
/// Source   AWS IAM User Guide, "Grammar of the IAM JSON policy language".
class Statement {
 public:
  /// kInvalidArgument with AWS's words.
  [[nodiscard]] static Result<Statement> parse(const boost::json::object& object, PolicyKind kind,
                                               bool variables);

  [[nodiscard]] Effect effect() const { return effect_; }
  [[nodiscard]] const std::string& sid() const { return sid_; }
  [[nodiscard]] const std::vector<Condition>& conditions() const { return conditions_; }
  /// Whether its principals are everybody, by naming or by naming but some.
  [[nodiscard]] bool names_all() const;
  /// kNot when it does not speak of the request; kItself when it does and has no principals.
  [[nodiscard]] Naming speaks_of(const Request& request) const;
  /// Whether it speaks of the action, in lower case.
  [[nodiscard]] bool names_action(std::string_view action) const;
  /// As speaks_of() by actions and resources alone: who asks and the conditions are left aside.
  [[nodiscard]] bool covers(const Request& request) const;

 private:
  Result<void> take(std::string_view name, const boost::json::value& value, PolicyKind kind,
                    bool variables);
  Result<void> take_actions(const boost::json::value& value, PolicyKind kind);
  Result<void> take_resources(const boost::json::value& value, PolicyKind kind, bool variables);
  Result<void> take_conditions(const boost::json::value& value, bool variables);
  Result<void> check_complete(PolicyKind kind) const;
  Result<void> check_scopes() const;
  [[nodiscard]] bool names_resource(const Request& request) const;

  Effect effect_ = Effect::kDeny;
  bool has_effect_ = false;
  std::string sid_;
  std::optional<Principals> principals_;
  bool but_principals_ = false;   ///< NotPrincipal.
  std::vector<Pattern> actions_;  ///< Lower case.
  bool but_actions_ = false;
  std::vector<ArnPattern> resources_;
  bool but_resources_ = false;
  unsigned resource_scopes_ = 0;  ///< Of which Scope the resources can be.
  std::vector<Condition> conditions_;
};

}  // namespace kelp::policy
