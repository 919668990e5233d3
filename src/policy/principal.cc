#include "policy/principal.h"

#include <algorithm>

#include "policy/arn.h"

namespace kelp::policy {
namespace {

constexpr std::size_t kAccountDigits = 12;
constexpr std::size_t kCanonicalDigits = 64;

Error invalid_principal() {
  return {Errc::kInvalidArgument, "Invalid principal in policy"};
}

bool all_of(std::string_view text, std::string_view characters, std::size_t length) {
  return text.size() == length && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_account(std::string_view text) {
  return all_of(text, "0123456789", kAccountDigits);
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return !name.empty() && std::ranges::count(names, name) > 0;
}

}  // namespace

Result<Principals> Principals::parse(const boost::json::value& value) {
  Principals out;
  if (value.is_string()) {
    if (value.as_string() != "*") return invalid_principal();
    out.all_ = true;
    return out;
  }
  if (!value.is_object() || value.as_object().empty()) return invalid_principal();
  for (const auto& [kind, names] : value.as_object()) {
    if (names.is_string()) {
      KELP_CHECK(out.add(kind, names.as_string()));
      continue;
    }
    if (!names.is_array() || names.as_array().empty()) return invalid_principal();
    for (const auto& name : names.as_array()) {
      if (!name.is_string()) return invalid_principal();
      KELP_CHECK(out.add(kind, name.as_string()));
    }
  }
  return out;
}

Result<void> Principals::add(std::string_view kind, std::string_view name) {
  if (name.empty()) return invalid_principal();
  if (kind == "AWS") return add_aws(name);
  if (kind == "CanonicalUser") {
    if (!all_of(name, "0123456789abcdef", kCanonicalDigits)) return invalid_principal();
    canonical_ids_.emplace_back(name);
  } else if (kind == "Federated") {
    federated_.emplace_back(name);
  } else if (kind == "Service") {
    services_.emplace_back(name);
  } else {
    return invalid_principal();
  }
  return {};
}

/// "*", an account's digits, or an ARN of an account, user, role or session without wildcards.
Result<void> Principals::add_aws(std::string_view name) {
  if (name == "*") {
    all_ = true;
    return {};
  }
  if (is_account(name)) {
    accounts_.emplace_back(name);
    return {};
  }
  const auto parts = split_arn(name);
  if (!parts || !is_account((*parts)[4])) return invalid_principal();
  const auto& [arn, partition, service, region, account, resource] = *parts;
  const bool of_iam = service == "iam" && (resource == "root" || resource.starts_with("user/") ||
                                           resource.starts_with("role/"));
  const bool of_sts = service == "sts" && (resource.starts_with("assumed-role/") ||
                                           resource.starts_with("federated-user/"));
  if ((!of_iam && !of_sts) || !region.empty() || name.contains('*') || name.contains('?')) {
    return invalid_principal();
  }
  (resource == "root" ? accounts_ : arns_).emplace_back(resource == "root" ? account : name);
  return {};
}

Naming Principals::name(const Requester& who) const {
  if (!who.role_arn.empty() && contains(arns_, who.arn)) return Naming::kSession;
  if (all_ || contains(arns_, who.arn) || contains(arns_, who.role_arn) ||
      contains(federated_, who.federated) || contains(services_, who.service)) {
    return Naming::kItself;
  }
  if (contains(accounts_, who.account) || contains(canonical_ids_, who.canonical_id)) {
    return Naming::kAccount;
  }
  return Naming::kNot;
}

}  // namespace kelp::policy
