#include "s3gw/core/appended.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "s3gw/core/checksum.h"

namespace kelp::s3 {
namespace {

std::string md5_of(const std::string& bytes) {
  Digest md5(DigestAlgorithm::kMd5);
  md5.update(bytes);
  return md5.finish();
}

PayloadResult body(const std::string& bytes, ChecksumAlgorithm algorithm) {
  ChecksumHasher hasher(algorithm);
  hasher.update(as_bytes(bytes));
  return {.md5 = md5_of(bytes),
          .checksums = {{.algorithm = algorithm, .value = hasher.finish(), .part_count = 0}},
          .decoded_bytes = bytes.size()};
}

TEST(Appended, EachBodyIsAPartAndTheChecksumIsThatOfTheWhole) {
  for (const auto algorithm :
       {ChecksumAlgorithm::kCrc32, ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kCrc64Nvme}) {
    ObjectEntry entry;
    append_to(entry, body("one", algorithm));
    EXPECT_EQ(entry.etag, md5_of("one"));
    EXPECT_EQ(entry.etag_parts, 0U) << "as a put of it";
    EXPECT_TRUE(entry.parts.empty());
    append_to(entry, body("twelve", algorithm));
    append_to(entry, body("", algorithm));
    append_to(entry, body("end", algorithm));
    EXPECT_EQ(entry.size_bytes, 12U);
    EXPECT_EQ(entry.etag_parts, 4U);
    const std::string two = md5_of(md5_of("one") + md5_of("twelve"));
    EXPECT_EQ(entry.etag, md5_of(md5_of(two + md5_of("")) + md5_of("end")));
    std::vector<std::uint64_t> sizes;
    for (const PartInfo& part : entry.parts) sizes.push_back(part.size_bytes);
    EXPECT_EQ(sizes, (std::vector<std::uint64_t>{3, 6, 0, 3}));
    EXPECT_EQ(entry.parts.back().part_number, 4U);
    EXPECT_EQ(entry.checksums, body("onetwelveend", algorithm).checksums) << name_of(algorithm);
  }
}

TEST(Appended, AChecksumThatDoesNotFollowIsDropped) {
  for (const auto algorithm : {ChecksumAlgorithm::kCrc32c, ChecksumAlgorithm::kSha256}) {
    ObjectEntry entry;
    append_to(entry, body("one", ChecksumAlgorithm::kSha256));
    append_to(entry, body("two", algorithm));
    EXPECT_TRUE(entry.checksums.empty());
    append_to(entry, body("three", algorithm));
    EXPECT_TRUE(entry.checksums.empty());
  }
  ObjectEntry entry;
  append_to(entry, body("one", ChecksumAlgorithm::kCrc32));
  entry.checksums.front().type = ChecksumType::kComposite;
  append_to(entry, body("two", ChecksumAlgorithm::kCrc32));
  EXPECT_TRUE(entry.checksums.empty());
}

TEST(Appended, IsRefusedAtAnotherOffsetOrPastTheLimits) {
  const auto code = [](const ObjectEntry& entry, std::uint64_t offset, std::uint64_t added) {
    const auto checked = check_append(entry, offset, added);
    return checked ? std::string_view("fine") : text_of(checked.error().code).code;
  };
  ObjectEntry entry;
  entry.size_bytes = 100;
  EXPECT_EQ(code(entry, 100, 1), "fine");
  EXPECT_EQ(code(entry, 99, 1), "InvalidWriteOffset");
  EXPECT_EQ(code(entry, 101, 1), "InvalidWriteOffset");
  EXPECT_EQ(code(entry, 100, (5ULL << 40) - 100), "fine");
  EXPECT_EQ(code(entry, 100, (5ULL << 40) - 99), "EntityTooLarge");
  entry.parts = {{.part_number = 9999, .size_bytes = 100}};
  EXPECT_EQ(code(entry, 100, 1), "fine");
  entry.parts.front().part_number = 10'000;
  EXPECT_EQ(code(entry, 100, 1), "TooManyParts");
  entry.parts.assign(10'000, {.part_number = 1});
  EXPECT_EQ(code(entry, 100, 1), "TooManyParts");
}

}  // namespace
}  // namespace kelp::s3
