#include "crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <climits>

#include "base/assert.h"
#include "crypto/digest.h"
#include "crypto/random.h"

namespace kelp {
namespace {

constexpr std::size_t kNonceBytes = 12;
using Nonce = std::array<unsigned char, kNonceBytes>;

Nonce nonce_of(std::uint64_t number) {
  Nonce nonce{};
  for (std::size_t i = kNonceBytes; number != 0; number >>= 8) {
    nonce[--i] = static_cast<unsigned char>(number);
  }
  return nonce;
}

/// EVP fails only when memory is out or the library is not whole.
void require(int outcome) {
  KELP_ASSERT(outcome == 1, "the cipher must work: nothing may leave as it came");
}

unsigned char* as_octets(MutableByteSpan bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
const unsigned char* as_octets(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
int length_of(ByteSpan bytes) {
  KELP_ASSERT(bytes.size() <= INT_MAX, "a message is a frame or a key");
  return static_cast<int>(bytes.size());
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

}  // namespace

SecretKey::~SecretKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

SecretKey SecretKey::draw() {
  SecretKey key;
  random_bytes(key.bytes());
  return key;
}

SecretKey SecretKey::derive(std::string_view label) const {
  Sha256 hash = hmac_sha256(as_text(bytes()), label);
  SecretKey key;
  std::ranges::copy(hash, key.bytes_.begin());
  OPENSSL_cleanse(hash.data(), hash.size());
  return key;
}

bool operator==(const SecretKey& a, const SecretKey& b) {
  return equal_constant_time(as_text(a.bytes()), as_text(b.bytes()));
}

/// A context for each direction, made when it is first needed.
struct AesGcm::Impl {
  SecretKey key;
  Context sealing;
  Context opening;

  /// `init` is EVP_EncryptInit_ex or EVP_DecryptInit_ex.
  template <typename Init>
  void make(Context& context, Init init) const {
    if (context) return;
    context.reset(EVP_CIPHER_CTX_new());
    KELP_ASSERT(context != nullptr, "memory for a cipher");
    require(init(context.get(), EVP_aes_256_gcm(), nullptr, as_octets(key.bytes()), nullptr));
  }
};

AesGcm::AesGcm(const SecretKey& key) : impl_(std::make_unique<Impl>()) {
  impl_->key = key;
}
AesGcm::~AesGcm() = default;
AesGcm::AesGcm(AesGcm&&) noexcept = default;
AesGcm& AesGcm::operator=(AesGcm&&) noexcept = default;

void AesGcm::begin_seal(std::uint64_t number, ByteSpan associated) {
  impl_->make(impl_->sealing, EVP_EncryptInit_ex);
  EVP_CIPHER_CTX* const context = impl_->sealing.get();
  const Nonce nonce = nonce_of(number);
  require(EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()));
  int unused = 0;
  require(
      EVP_EncryptUpdate(context, nullptr, &unused, as_octets(associated), length_of(associated)));
}

void AesGcm::seal(ByteSpan plain, MutableByteSpan out) {
  if (plain.empty()) return;  // OpenSSL would take no output for associated data.
  KELP_ASSERT(out.size() == plain.size(), "ciphertext is as long as what it hides");
  int written = 0;
  require(EVP_EncryptUpdate(impl_->sealing.get(), as_octets(out), &written, as_octets(plain),
                            length_of(plain)));
}

void AesGcm::end_seal(std::span<std::byte, kTagBytes> tag) {
  EVP_CIPHER_CTX* const context = impl_->sealing.get();
  int unused = 0;
  unsigned char nothing = 0;
  require(EVP_EncryptFinal_ex(context, &nothing, &unused));
  require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()));
}

bool AesGcm::open(std::uint64_t number, ByteSpan associated, MutableByteSpan bytes,
                  std::span<const std::byte, kTagBytes> tag) {
  impl_->make(impl_->opening, EVP_DecryptInit_ex);
  EVP_CIPHER_CTX* const context = impl_->opening.get();
  const Nonce nonce = nonce_of(number);
  require(EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()));
  int written = 0;
  require(
      EVP_DecryptUpdate(context, nullptr, &written, as_octets(associated), length_of(associated)));
  require(EVP_DecryptUpdate(context, as_octets(bytes), &written, as_octets(ByteSpan(bytes)),
                            length_of(bytes)));
  std::array<std::byte, kTagBytes> expected;
  std::ranges::copy(tag, expected.begin());
  require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected.data()));
  unsigned char nothing = 0;
  if (EVP_DecryptFinal_ex(context, &nothing, &written) == 1) return true;
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return false;
}

}  // namespace kelp
