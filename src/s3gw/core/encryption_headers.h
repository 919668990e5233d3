#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/http_header.h"
#include "crypto/aead.h"
#include "s3gw/s3_error.h"
#include "wire/encryption.h"

namespace kelp::s3 {

/// The prefixes of the three headers of SSE-C, by whose object they mean.
inline constexpr std::string_view kCustomerPrefix = "x-amz-server-side-encryption-customer-";
inline constexpr std::string_view kSourceCustomerPrefix =
    "x-amz-copy-source-server-side-encryption-customer-";

/// The key that a client brings with SSE-C; nothing when there is none. Its MD5 was compared.
/// InvalidArgument, with AWS's texts, when one of the three headers is missing or wrong.
[[nodiscard]] S3Result<std::optional<SecretKey>> read_customer_key(
    std::span<const HttpHeader> headers, std::string_view prefix = kCustomerPrefix);

/// How a write wants to be encrypted; without a kind when it does not say.
struct WantedEncryption {
  Encryption how;                     ///< All but the wrapped key.
  std::optional<SecretKey> customer;  ///< With kCustomer.
  std::optional<bool> bucket_key;     ///< What was said of it.
};
/// Reads x-amz-server-side-encryption and its kin. InvalidArgument, InvalidRequest and
/// InvalidEncryptionAlgorithmError, with AWS's texts; NotImplemented for two layers (aws:kms:dsse).
[[nodiscard]] S3Result<WantedEncryption> read_encryption(std::span<const HttpHeader> headers);

/// The value of x-amz-server-side-encryption.
[[nodiscard]] std::string_view algorithm_name(EncryptionKind kind);

}  // namespace kelp::s3
