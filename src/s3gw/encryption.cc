#include "s3gw/encryption.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "s3gw/core/bucket_encryption.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/key_wrap.h"
#include "s3gw/key_service.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kCustomerBinding = "kelp sse-c 1";

/// That nobody on the way sees a customer's key.
S3Result<void> require_tls(const Call& call) {
  if (call.http.secure || call.services.options.sse_c_over_http) return {};
  return s3_error(S3Code::kInvalidRequest,
                  "Requests specifying Server Side Encryption with Customer provided keys must be "
                  "made over a secure connection.");
}

S3Result<std::optional<SecretKey>> customer_key(const Call& call, std::string_view prefix) {
  KELP_S3_TRY(auto key, read_customer_key(call.headers, prefix));
  if (key) KELP_S3_CHECK(require_tls(call));
  return key;
}

S3Error not_applicable() {
  return {
      S3Code::kInvalidRequest, "The encryption parameters are not applicable to this object.", {}};
}

/// What the bucket says of encryption; nothing when it says nothing.
Task<S3Result<std::optional<BucketEncryption>>> setting_of(Call& call, std::string bucket) {
  KELP_S3_CO_TRY(const BucketAccessPtr known,
                 co_await call.services.bucket_access.find(std::move(bucket)));
  if (!known->encryption) co_return std::optional<BucketEncryption>();
  auto setting = decode_bucket_encryption(*known->encryption);
  if (setting) co_return setting;
  S3Error error{S3Code::kInternalError, {}, {}};
  error.detail = "the bucket's setting of encryption does not read";
  co_return std::unexpected(std::move(error));
}

/// The default of the bucket, else of the gateway; without a kind when there is none.
Task<S3Result<Encryption>> default_encryption(Call& call, BucketEntry bucket) {
  Encryption how;
  KELP_S3_CO_TRY(const auto wanted, co_await setting_of(call, std::move(bucket.name)));
  if (!wanted) {
    if (call.services.options.encrypt_by_default) how.kind = EncryptionKind::kS3;
    co_return how;
  }
  how.kind = wanted->kind;
  how.key_id = wanted->key_id;
  how.bucket_key = wanted->bucket_key && how.kind == EncryptionKind::kKms;
  co_return how;
}

S3Error key_error(const Error& error, const Encryption& how) {
  const bool named = how.kind == EncryptionKind::kKms && error.code() == Errc::kNotFound;
  S3Error answer{named ? S3Code::kKmsNotFound : S3Code::kInternalError, {}, {}};
  if (named) answer.message = "Invalid keyId '" + how.key_id + "'";
  if (error.code() == Errc::kUnavailable) {
    answer = {S3Code::kServiceUnavailable,
              "The service that keeps the master keys cannot be asked. Please try again.",
              {}};
  }
  answer.detail = error.message();
  return answer;
}

/// Wraps `key` with what `how` names.
Task<S3Result<BodyKey>> wrap(Call& call, SecretKey key, Encryption how,
                             std::optional<SecretKey> customer) {
  if (how.kind == EncryptionKind::kCustomer) {
    WrapSalt salt;
    random_bytes(salt);
    how.wrapped_key = wrap_key(customer.value(), kCustomerBinding, salt, key);
    co_return BodyKey{std::move(how), key};
  }
  KeyService* const keys = call.services.deps.keys;
  if (keys == nullptr) {
    co_return s3_error(S3Code::kNotImplemented, "This gateway has no key ring");
  }
  auto wrapped = co_await keys->wrap(how, key);
  if (!wrapped) co_return std::unexpected(key_error(wrapped.error(), how));
  co_return BodyKey{*std::move(wrapped), key};
}

}  // namespace

Task<S3Result<BodyKey>> key_for_write(Call& call, BucketEntry bucket) {
  KELP_S3_CO_TRY(WantedEncryption wanted, read_encryption(call.headers));
  if (wanted.customer) {
    KELP_S3_CO_CHECK(require_tls(call));
    KELP_S3_CO_TRY(const auto setting, co_await setting_of(call, bucket.name));
    if (setting && setting->blocks_customers) co_return s3_error(S3Code::kAccessDenied);
  }
  if (!wanted.how.any()) {
    KELP_S3_CO_TRY(wanted.how, co_await default_encryption(call, std::move(bucket)));
  }
  if (!wanted.how.any()) co_return BodyKey{};
  if (wanted.bucket_key && wanted.how.kind == EncryptionKind::kKms) {
    wanted.how.bucket_key = *wanted.bucket_key;
  }
  co_return co_await wrap(call, SecretKey::draw(), std::move(wanted.how), wanted.customer);
}

