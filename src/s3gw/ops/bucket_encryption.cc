// How a bucket's objects are encrypted that nobody says anything of.

#include "s3gw/core/bucket_encryption.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
Task<S3Result<void>> get_bucket_encryption(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(const auto setting, co_await get_config(call, std::string(kEncryptionSetting)));
  std::optional<BucketEncryption> encryption;
  if (setting) {
    encryption = decode_bucket_encryption(*setting);
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
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kEncryptionSetting),
                                       encode_bucket_encryption(encryption)));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_bucket_encryption(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kEncryptionSetting), std::nullopt));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
