#include "s3gw/core/key_wrap.h"

#include <algorithm>

namespace kelp::s3 {
namespace {

AesGcm cipher_for(const SecretKey& by, ByteSpan salt) {
  std::string label = "kelp wrapped key 1";
  label += as_text(salt);
  return AesGcm(by.derive(label));
}

}  // namespace

std::string wrap_key(const SecretKey& by, std::string_view associated, const WrapSalt& salt,
                     const SecretKey& key) {
  std::string wrapped(kWrappedKeyBytes, '\0');
  const MutableByteSpan out = std::as_writable_bytes(std::span(wrapped));
  std::ranges::copy(salt, out.begin());
  AesGcm cipher = cipher_for(by, salt);
  cipher.begin_seal(0, as_bytes(associated));
  cipher.seal(key.bytes(), out.subspan(salt.size(), SecretKey::kBytes));
  cipher.end_seal(out.last<AesGcm::kTagBytes>());
  return wrapped;
}

std::optional<SecretKey> unwrap_key(const SecretKey& by, std::string_view associated,
                                    std::string_view wrapped) {
  if (wrapped.size() != kWrappedKeyBytes) return std::nullopt;
  const ByteSpan in = as_bytes(wrapped);
  AesGcm cipher = cipher_for(by, in.first(sizeof(WrapSalt)));
  SecretKey key;
  std::ranges::copy(in.subspan(sizeof(WrapSalt), SecretKey::kBytes), key.bytes().begin());
  const auto tag = in.last<AesGcm::kTagBytes>();
  if (!cipher.open(0, as_bytes(associated), key.bytes(), tag)) return std::nullopt;
  return key;
}

}  // namespace kelp::s3
