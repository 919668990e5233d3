#include "crypto/seal.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <span>

#include "base/assert.h"
#include "crypto/random.h"

namespace kelp {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(char* text) {
  return reinterpret_cast<unsigned char*>(text);
}

}  // namespace

std::string seal(const Sha256& key, std::string_view plain, std::string_view about) {
  std::string out(kNonceBytes + plain.size() + kTagBytes, '\0');
  random_bytes(std::as_writable_bytes(std::span(out).first(kNonceBytes)));
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const auto text_bytes = static_cast<int>(plain.size());
  // An empty text is no update: OpenSSL takes one without a place for it as something else.
  const bool sealed =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, octets(view(key)),
                         octets(out.data())) == 1 &&
      (about.empty() || EVP_EncryptUpdate(context.get(), nullptr, &size, octets(about),
                                          static_cast<int>(about.size())) == 1) &&
      (plain.empty() || EVP_EncryptUpdate(context.get(), octets(out.data() + kNonceBytes), &size,
                                          octets(plain), text_bytes) == 1) &&
      EVP_EncryptFinal_ex(context.get(), octets(out.data() + kNonceBytes + plain.size()), &size) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                          out.data() + kNonceBytes + plain.size()) == 1;
  KELP_ASSERT(sealed, "AES-256-GCM does not seal");
  return out;
}

Result<std::string> open_sealed(const Sha256& key, std::string_view sealed,
                                std::string_view about) {
  const Error refused(Errc::kPermissionDenied, "it was not sealed with this key");
  if (sealed.size() < kSealBytes) return refused;
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view body = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string out(body.size(), '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  std::array<unsigned char, kTagBytes> rest{};
  const bool opened =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, octets(view(key)),
                         octets(nonce)) == 1 &&
      (about.empty() || EVP_DecryptUpdate(context.get(), nullptr, &size, octets(about),
                                          static_cast<int>(about.size())) == 1) &&
      (body.empty() || EVP_DecryptUpdate(context.get(), octets(out.data()), &size, octets(body),
                                         static_cast<int>(body.size())) == 1) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), rest.data(), &size) == 1;
  if (!opened) return refused;
  return out;
}

}  // namespace kelp
