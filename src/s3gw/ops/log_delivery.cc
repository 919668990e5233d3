#include "s3gw/ops/log_delivery.h"

#include <algorithm>

#include "policy/document.h"
#include "s3gw/ops/service_put.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kService = "logging.s3.amazonaws.com";

bool lists_let_in(const BucketAccess& access) {
  if (!access.has_acls()) return false;
  return std::ranges::any_of(access.acl.grants, [](const Grant& grant) {
    const bool writes =
        grant.permission == Permission::kWrite || grant.permission == Permission::kFullControl;
    return writes && grant.to.kind == Grantee::Kind::kLogDelivery;
  });
}

}  // namespace

Task<S3Result<void>> deliver_log(Services& services, LogObject object, std::string lines) {
  ServiceObject put{.service = kService,
                    .target_bucket = std::move(object.target_bucket),
                    .key = std::move(object.key),
                    .source_bucket = std::move(object.source_bucket),
                    .owner_id = std::move(object.owner_id),
                    .headers = {{"content-type", "text/plain"}}};
  co_return co_await put_as_service(services, std::move(put), std::move(lines));
}

Task<S3Result<void>> authorize_log_target(Call& call, std::string target, std::string prefix) {
  KELP_S3_CO_TRY(const BucketAccessPtr access, co_await call.services.bucket_access.find(target));
  if (lists_let_in(*access)) {
    // Unless the policy says no.
    const auto asked = request_of_service(kService, target, prefix + "log", call.request.bucket,
                                          call.access->bucket.owner_id);
    const bool denied = access->policy != nullptr && access->policy->evaluate(asked).denied;
    if (denied || access->policy_is_unknown) co_return s3_error(S3Code::kAccessDenied);
    co_return S3Result<void>{};
  }
  co_return co_await authorize_service_target(call, kService, std::move(target), prefix + "log");
}

}  // namespace kelp::s3
