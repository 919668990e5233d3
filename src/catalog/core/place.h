#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/failure.h"

namespace kelp::catalog {

/// Where all of the catalog's paths begin.
inline constexpr std::string_view kBasePath = "/iceberg/v1/";

/// What a request wants.
enum class Action : unsigned char {
  kGetConfig,
  kGetToken,
  kListNamespaces,
  kCreateNamespace,
  kLoadNamespace,
  kNamespaceExists,
  kDropNamespace,
  kUpdateProperties,
  kListTables,
  kCreateTable,
  kRegisterTable,
  kLoadTable,
  kTableExists,
  kCommitTable,
  kDropTable,
  kRenameTable,
  kReportMetrics,
};
inline constexpr std::size_t kActionCount = static_cast<std::size_t>(Action::kReportMetrics) + 1;
/// As the specification names the operation: "CreateTable".
[[nodiscard]] std::string_view name_of(Action action);
/// The endpoints that a client may use, as /v1/config lists them.
[[nodiscard]] std::vector<std::string> known_endpoints();

/// Where namespaces and tables are kept: a bucket, or what begins with a prefix in one.
struct Warehouse {
  std::string bucket;
  std::string folder;  ///< "" or "a/b/".
};
/// "bucket", "bucket/a/b", "s3://bucket/a". 400.
[[nodiscard]] Outcome<Warehouse> parse_warehouse(std::string_view text);
/// The same as one segment of a path, {prefix}: "bucket~a~b".
[[nodiscard]] std::string segment_of(const Warehouse& warehouse);
/// "s3://bucket/a/b".
[[nodiscard]] std::string location_of(const Warehouse& warehouse);

/// The parts of a namespace's name.
using Namespace = std::vector<std::string>;
/// Parts that a client sent: 1 to 16, each of 1 to 200 bytes of UTF-8 without control characters.
/// 400.
[[nodiscard]] Outcome<void> check_namespace(const Namespace& name);
/// The same of one part, or a table's name. 400.
[[nodiscard]] Outcome<void> check_name(std::string_view name);
/// The parts, separated by the byte 0x1F. 400.
[[nodiscard]] Outcome<Namespace> parse_namespace(std::string_view text);
/// "a.b", for people.
[[nodiscard]] std::string dotted(const Namespace& name);

/// What a request's method and path mean.
struct Place {
  Action action = Action::kGetConfig;
  Warehouse warehouse;
  Namespace space;
  std::string table;
};
/// `path` begins with kBasePath and is as received. 400; 404 for what is no endpoint; 501 for one
/// of the specification that is not supported.
[[nodiscard]] Outcome<Place> parse_place(std::string_view method, std::string_view path);

// The keys of the catalog's objects (docs/formats/iceberg-catalog.md).

/// Of a namespace.
[[nodiscard]] std::string namespace_key(const Warehouse& warehouse, const Namespace& name);
/// What the keys of the namespaces in it begin with; of all when it is empty.
[[nodiscard]] std::string namespaces_below(const Warehouse& warehouse, const Namespace& name);
/// Of a table's pointer.
[[nodiscard]] std::string table_key(const Warehouse& warehouse, const Namespace& name,
                                    std::string_view table);
/// What the keys of the tables in a namespace begin with.
[[nodiscard]] std::string tables_below(const Warehouse& warehouse, const Namespace& name);
/// The name in a key that begins with `below`. Nothing when it is none of ours.
[[nodiscard]] std::optional<std::string> name_in_key(std::string_view key, std::string_view below);

/// A place in S3.
struct ObjectName {
  std::string bucket;
  std::string key;
};
/// Of "s3://bucket/key", also s3a and s3n. 400.
[[nodiscard]] Outcome<ObjectName> parse_location(std::string_view text);

}  // namespace kelp::catalog
