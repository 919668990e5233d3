#include "s3gw/core/appended.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/crc_combine.h"
#include "crypto/digest.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kMaxObjectBytes = 5ULL << 40;
constexpr std::uint32_t kMaxPartNumber = 10'000;

std::uint64_t number_of(std::string_view big_endian) {
  std::uint64_t number = 0;
  for (const char byte : big_endian) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string big_endian_of(std::uint64_t number, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = bytes; i > 0; --i, number >>= 8) text[i - 1] = static_cast<char>(number);
  return text;
}

/// The checksum of two stretches of bytes; nothing where it does not follow from theirs.
std::optional<Checksum> joined(const Checksum& a, const Checksum& b, std::uint64_t bytes_b) {
  const auto whole = ChecksumType::kFullObject;
  if (a.algorithm != b.algorithm || a.type != whole || b.type != whole) return std::nullopt;
  const std::uint64_t crc_a = number_of(a.value);
  const std::uint64_t crc_b = number_of(b.value);
  std::uint64_t crc = 0;
  switch (a.algorithm) {
    case ChecksumAlgorithm::kCrc32:
      crc = crc32_combine(static_cast<std::uint32_t>(crc_a), static_cast<std::uint32_t>(crc_b),
                          bytes_b);
      break;
    case ChecksumAlgorithm::kCrc32c:
      crc = crc32c_combine(static_cast<std::uint32_t>(crc_a), static_cast<std::uint32_t>(crc_b),
                           bytes_b);
      break;
    case ChecksumAlgorithm::kCrc64Nvme:
      crc = crc64nvme_combine(crc_a, crc_b, bytes_b);
      break;
    default:
      return std::nullopt;  // a digest of the whole needs the whole
  }
  return Checksum{a.algorithm, whole, big_endian_of(crc, checksum_bytes(a.algorithm)), 0};
}

}  // namespace

S3Result<void> check_append(const ObjectEntry& entry, std::uint64_t offset_bytes,
                            std::uint64_t added_bytes) {
  if (entry.size_bytes != offset_bytes) return s3_error(S3Code::kInvalidWriteOffset);
  const bool full = entry.parts.size() >= kMaxAppendedParts ||
                    (!entry.parts.empty() && entry.parts.back().part_number >= kMaxPartNumber);
  if (full) return s3_error(S3Code::kTooManyParts);
  if (added_bytes > kMaxObjectBytes - offset_bytes) return s3_error(S3Code::kEntityTooLarge);
  return {};
}

void append_to(ObjectEntry& entry, const PayloadResult& added) {
  if (entry.size_bytes == 0) {
    entry.size_bytes = added.decoded_bytes;
    entry.etag = added.md5;
    entry.etag_parts = 0;
    entry.checksums = added.checksums;
    entry.parts.clear();
    return;
  }
  if (entry.parts.empty())
    entry.parts.push_back({.part_number = 1, .size_bytes = entry.size_bytes});
  entry.parts.push_back(
      {.part_number = entry.parts.back().part_number + 1, .size_bytes = added.decoded_bytes});
  entry.size_bytes += added.decoded_bytes;
  entry.etag_parts = static_cast<std::uint32_t>(entry.parts.size());
  Digest md5(DigestAlgorithm::kMd5);
  md5.update(entry.etag);
  md5.update(added.md5);
  entry.etag = md5.finish();
  std::optional<Checksum> checksum;
  if (!entry.checksums.empty() && !added.checksums.empty()) {
    checksum = joined(entry.checksums.front(), added.checksums.front(), added.decoded_bytes);
  }
  entry.checksums.clear();
  if (checksum) entry.checksums.push_back(*std::move(checksum));
}

}  // namespace kelp::s3
