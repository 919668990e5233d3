#include "s3gw/core/key_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/encoding.h"
#include "crypto/digest.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kMagic = "kelp-keyring ";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::string_view kAliasPrefix = "alias/";

/// Of the bytes in Encryption::wrapped_key that a ring makes.
constexpr std::uint8_t kWrapFormat = 1;

/// Ids and aliases, as AWS KMS allows them (API reference, CreateAlias), and dots.
bool is_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_/.").contains(c);
  };
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, good);
}

Result<void> check_name(std::string_view what, std::string_view name) {
  if (is_name(name) && !name.starts_with(kAliasPrefix)) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("{}: 1 to {} characters of A-Z a-z 0-9 - _ / . that do not begin with "
                           "\"alias/\"",
                           what, kMaxNameBytes));
}

Error corrupt(std::size_t line, std::string_view why) {
  return {Errc::kCorruption, fmt::format("key ring: line {}: {}", line, why)};
}

Error unknown(std::string_view id) {
  return {Errc::kNotFound, fmt::format("key {} is not in the key ring", id)};
}

std::string_view cut_at(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return front;
}

bool read_number(std::string_view text, std::uint32_t& number, int base = 10) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return code == std::errc() && end == text.data() + text.size();
}

bool read_secret(std::string_view hex, SecretKey& key) {
  auto bytes = hex_decode(hex);
  if (!bytes || bytes->size() != SecretKey::kBytes) return false;
  std::ranges::copy(as_bytes(*bytes), key.bytes().begin());
  std::ranges::fill(*bytes, '\0');
  return true;
}

/// Whether `hex` is a sum of `before`: its SHA-256 in 64 digits, or its CRC-32C.
bool is_sum(std::string_view hex, std::string_view before) {
  if (hex.size() == 2 * sizeof(Sha256)) return hex_decode(hex) == view(sha256(before));
  std::uint32_t sum = 0;
  return read_number(hex, sum, 16) && sum == crc32c(as_bytes(before));
}

std::string associated_with(const Encryption& how, std::string_view id, std::uint32_t version) {
  std::string data;
  ByteWriter to(data);
  to.fixed(static_cast<std::uint8_t>(how.kind));
  to.text(id);
  to.fixed(version);
  to.text(how.context);
  return data;
}

}  // namespace

KeyRing KeyRing::make(const std::string& kms_id, const SecretKey& s3, const SecretKey& kms) {
  KeyRing ring;
  ring.keys_[std::string(kS3KeyId)].versions = {s3};
  ring.keys_[kms_id].versions = {kms};
  ring.aliases_[std::string(kDefaultKmsAlias)] = kms_id;
  return ring;
}

Result<KeyRing> KeyRing::parse(std::string_view text) {
  KeyRing ring;
  const std::string_view whole = text;
  std::string_view first = cut_at(text, '\n');
  std::uint32_t format = 0;
  if (!first.starts_with(kMagic) || !read_number(first.substr(kMagic.size()), format)) {
    return corrupt(1, "this is no key ring");
  }
  if (format != kFormat) {
    return Error(Errc::kUnimplemented,
                 fmt::format("key ring: format {}, this program knows {}", format, kFormat));
  }
  for (std::size_t number = 2; !text.empty(); ++number) {
    const auto begin = static_cast<std::size_t>(text.data() - whole.data());
    std::string_view line = cut_at(text, '\n');
    const std::string_view word = cut_at(line, ' ');
    if (word == "sum") {
      if (!is_sum(line, whole.substr(0, begin))) return corrupt(number, "the sum does not match");
      if (!text.empty()) return corrupt(number, "the sum is not the last line");
      if (!ring.keys_.contains(kS3KeyId)) return corrupt(number, "the key s3 is missing");
      return ring;
    }
    const std::string id(cut_at(line, ' '));
    if (!is_name(id)) return corrupt(number, "not a name");
    if (word == "alias") {
      if (!ring.keys_.contains(line)) return corrupt(number, "an alias of no key");
      ring.aliases_[id] = line;
      continue;
    }
    std::uint32_t version = 0;
    SecretKey key;
    auto& versions = ring.keys_[id].versions;
    if (word != "key" || !read_number(cut_at(line, ' '), version) ||
        version != versions.size() + 1 || !read_secret(line, key)) {
      return corrupt(number, "not a version of a key, or not the next one");
    }
    versions.push_back(key);
  }
  return corrupt(0, "it ends before its sum");
}

