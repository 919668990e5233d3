#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace kelp {

/// A key of 256 bits; its memory is wiped when it dies. Never log or format one.
class SecretKey {
 public:
  static constexpr std::size_t kBytes = 32;

  /// All zeros, until something is written to it.
  SecretKey() = default;
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  /// A new one from the operating system's generator.
  [[nodiscard]] static SecretKey draw();
  /// The key that HMAC-SHA256 makes of this one and `label`: who knows it learns nothing of this.
  [[nodiscard]] SecretKey derive(std::string_view label) const;

  [[nodiscard]] MutableByteSpan bytes() { return bytes_; }
  [[nodiscard]] ByteSpan bytes() const { return bytes_; }
  /// In constant time.
  friend bool operator==(const SecretKey& a, const SecretKey& b);

 private:
  std::array<std::byte, kBytes> bytes_{};
};

/// AES-256-GCM (NIST SP 800-38D) with nonces that are numbers: 96 bits, big-endian. Under one key
/// no number may be used for two messages. One user at a time.
class AesGcm {
 public:
  static constexpr std::size_t kTagBytes = 16;

  explicit AesGcm(const SecretKey& key);
  ~AesGcm();
  AesGcm(AesGcm&&) noexcept;
  AesGcm& operator=(AesGcm&&) noexcept;

  // Encrypts one message piece by piece. `out` is as long as `plain`, and either is it or does not
  // touch it.
  void begin_seal(std::uint64_t number, ByteSpan associated);
  void seal(ByteSpan plain, MutableByteSpan out);
  void end_seal(std::span<std::byte, kTagBytes> tag);

  /// Decrypts a whole message in place. False when it, its number, `associated` or the tag is not
  /// what was sealed: `bytes` then holds nothing to be used.
  [[nodiscard]] bool open(std::uint64_t number, ByteSpan associated, MutableByteSpan bytes,
                          std::span<const std::byte, kTagBytes> tag);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kelp
