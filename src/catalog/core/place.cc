#include "catalog/core/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"

namespace kelp::catalog {
namespace {

constexpr std::size_t kMaxParts = 16;
constexpr std::size_t kMaxNameBytes = 200;
constexpr std::string_view kHidden = ".iceberg/";
constexpr std::string_view kSuffix = ".json";

/// An endpoint; what stands in braces is any segment.
struct Endpoint {
  std::string_view method;
  std::string_view path;  ///< As /v1/config writes it, behind "/v1/".
  Action action;
};
constexpr std::array<Endpoint, kActionCount> kEndpoints{{
    {"GET", "config", Action::kGetConfig},
    {"POST", "oauth/tokens", Action::kGetToken},
    {"GET", "{prefix}/namespaces", Action::kListNamespaces},
    {"POST", "{prefix}/namespaces", Action::kCreateNamespace},
    {"GET", "{prefix}/namespaces/{namespace}", Action::kLoadNamespace},
    {"HEAD", "{prefix}/namespaces/{namespace}", Action::kNamespaceExists},
    {"DELETE", "{prefix}/namespaces/{namespace}", Action::kDropNamespace},
    {"POST", "{prefix}/namespaces/{namespace}/properties", Action::kUpdateProperties},
    {"GET", "{prefix}/namespaces/{namespace}/tables", Action::kListTables},
    {"POST", "{prefix}/namespaces/{namespace}/tables", Action::kCreateTable},
    {"POST", "{prefix}/namespaces/{namespace}/register", Action::kRegisterTable},
    {"GET", "{prefix}/namespaces/{namespace}/tables/{table}", Action::kLoadTable},
    {"HEAD", "{prefix}/namespaces/{namespace}/tables/{table}", Action::kTableExists},
    {"POST", "{prefix}/namespaces/{namespace}/tables/{table}", Action::kCommitTable},
    {"DELETE", "{prefix}/namespaces/{namespace}/tables/{table}", Action::kDropTable},
    {"POST", "{prefix}/tables/rename", Action::kRenameTable},
    {"POST", "{prefix}/namespaces/{namespace}/tables/{table}/metrics", Action::kReportMetrics},
}};

/// Segments behind {prefix} or a namespace or table that the specification knows and we do not do.
constexpr std::array<std::string_view, 7> kUnsupported{
    "views", "register-view", "transactions", "plan", "credentials", "tasks", "functions"};

constexpr std::array<std::string_view, kActionCount> kNames{
    "GetConfig",       "GetToken",      "ListNamespaces",   "CreateNamespace", "LoadNamespace",
    "NamespaceExists", "DropNamespace", "UpdateProperties", "ListTables",      "CreateTable",
    "RegisterTable",   "LoadTable",     "TableExists",      "CommitTable",     "DropTable",
    "RenameTable",     "ReportMetrics"};

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_variable(std::string_view segment) {
  return segment.starts_with('{');
}

bool fits(const Endpoint& endpoint, const std::vector<std::string_view>& segments) {
  return std::ranges::equal(segments_of(endpoint.path), segments, [](auto known, auto given) {
    return is_variable(known) ? !given.empty() : known == given;
  });
}

Outcome<std::string> decoded(std::string_view segment) {
  auto text = url_decode(segment);
  if (!text) return bad_request("the path has a broken escape");
  return *std::move(text);
}

Outcome<void> fill_in(std::string_view variable, std::string_view segment, Place& place) {
  KELP_CATALOG_TRY(std::string text, decoded(segment));
  if (variable == "{prefix}") {
    std::ranges::replace(text, '~', '/');
    KELP_CATALOG_TRY(place.warehouse, parse_warehouse(text));
  } else if (variable == "{namespace}") {
    KELP_CATALOG_TRY(place.space, parse_namespace(text));
  } else {
    KELP_CATALOG_CHECK(check_name(text));
    place.table = std::move(text);
  }
  return {};
}

bool is_folder_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '=';
}

std::string hidden_key(const Warehouse& warehouse, std::string_view kind, const Namespace& name) {
  std::string key = fmt::format("{}{}{}/", warehouse.folder, kHidden, kind);
  for (const std::string& part : name) key.append(url_encode(part, false)).append("/");
  return key;
}

std::string_view without_scheme(std::string_view text) {
  for (const std::string_view scheme : {"s3://", "s3a://", "s3n://"}) {
    if (text.starts_with(scheme)) return text.substr(scheme.size());
  }
  return {};
}

}  // namespace

std::string_view name_of(Action action) {
  return kNames[static_cast<std::size_t>(action)];
}

std::vector<std::string> known_endpoints() {
  std::vector<std::string> list;
  for (const Endpoint& endpoint : kEndpoints) {
    if (!is_variable(endpoint.path)) continue;
    list.push_back(fmt::format("{} /v1/{}", endpoint.method, endpoint.path));
  }
  return list;
}

