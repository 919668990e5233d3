#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kelp/result.h"

namespace kelp::mount {

// What a gateway answers, read. Everything in it may be wrong: kCorruption.

/// Headers by their lower-case names.
using HeaderMap = std::map<std::string, std::string, std::less<>>;

/// What is known of an object without its bytes.
struct ObjectFacts {
  std::uint64_t size_bytes = 0;
  std::string etag;     ///< As sent, with its quotes; empty: there is no such object yet.
  WallTime modified{};  ///< x-amz-meta-mtime, else Last-Modified.
  HeaderMap metadata;   ///< By the part behind x-amz-meta-, without `mtime`.
  HeaderMap kept;       ///< Content-Type and its kin, x-amz-storage-class: a new body keeps them.
};
/// Reads the headers of a HEAD or a GET. kCorruption without a length or an ETag.
[[nodiscard]] Result<ObjectFacts> parse_facts(const HeaderMap& headers);

/// A page of ListObjectsV2, asked with encoding-type=url.
struct ListedKeys {
  std::vector<std::string> keys;
  std::vector<std::uint64_t> sizes;  ///< Of the keys, in bytes.
  std::vector<std::string> prefixes;
  std::string next;  ///< The continuation token; empty on the last page.
};
/// Reads ListBucketResult. `body` is consumed.
[[nodiscard]] Result<ListedKeys> parse_listing(std::string body);

/// The text of a child of the root, e.g. UploadId of InitiateMultipartUploadResult, or Code of
/// Error; empty when there is none or it is no XML.
[[nodiscard]] std::string child_of_root(std::string body, std::string_view root,
                                        std::string_view child);

/// A moment as rclone keeps it in x-amz-meta-mtime: "1700000000.123456789".
[[nodiscard]] std::string mtime_text(WallTime time);
/// The reverse, up to nine digits of a fraction; nothing for another form.
[[nodiscard]] std::optional<WallTime> parse_mtime(std::string_view text);

}  // namespace kelp::mount
