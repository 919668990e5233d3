#include "catalog/core/table.h"

#include <fmt/format.h>

#include "catalog/core/schema.h"

namespace kelp::catalog {
namespace {

/// The fields of a partition spec or sort order, of fields that have other ids now.
Outcome<Array> renumbered(const Array& fields, const FieldIds& ids, bool with_field_ids) {
  Array result;
  std::int64_t next = kFirstPartitionField;
  for (const Value& each : fields) {
    Object field = each.get_object();
    KELP_CATALOG_CHECK(text_of(field, "transform"));
    if (with_field_ids) {
      KELP_CATALOG_CHECK(text_of(field, "name"));
    }
    KELP_CATALOG_TRY(const std::int64_t source, integer_of(field, "source-id"));
    const auto at = ids.find(source);
    if (at == ids.end()) {
      return bad_request(fmt::format("no field of the schema has the id {}", source));
    }
    field["source-id"] = at->second;
    if (with_field_ids) field["field-id"] = next++;
    result.push_back(std::move(field));
  }
  return result;
}

/// The fields that a request's spec or order names; none when it has none.
Outcome<Array> fields_in(const Object& request, std::string_view name, const FieldIds& ids,
                         bool with_field_ids) {
  if (find(request, name) == nullptr) return Array();
  KELP_CATALOG_TRY(const Object* holder, object_of(request, name));
  KELP_CATALOG_TRY(const Array* fields, objects_of(*holder, "fields"));
  return renumbered(*fields, ids, with_field_ids);
}

/// The format that the properties ask for, which is no property of the table.
Outcome<std::int64_t> take_format(Object& properties) {
  const Value* value = properties.if_contains("format-version");
  if (value == nullptr) return kNewestFormat;
  const std::string text(value->get_string());
  properties.erase("format-version");
  if (text == "1") return 1;
  if (text == "2") return 2;
  return bad_request(fmt::format("tables of format {} are not supported: 1 or 2", text));
}

/// 400 unless the array has an object whose `id` is the one that `current` names.
Outcome<void> check_current(const Object& table, std::string_view array, std::string_view id,
                            std::string_view current) {
  KELP_CATALOG_TRY(const Array* all, objects_of(table, array));
  KELP_CATALOG_TRY(const std::int64_t wanted, integer_of(table, current));
  if (find_by(*all, id, wanted) != nullptr) return {};
  return bad_request(fmt::format("{} {} is not in {}", current, wanted, array));
}

}  // namespace

Outcome<Object> new_table(const Object& request, const Birth& birth) {
  KELP_CATALOG_TRY(const Object* schema, object_of(request, "schema"));
  KELP_CATALOG_TRY(FreshSchema fresh, number_fields(*schema));
  KELP_CATALOG_TRY(Array spec, fields_in(request, "partition-spec", fresh.ids, true));
  KELP_CATALOG_TRY(Array order, fields_in(request, "write-order", fresh.ids, false));
  KELP_CATALOG_TRY(Object properties, properties_of(request, "properties"));
  KELP_CATALOG_TRY(const std::int64_t format, take_format(properties));
  const std::int64_t last_partition =
      kFirstPartitionField - 1 + static_cast<std::int64_t>(spec.size());
  const std::int64_t order_id = order.empty() ? 0 : 1;
  Object table;
  table["format-version"] = format;
  table["table-uuid"] = birth.uuid;
  table["location"] = birth.location;
  if (format > 1) table["last-sequence-number"] = 0;
  table["last-updated-ms"] = birth.now_ms;
  table["last-column-id"] = fresh.last_id;
  if (format == 1) {
    table["schema"] = fresh.schema;
    table["partition-spec"] = spec;
  }
  table["current-schema-id"] = 0;
  table["schemas"] = Array{std::move(fresh.schema)};
  table["default-spec-id"] = 0;
  table["partition-specs"] = Array{Object{{"spec-id", 0}, {"fields", std::move(spec)}}};
  table["last-partition-id"] = last_partition;
  table["default-sort-order-id"] = order_id;
  table["sort-orders"] = Array{Object{{"order-id", order_id}, {"fields", std::move(order)}}};
  table["properties"] = std::move(properties);
  table["refs"] = Object();
  table["snapshots"] = Array();
  table["snapshot-log"] = Array();
  table["metadata-log"] = Array();
  return table;
}

Outcome<void> check_table(const Object& table) {
  KELP_CATALOG_TRY(const std::int64_t format, integer_of(table, "format-version"));
  if (format < 1 || format > kNewestFormat) {
    return bad_request(fmt::format("tables of format {} are not supported: 1 or 2", format));
  }
  KELP_CATALOG_CHECK(text_of(table, "table-uuid"));
  KELP_CATALOG_CHECK(text_of(table, "location"));
  KELP_CATALOG_CHECK(integer_of(table, "last-column-id"));
  KELP_CATALOG_CHECK(integer_of(table, "last-partition-id"));
  KELP_CATALOG_CHECK(check_current(table, "schemas", "schema-id", "current-schema-id"));
  KELP_CATALOG_CHECK(check_current(table, "partition-specs", "spec-id", "default-spec-id"));
  KELP_CATALOG_CHECK(check_current(table, "sort-orders", "order-id", "default-sort-order-id"));
  KELP_CATALOG_CHECK(properties_of(table, "properties"));
  for (const char* const array :
       {"snapshots", "snapshot-log", "metadata-log", "statistics", "partition-statistics"}) {
    KELP_CATALOG_CHECK(objects_of(table, array));
  }
  if (find(table, "refs") == nullptr) return {};
  KELP_CATALOG_TRY(const Object* refs, object_of(table, "refs"));
  for (const auto& [name, ref] : *refs) {
    if (!ref.is_object()) return bad_request("refs must be an object of objects");
  }
  return {};
}

Object empty_table() {
  Object table;
  table["format-version"] = kNewestFormat;
  table["last-sequence-number"] = 0;
  table["last-column-id"] = 0;
  table["last-partition-id"] = kFirstPartitionField - 1;
  for (const char* const array :
       {"schemas", "partition-specs", "sort-orders", "snapshots", "snapshot-log", "metadata-log"}) {
    table[array] = Array();
  }
  table["properties"] = Object();
  table["refs"] = Object();
  return table;
}

}  // namespace kelp::catalog
