#include "catalog/core/updates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "catalog/core/schema.h"
#include "catalog/core/snapshot_updates.h"
#include "catalog/core/table.h"

namespace kelp::catalog {
namespace {

/// What a table has several of, each under an id that the catalog gives.
struct Family {
  std::string_view array;
  std::string_view id;
  std::string_view current;
  std::string_view of_request;  ///< Of the update that chooses one.
};
constexpr Family kSchemas{"schemas", "schema-id", "current-schema-id", "schema-id"};
constexpr Family kSpecs{"partition-specs", "spec-id", "default-spec-id", "spec-id"};
constexpr Family kOrders{"sort-orders", "order-id", "default-sort-order-id", "sort-order-id"};

Object without(Object object, std::string_view name) {
  object.erase(name);
  return object;
}

/// Adds what is new, under the next id; what is there already in other words keeps the id it has.
/// Returns the id.
std::int64_t add_member(Object& table, const Family& family, Object member, std::int64_t first) {
  std::int64_t next = first;
  const Object wanted = without(member, family.id);
  for (const Value& each : array_in(table, family.array)) {
    const Object& known = each.get_object();
    const std::int64_t id = known_integer(known, family.id, 0);
    if (without(known, family.id) == wanted) return id;
    next = std::max(next, id + 1);
  }
  member[family.id] = next;
  array_in(table, family.array).push_back(std::move(member));
  return next;
}

/// The id that an update chooses; -1 is the one that was added last.
Outcome<std::int64_t> chosen(const Object& table, const Family& family, const Object& update,
                             std::optional<std::int64_t> last_added) {
  KELP_CATALOG_TRY(std::int64_t id, integer_of(update, family.of_request));
  if (id == -1) {
    if (!last_added) return bad_request(fmt::format("nothing was added to {}", family.array));
    return *last_added;
  }
  if (find_by(table.at(family.array).as_array(), family.id, id) == nullptr) {
    return bad_request(fmt::format("{} {} is not in {}", family.id, id, family.array));
  }
  return id;
}

/// 400 for a field whose source the current schema does not have.
Outcome<void> check_sources(const Object& table, const Array& fields) {
  const Object* schema = find_by(table.at("schemas").as_array(), "schema-id",
                                 known_integer(table, "current-schema-id", -1));
  if (schema == nullptr) return bad_request("the table has no schema yet");
  KELP_CATALOG_TRY(const FieldIds ids, field_ids(*schema));
  for (const Value& field : fields) {
    KELP_CATALOG_CHECK(text_of(field.get_object(), "transform"));
    KELP_CATALOG_TRY(const std::int64_t source, integer_of(field.get_object(), "source-id"));
    if (!ids.contains(source)) {
      return bad_request(fmt::format("no field of the schema has the id {}", source));
    }
  }
  return {};
}

/// What the updates of one commit know of those before them.
struct Progress {
  SnapshotProgress snapshots;
  std::optional<std::int64_t> added_schema;
  std::optional<std::int64_t> added_spec;
  std::optional<std::int64_t> added_order;
};

Outcome<void> assign_uuid(Object& table, const Object& update, Progress&) {
  KELP_CATALOG_TRY(const std::string uuid, text_of(update, "uuid"));
  const Value* known = find(table, "table-uuid");
  if (known != nullptr && known->get_string() != uuid) {
    return bad_request("a table keeps its uuid");
  }
  table["table-uuid"] = uuid;
  return {};
}

Outcome<void> upgrade_format(Object& table, const Object& update, Progress&) {
  KELP_CATALOG_TRY(const std::int64_t wanted, integer_of(update, "format-version"));
  const std::int64_t now = known_integer(table, "format-version", 1);
  const bool empty = table.at("schemas").as_array().empty();
  if (wanted > kNewestFormat || wanted < 1) {
    return bad_request(fmt::format("tables of format {} are not supported: 1 or 2", wanted));
  }
  if (wanted < now && !empty) {
    return bad_request(fmt::format("a table of format {} cannot become one of {}", now, wanted));
  }
  table["format-version"] = wanted;
  if (wanted == 1) {
    table.erase("last-sequence-number");
  } else if (find(table, "last-sequence-number") == nullptr) {
    table["last-sequence-number"] = 0;
  }
  return {};
}

Outcome<void> add_schema(Object& table, const Object& update, Progress& progress) {
  KELP_CATALOG_TRY(const Object* schema, object_of(update, "schema"));
  KELP_CATALOG_TRY(const FieldIds ids, field_ids(*schema));
  progress.added_schema = add_member(table, kSchemas, *schema, 0);
  const std::int64_t highest = ids.empty() ? 0 : ids.rbegin()->first;
  table["last-column-id"] = std::max(known_integer(table, "last-column-id", 0), highest);
  return {};
}

Outcome<void> set_current_schema(Object& table, const Object& update, Progress& progress) {
  KELP_CATALOG_TRY(table["current-schema-id"],
                   chosen(table, kSchemas, update, progress.added_schema));
  return {};
}

Outcome<void> add_spec(Object& table, const Object& update, Progress& progress) {
  KELP_CATALOG_TRY(const Object* given, object_of(update, "spec"));
  KELP_CATALOG_TRY(const Array* fields, objects_of(*given, "fields"));
  KELP_CATALOG_CHECK(check_sources(table, *fields));
  Object spec = *given;
  std::int64_t last = known_integer(table, "last-partition-id", kFirstPartitionField - 1);
  for (Value& field : array_in(spec, "fields")) {
    KELP_CATALOG_CHECK(text_of(field.get_object(), "name"));
    KELP_CATALOG_TRY(const auto id, optional_integer(field.get_object(), "field-id"));
    const std::int64_t number = id ? *id : last + 1;
    field.get_object()["field-id"] = number;
    last = std::max(last, number);
  }
  progress.added_spec = add_member(table, kSpecs, std::move(spec), 0);
  table["last-partition-id"] = last;
  return {};
}

Outcome<void> set_default_spec(Object& table, const Object& update, Progress& progress) {
  KELP_CATALOG_TRY(table["default-spec-id"], chosen(table, kSpecs, update, progress.added_spec));
  return {};
}

Outcome<void> add_sort_order(Object& table, const Object& update, Progress& progress) {
  KELP_CATALOG_TRY(const Object* order, object_of(update, "sort-order"));
  KELP_CATALOG_TRY(const Array* fields, objects_of(*order, "fields"));
  KELP_CATALOG_CHECK(check_sources(table, *fields));
  // The one without fields is always number 0.
  const std::int64_t first = fields->empty() ? 0 : 1;
  progress.added_order = add_member(table, kOrders, *order, first);
  return {};
}

Outcome<void> set_default_sort_order(Object& table, const Object& update, Progress& progress) {
  KELP_CATALOG_TRY(table["default-sort-order-id"],
                   chosen(table, kOrders, update, progress.added_order));
  return {};
}

Outcome<void> set_location(Object& table, const Object& update, Progress&) {
  KELP_CATALOG_TRY(table["location"], text_of(update, "location"));
  return {};
}

Outcome<void> set_properties(Object& table, const Object& update, Progress&) {
  KELP_CATALOG_TRY(const Object properties, properties_of(update, "updates"));
  if (!table["properties"].is_object()) table["properties"] = Object();
  for (const auto& [name, value] : properties) table["properties"].get_object()[name] = value;
  return {};
}

Outcome<void> remove_properties(Object& table, const Object& update, Progress&) {
  KELP_CATALOG_TRY(const std::vector<std::string> names, texts_of(update, "removals"));
  if (!table["properties"].is_object()) return {};
  for (const std::string& name : names) table["properties"].get_object().erase(name);
  return {};
}

/// Takes out what no snapshot needs any more, as the client says.
Outcome<void> remove_members(Object& table, const Family& family, const Object& update,
                             std::string_view ids) {
  KELP_CATALOG_TRY(const std::vector<std::int64_t> list, integers_of(update, ids));
  const std::set<std::int64_t> gone(list.begin(), list.end());
  if (gone.contains(known_integer(table, family.current, -1))) {
    return bad_request(fmt::format("{} cannot be removed", family.current));
  }
  Array kept;
  for (const Value& each : array_in(table, family.array)) {
    if (!gone.contains(known_integer(each.get_object(), family.id, -1))) kept.push_back(each);
  }
  table[family.array] = std::move(kept);
  return {};
}

Outcome<void> remove_specs(Object& table, const Object& update, Progress&) {
  return remove_members(table, kSpecs, update, "spec-ids");
}

Outcome<void> remove_schemas(Object& table, const Object& update, Progress&) {
  return remove_members(table, kSchemas, update, "schema-ids");
}

template <auto Apply>
Outcome<void> of_snapshots(Object& table, const Object& update, Progress& progress) {
  return Apply(table, update, progress.snapshots);
}

/// An update by its name.
struct Update {
  std::string_view action;
  Outcome<void> (*apply)(Object& table, const Object& update, Progress& progress);
};
constexpr std::array<Update, 21> kUpdates{{
    {"assign-uuid", assign_uuid},
    {"upgrade-format-version", upgrade_format},
    {"add-schema", add_schema},
    {"set-current-schema", set_current_schema},
    {"add-spec", add_spec},
    {"set-default-spec", set_default_spec},
    {"add-sort-order", add_sort_order},
    {"set-default-sort-order", set_default_sort_order},
    {"set-location", set_location},
    {"set-properties", set_properties},
    {"remove-properties", remove_properties},
    {"remove-partition-specs", remove_specs},
    {"remove-schemas", remove_schemas},
    {"add-snapshot", of_snapshots<add_snapshot>},
    {"set-snapshot-ref", of_snapshots<set_snapshot_ref>},
    {"remove-snapshots", of_snapshots<remove_snapshots>},
    {"remove-snapshot-ref", of_snapshots<remove_snapshot_ref>},
    {"set-statistics", of_snapshots<set_statistics>},
    {"remove-statistics", of_snapshots<remove_statistics>},
    {"set-partition-statistics", of_snapshots<set_partition_statistics>},
    {"remove-partition-statistics", of_snapshots<remove_partition_statistics>},
}};

/// Format 1 says twice what is current.
void repeat_current(Object& table) {
  if (known_integer(table, "format-version", 1) != 1) {
    table.erase("schema");
    table.erase("partition-spec");
    return;
  }
  const Object* schema = find_by(array_in(table, "schemas"), "schema-id",
                                 known_integer(table, "current-schema-id", -1));
  if (schema != nullptr) table["schema"] = Object(*schema);
  const Object* spec = find_by(array_in(table, "partition-specs"), "spec-id",
                               known_integer(table, "default-spec-id", -1));
  if (spec != nullptr && find(*spec, "fields") != nullptr) {
    table["partition-spec"] = Value(*find(*spec, "fields"));
  }
}

}  // namespace

Outcome<Object> apply_updates(Object table, const Array& updates, std::int64_t now_ms) {
  Progress progress;
  progress.snapshots.now_ms = now_ms;
  for (const Value& each : updates) {
    const Object& update = each.get_object();
    KELP_CATALOG_TRY(const std::string action, text_of(update, "action"));
    const auto* const at = std::ranges::find(kUpdates, action, &Update::action);
    if (at == kUpdates.end()) return bad_request("this update is not supported: " + action);
    KELP_CATALOG_CHECK(at->apply(table, update, progress));
  }
  table["last-updated-ms"] = progress.snapshots.updated_ms.value_or(now_ms);
  repeat_current(table);
  return table;
}

}  // namespace kelp::catalog
