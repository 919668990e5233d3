#include "s3gw/core/checksum.h"

#include <array>

#include "base/crc.h"
#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "wire/checksum_digest.h"

namespace kelp::s3 {
namespace {

struct Row {
  ChecksumAlgorithm algorithm;
  std::string_view name;
  std::string_view header;
};

constexpr std::array<Row, 10> kRows = {{
    {ChecksumAlgorithm::kCrc32, "CRC32", "x-amz-checksum-crc32"},
    {ChecksumAlgorithm::kCrc32c, "CRC32C", "x-amz-checksum-crc32c"},
    {ChecksumAlgorithm::kCrc64Nvme, "CRC64NVME", "x-amz-checksum-crc64nvme"},
    {ChecksumAlgorithm::kSha1, "SHA1", "x-amz-checksum-sha1"},
    {ChecksumAlgorithm::kSha256, "SHA256", "x-amz-checksum-sha256"},
    {ChecksumAlgorithm::kSha512, "SHA512", "x-amz-checksum-sha512"},
    {ChecksumAlgorithm::kMd5, "MD5", "x-amz-checksum-md5"},
    {ChecksumAlgorithm::kXxhash64, "XXHASH64", "x-amz-checksum-xxhash64"},
    {ChecksumAlgorithm::kXxhash3, "XXHASH3", "x-amz-checksum-xxhash3"},
    {ChecksumAlgorithm::kXxhash128, "XXHASH128", "x-amz-checksum-xxhash128"},
}};

const Row& row_of(ChecksumAlgorithm algorithm) {
  return kRows[static_cast<std::size_t>(algorithm) - 1];
}

bool equals_any_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

}  // namespace

std::string_view name_of(ChecksumAlgorithm algorithm) {
  return row_of(algorithm).name;
}
std::string_view header_of(ChecksumAlgorithm algorithm) {
  return row_of(algorithm).header;
}
std::string_view lower_name_of(ChecksumAlgorithm algorithm) {
  return header_of(algorithm).substr(std::string_view("x-amz-checksum-").size());
}
std::string_view name_of(ChecksumType type) {
  return type == ChecksumType::kComposite ? "COMPOSITE" : "FULL_OBJECT";
}

std::optional<ChecksumAlgorithm> checksum_by_name(std::string_view name) {
  for (const Row& row : kRows) {
    if (equals_any_case(name, row.name)) return row.algorithm;
  }
  return std::nullopt;
}

std::optional<ChecksumAlgorithm> checksum_by_header(std::string_view header) {
  for (const Row& row : kRows) {
    if (equals_lower(header, row.header)) return row.algorithm;
  }
  return std::nullopt;
}

std::string checksum_text(const Checksum& checksum) {
  std::string text = base64_encode(checksum.value);
  if (checksum.type == ChecksumType::kComposite) {
    text.append("-").append(std::to_string(checksum.part_count));
  }
  return text;
}

std::optional<Checksum> parse_checksum(ChecksumAlgorithm algorithm, std::string_view text) {
  auto raw = base64_decode(text);
  if (!raw || raw->size() != checksum_bytes(algorithm)) return std::nullopt;
  return Checksum{.algorithm = algorithm,
                  .type = ChecksumType::kFullObject,
                  .value = *std::move(raw),
                  .part_count = 0};
}

ChecksumHasher::ChecksumHasher(ChecksumAlgorithm algorithm) : algorithm_(algorithm) {
  if (const auto kind = digest_of(algorithm)) digest_.emplace(*kind);
}

void ChecksumHasher::update(ByteSpan bytes) {
  switch (algorithm_) {
    case ChecksumAlgorithm::kCrc32:
      crc_ = crc32(bytes, static_cast<std::uint32_t>(crc_));
      break;
    case ChecksumAlgorithm::kCrc32c:
      crc_ = crc32c(bytes, static_cast<std::uint32_t>(crc_));
      break;
    case ChecksumAlgorithm::kCrc64Nvme:
      crc_ = crc64nvme(bytes, crc_);
      break;
    default:
      digest_->update(bytes);
  }
}

std::string ChecksumHasher::finish() {
  if (digest_) return digest_->finish();
  std::string raw;
  for (std::size_t left = checksum_bytes(algorithm_); left > 0; --left) {
    raw.push_back(static_cast<char>(crc_ >> (8 * (left - 1)) & 0xff));
  }
  crc_ = 0;
  return raw;
}

}  // namespace kelp::s3
