#include "server/inventory_link.h"

#include <fmt/format.h>

#include <utility>

#include "s3gw/ops/service_put.h"

namespace kelp::server {
namespace {

s3::ServiceObject service_object(InventoryObject object) {
  s3::ServiceObject put{.service = s3::kInventoryService,
                        .target_bucket = std::move(object.bucket),
                        .key = std::move(object.key),
                        .source_bucket = std::move(object.source_bucket),
                        .owner_id = std::move(object.owner_id),
                        .headers = {{"content-type", std::move(object.content_type)}}};
  if (!object.encryption.empty()) {
    put.headers.emplace_back("x-amz-server-side-encryption", std::move(object.encryption));
  }
  if (!object.kms_key.empty()) {
    put.headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id",
                             std::move(object.kms_key));
  }
  return put;
}

/// Told in the log, by S3's words.
Result<void> outcome_of(const s3::S3Result<void>& done, const std::string& bucket) {
  if (done) return {};
  const s3::S3ErrorText text = s3::text_of(done.error().code);
  const Errc code = text.status >= 500 ? Errc::kUnavailable : Errc::kPermissionDenied;
  return Error(code, fmt::format("bucket {}: {} {}", bucket, text.code, done.error().detail));
}

}  // namespace

Task<Result<void>> InventoryLink::put(InventoryObject object, std::string body) {
  const std::string bucket = object.bucket;
  s3::ServiceObject request = service_object(std::move(object));
  const auto done =
      co_await s3::put_as_service(gateway_.services(), std::move(request), std::move(body));
  co_return outcome_of(done, bucket);
}

Task<Result<void>> InventoryLink::remove(InventoryObject object) {
  const std::string bucket = object.bucket;
  s3::ServiceObject request = service_object(std::move(object));
  const auto done = co_await s3::remove_as_service(gateway_.services(), std::move(request));
  co_return outcome_of(done, bucket);
}

}  // namespace kelp::server
