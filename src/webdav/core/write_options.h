#pragma once

#include <span>
#include <string>
#include <string_view>

#include "s3gw/core/s3_request.h"
#include "webdav/failure.h"

namespace kelp::webdav {

/// What scripts may write into the query of a request that changes something.
struct WriteOptions {
  bool append = false;     ///< op=append
  bool recursive = false;  ///< recursive=true
  std::string move_from;   ///< mv.from: a path, decoded.
  std::string copy_from;   ///< cp.from
};

/// What this store does anyway: what a parameter may ask for.
struct StoreFacts {
  std::string_view bucket;       ///< Of the request; collections are buckets here.
  std::string_view replication;  ///< "000": master.spread.
};

/// Reads the query. A wish that cannot be granted is refused instead of ignored: the script would
/// believe it had been.
/// Errors  400 naming the parameter, also for one that is not known.
[[nodiscard]] Outcome<WriteOptions> read_write_options(
    std::span<const s3::Query::Parameter> parameters, const StoreFacts& facts);

}  // namespace kelp::webdav
