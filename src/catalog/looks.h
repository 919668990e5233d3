#pragma once

#include "catalog/core/records.h"
#include "catalog/objects.h"

namespace kelp::catalog {

// What there is, and pages of it.

/// A namespace that is there.
struct FoundNamespace {
  Object properties;
  std::string etag;
};
/// Where its tables lie: where its property `location` says, else in its folder of the warehouse.
[[nodiscard]] std::string place_of(const Visit& visit, const Namespace& name,
                                   const Object& properties);
/// 404 NoSuchNamespaceException.
[[nodiscard]] Task<Outcome<FoundNamespace>> find_namespace(Visit& visit, Namespace name);

/// A table that is there.
struct FoundTable {
  Pointer pointer;
  std::string etag;
};
/// Nothing when there is none.
[[nodiscard]] Task<Outcome<std::optional<FoundTable>>> look_for_table(Visit& visit, Namespace space,
                                                                      std::string name);
/// 404 NoSuchTableException, also when there is no such namespace: asked for `a.b.files`, where
/// `a.b` is a table, Iceberg's clients look for `a.b` only after that answer.
[[nodiscard]] Task<Outcome<FoundTable>> find_table(Visit& visit, Namespace space, std::string name);
/// The metadata file that a pointer names. 500 when it is not there.
[[nodiscard]] Task<Outcome<std::string>> read_metadata(Visit& visit, std::string location);

/// "Table does not exist: a.b"; the words are those of Iceberg's own server, which clients show.
[[nodiscard]] std::unexpected<Failure> no_such_table(const Namespace& space, std::string_view name);
/// "Table already exists: a.b".
[[nodiscard]] std::unexpected<Failure> table_exists_already(const Namespace& space,
                                                            std::string_view name);

/// Names below a prefix: all, or, when the request asks for pages, one of them.
struct NamePage {
  std::vector<std::string> names;
  std::string next_token;  ///< Empty: that was all.
};
/// Lists them, by the names of objects behind `below`. 400 for a pageToken or pageSize that is
/// none.
[[nodiscard]] Task<Outcome<NamePage>> list_names(Visit& visit, ObjectName below);

}  // namespace kelp::catalog
