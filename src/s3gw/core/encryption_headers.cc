#include "s3gw/core/encryption_headers.h"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/core/header_text.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kAlgorithm = "x-amz-server-side-encryption";
constexpr std::string_view kKmsKey = "x-amz-server-side-encryption-aws-kms-key-id";
constexpr std::string_view kContext = "x-amz-server-side-encryption-context";
constexpr std::string_view kBucketKey = "x-amz-server-side-encryption-bucket-key-enabled";
constexpr std::size_t kMaxContextBytes = 4096;
constexpr std::size_t kMaxKeyNameBytes = 2048;  // AWS KMS API reference, "KeyId"

std::unexpected<S3Error> bad_argument(std::string_view name, std::string_view value,
                                      std::string message) {
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              std::move(message),
              {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}}});
}

/// Never with its value: it may be a key.
std::unexpected<S3Error> bad_customer(std::string name, std::string message) {
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument, std::move(message), {{"ArgumentName", std::move(name)}}});
}

/// The header's JSON object of texts, decoded.
S3Result<std::string> read_context(std::string_view header) {
  const auto decoded = base64_decode(header);
  boost::system::error_code error;
  const bool small = decoded && decoded->size() <= kMaxContextBytes;
  const auto json = boost::json::parse(small ? *decoded : "", error);
  const bool pairs = !error && json.is_object() &&
                     std::ranges::all_of(json.as_object(),
                                         [](const auto& pair) { return pair.value().is_string(); });
  if (!pairs) {
    return bad_argument(kContext, header,
                        "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded "
                        "UTF-8 string holding JSON which represents a string-string map");
  }
  return *decoded;
}

S3Result<void> read_kms(std::span<const HttpHeader> headers, WantedEncryption& wanted) {
  if (const auto key = find_header(headers, kKmsKey)) {
    if (key->size() > kMaxKeyNameBytes) {
      return std::unexpected(S3Error{S3Code::kKmsNotFound, {}, {}});
    }
    wanted.how.key_id.assign(*key);
  }
  if (const auto context = find_header(headers, kContext)) {
    KELP_S3_TRY(wanted.how.context, read_context(*context));
  }
  return {};
}

S3Result<void> read_bucket_key(std::span<const HttpHeader> headers, WantedEncryption& wanted) {
  const auto text = find_header(headers, kBucketKey);
  if (!text) return {};
  if (!equals_lower(*text, "true") && !equals_lower(*text, "false")) {
    return bad_argument(kBucketKey, *text,
                        "The value of x-amz-server-side-encryption-bucket-key-enabled must be true "
                        "or false.");
  }
  wanted.bucket_key = equals_lower(*text, "true");
  return {};
}

}  // namespace

S3Result<std::optional<SecretKey>> read_customer_key(std::span<const HttpHeader> headers,
                                                     std::string_view prefix) {
  const auto named = [&](std::string_view end) { return std::string(prefix) + std::string(end); };
  const auto algorithm = find_header(headers, named("algorithm"));
  const auto text = find_header(headers, named("key"));
  const auto md5 = find_header(headers, named("key-md5"));
  if (!algorithm && !text && !md5) return std::optional<SecretKey>();
  const std::string requests =
      "Requests specifying Server Side Encryption with Customer provided keys must provide ";
  if (!algorithm) {
    return bad_customer(named("algorithm"), requests + "a valid encryption algorithm.");
  }
  if (*algorithm != "AES256") {
    return std::unexpected(S3Error{
        S3Code::kInvalidEncryptionAlgorithmError,
        {},
        {{"ArgumentName", named("algorithm")}, {"ArgumentValue", std::string(*algorithm)}}});
  }
  if (!text) return bad_customer(named("key"), requests + "an appropriate secret key.");
  if (!md5) {
    return bad_customer(named("key-MD5"),
                        requests + "the client calculated MD5 of the secret key.");
  }
  auto decoded = base64_decode(*text);
  if (!decoded || decoded->size() != SecretKey::kBytes) {
    return bad_customer(named("key"), "The secret key was invalid for the specified algorithm.");
  }
  SecretKey key;
  std::ranges::copy(as_bytes(*decoded), key.bytes().begin());
  std::ranges::fill(*decoded, '\0');
  Digest digest(DigestAlgorithm::kMd5);
  digest.update(key.bytes());
  const auto sent = base64_decode(*md5);
  if (!sent || !equal_constant_time(*sent, digest.finish())) {
    return bad_customer(named("key-MD5"),
                        "The calculated MD5 hash of the key did not match the hash that was "
                        "provided.");
  }
  return key;
}

S3Result<WantedEncryption> read_encryption(std::span<const HttpHeader> headers) {
  WantedEncryption wanted;
  KELP_S3_TRY(wanted.customer, read_customer_key(headers));
  const auto algorithm = find_header(headers, kAlgorithm);
  if (wanted.customer) {
    if (algorithm) {
      return bad_argument(kAlgorithm, *algorithm,
                          "Server Side Encryption with Customer provided key is incompatible with "
                          "the encryption method specified");
    }
    wanted.how.kind = EncryptionKind::kCustomer;
    return wanted;
  }
  KELP_S3_CHECK(read_bucket_key(headers, wanted));
  const bool kms_headers = find_header(headers, kKmsKey) || find_header(headers, kContext);
  if (algorithm == "aws:kms") {
    wanted.how.kind = EncryptionKind::kKms;
    KELP_S3_CHECK(read_kms(headers, wanted));
    return wanted;
  }
  if (algorithm == "aws:kms:dsse") {
    return std::unexpected(
        S3Error{S3Code::kNotImplemented, {}, {{"Header", std::string(kAlgorithm)}}});
  }
  if (algorithm && *algorithm != "AES256") {
    return bad_argument(kAlgorithm, *algorithm, "The encryption method specified is not supported");
  }
  if (kms_headers) {
    return bad_argument(kAlgorithm, algorithm.value_or("null"),
                        "Server Side Encryption with AWS KMS managed key requires HTTP header "
                        "x-amz-server-side-encryption : aws:kms");
  }
  if (algorithm) wanted.how.kind = EncryptionKind::kS3;
  return wanted;
}

std::string_view algorithm_name(EncryptionKind kind) {
  return kind == EncryptionKind::kKms ? "aws:kms" : "AES256";
}

}  // namespace kelp::s3
