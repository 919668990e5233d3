// Whether a bucket keeps older versions.

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

Task<S3Result<void>> get_bucket_versioning(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  std::string body;
  XmlWriter xml(body);
  xml.begin("VersioningConfiguration");
  if (bucket.versioning == Versioning::kEnabled) xml.element("Status", "Enabled");
  if (bucket.versioning == Versioning::kSuspended) xml.element("Status", "Suspended");
  xml.close("VersioningConfiguration");
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_bucket_versioning(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const bool enabled, parse_versioning(std::move(body)));
  if (!enabled) {
    KELP_S3_CO_TRY(const auto replication,
                   co_await get_config(call, std::string(replication_config().setting)));
    if (replication) {
      co_return s3_error(S3Code::kInvalidBucketState,
                         "A replication configuration is present on this bucket, so you cannot "
                         "change the versioning state. To change the versioning state, first "
                         "delete the replication configuration.");
    }
  }
  SetBucketVersioning request{.name = call.request.bucket, .enabled = enabled};
  auto set = co_await call.services.deps.filer.set_bucket_versioning(std::move(request));
  KELP_S3_CO_CHECK(std::move(set));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
