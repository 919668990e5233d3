// Encrypted bodies in GB/s: OpenSSL's AES-256-GCM by itself, and what the gateway does with 256 KiB
// of a body at once: frames sealed and opened.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <array>
#include <string>

#include "base/rng.h"
#include "s3gw/core/sealing.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kPieceBytes = 4 * kFrameBytes;
constexpr std::size_t kPlainBytes = 4 * kFramePlainBytes - kFrameSaltBytes;

std::string noise(std::size_t size) {
  Rng rng(1);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

MutableByteSpan bytes_in(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

/// One message of `range(0)` bytes a call, as the library offers it.
void openssl_gcm(benchmark::State& state) {
  const std::string plain = noise(static_cast<std::size_t>(state.range(0)));
  std::string out(plain.size(), '\0');
  const std::array<unsigned char, 32> key{};
  std::array<unsigned char, 12> nonce{};
  std::array<unsigned char, 16> tag{};
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), nullptr);
  const auto* const in = reinterpret_cast<const unsigned char*>(plain.data());
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  int bytes = 0;
  for (auto _ : state) {
    ++nonce[11];
    EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data());
    EVP_EncryptUpdate(context, to, &bytes, in, static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context, to, &bytes);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    benchmark::DoNotOptimize(tag);
  }
  EVP_CIPHER_CTX_free(context);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(openssl_gcm)->ArgName("bytes")->Arg(8 << 10)->Arg(64 << 10);

void seal(benchmark::State& state) {
  const std::string plain = noise(kPlainBytes);
  std::string out(BodySealer::room(kPlainBytes), '\0');
  const SecretKey key = SecretKey::draw();
  for (auto _ : state) {
    BodySealer sealer(key, {1, kPlainBytes}, {});
    benchmark::DoNotOptimize(sealer.seal(as_bytes(plain), bytes_in(out)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPlainBytes));
}
BENCHMARK(seal);

void open(benchmark::State& state) {
  const SecretKey key = SecretKey::draw();
  const std::string sealed = seal_body(key, 1, {}, noise(kPlainBytes));
  std::string work = sealed;
  BodyOpener opener(key, {1, kPlainBytes}, as_bytes(sealed).first<kFrameSaltBytes>());
  for (auto _ : state) {
    work = sealed;  // Opened in place.
    for (std::uint64_t i = 0; i < 4; ++i) {
      benchmark::DoNotOptimize(
          opener.open(i, bytes_in(work).subspan(i * kFrameBytes, kFrameBytes)));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPieceBytes));
}
BENCHMARK(open);

}  // namespace
}  // namespace kelp::s3
