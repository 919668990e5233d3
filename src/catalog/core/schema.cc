#include "catalog/core/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace kelp::catalog {
namespace {

/// What carries an id in a type: member and its type's member.
struct Inner {
  std::string_view id;
  std::string_view type;
};
constexpr Inner kListInner[] = {{"element-id", "element"}};
constexpr Inner kMapInner[] = {{"key-id", "key"}, {"value-id", "value"}};

/// Gives every id of a schema another one, or, when `keep`, notes them only.
class Numbering {
 public:
  explicit Numbering(bool keep) : keep_(keep) {}

  Outcome<void> visit_struct(Object& type) {
    const Value* fields = find(type, "fields");
    if (fields == nullptr || !fields->is_array()) return bad_request("fields must be an array");
    for (Value& field : type["fields"].get_array()) {
      if (!field.is_object()) return bad_request("a field must be an object");
      KELP_CATALOG_CHECK(text_of(field.get_object(), "name"));
      KELP_CATALOG_CHECK(renumber(field.get_object(), "id"));
    }
    for (Value& field : type["fields"].get_array()) {
      KELP_CATALOG_CHECK(visit_type(field.get_object(), "type"));
    }
    return {};
  }

  FieldIds ids;
  std::int64_t last = 0;

 private:
  Outcome<void> renumber(Object& holder, std::string_view name) {
    KELP_CATALOG_TRY(const std::int64_t old, integer_of(holder, name));
    const std::int64_t now = keep_ ? old : last + 1;
    last = std::max(last, now);
    if (!ids.emplace(old, now).second) {
      return bad_request(fmt::format("two fields of the schema have the id {}", old));
    }
    holder[name] = now;
    return {};
  }

  Outcome<void> visit_inner(Object& type, std::span<const Inner> inner) {
    for (const Inner& each : inner) {
      KELP_CATALOG_CHECK(renumber(type, each.id));
    }
    for (const Inner& each : inner) {
      KELP_CATALOG_CHECK(visit_type(type, each.type));
    }
    return {};
  }

  Outcome<void> visit_type(Object& holder, std::string_view name) {
    Value* value = holder.if_contains(name);
    if (value != nullptr && value->is_string()) return {};
    if (value == nullptr || !value->is_object()) {
      return bad_request(fmt::format("{} must be a type", name));
    }
    Object& type = value->get_object();
    KELP_CATALOG_TRY(const std::string kind, text_of(type, "type"));
    if (kind == "struct") return visit_struct(type);
    if (kind == "list") return visit_inner(type, kListInner);
    if (kind == "map") return visit_inner(type, kMapInner);
    return bad_request("unknown type " + kind);
  }

  const bool keep_;
};

}  // namespace

Outcome<FreshSchema> number_fields(const Object& schema) {
  FreshSchema fresh{.schema = schema, .ids = {}};
  Numbering numbering(false);
  KELP_CATALOG_CHECK(numbering.visit_struct(fresh.schema));
  fresh.ids = std::move(numbering.ids);
  fresh.last_id = numbering.last;
  fresh.schema["type"] = "struct";
  fresh.schema["schema-id"] = 0;
  if (find(schema, "identifier-field-ids") == nullptr) {
    fresh.schema.erase("identifier-field-ids");
    return fresh;
  }
  KELP_CATALOG_TRY(const auto identifiers, integers_of(schema, "identifier-field-ids"));
  Array renumbered;
  for (const std::int64_t id : identifiers) {
    const auto at = fresh.ids.find(id);
    if (at == fresh.ids.end()) return bad_request("an identifier field is not in the schema");
    renumbered.push_back(at->second);
  }
  fresh.schema["identifier-field-ids"] = std::move(renumbered);
  return fresh;
}

Outcome<FieldIds> field_ids(const Object& schema) {
  Object copy = schema;
  Numbering numbering(true);
  KELP_CATALOG_CHECK(numbering.visit_struct(copy));
  return std::move(numbering.ids);
}

}  // namespace kelp::catalog