std::string KeyRing::text() const {
  std::string text = fmt::format("{}{}\n", kMagic, kFormat);
  for (const auto& [id, key] : keys_) {
    for (std::size_t i = 0; i < key.versions.size(); ++i) {
      text +=
          fmt::format("key {} {} {}\n", id, i + 1, hex_encode(as_text(key.versions[i].bytes())));
    }
  }
  for (const auto& [alias, id] : aliases_) text += fmt::format("alias {} {}\n", alias, id);
  text += fmt::format("sum {:08x}\n", crc32c(as_bytes(text)));
  return text;
}

Result<void> KeyRing::add(std::string_view id, const SecretKey& key) {
  KELP_CHECK(check_name("a key's id", id));
  if (keys_.contains(id)) {
    return Error(Errc::kAlreadyExists, fmt::format("key {} is in the key ring already", id));
  }
  keys_[std::string(id)].versions.push_back(key);
  return {};
}

Result<std::uint32_t> KeyRing::rotate(std::string_view id, const SecretKey& key) {
  const auto at = keys_.find(id);
  if (at == keys_.end()) return unknown(id);
  at->second.versions.push_back(key);
  return static_cast<std::uint32_t>(at->second.versions.size());
}

Result<void> KeyRing::point(std::string_view alias, std::string_view id) {
  KELP_CHECK(check_name("an alias", alias));
  if (id == kS3KeyId) {
    return Error(Errc::kInvalidArgument, "the key of SSE-S3 is for SSE-S3 alone");
  }
  if (!keys_.contains(id)) return unknown(id);
  aliases_[std::string(alias)] = id;
  return {};
}

Result<std::string> KeyRing::resolve(std::string_view name) const {
  const std::string_view rest = key_name(name);
  std::string id(rest);
  if (name.empty() || rest.starts_with(kAliasPrefix)) {
    const auto alias =
        aliases_.find(name.empty() ? kDefaultKmsAlias : rest.substr(kAliasPrefix.size()));
    if (alias == aliases_.end()) return unknown(name);
    id = alias->second;
  }
  if (id == kS3KeyId || !keys_.contains(id)) return unknown(name);
  return id;
}

Result<Encryption> KeyRing::wrap(Encryption how, const SecretKey& object_key,
                                 const WrapSalt& salt) const {
  std::string id(kS3KeyId);
  if (how.kind == EncryptionKind::kKms) {
    KELP_TRY(id, resolve(how.key_id));
    const bool named = !how.key_id.empty() && !how.key_id.contains(kAliasPrefix);
    if (!named) how.key_id = key_arn(id);
  }
  const auto& versions = keys_.find(id)->second.versions;
  const auto version = static_cast<std::uint32_t>(versions.size());
  how.wrapped_key.clear();
  ByteWriter to(how.wrapped_key);
  to.fixed(kWrapFormat);
  to.fixed(version);
  to.raw(wrap_key(versions.back(), associated_with(how, id, version), salt, object_key));
  return how;
}

Result<SecretKey> KeyRing::unwrap(const Encryption& how) const {
  std::string id(kS3KeyId);
  if (how.kind == EncryptionKind::kKms) {
    KELP_TRY(id, resolve(how.key_id));
  }
  ByteReader in(how.wrapped_key);
  const auto format = in.fixed<std::uint8_t>();
  const auto version = in.fixed<std::uint32_t>();
  if (in.failed() || format != kWrapFormat) {
    return Error(Errc::kCorruption, "a wrapped key that no key ring made");
  }
  const auto key = keys_.find(id);
  if (key == keys_.end() || version == 0 || version > key->second.versions.size()) {
    return Error(Errc::kNotFound,
                 fmt::format("version {} of key {} is not in the key ring", version, id));
  }
  const auto object_key = unwrap_key(key->second.versions[version - 1],
                                     associated_with(how, id, version), in.raw(kWrappedKeyBytes));
  if (object_key && in.remaining() == 0) return *object_key;
  return Error(Errc::kCorruption,
               fmt::format("version {} of key {} does not open it: this is another key ring, or "
                           "the object's row is damaged",
                           version, id));
}

// An ARN is arn:aws:kms:REGION:ACCOUNT:key/ID or …:alias/NAME.
std::string_view key_name(std::string_view name) {
  if (!name.starts_with("arn:")) return name;
  for (int i = 0; i < 5; ++i) cut_at(name, ':');
  if (name.starts_with("key/")) name.remove_prefix(4);
  return name;
}

std::string key_arn(std::string_view id) {
  return fmt::format("arn:aws:kms:us-east-1:000000000000:key/{}", id);
}

}  // namespace kelp::s3
