#pragma once

#include <string>

#include "s3gw/call.h"

namespace kelp::s3 {

/// An access log on its way to its bucket.
struct LogObject {
  std::string target_bucket;
  std::string key;
  std::string source_bucket;
  std::string owner_id;  ///< Of the source, by its canonical id.
};

/// Puts a log: put_as_service() as logging.s3.amazonaws.com.
[[nodiscard]] Task<S3Result<void>> deliver_log(Services& services, LogObject object,
                                               std::string lines);

/// Whether a request may have access logs put below `prefix` of the bucket `target`: the caller may
/// put objects there, or the bucket's policy or list lets logging.s3.amazonaws.com do so.
[[nodiscard]] Task<S3Result<void>> authorize_log_target(Call& call, std::string target,
                                                        std::string prefix);

}  // namespace kelp::s3
