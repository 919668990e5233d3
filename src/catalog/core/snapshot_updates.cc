#include "catalog/core/snapshot_updates.h"

#include <fmt/format.h>

#include <algorithm>

namespace kelp::catalog {
namespace {

constexpr std::string_view kMain = "main";

Object& refs_of(Object& table) {
  Value& refs = table["refs"];
  if (!refs.is_object()) refs = Object();
  return refs.get_object();
}

/// Removes the elements of an array whose integer `name` is one of `gone`.
void erase_by(Object& table, std::string_view array, std::string_view name,
              const std::set<std::int64_t>& gone) {
  if (find(table, array) == nullptr) return;
  Array kept;
  for (const Value& each : array_in(table, array)) {
    if (!gone.contains(known_integer(each.as_object(), name, -1))) kept.push_back(each);
  }
  table[array] = std::move(kept);
}

/// The history from the last snapshot that is gone on: what stands before it no reader can follow.
void cut_history(Object& table, const std::set<std::int64_t>& gone) {
  Array kept;
  for (const Value& each : array_in(table, "snapshot-log")) {
    if (gone.contains(known_integer(each.as_object(), "snapshot-id", -1))) {
      kept.clear();
    } else {
      kept.push_back(each);
    }
  }
  table["snapshot-log"] = std::move(kept);
}

void drop_ref(Object& table, std::string_view name) {
  refs_of(table).erase(name);
  if (name == kMain) table.erase("current-snapshot-id");
}

Outcome<void> set_file(Object& table, const Object& update, std::string_view member,
                       std::string_view array) {
  KELP_CATALOG_TRY(const Object* file, object_of(update, member));
  KELP_CATALOG_TRY(const std::int64_t id, integer_of(*file, "snapshot-id"));
  erase_by(table, array, "snapshot-id", {id});
  array_in(table, array).push_back(*file);
  return {};
}

Outcome<void> remove_file(Object& table, const Object& update, std::string_view array) {
  KELP_CATALOG_TRY(const std::int64_t id, integer_of(update, "snapshot-id"));
  erase_by(table, array, "snapshot-id", {id});
  return {};
}

}  // namespace

Outcome<void> add_snapshot(Object& table, const Object& update, SnapshotProgress& progress) {
  KELP_CATALOG_TRY(const Object* snapshot, object_of(update, "snapshot"));
  KELP_CATALOG_TRY(const std::int64_t id, integer_of(*snapshot, "snapshot-id"));
  KELP_CATALOG_TRY(const std::int64_t time, integer_of(*snapshot, "timestamp-ms"));
  KELP_CATALOG_TRY(const auto parent, optional_integer(*snapshot, "parent-snapshot-id"));
  KELP_CATALOG_TRY(const auto sequence, optional_integer(*snapshot, "sequence-number"));
  for (const char* const needed : {"schemas", "partition-specs", "sort-orders"}) {
    if (!array_in(table, needed).empty()) continue;
    return bad_request(fmt::format("a snapshot of a table without {}", needed));
  }
  if (find_by(array_in(table, "snapshots"), "snapshot-id", id) != nullptr) {
    return bad_request(fmt::format("snapshot {} is there already", id));
  }
  if (known_integer(table, "format-version", 1) > 1) {
    const std::int64_t last = known_integer(table, "last-sequence-number", 0);
    if (!sequence) return bad_request("a snapshot needs a sequence-number");
    if (*sequence <= last && parent) {
      return bad_request(fmt::format("sequence number {} does not come after {}", *sequence, last));
    }
    table["last-sequence-number"] = std::max(last, *sequence);
  }
  array_in(table, "snapshots").push_back(*snapshot);
  progress.added.insert(id);
  progress.updated_ms = time;
  return {};
}

Outcome<void> set_snapshot_ref(Object& table, const Object& update, SnapshotProgress& progress) {
  KELP_CATALOG_TRY(const std::string name, text_of(update, "ref-name"));
  KELP_CATALOG_TRY(const std::string type, text_of(update, "type"));
  KELP_CATALOG_TRY(const std::int64_t id, integer_of(update, "snapshot-id"));
  if (type != "branch" && type != "tag") return bad_request("type must be branch or tag");
  if (name == kMain && type != "branch") return bad_request("main is a branch");
  const Object* snapshot = find_by(array_in(table, "snapshots"), "snapshot-id", id);
  if (snapshot == nullptr) return bad_request(fmt::format("snapshot {} is not there", id));
  Object ref{{"snapshot-id", id}, {"type", type}};
  for (const char* const limit :
       {"min-snapshots-to-keep", "max-snapshot-age-ms", "max-ref-age-ms"}) {
    KELP_CATALOG_TRY(const auto number, optional_integer(update, limit));
    if (number) ref[limit] = *number;
  }
  const Value* known = find(refs_of(table), name);
  if (known != nullptr && *known == Value(ref)) return {};
  if (progress.added.contains(id)) {
    progress.updated_ms = known_integer(*snapshot, "timestamp-ms", progress.now_ms);
  }
  if (name == kMain) {
    table["current-snapshot-id"] = id;
    const std::int64_t time = progress.updated_ms.value_or(progress.now_ms);
    array_in(table, "snapshot-log").push_back(Object{{"snapshot-id", id}, {"timestamp-ms", time}});
  }
  refs_of(table)[name] = std::move(ref);
  return {};
}

Outcome<void> remove_snapshots(Object& table, const Object& update, SnapshotProgress&) {
  KELP_CATALOG_TRY(const std::vector<std::int64_t> list, integers_of(update, "snapshot-ids"));
  const std::set<std::int64_t> gone(list.begin(), list.end());
  erase_by(table, "snapshots", "snapshot-id", gone);
  erase_by(table, "statistics", "snapshot-id", gone);
  erase_by(table, "partition-statistics", "snapshot-id", gone);
  cut_history(table, gone);
  std::vector<std::string> refs;
  for (const auto& [name, ref] : refs_of(table)) {
    if (gone.contains(known_integer(ref.as_object(), "snapshot-id", -1))) refs.emplace_back(name);
  }
  for (const std::string& name : refs) drop_ref(table, name);
  return {};
}

Outcome<void> remove_snapshot_ref(Object& table, const Object& update, SnapshotProgress&) {
  KELP_CATALOG_TRY(const std::string name, text_of(update, "ref-name"));
  drop_ref(table, name);
  return {};
}

Outcome<void> set_statistics(Object& table, const Object& update, SnapshotProgress&) {
  return set_file(table, update, "statistics", "statistics");
}

Outcome<void> remove_statistics(Object& table, const Object& update, SnapshotProgress&) {
  return remove_file(table, update, "statistics");
}

Outcome<void> set_partition_statistics(Object& table, const Object& update, SnapshotProgress&) {
  return set_file(table, update, "partition-statistics", "partition-statistics");
}

Outcome<void> remove_partition_statistics(Object& table, const Object& update, SnapshotProgress&) {
  return remove_file(table, update, "partition-statistics");
}

}  // namespace kelp::catalog
