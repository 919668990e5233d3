#pragma once

#include "webdav/bodies.h"

namespace kelp::webdav {

/// What an append made of a file.
struct Appended {
  std::uint64_t size_bytes = 0;
  std::string etag;  ///< Without quotes.
};
/// Writes `body` behind what the file `key` of `bucket` holds; makes the file when there is none,
/// with `headers`. The old bytes stay where they are, but for a small end that is written anew with
/// the body, so that many small appends do not become many needles. The ETag becomes one of parts,
/// as it would of a multipart upload: the MD5 of the whole is not known.
/// Errors  409 when another writer was faster, of whose bytes none are lost; 413 for a file of
///         10,000 pieces; those of store_loose().
[[nodiscard]] Task<Outcome<Appended>> append_to_file(Visit& visit, BodyReader& body,
                                                     BucketEntry bucket, std::string key,
                                                     ObjectHeaders headers);

}  // namespace kelp::webdav
