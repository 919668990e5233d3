#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "catalog/looks.h"
#include "catalog/table_answer.h"

namespace kelp::catalog {
namespace {

/// A table as JSON names it.
struct TableName {
  Namespace space;
  std::string name;
};

Outcome<TableName> read_name(const Object& request, std::string_view member) {
  KELP_CATALOG_TRY(const Object* object, object_of(request, member));
  TableName name;
  KELP_CATALOG_TRY(name.space, texts_of(*object, "namespace"));
  KELP_CATALOG_CHECK(check_namespace(name.space));
  KELP_CATALOG_TRY(name.name, text_of(*object, "name"));
  KELP_CATALOG_CHECK(check_name(name.name));
  return name;
}

/// Whether a client chose the folder for one table, as Trino does: "t-" and a uuid without hyphens.
bool ends_with_uuid(std::string_view location) {
  constexpr std::size_t kDigits = 32;
  const std::size_t hyphen = location.rfind('-');
  if (hyphen == std::string_view::npos) return false;
  const std::string_view digits = location.substr(hyphen + 1);
  return digits.size() == kDigits &&
         digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The folder of a table's files, when it is the table's alone, as its name shows.
Outcome<ObjectName> own_folder(std::string_view metadata, const Pointer& pointer) {
  KELP_CATALOG_TRY(const Object table, parse_object(metadata));
  KELP_CATALOG_TRY(const std::string location, text_of(table, "location"));
  KELP_CATALOG_TRY(ObjectName folder, parse_location(location));
  if (!location.ends_with(folder_suffix(pointer.uuid)) && !ends_with_uuid(location)) {
    return bad_request(
        "its files may be others', too: only a table whose place the catalog chose, or ends with - "
        "and a uuid, can be purged; drop it without, and delete what lies at " +
        location);
  }
  folder.key += "/";
  return folder;
}

}  // namespace

Task<Outcome<Reply>> list_tables(Visit& visit) {
  const Warehouse& warehouse = visit.place.warehouse;
  const Namespace& space = visit.place.space;
  KELP_CATALOG_CO_CHECK(co_await find_namespace(visit, space));
  ObjectName below{.bucket = warehouse.bucket, .key = tables_below(warehouse, space)};
  KELP_CATALOG_CO_TRY(NamePage page, co_await list_names(visit, std::move(below)));
  Array parts;
  for (const std::string& part : space) parts.emplace_back(part);
  Array identifiers;
  for (const std::string& name : page.names) {
    identifiers.emplace_back(Object{{"namespace", parts}, {"name", name}});
  }
  Object answer{{"identifiers", std::move(identifiers)}};
  if (!page.next_token.empty()) answer["next-page-token"] = page.next_token;
  co_return reply_of(answer);
}

Task<Outcome<Reply>> load_table(Visit& visit) {
  const Place& place = visit.place;
  KELP_CATALOG_CO_TRY(const FoundTable found, co_await find_table(visit, place.space, place.table));
  const std::string& location = found.pointer.metadata_location;
  KELP_CATALOG_CO_TRY(const std::string metadata, co_await read_metadata(visit, location));
  co_return table_answer(visit, location, metadata);
}

Task<Outcome<Reply>> table_exists(Visit& visit) {
  KELP_CATALOG_CO_CHECK(co_await find_table(visit, visit.place.space, visit.place.table));
  co_return Reply{.status = 204};
}

Task<Outcome<Reply>> rename_table(Visit& visit) {
  const Warehouse& warehouse = visit.place.warehouse;
  KELP_CATALOG_CO_TRY(const Object request, parse_object(visit.text));
  KELP_CATALOG_CO_TRY(const TableName from, read_name(request, "source"));
  KELP_CATALOG_CO_TRY(const TableName to, read_name(request, "destination"));
  KELP_CATALOG_CO_TRY(const FoundTable found, co_await find_table(visit, from.space, from.name));
  KELP_CATALOG_CO_CHECK(co_await find_namespace(visit, to.space));
  KELP_CATALOG_CO_TRY(const auto taken, co_await look_for_table(visit, to.space, to.name));
  if (taken) co_return table_exists_already(to.space, to.name);
  const ObjectName source{.bucket = warehouse.bucket,
                          .key = table_key(warehouse, from.space, from.name)};
  const std::string target = table_key(warehouse, to.space, to.name);
  KELP_CATALOG_CO_TRY(const Done done, co_await rename_object(visit, source, target, found.etag));
  if (done == Done::kRefused) {
    co_return commit_failed("others changed one of the two tables meanwhile");
  }
  const auto there = co_await find_namespace(visit, to.space);
  if (there || there.error().status != 404) co_return Reply{.status = 204};
  // The namespace was dropped meanwhile: the table goes back to where it was.
  const ObjectName moved{.bucket = warehouse.bucket, .key = target};
  const std::string whatever = "*";
  KELP_CATALOG_CO_CHECK(co_await rename_object(visit, moved, source.key, whatever));
  co_return std::unexpected(there.error());
}

Task<Outcome<Reply>> drop_table(Visit& visit) {
  const Place& place = visit.place;
  const std::string_view purge = visit.query.get("purgeRequested").value_or("");
  const bool purges = purge == "true" || purge == "True";
  KELP_CATALOG_CO_TRY(const FoundTable found, co_await find_table(visit, place.space, place.table));
  ObjectName folder;
  if (purges) {
    const std::string& location = found.pointer.metadata_location;
    KELP_CATALOG_CO_TRY(const std::string metadata, co_await read_metadata(visit, location));
    KELP_CATALOG_CO_TRY(folder, own_folder(metadata, found.pointer));
  }
  const ObjectName key{.bucket = place.warehouse.bucket,
                       .key = table_key(place.warehouse, place.space, place.table)};
  KELP_CATALOG_CO_TRY(const Done done, co_await remove_object(visit, key, found.etag));
  if (done == Done::kRefused) co_return commit_failed("others changed the table meanwhile");
  if (purges) {
    KELP_CATALOG_CO_CHECK(co_await remove_below(visit, folder));
  }
  co_return Reply{.status = 204};
}

/// What a client says about its scans and commits is taken and not kept.
Task<Outcome<Reply>> report_metrics(Visit& /*visit*/) {
  co_return Reply{.status = 204};
}

}  // namespace kelp::catalog
