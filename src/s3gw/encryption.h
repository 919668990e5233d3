#pragma once

#include <string>
#include <string_view>

#include "crypto/aead.h"
#include "s3gw/call.h"
#include "s3gw/core/encryption_headers.h"

namespace kelp::s3 {

/// What a body is sealed and opened with; nothing of it when the body is not encrypted.
struct BodyKey {
  Encryption encryption;
  SecretKey key;  ///< Of the object alone.
  [[nodiscard]] bool any() const { return encryption.any(); }
};

/// A key for the object that the request writes to `bucket`: as its headers say, else as the bucket
/// or the gateway does. What a bucket says counts within BucketAccessCache::kLife.
/// Errors  those of read_encryption(); InvalidRequest for SSE-C without TLS; KMS.NotFoundException.
[[nodiscard]] Task<S3Result<BodyKey>> key_for_write(Call& call, BucketEntry bucket);

/// The key with which `encryption` can be read; with SSE-C the request brings it, in the headers of
/// `prefix`.
/// Errors  InvalidRequest when it must bring one and does not, or must not and does; AccessDenied
///         when it is another one; those of read_customer_key().
[[nodiscard]] Task<S3Result<BodyKey>> key_for_read(Call& call, Encryption encryption,
                                                   std::string_view prefix = kCustomerPrefix);
/// The same for a part of an upload, with what AWS says there.
[[nodiscard]] Task<S3Result<BodyKey>> key_for_part(Call& call, Encryption encryption);
/// What key_for_read() would say, for an answer without the bytes.
[[nodiscard]] Task<S3Result<void>> check_read_key(Call& call, Encryption encryption);
/// `key`, wrapped anew as `how` says, for another object with the same bytes.
[[nodiscard]] Task<S3Result<BodyKey>> wrap_again(Call& call, BodyKey key, Encryption how);

/// InvalidArgument for a read that says how to encrypt.
[[nodiscard]] S3Result<void> refuse_write_encryption(const Call& call);

/// The ETag, raw, of a body with this MD5: the MD5 itself, or where AWS does not show it (SSE-KMS,
/// SSE-C) what can be made of it with the object's key alone.
[[nodiscard]] std::string shown_md5(const BodyKey& key, std::string md5);
/// Whether ETags are the MD5s of what was written.
[[nodiscard]] bool shows_md5(const Encryption& encryption);

/// Adds what an answer says of `encryption`; of SSE-C what the request's headers say.
void add_encryption(const Call& call, const Encryption& encryption, HttpResponse& head);

}  // namespace kelp::s3