Task<S3Result<BodyKey>> key_for_read(Call& call, Encryption encryption, std::string_view prefix) {
  KELP_S3_CO_TRY(const auto customer, customer_key(call, prefix));
  const bool needs = encryption.kind == EncryptionKind::kCustomer;
  if (customer && !needs) co_return std::unexpected(not_applicable());
  if (needs && !customer) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "The object was stored using a form of Server Side Encryption. The correct "
                       "parameters must be provided to retrieve the object.");
  }
  if (!encryption.any()) co_return BodyKey{};
  if (needs) {
    const auto key = unwrap_key(*customer, kCustomerBinding, encryption.wrapped_key);
    if (!key) co_return s3_error(S3Code::kAccessDenied);
    co_return BodyKey{std::move(encryption), *key};
  }
  KeyService* const keys = call.services.deps.keys;
  if (keys == nullptr) {
    S3Error error{S3Code::kInternalError, {}, {}};
    error.detail = "the object is encrypted and this gateway has no key ring";
    co_return std::unexpected(std::move(error));
  }
  const auto key = co_await keys->unwrap(encryption);
  if (!key) co_return std::unexpected(key_error(key.error(), encryption));
  co_return BodyKey{std::move(encryption), *key};
}

Task<S3Result<BodyKey>> key_for_part(Call& call, Encryption encryption) {
  KELP_S3_CO_TRY(const auto customer, customer_key(call, kCustomerPrefix));
  const bool needs = encryption.kind == EncryptionKind::kCustomer;
  if (needs && !customer) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "The multipart upload initiate requested encryption. Subsequent part "
                       "requests must include the appropriate encryption parameters.");
  }
  if (customer && !needs) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "The multipart upload initiate did not request encryption. Please resend "
                       "the request without sending encryption parameters.");
  }
  auto key = co_await key_for_read(call, std::move(encryption));
  if (!key && key.error().code == S3Code::kAccessDenied) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "The provided encryption parameters did not match the ones used "
                       "originally.");
  }
  co_return key;
}

Task<S3Result<void>> check_read_key(Call& call, Encryption encryption) {
  // What Kelp has the key of needs no look at it.
  if (encryption.kind != EncryptionKind::kCustomer) encryption = {};
  KELP_S3_CO_CHECK(co_await key_for_read(call, std::move(encryption)));
  co_return S3Result<void>{};
}

Task<S3Result<BodyKey>> wrap_again(Call& call, BodyKey key, Encryption how) {
  KELP_S3_CO_TRY(const auto customer, customer_key(call, kCustomerPrefix));
  co_return co_await wrap(call, key.key, std::move(how), customer);
}

S3Result<void> refuse_write_encryption(const Call& call) {
  constexpr std::string_view kName = "x-amz-server-side-encryption";
  const auto value = call.header(kName);
  if (!value) return {};
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              std::string(kName) + " header is not supported for this operation.",
              {{"ArgumentName", std::string(kName)}, {"ArgumentValue", std::string(*value)}}});
}

bool shows_md5(const Encryption& encryption) {
  return !encryption.any() || encryption.kind == EncryptionKind::kS3;
}

std::string shown_md5(const BodyKey& key, std::string md5) {
  if (shows_md5(key.encryption)) return md5;
  const std::string label = "kelp etag 1" + md5;
  const SecretKey made = key.key.derive(label);
  return std::string(as_text(made.bytes().first(16)));
}

void add_encryption(const Call& call, const Encryption& encryption, HttpResponse& head) {
  if (!encryption.any()) return;
  if (encryption.kind == EncryptionKind::kCustomer) {
    head.add("x-amz-server-side-encryption-customer-algorithm", "AES256");
    const auto md5 = call.header("x-amz-server-side-encryption-customer-key-md5");
    if (md5) head.add("x-amz-server-side-encryption-customer-key-MD5", *md5);
    return;
  }
  head.add("x-amz-server-side-encryption", algorithm_name(encryption.kind));
  if (encryption.kind != EncryptionKind::kKms) return;
  head.add("x-amz-server-side-encryption-aws-kms-key-id", encryption.key_id);
  if (encryption.bucket_key) {
    head.add("x-amz-server-side-encryption-bucket-key-enabled", "true");
  }
}

}  // namespace kelp::s3
