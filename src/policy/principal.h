#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "kelp/result.h"
#include "policy/requester.h"

namespace kelp::policy {

/// How a Principal element names somebody.
enum class Naming : std::uint8_t {
  kNot,
  kAccount,  ///< By the account: it may, and says itself which of its users do.
  kItself,   ///< By ARN, or by "*".
  kSession,  ///< By the ARN of the session of a role.
};

/// The Principal element of a statement.
///
/// Source   AWS IAM User Guide, "AWS JSON policy elements: Principal".
class Principals {
 public:
  /// Of "*", or of an object of AWS, CanonicalUser, Federated and Service. kInvalidArgument with
  /// AWS's words otherwise.
  [[nodiscard]] static Result<Principals> parse(const boost::json::value& value);

  /// The nearest naming of `who`.
  [[nodiscard]] Naming name(const Requester& who) const;
  /// Whether it names everybody, the anonymous too.
  [[nodiscard]] bool names_all() const { return all_; }

 private:
  Result<void> add(std::string_view kind, std::string_view name);
  Result<void> add_aws(std::string_view name);

  bool all_ = false;
  std::vector<std::string> accounts_;
  std::vector<std::string> arns_;
  std::vector<std::string> canonical_ids_;
  std::vector<std::string> federated_;
  std::vector<std::string> services_;
};

}  // namespace kelp::policy
