#include "catalog/core/requirements.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kelp::catalog {
namespace {

/// A requirement that compares one number of the table.
struct NumberRequirement {
  std::string_view type;
  std::string_view of_request;
  std::string_view of_table;
};
constexpr std::array<NumberRequirement, 5> kNumbers{{
    {"assert-last-assigned-field-id", "last-assigned-field-id", "last-column-id"},
    {"assert-current-schema-id", "current-schema-id", "current-schema-id"},
    {"assert-last-assigned-partition-id", "last-assigned-partition-id", "last-partition-id"},
    {"assert-default-spec-id", "default-spec-id", "default-spec-id"},
    {"assert-default-sort-order-id", "default-sort-order-id", "default-sort-order-id"},
}};

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Outcome<void> check_uuid(const Object& requirement, const Object& table) {
  KELP_CATALOG_TRY(const std::string wanted, text_of(requirement, "uuid"));
  KELP_CATALOG_TRY(const std::string uuid, text_of(table, "table-uuid"));
  if (same_letters(wanted, uuid)) return {};
  return commit_failed(fmt::format("the table's uuid is {}, not {}", uuid, wanted));
}

Outcome<void> check_ref(const Object& requirement, const Object& table) {
  KELP_CATALOG_TRY(const std::string name, text_of(requirement, "ref"));
  KELP_CATALOG_TRY(const auto wanted, optional_integer(requirement, "snapshot-id"));
  const Value* refs = find(table, "refs");
  const Value* ref = refs == nullptr ? nullptr : find(refs->get_object(), name);
  if (ref == nullptr) {
    if (!wanted) return {};
    return commit_failed(fmt::format("branch or tag {} is not there any more", name));
  }
  if (!wanted) return commit_failed(fmt::format("branch or tag {} is there already", name));
  KELP_CATALOG_TRY(const std::int64_t now, integer_of(ref->as_object(), "snapshot-id"));
  if (now == *wanted) return {};
  return commit_failed(fmt::format("{} is at snapshot {}, not at {}", name, now, *wanted));
}

Outcome<void> check_number(const NumberRequirement& what, const Object& requirement,
                           const Object& table) {
  KELP_CATALOG_TRY(const std::int64_t wanted, integer_of(requirement, what.of_request));
  KELP_CATALOG_TRY(const std::int64_t now, integer_of(table, what.of_table));
  if (now == wanted) return {};
  return commit_failed(fmt::format("{} is {}, not {}", what.of_table, now, wanted));
}

Outcome<void> check_one(const Object& requirement, const Object* table) {
  KELP_CATALOG_TRY(const std::string type, text_of(requirement, "type"));
  if (type == "assert-create") {
    if (table == nullptr) return {};
    return commit_failed("the table is there already");
  }
  if (table == nullptr) return commit_failed("the table is not there");
  if (type == "assert-table-uuid") return check_uuid(requirement, *table);
  if (type == "assert-ref-snapshot-id") return check_ref(requirement, *table);
  const auto* const at = std::ranges::find(kNumbers, type, &NumberRequirement::type);
  if (at != kNumbers.end()) return check_number(*at, requirement, *table);
  return bad_request("unknown requirement " + type);
}

}  // namespace

Outcome<void> check_requirements(const Array& requirements, const Object* table) {
  for (const Value& requirement : requirements) {
    KELP_CATALOG_CHECK(check_one(requirement.get_object(), table));
  }
  return {};
}

bool makes_table(const Array& requirements) {
  return std::ranges::any_of(requirements, [](const Value& requirement) {
    const Value* type = find(requirement.get_object(), "type");
    return type != nullptr && type->is_string() && type->get_string() == "assert-create";
  });
}

}  // namespace kelp::catalog
