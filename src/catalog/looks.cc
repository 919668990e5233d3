#include "catalog/looks.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"

namespace kelp::catalog {
namespace {

constexpr std::uint32_t kMaxPage = 1000;

Outcome<std::uint32_t> page_size(const Visit& visit) {
  const auto text = visit.query.get("pageSize");
  if (!text) return kMaxPage;
  std::uint32_t size = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, size);
  if (read.ec != std::errc() || read.ptr != end || size == 0) {
    return bad_request("pageSize must be a number from 1 on");
  }
  return std::min(size, kMaxPage);
}

}  // namespace

std::string place_of(const Visit& visit, const Namespace& name, const Object& properties) {
  const Value* own = find(properties, "location");
  if (own != nullptr && !own->get_string().empty()) return std::string(own->get_string());
  std::string place = location_of(visit.place.warehouse);
  for (const std::string& part : name) place.append("/").append(url_encode(part, false));
  return place;
}

Task<Outcome<FoundNamespace>> find_namespace(Visit& visit, Namespace name) {
  const Warehouse& warehouse = visit.place.warehouse;
  ObjectName key{.bucket = warehouse.bucket, .key = namespace_key(warehouse, name)};
  KELP_CATALOG_CO_TRY(const auto found, co_await read_object(visit, std::move(key)));
  if (!found) {
    co_return failed(404, "NoSuchNamespaceException", "Namespace does not exist: " + dotted(name));
  }
  KELP_CATALOG_CO_TRY(Object properties, decode_namespace(found->text));
  co_return FoundNamespace{.properties = std::move(properties), .etag = found->etag};
}

Task<Outcome<std::optional<FoundTable>>> look_for_table(Visit& visit, Namespace space,
                                                        std::string name) {
  const Warehouse& warehouse = visit.place.warehouse;
  ObjectName key{.bucket = warehouse.bucket, .key = table_key(warehouse, space, name)};
  KELP_CATALOG_CO_TRY(const auto found, co_await read_object(visit, std::move(key)));
  if (!found) co_return std::nullopt;
  KELP_CATALOG_CO_TRY(Pointer pointer, decode_pointer(found->text));
  co_return FoundTable{.pointer = std::move(pointer), .etag = found->etag};
}

Task<Outcome<FoundTable>> find_table(Visit& visit, Namespace space, std::string name) {
  KELP_CATALOG_CO_TRY(auto found, co_await look_for_table(visit, space, name));
  if (found) co_return *std::move(found);
  co_return no_such_table(space, name);
}

Task<Outcome<std::string>> read_metadata(Visit& visit, std::string location) {
  KELP_CATALOG_CO_TRY(ObjectName name, parse_location(location));
  KELP_CATALOG_CO_TRY(auto found, co_await read_object(visit, std::move(name)));
  if (found) co_return std::move(found->text);
  co_return failed(500, "InternalServerError", "the metadata file is gone: " + location);
}

std::unexpected<Failure> no_such_table(const Namespace& space, std::string_view name) {
  return failed(404, "NoSuchTableException",
                fmt::format("Table does not exist: {}.{}", dotted(space), name));
}

std::unexpected<Failure> table_exists_already(const Namespace& space, std::string_view name) {
  return failed(409, "AlreadyExistsException",
                fmt::format("Table already exists: {}.{}", dotted(space), name));
}

Task<Outcome<NamePage>> list_names(Visit& visit, ObjectName below) {
  const bool pages = visit.query.has("pageToken") || visit.query.has("pageSize");
  KELP_CATALOG_CO_TRY(const std::uint32_t size, page_size(visit));
  const auto from = hex_decode(visit.query.get("pageToken").value_or(""));
  if (!from) co_return bad_request("this pageToken is none of ours");
  ListWish wish{.below = below, .after = *from, .limit = size};
  NamePage page;
  while (true) {
    KELP_CATALOG_CO_TRY(const Listed listed, co_await list_objects(visit, wish));
    for (const std::string& key : listed.keys) {
      if (auto name = name_in_key(key, below.key)) page.names.push_back(*std::move(name));
    }
    if (pages) page.next_token = hex_encode(listed.next);
    if (pages || listed.next.empty()) co_return page;
    wish.after = listed.next;
  }
}

}  // namespace kelp::catalog
