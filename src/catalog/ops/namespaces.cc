#include <fmt/format.h>

#include "catalog/looks.h"

namespace kelp::catalog {
namespace {

constexpr int kMaxAttempts = 10;

Array array_of(const Namespace& name) {
  Array parts;
  for (const std::string& part : name) parts.emplace_back(part);
  return parts;
}

ObjectName name_of_namespace(const Visit& visit, const Namespace& name) {
  const Warehouse& warehouse = visit.place.warehouse;
  return {.bucket = warehouse.bucket, .key = namespace_key(warehouse, name)};
}

Task<Outcome<bool>> is_empty(Visit& visit, Namespace name) {
  const Warehouse& warehouse = visit.place.warehouse;
  for (const std::string& below :
       {namespaces_below(warehouse, name), tables_below(warehouse, name)}) {
    ListWish wish{.below = {warehouse.bucket, below}, .after = {}, .limit = 1, .deep = true};
    KELP_CATALOG_CO_TRY(const Listed listed, co_await list_objects(visit, std::move(wish)));
    if (!listed.keys.empty()) co_return false;
  }
  co_return true;
}

std::unexpected<Failure> not_empty(const Namespace& name) {
  return failed(409, "NamespaceNotEmptyException",
                fmt::format("namespace {} is not empty", dotted(name)));
}

/// What a change of properties did.
struct PropertyChange {
  Array removed;
  Array updated;
  Array missing;
};

PropertyChange change(Object& properties, const std::vector<std::string>& removals,
                      const Object& updates) {
  PropertyChange done;
  for (const std::string& name : removals) {
    (properties.erase(name) == 1 ? done.removed : done.missing).emplace_back(name);
  }
  for (const auto& [name, value] : updates) {
    properties[name] = value;
    done.updated.emplace_back(name);
  }
  return done;
}

}  // namespace

Task<Outcome<Reply>> list_namespaces(Visit& visit) {
  const Warehouse& warehouse = visit.place.warehouse;
  Namespace parent;
  if (const std::string_view text = visit.query.get("parent").value_or(""); !text.empty()) {
    KELP_CATALOG_CO_TRY(parent, parse_namespace(text));
    KELP_CATALOG_CO_CHECK(co_await find_namespace(visit, parent));
  }
  ObjectName below{.bucket = warehouse.bucket, .key = namespaces_below(warehouse, parent)};
  KELP_CATALOG_CO_TRY(NamePage page, co_await list_names(visit, std::move(below)));
  Array namespaces;
  for (std::string& name : page.names) {
    Array parts = array_of(parent);
    parts.emplace_back(std::move(name));
    namespaces.emplace_back(std::move(parts));
  }
  Object answer{{"namespaces", std::move(namespaces)}};
  if (!page.next_token.empty()) answer["next-page-token"] = page.next_token;
  co_return reply_of(answer);
}

Task<Outcome<Reply>> create_namespace(Visit& visit) {
  KELP_CATALOG_CO_TRY(const Object request, parse_object(visit.text));
  KELP_CATALOG_CO_TRY(const Namespace name, texts_of(request, "namespace"));
  KELP_CATALOG_CO_CHECK(check_namespace(name));
  KELP_CATALOG_CO_TRY(const Object properties, properties_of(request, "properties"));
  if (name.size() > 1) {
    Namespace parent(name.begin(), name.end() - 1);
    KELP_CATALOG_CO_CHECK(co_await find_namespace(visit, std::move(parent)));
  }
  const ObjectName key = name_of_namespace(visit, name);
  const std::string record = encode_namespace(properties);
  const Expected nothing;
  KELP_CATALOG_CO_TRY(const Done done, co_await write_object(visit, key, record, nothing));
  if (done == Done::kRefused) {
    co_return failed(409, "AlreadyExistsException", "Namespace already exists: " + dotted(name));
  }
  co_return reply_of(Object{{"namespace", array_of(name)}, {"properties", properties}});
}

Task<Outcome<Reply>> load_namespace(Visit& visit) {
  const Namespace& name = visit.place.space;
  KELP_CATALOG_CO_TRY(FoundNamespace found, co_await find_namespace(visit, name));
  // Trino must know it: it makes tables only where it chose their folder.
  found.properties["location"] = place_of(visit, name, found.properties);
  co_return reply_of(
      Object{{"namespace", array_of(name)}, {"properties", std::move(found.properties)}});
}

Task<Outcome<Reply>> namespace_exists(Visit& visit) {
  KELP_CATALOG_CO_CHECK(co_await find_namespace(visit, visit.place.space));
  co_return Reply{.status = 204};
}

// Looked at again when it is gone: a table that was made meanwhile keeps its namespace. Whoever
// makes one looks again too (commits.cc), so that one of the two sees the other.
Task<Outcome<Reply>> drop_namespace(Visit& visit) {
  const Namespace& name = visit.place.space;
  KELP_CATALOG_CO_TRY(const FoundNamespace found, co_await find_namespace(visit, name));
  KELP_CATALOG_CO_TRY(const bool empty, co_await is_empty(visit, name));
  if (!empty) co_return not_empty(name);
  const ObjectName key = name_of_namespace(visit, name);
  KELP_CATALOG_CO_TRY(const Done done, co_await remove_object(visit, key, found.etag));
  if (done == Done::kRefused) {
    co_return failed(409, "CommitFailedException", "others changed the namespace meanwhile");
  }
  KELP_CATALOG_CO_TRY(const bool still_empty, co_await is_empty(visit, name));
  if (still_empty) co_return Reply{.status = 204};
  const std::string record = encode_namespace(found.properties);
  const Expected nothing;
  KELP_CATALOG_CO_CHECK(co_await write_object(visit, key, record, nothing));
  co_return not_empty(name);
}

Task<Outcome<Reply>> update_properties(Visit& visit) {
  KELP_CATALOG_CO_TRY(const Object request, parse_object(visit.text));
  KELP_CATALOG_CO_TRY(const std::vector<std::string> removals, texts_of(request, "removals"));
  KELP_CATALOG_CO_TRY(const Object updates, properties_of(request, "updates"));
  for (const std::string& name : removals) {
    if (!updates.contains(name)) continue;
    co_return failed(422, "UnprocessableEntityException",
                     fmt::format("property {} is to be set and to be removed", name));
  }
  const ObjectName key = name_of_namespace(visit, visit.place.space);
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    KELP_CATALOG_CO_TRY(FoundNamespace found, co_await find_namespace(visit, visit.place.space));
    PropertyChange changed = change(found.properties, removals, updates);
    const std::string record = encode_namespace(found.properties);
    const Expected as_read{.etag = found.etag};
    KELP_CATALOG_CO_TRY(const Done done, co_await write_object(visit, key, record, as_read));
    if (done == Done::kRefused) continue;
    co_return reply_of(Object{{"removed", std::move(changed.removed)},
                              {"updated", std::move(changed.updated)},
                              {"missing", std::move(changed.missing)}});
  }
  co_return failed(503, "ServiceUnavailableException", "others kept changing the namespace");
}

}  // namespace kelp::catalog
