#include "s3gw/ops/configs.h"

#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxValueBytes = 1 << 20;

}  // namespace

S3Result<std::string> config_value(const Element& document) {
  std::string value;
  XmlWriter xml(value);
  write_inside(document, xml);
  // Escaped, a document may be larger than it came.
  if (value.size() > kMaxValueBytes) return s3_error(S3Code::kMaxMessageLengthExceeded);
  return value;
}

Task<S3Result<std::optional<std::string>>> get_config(Call& call, std::string name) {
  BucketSetting asked{.bucket = call.request.bucket, .name = std::move(name), .value = {}};
  auto answer = co_await call.services.deps.filer.get_bucket_setting(std::move(asked));
  KELP_S3_CO_TRY(BucketSetting setting, std::move(answer));
  co_return std::move(setting.value);
}

Task<S3Result<void>> set_config(Call& call, std::string name, std::optional<std::string> value) {
  BucketSetting setting{
      .bucket = call.request.bucket, .name = std::move(name), .value = std::move(value)};
  KELP_S3_CO_CHECK(co_await call.services.deps.filer.set_bucket_setting(std::move(setting)));
  call.services.bucket_access.forget(call.request.bucket);
  co_return S3Result<void>{};
}

Task<S3Result<BucketEntry>> own_bucket_now(Call& call) {
  KELP_S3_CO_TRY(BucketEntry bucket, co_await own_bucket(call));
  auto now = co_await call.services.bucket_access.find(call.request.bucket, {});
  KELP_S3_CO_TRY(call.access, std::move(now));
  co_return bucket;
}

}  // namespace kelp::s3
