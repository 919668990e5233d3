#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/namespace.h"

namespace kelp {

/// What rolls `key` up: `prefix` and what follows, up to and with the first `delimiter` behind
/// `prefix`; a view into `key`. Nothing when `key` (which begins with `prefix`) holds none, or the
/// delimiter is empty.
[[nodiscard]] std::optional<std::string_view> common_prefix_of(std::string_view key,
                                                               std::string_view prefix,
                                                               std::string_view delimiter);

/// Fills in what a listing says of the object `key` with this row; an owner that is the bucket's
/// stays empty.
[[nodiscard]] Result<ListedEntry> read_listed(std::string_view key, std::string_view row,
                                              ListedObject& object);

/// One page of objects: a skip-scan that reads at most one row for each object or common prefix it
/// gives, and one more, however many rows a common prefix holds.
///
/// `bucket` is whose rows are read; objects without an owner of their own are its owner's. Blocks.
/// Source: S3 API, ListObjectsV2; markers as ListObjects::start_after says.
[[nodiscard]] Result<ListedPage> list_objects(KvStore& store, BucketEntry bucket,
                                              const ListObjects& request);

/// One page of unfinished uploads, by key and then by age, in the same way. `upload_id_marker` must
/// be empty or well formed, else kInvalidArgument.
[[nodiscard]] Result<ListedUploads> list_uploads(KvStore& store, const BucketEntry& bucket,
                                                 const ListUploads& request);

/// The text form of an upload's number: 16 hex digits, in order of creation.
[[nodiscard]] std::string upload_id_text(std::uint64_t upload_id);
[[nodiscard]] std::optional<std::uint64_t> parse_upload_id(std::string_view text);

}  // namespace kelp
