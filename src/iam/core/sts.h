#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "iam/core/authorize.h"
#include "iam/core/session.h"

namespace kelp::iam {

/// One action of STS under way. Nothing is stored: the answer has it all.
struct StsJob {
  const Model& model;
  const Parameters& parameters;
  const s3::Credential& caller;  ///< Without a key of a web identity.
  WallTime now;
  const Surroundings& around;
  std::function<std::string(std::size_t count)> token;  ///< See Makers.
  std::function<std::string(const Session&)> seal;      ///< Vault::seal_token().
  s3::XmlWriter xml;                                    ///< What stands in <ActionResult>.
};

/// An action of STS, version 2011-06-15.
struct StsAction {
  std::string_view name;
  std::string_view parameters;  ///< See Parameters::check().
  Outcome<void> (*run)(StsJob&) = nullptr;
};

/// By name; AssumeRoleWithWebIdentity, which nobody signs, is not among them.
[[nodiscard]] std::span<const StsAction> sts_actions();
/// Null when there is none of the name.
[[nodiscard]] const StsAction* find_sts_action(std::string_view name);

/// Who somebody with a token of an identity provider is, once the token is verified.
struct WebIdentity {
  std::string provider_arn;
  std::string provider_url;  ///< As condition keys name it: "idp.example.com:sub".
  std::string subject;
  std::string audience;
  std::vector<std::pair<std::string, std::string>> claims;  ///< Those that are plain texts.
};
inline constexpr std::string_view kWebIdentityParameters =
    "RoleArn! RoleSessionName! WebIdentityToken! ProviderId Policy PolicyArns* DurationSeconds";
/// AssumeRoleWithWebIdentity.
[[nodiscard]] Outcome<void> assume_role_with_web_identity(StsJob& job, const WebIdentity& who);

/// The account in an ARN; empty when it is none.
[[nodiscard]] std::string_view account_of(std::string_view arn);

}  // namespace kelp::iam
