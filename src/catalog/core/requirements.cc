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
  std::string_view name;
};
constexpr std::array<NumberRequirement, 5> kNumbers{{
    {"assert-last-assigned-field-id", "last-assigned-field-id", "last-column-id",
     "last assigned field id"},
    {"assert-current-schema-id", "current-schema-id", "current-schema-id", "current schema"},
    {"assert-last-assigned-partition-id", "last-assigned-partition-id", "last-partition-id",
     "last assigned partition id"},
    {"assert-default-spec-id", "default-spec-id", "default-spec-id", "default partition spec"},
    {"assert-default-sort-order-id", "default-sort-order-id", "default-sort-order-id",
     "default sort order"},
}};

/// In the words of Iceberg's own server.
std::unexpected<Failure> unmet(std::string_view what) {
  return commit_failed(fmt::format("Requirement failed: {}", what));
}

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
  return unmet(fmt::format("UUID does not match: expected {} != {}", wanted, uuid));
}

Outcome<void> check_ref(const Object& requirement, const Object& table) {
  KELP_CATALOG_TRY(const std::string name, text_of(requirement, "ref"));
  KELP_CATALOG_TRY(const auto wanted, optional_integer(requirement, "snapshot-id"));
  const Value* refs = find(table, "refs");
  const Value* ref = refs == nullptr ? nullptr : find(refs->get_object(), name);
  if (ref == nullptr) {
    if (!wanted) return {};
    return unmet(fmt::format("branch or tag {} is missing, expected {}", name, *wanted));
  }
  if (!wanted) return unmet(fmt::format("branch or tag {} was created concurrently", name));
  KELP_CATALOG_TRY(const std::int64_t now, integer_of(ref->as_object(), "snapshot-id"));
  if (now == *wanted) return {};
  return unmet(
      fmt::format("branch or tag {} has changed: expected id {} != {}", name, *wanted, now));
}

Outcome<void> check_number(const NumberRequirement& what, const Object& requirement,
                           const Object& table) {
  KELP_CATALOG_TRY(const std::int64_t wanted, integer_of(requirement, what.of_request));
  KELP_CATALOG_TRY(const std::int64_t now, integer_of(table, what.of_table));
  if (now == wanted) return {};
  return unmet(fmt::format("{} changed: expected id {} != {}", what.name, wanted, now));
}

Outcome<void> check_one(const Object& requirement, const Object* table) {
  KELP_CATALOG_TRY(const std::string type, text_of(requirement, "type"));
  if (type == "assert-create") {
    if (table == nullptr) return {};
    return unmet("table already exists");
  }
  if (table == nullptr) return unmet("the table does not exist");
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
