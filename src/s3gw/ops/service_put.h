#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/decision.h"
#include "s3gw/call.h"

namespace kelp::s3 {

/// Who puts inventories, to policies.
inline constexpr std::string_view kInventoryService = "s3.amazonaws.com";

/// An object that Kelp itself puts for the owner of a bucket: an access log, a part of an
/// inventory.
struct ServiceObject {
  std::string_view service;  ///< Under whose name policies know it: "logging.s3.amazonaws.com".
  std::string target_bucket;
  std::string key;
  std::string source_bucket;
  std::string owner_id;  ///< Of the source, by its canonical id.
  /// Of the request; names in lower case. What must be there: content-type.
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Puts it as PutObject would, encryption, quota and lock of the bucket included. The bucket must
/// be the source's owner's, and its policy must not deny it to the service.
/// Errors: AccessDenied, NoSuchBucket, those of the filer.
[[nodiscard]] Task<S3Result<void>> put_as_service(Services& services, ServiceObject object,
                                                  std::string body);

/// Deletes it, under the same conditions but for the policy; one that is not there is no error.
[[nodiscard]] Task<S3Result<void>> remove_as_service(Services& services, ServiceObject object);

/// What the policy of a bucket is asked about a service that puts an object into it.
[[nodiscard]] policy::Request request_of_service(std::string_view service, std::string_view bucket,
                                                 std::string_view key, std::string_view source,
                                                 std::string_view owner_id);

/// Whether a request may have a service put objects below `prefix` of the bucket `target`: the
/// bucket's policy lets the service do so, or the caller may itself. AccessDenied; NoSuchBucket.
[[nodiscard]] Task<S3Result<void>> authorize_service_target(Call& call, std::string_view service,
                                                            std::string target, std::string prefix);

}  // namespace kelp::s3
