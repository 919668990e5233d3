#include "iam/core/names.h"

#include <fmt/format.h>

#include <algorithm>

namespace kelp::iam {
namespace {

constexpr std::size_t kMaxDocumentBytes = 128 << 10;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("+=,.@_-").contains(c);
}

bool is_text_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

std::size_t max_name_bytes(Kind kind) {
  return kind == Kind::kGroup ? 128 : 64;
}

std::size_t max_inline_bytes(Kind kind) {
  switch (kind) {
    case Kind::kUser:
      return 2048;
    case Kind::kGroup:
      return 5120;
    case Kind::kRole:
      return 10'240;
  }
  return 0;
}

Outcome<void> check_name(std::string_view parameter, std::string_view name, std::size_t max_bytes) {
  if (name.empty()) {
    return validation_error(parameter, name, "Member must have length greater than or equal to 1");
  }
  if (name.size() > max_bytes) {
    return validation_error(
        parameter, name,
        fmt::format("Member must have length less than or equal to {}", max_bytes));
  }
  if (!std::ranges::all_of(name, is_name_character)) {
    return {QueryError{"ValidationError", 400,
                       fmt::format("The specified value for {} is invalid. It must contain only "
                                   "alphanumeric characters and/or the following: +=,.@_-",
                                   parameter)}};
  }
  return {};
}

Outcome<void> check_path(std::string_view parameter, std::string_view path) {
  const bool printable = std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f; });
  if (path.starts_with('/') && path.ends_with('/') && path.size() <= 512 && printable &&
      !path.contains("//")) {
    return {};
  }
  return {QueryError{"ValidationError", 400,
                     fmt::format("The specified value for {} is invalid. It must begin and end "
                                 "with / and contain only alphanumeric characters and/or / "
                                 "characters.",
                                 parameter)}};
}

Outcome<void> check_tag(const Tag& tag) {
  if (tag.key.empty() || tag.key.size() > 128 || !std::ranges::all_of(tag.key, is_text_character)) {
    return validation_error("TagKey", tag.key, "Member must have a length from 1 to 128");
  }
  if (tag.value.size() > 256 || !std::ranges::all_of(tag.value, is_text_character)) {
    return validation_error("TagValue", tag.value,
                            "Member must have length less than or equal to 256");
  }
  if (tag.key.starts_with("aws:")) {
    return invalid_input("Tag keys must not begin with aws:, which is kept for the system.");
  }
  return {};
}

Outcome<void> check_description(std::string_view text) {
  if (text.size() <= 1000 && std::ranges::all_of(text, is_text_character)) return {};
  return validation_error("Description", text,
                          "Member must have length less than or equal to 1000");
}

Outcome<void> check_policy_arn(std::string_view parameter, std::string_view arn) {
  if (arn.starts_with("arn:aws:iam::") && arn.contains(":policy/") && arn.size() <= 2048) return {};
  return {QueryError{"ValidationError", 400,
                     fmt::format("Invalid ARN:  Could not be parsed! ({})", parameter)}};
}

Outcome<PolicyText> read_policy(std::string json, policy::PolicyKind kind) {
  if (json.size() > kMaxDocumentBytes) {
    return malformed_policy("The policy is too long.");
  }
  auto read = policy::Document::parse(json, kind);
  if (!read) return malformed_policy(read.error().detail());
  return PolicyText{std::move(json), std::make_shared<const policy::Document>(*std::move(read))};
}

std::size_t counted_bytes(std::string_view policy) {
  return policy.size() - static_cast<std::size_t>(std::ranges::count_if(policy, [](char c) {
           return c == ' ' || c == '\t' || c == '\n' || c == '\r';
         }));
}

}  // namespace kelp::iam
