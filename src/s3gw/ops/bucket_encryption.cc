// How a bucket's objects are encrypted that nobody says anything of.

#include "s3gw/core/bucket_encryption.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr const char* kSetting = "encryption";

Task<S3Result<void>> change(Call& call, std::optional<std::string> value, int status) {
  BucketSetting setting{.bucket = call.request.bucket, .name = kSetting, .value = std::move(value)};
  KELP_S3_CO_CHECK(co_await call.services.deps.filer.set_bucket_setting(std::move(setting)));
  co_await reply_empty(call, status);
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> get_bucket_encryption(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  BucketSetting asked{.bucket = call.request.bucket, .name = kSetting, .value = {}};
  auto answer = co_await call.services.deps.filer.get_bucket_setting(std::move(asked));
  KELP_S3_CO_TRY(const BucketSetting setting, std::move(answer));
  std::optional<BucketEncryption> encryption;
  if (setting.value) {
    encryption = decode_bucket_encryption(*setting.value);
    if (!encryption) co_return s3_error(S3Code::kInternalError);
  } else if (call.services.options.encrypt_by_default) {
    encryption.emplace();
  }
  if (!encryption) co_return s3_error(S3Code::kServerSideEncryptionConfigurationNotFoundError);
  co_await reply_xml(call, bucket_encryption_xml(*encryption));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_bucket_encryption(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const BucketEncryption encryption, parse_bucket_encryption(std::move(body)));
  if (call.services.deps.keys == nullptr) {
    co_return s3_error(S3Code::kNotImplemented, "This gateway has no key ring");
  }
  co_return co_await change(call, encode_bucket_encryption(encryption), 200);
}

Task<S3Result<void>> delete_bucket_encryption(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  co_return co_await change(call, std::nullopt, 204);
}

}  // namespace kelp::s3
