#include "volume/core/needle_tar.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace kelp {
namespace {

// Where the fields of a header lie (POSIX "ustar Interchange Format").
constexpr std::size_t kNameBytes = 100;
constexpr std::size_t kPrefixBytes = 155;
constexpr std::size_t kSizeAt = 124;
constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kTypeAt = 156;
constexpr std::size_t kMagicAt = 257;
constexpr std::size_t kPrefixAt = 345;

void put(std::string& block, std::size_t at, std::string_view text) {
  std::ranges::copy(text, block.begin() + static_cast<std::ptrdiff_t>(at));
}

/// The sum of a header's bytes, its checksum counted as spaces.
std::uint32_t sum_of(std::string_view block) {
  std::uint32_t sum = 8 * ' ';
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (i < kChecksumAt || i >= kChecksumAt + 8) sum += static_cast<unsigned char>(block[i]);
  }
  return sum;
}

std::string header_block(std::string_view name, char type, std::uint64_t bytes,
                         std::int64_t time_ns) {
  std::string block(kTarBlockBytes, '\0');
  std::string_view prefix;
  if (name.size() > kNameBytes) {
    const auto slash = name.rfind('/');
    KELP_ASSERT(slash != name.npos && slash <= kPrefixBytes, "the caller makes names that fit");
    prefix = name.substr(0, slash);
    name.remove_prefix(slash + 1);
    KELP_ASSERT(name.size() <= kNameBytes, "the caller makes names that fit");
  }
  put(block, 0, name);
  put(block, 100, "0000600");
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, kSizeAt, fmt::format("{:011o}", bytes));
  const std::int64_t seconds = std::clamp<std::int64_t>(time_ns / 1'000'000'000, 0, 077777777777);
  put(block, 136, fmt::format("{:011o}", seconds));
  block[kTypeAt] = type;
  put(block, kMagicAt, std::string_view("ustar\00000", 8));
  put(block, kPrefixAt, prefix);
  put(block, kChecksumAt, fmt::format("{:06o}", sum_of(block)));
  block[kChecksumAt + 7] = ' ';
  return block;
}

/// "LENGTH KEYWORD=VALUE\n", where the length counts itself.
std::string pax_record(std::string_view keyword, std::string_view value) {
  const std::size_t rest = keyword.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length) {
    length = rest + fmt::formatted_size("{}", length);
  }
  return fmt::format("{} {}={}\n", length, keyword, value);
}

std::string_view field(std::string_view block, std::size_t at, std::size_t bytes) {
  const std::string_view text = block.substr(at, bytes);
  return text.substr(0, text.find('\0'));
}

std::optional<std::uint64_t> octal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc{}) return std::nullopt;
  const bool rest_is_blank =
      std::all_of(end, text.data() + text.size(), [](char c) { return c == ' ' || c == '\0'; });
  return rest_is_blank ? std::optional(value) : std::nullopt;
}

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, fmt::format("tar: {}", what)};
}

}  // namespace

std::string encode_tar_member(const TarMember& member) {
  std::string out;
  if (!member.keyword.empty()) {
    const std::string records = pax_record(member.keyword, member.record);
    out = header_block("pax", 'x', records.size(), member.time_ns);
    out += records;
    out += tar_padding(records.size());
  }
  return out + header_block(member.name, '0', member.body_bytes, member.time_ns);
}

std::string tar_padding(std::uint64_t body_bytes) {
  return std::string((kTarBlockBytes - body_bytes % kTarBlockBytes) % kTarBlockBytes, '\0');
}

std::string tar_end() {
  return std::string(2 * kTarBlockBytes, '\0');
}

Result<std::optional<TarBlock>> decode_tar_block(std::string_view block) {
  if (block.size() != kTarBlockBytes) return corrupt("it ends in a header");
  if (std::ranges::all_of(block, [](char c) { return c == '\0'; })) return std::nullopt;
  const auto sum = octal(field(block, kChecksumAt, 8));
  const auto bytes = octal(field(block, kSizeAt, 12));
  if (sum != sum_of(block)) return corrupt("a header's checksum does not match");
  if (!bytes.has_value()) return corrupt("a member's length cannot be read");
  TarBlock decoded{.name = std::string(field(block, 0, kNameBytes)),
                   .type = block[kTypeAt] == '\0' ? '0' : block[kTypeAt],
                   .body_bytes = *bytes};
  const std::string_view prefix = field(block, kPrefixAt, kPrefixBytes);
  if (!prefix.empty()) decoded.name = fmt::format("{}/{}", prefix, decoded.name);
  return decoded;
}

Result<std::optional<std::string>> find_pax_record(std::string_view body,
                                                   std::string_view keyword) {
  while (!body.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), length);
    const auto digits = static_cast<std::size_t>(end - body.data());
    if (error != std::errc{} || length > body.size() || length < digits + 2 ||
        body[digits] != ' ' || body[length - 1] != '\n') {
      return corrupt("a pax record cannot be read");
    }
    const std::string_view record = body.substr(digits + 1, length - digits - 2);
    const auto equals = record.find('=');
    if (equals == record.npos) return corrupt("a pax record cannot be read");
    if (record.substr(0, equals) == keyword) return std::string(record.substr(equals + 1));
    body.remove_prefix(length);
  }
  return std::nullopt;
}

}  // namespace kelp
