// OpenSSL's low-level digests: an EVP context costs 110 ns and an allocation per digest, which is
// more than the digest of a SigV4 string itself. They are marked deprecated, not gone.
#define OPENSSL_API_COMPAT 0x10100000L
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/digest.h"

#define XXH_STATIC_LINKING_ONLY  // for the states' sizes
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <xxhash.h>

#include <algorithm>
#include <variant>

#include "crypto/md5.h"

namespace kelp {
namespace {

constexpr std::size_t kBlockBytes = 64;  // of SHA-1 and SHA-256

// One shape over ours and two families of C functions.
struct Md5State {
  static constexpr std::size_t kBytes = 16;
  Md5 md5;
  void init() { md5 = Md5(); }
  void update(const void* data, std::size_t size) {
    md5.update({static_cast<const std::byte*>(data), size});
  }
  void finish(unsigned char* out) { std::ranges::copy(md5.finish(), out); }
};
struct Sha1State {
  static constexpr std::size_t kBytes = SHA_DIGEST_LENGTH;
  SHA_CTX context;
  void init() { SHA1_Init(&context); }
  void update(const void* data, std::size_t size) { SHA1_Update(&context, data, size); }
  void finish(unsigned char* out) { SHA1_Final(out, &context); }
};
struct Sha256State {
  static constexpr std::size_t kBytes = SHA256_DIGEST_LENGTH;
  SHA256_CTX context;
  void init() { SHA256_Init(&context); }
  void update(const void* data, std::size_t size) { SHA256_Update(&context, data, size); }
  void finish(unsigned char* out) { SHA256_Final(out, &context); }
};

struct Sha512State {
  static constexpr std::size_t kBytes = SHA512_DIGEST_LENGTH;
  SHA512_CTX context;
  void init() { SHA512_Init(&context); }
  void update(const void* data, std::size_t size) { SHA512_Update(&context, data, size); }
  void finish(unsigned char* out) { SHA512_Final(out, &context); }
};
struct Xxhash64State {
  static constexpr std::size_t kBytes = sizeof(XXH64_canonical_t);
  XXH64_state_t context;
  void init() { XXH64_reset(&context, 0); }
  void update(const void* data, std::size_t size) { XXH64_update(&context, data, size); }
  void finish(unsigned char* out) {
    XXH64_canonicalFromHash(reinterpret_cast<XXH64_canonical_t*>(out), XXH64_digest(&context));
  }
};
struct Xxhash3State {
  static constexpr std::size_t kBytes = sizeof(XXH64_canonical_t);
  XXH3_state_t context;
  void init() { XXH3_64bits_reset(&context); }
  void update(const void* data, std::size_t size) { XXH3_64bits_update(&context, data, size); }
  void finish(unsigned char* out) {
    XXH64_canonicalFromHash(reinterpret_cast<XXH64_canonical_t*>(out),
                            XXH3_64bits_digest(&context));
  }
};
struct Xxhash128State {
  static constexpr std::size_t kBytes = sizeof(XXH128_canonical_t);
  XXH3_state_t context;
  void init() { XXH3_128bits_reset(&context); }
  void update(const void* data, std::size_t size) { XXH3_128bits_update(&context, data, size); }
  void finish(unsigned char* out) {
    XXH128_canonicalFromHash(reinterpret_cast<XXH128_canonical_t*>(out),
                             XXH3_128bits_digest(&context));
  }
};

template <typename State>
void digest(std::string_view text, unsigned char* out) {
  State state;
  state.init();
  state.update(text.data(), text.size());
  state.finish(out);
}

// RFC 2104 section 2. The padded key is wiped, the states hold only digests of it.
template <typename State>
void hmac(std::string_view key, std::string_view text, unsigned char* out) {
  std::array<unsigned char, kBlockBytes> pad{};
  if (key.size() > kBlockBytes) {
    digest<State>(key, pad.data());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  for (unsigned char& byte : pad) byte ^= 0x36;
  State inner;
  inner.init();
  inner.update(pad.data(), pad.size());
  inner.update(text.data(), text.size());
  inner.finish(out);

  for (unsigned char& byte : pad) byte ^= 0x36 ^ 0x5c;
  State outer;
  outer.init();
  outer.update(pad.data(), pad.size());
  outer.update(out, State::kBytes);
  outer.finish(out);
  OPENSSL_cleanse(pad.data(), pad.size());
}

using AnyState = std::variant<Md5State, Sha1State, Sha256State, Sha512State, Xxhash64State,
                              Xxhash3State, Xxhash128State>;

AnyState make_state(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kMd5:
      return Md5State{};
    case DigestAlgorithm::kSha1:
      return Sha1State{};
    case DigestAlgorithm::kSha256:
      return Sha256State{};
    case DigestAlgorithm::kSha512:
      return Sha512State{};
    case DigestAlgorithm::kXxhash64:
      return Xxhash64State{};
    case DigestAlgorithm::kXxhash3:
      return Xxhash3State{};
    case DigestAlgorithm::kXxhash128:
      break;
  }
  return Xxhash128State{};
}

}  // namespace

struct Digest::Impl {
  AnyState state;
  void restart() {
    std::visit([](auto& state) { state.init(); }, state);
  }
};

Digest::Digest(DigestAlgorithm algorithm)
    : impl_(std::make_unique<Impl>(Impl{make_state(algorithm)})) {
  impl_->restart();
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(ByteSpan bytes) {
  std::visit([&](auto& state) { state.update(bytes.data(), bytes.size()); }, impl_->state);
}

std::string Digest::finish() {
  std::string raw;
  std::visit(
      [&](auto& state) {
        raw.resize(state.kBytes);
        state.finish(reinterpret_cast<unsigned char*>(raw.data()));
      },
      impl_->state);
  impl_->restart();
  return raw;
}

Sha256 sha256(std::string_view text) {
  Sha256 out;
  digest<Sha256State>(text, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

Sha256 hmac_sha256(std::string_view key, std::string_view text) {
  Sha256 out;
  hmac<Sha256State>(key, text, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string hmac_sha1(std::string_view key, std::string_view text) {
  std::string out(Sha1State::kBytes, '\0');
  hmac<Sha1State>(key, text, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace kelp
