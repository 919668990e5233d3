#include "s3gw/core/checksum.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace kelp::s3 {
namespace {

TEST(Checksum, NamesGoThereAndBack) {
  for (const auto algorithm :
       {ChecksumAlgorithm::kCrc32, ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kCrc64Nvme,
        ChecksumAlgorithm::kSha1, ChecksumAlgorithm::kSha256, ChecksumAlgorithm::kSha512,
        ChecksumAlgorithm::kMd5, ChecksumAlgorithm::kXxhash64, ChecksumAlgorithm::kXxhash3,
        ChecksumAlgorithm::kXxhash128}) {
    EXPECT_EQ(checksum_by_name(name_of(algorithm)), algorithm);
    EXPECT_EQ(checksum_by_header(header_of(algorithm)), algorithm);
    ChecksumHasher hasher(algorithm);
    hasher.update(as_bytes("x"));
    const std::string value = hasher.finish();
    EXPECT_EQ(value.size(), checksum_bytes(algorithm));
    hasher.update(as_bytes("x"));
    EXPECT_EQ(hasher.finish(), value) << "finish() starts over";
    const auto parsed = parse_checksum(algorithm, base64_encode(value));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->value, value);
  }
  EXPECT_EQ(checksum_by_name("crc64nvme"), ChecksumAlgorithm::kCrc64Nvme);
  EXPECT_EQ(checksum_by_name("CRC"), std::nullopt);
  EXPECT_EQ(checksum_by_header("X-AMZ-CHECKSUM-CRC32"), ChecksumAlgorithm::kCrc32);
  EXPECT_EQ(checksum_by_header("x-amz-checksum-"), std::nullopt);
}

TEST(Checksum, TextCarriesThePartCountOfAComposite) {
  const Checksum full{.algorithm = ChecksumAlgorithm::kCrc32,
                      .type = ChecksumType::kFullObject,
                      .value = std::string("\xcb\xf4\x39\x26"),
                      .part_count = 0};
  EXPECT_EQ(checksum_text(full), "y/Q5Jg==");
  Checksum composite = full;
  composite.type = ChecksumType::kComposite;
  composite.part_count = 3;
  EXPECT_EQ(checksum_text(composite), "y/Q5Jg==-3");
  EXPECT_FALSE(parse_checksum(ChecksumAlgorithm::kCrc32, "y/Q5Jg==-3"));
  EXPECT_FALSE(parse_checksum(ChecksumAlgorithm::kCrc32, "y/Q5"));
  EXPECT_FALSE(parse_checksum(ChecksumAlgorithm::kCrc64Nvme, "y/Q5Jg=="));
}

}  // namespace
}  // namespace kelp::s3
