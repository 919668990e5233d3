#include "catalog/core/commit.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <charconv>

#include "catalog/core/requirements.h"
#include "catalog/core/updates.h"

namespace kelp::catalog {
namespace {

constexpr std::int64_t kKeptMetadata = 100;

/// A number that a property says; `fallback` when it says none.
std::int64_t number_property(const Object& table, std::string_view name, std::int64_t fallback) {
  const Value* properties = find(table, "properties");
  const Value* value = properties == nullptr ? nullptr : find(properties->get_object(), name);
  if (value == nullptr) return fallback;
  const std::string_view text = value->get_string();
  std::int64_t number = fallback;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Notes the metadata file that the new one replaces; the oldest notes go.
void log_previous(Object& table, std::string_view location, std::int64_t updated_ms) {
  Array& log = array_in(table, "metadata-log");
  log.push_back(Object{{"metadata-file", location}, {"timestamp-ms", updated_ms}});
  const std::int64_t wanted =
      number_property(table, "write.metadata.previous-versions-max", kKeptMetadata);
  const auto most = static_cast<std::size_t>(wanted < 1 ? 1 : wanted);
  if (log.size() > most) {
    log.erase(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(log.size() - most));
  }
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

/// Where the table's metadata files go, by its own word or beside its data.
std::string folder_of(const Object& table) {
  const Value* properties = find(table, "properties");
  const Value* own =
      properties == nullptr ? nullptr : find(properties->get_object(), "write.metadata.path");
  if (own != nullptr) return without_slash(std::string(own->get_string()));
  return without_slash(std::string(table.at("location").as_string())) + "/metadata";
}

Outcome<NewTable> finished(const Object& table) {
  KELP_CATALOG_CHECK(check_table(table));
  return NewTable{.metadata = boost::json::serialize(table),
                  .uuid = std::string(table.at("table-uuid").as_string()),
                  .folder = folder_of(table)};
}

}  // namespace

Outcome<NewTable> table_of_request(std::string_view request, Birth birth) {
  KELP_CATALOG_TRY(const Object object, parse_object(request));
  KELP_CATALOG_TRY(const std::string location, optional_text(object, "location"));
  if (!location.empty()) birth.location = without_slash(location);
  KELP_CATALOG_TRY(const Object table, new_table(object, birth));
  return finished(table);
}

Outcome<NewTable> table_after(const CommitInput& input) {
  KELP_CATALOG_TRY(const Object request, parse_object(input.request));
  KELP_CATALOG_TRY(const Array* requirements, objects_of(request, "requirements"));
  KELP_CATALOG_TRY(const Array* updates, objects_of(request, "updates"));
  if (input.metadata.empty()) {
    if (!makes_table(*requirements)) {
      return failed(404, "NoSuchTableException", "Table does not exist");
    }
    KELP_CATALOG_CHECK(check_requirements(*requirements, nullptr));
    KELP_CATALOG_TRY(Object made, apply_updates(empty_table(), *updates, input.birth.now_ms));
    if (find(made, "table-uuid") == nullptr) made["table-uuid"] = input.birth.uuid;
    if (find(made, "location") == nullptr) made["location"] = input.birth.location;
    return finished(made);
  }
  KELP_CATALOG_TRY(Object table, parse_object(input.metadata));
  KELP_CATALOG_CHECK(check_table(table));
  KELP_CATALOG_CHECK(check_requirements(*requirements, &table));
  const std::int64_t before = known_integer(table, "last-updated-ms", input.birth.now_ms);
  KELP_CATALOG_TRY(Object after, apply_updates(std::move(table), *updates, input.birth.now_ms));
  log_previous(after, input.metadata_location, before);
  return finished(after);
}

Outcome<NewTable> table_of_file(std::string_view metadata) {
  KELP_CATALOG_TRY(const Object table, parse_object(metadata));
  KELP_CATALOG_CHECK(check_table(table));
  return NewTable{.metadata = std::string(metadata),
                  .uuid = std::string(table.at("table-uuid").as_string()),
                  .folder = folder_of(table)};
}

std::string metadata_name(std::string_view previous, std::string_view uuid) {
  std::uint32_t number = 0;
  if (!previous.empty()) {
    const std::string_view name = previous.substr(previous.rfind('/') + 1);
    const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
    number = read.ec == std::errc() ? number + 1 : 1;
  }
  return fmt::format("{:05}-{}.metadata.json", number, uuid);
}

}  // namespace kelp::catalog
