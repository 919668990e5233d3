#pragma once

#include <string>
#include <string_view>

#include "catalog/core/table.h"

namespace kelp::catalog {

/// A table as it is to be from now on.
struct NewTable {
  std::string metadata;  ///< Its JSON.
  std::string uuid;
  std::string folder;  ///< Where metadata files go: "s3://bucket/…/metadata", without a slash.
};

/// The table that a request makes (CreateTableRequest). 400.
[[nodiscard]] Outcome<NewTable> table_of_request(std::string_view request, Birth birth);

/// What a commit is about.
struct CommitInput {
  std::string_view request;            ///< CommitTableRequest.
  std::string_view metadata;           ///< The table as it is; empty: there is none.
  std::string_view metadata_location;  ///< Of `metadata`.
  Birth birth;                         ///< Of a table that the commit makes.
};
/// The table after the commit. 404 NoSuchTableException when there is none and the commit does not
/// make it; 409 CommitFailedException when a requirement does not hold; 400.
[[nodiscard]] Outcome<NewTable> table_after(const CommitInput& input);

/// A table whose metadata somebody else wrote, as it is. 400 for what this catalog cannot keep.
[[nodiscard]] Outcome<NewTable> table_of_file(std::string_view metadata);

/// The name of a table's next metadata file: "00004-UUID.metadata.json" behind "00003-…"; the first
/// one when `previous` is empty.
[[nodiscard]] std::string metadata_name(std::string_view previous, std::string_view uuid);

}  // namespace kelp::catalog