Outcome<Warehouse> parse_warehouse(std::string_view text) {
  if (const std::string_view rest = without_scheme(text); !rest.empty()) text = rest;
  while (text.ends_with('/')) text.remove_suffix(1);
  Warehouse warehouse;
  warehouse.bucket = s3::cut(text, '/');
  if (!s3::plausible_bucket_name(warehouse.bucket)) {
    return bad_request("a warehouse is a bucket, or bucket/folder");
  }
  if (text.empty()) return warehouse;
  for (const std::string_view folder : segments_of(text)) {
    if (folder.empty() || !std::ranges::all_of(folder, is_folder_character)) {
      return bad_request("folders of a warehouse have letters, digits and . _ - = only");
    }
    warehouse.folder.append(folder).append("/");
  }
  return warehouse;
}

std::string segment_of(const Warehouse& warehouse) {
  std::string segment = warehouse.bucket + "/" + warehouse.folder;
  segment.pop_back();
  std::ranges::replace(segment, '/', '~');
  return segment;
}

std::string location_of(const Warehouse& warehouse) {
  std::string location = "s3://" + warehouse.bucket + "/" + warehouse.folder;
  location.pop_back();
  return location;
}

Outcome<void> check_name(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (name.empty() || name.size() > kMaxNameBytes || std::ranges::any_of(name, is_control) ||
      !s3::valid_utf8(name)) {
    return bad_request("a name has 1 to 200 bytes of UTF-8 and no control characters");
  }
  return {};
}

Outcome<void> check_namespace(const Namespace& name) {
  if (name.empty() || name.size() > kMaxParts) {
    return bad_request("a namespace has 1 to 16 parts");
  }
  for (const std::string& part : name) {
    KELP_CATALOG_CHECK(check_name(part));
  }
  return {};
}

Outcome<Namespace> parse_namespace(std::string_view text) {
  Namespace name;
  while (true) {
    const std::size_t at = text.find('\x1f');
    name.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
  }
  KELP_CATALOG_CHECK(check_namespace(name));
  return name;
}

std::string dotted(const Namespace& name) {
  return fmt::format("{}", fmt::join(name, "."));
}

Outcome<Place> parse_place(std::string_view method, std::string_view path) {
  const auto segments = segments_of(path.substr(std::min(kBasePath.size(), path.size())));
  bool known = false;
  for (const Endpoint& endpoint : kEndpoints) {
    if (!fits(endpoint, segments)) continue;
    known = true;
    if (endpoint.method != method) continue;
    Place place{.action = endpoint.action};
    const auto variables = segments_of(endpoint.path);
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (!is_variable(variables[i])) continue;
      KELP_CATALOG_CHECK(fill_in(variables[i], segments[i], place));
    }
    return place;
  }
  const auto unsupported = [](std::string_view segment) {
    return std::ranges::find(kUnsupported, segment) != kUnsupported.end();
  };
  if (std::ranges::any_of(segments, unsupported)) {
    return failed(501, "UnsupportedOperationException",
                  "this catalog has no views, transactions "
                  "of several tables, scan plans and credentials to give");
  }
  if (known) return failed(405, "UnsupportedOperationException", "no such method here");
  return failed(404, "NotFoundException", "no such endpoint");
}

std::string namespace_key(const Warehouse& warehouse, const Namespace& name) {
  std::string key = hidden_key(warehouse, "namespaces", name);
  key.pop_back();
  return key.append(kSuffix);
}

std::string namespaces_below(const Warehouse& warehouse, const Namespace& name) {
  return hidden_key(warehouse, "namespaces", name);
}

std::string table_key(const Warehouse& warehouse, const Namespace& name, std::string_view table) {
  return tables_below(warehouse, name) + url_encode(table, false) + std::string(kSuffix);
}

std::string tables_below(const Warehouse& warehouse, const Namespace& name) {
  return hidden_key(warehouse, "tables", name);
}

std::optional<std::string> name_in_key(std::string_view key, std::string_view below) {
  if (!key.starts_with(below) || !key.ends_with(kSuffix)) return std::nullopt;
  key.remove_prefix(below.size());
  if (key.size() <= kSuffix.size()) return std::nullopt;
  key.remove_suffix(kSuffix.size());
  auto name = url_decode(key);
  if (!name) return std::nullopt;
  return *std::move(name);
}

Outcome<ObjectName> parse_location(std::string_view text) {
  std::string_view rest = without_scheme(text);
  ObjectName name;
  name.bucket = s3::cut(rest, '/');
  name.key = rest;
  if (!s3::plausible_bucket_name(name.bucket) || name.key.empty()) {
    return bad_request("a location is s3://bucket/key");
  }
  return name;
}

}  // namespace kelp::catalog
