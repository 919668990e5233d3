#include "base/crc.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace kelp {
namespace {

const ByteSpan kCheck = as_bytes("123456789");

TEST(Crc, GivesThePublishedCheckValues) {
  EXPECT_EQ(crc32c(kCheck), 0xe3069283U);
  EXPECT_EQ(crc32(kCheck), 0xcbf43926U);
  EXPECT_EQ(crc64nvme(kCheck), 0xae8b14860a799888U);
  EXPECT_EQ(crc64nvme_portable(kCheck), 0xae8b14860a799888U);
}

// Lengths around every border of the fast version, and any alignment.
TEST(Crc, TheFastCrc64IsThePortableOne) {
  Rng rng(1);
  std::string text(8192, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  const ByteSpan bytes = as_bytes(text);
  for (std::size_t size = 0; size <= 600; ++size) {
    const auto some = bytes.subspan(size % 17, size);
    ASSERT_EQ(crc64nvme(some), crc64nvme_portable(some)) << size;
  }
  for (int round = 0; round < 500; ++round) {
    const std::size_t at = rng.below(4096);
    const auto some = bytes.subspan(at, rng.below(4096));
    const std::uint64_t before = rng.next();
    ASSERT_EQ(crc64nvme(some, before), crc64nvme_portable(some, before)) << at;
  }
}

TEST(Crc, ContinuesOverAnySplit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text.push_back(static_cast<char>(i * 7));
  const ByteSpan bytes = as_bytes(text);
  for (std::size_t at = 0; at <= bytes.size(); at += 37) {
    EXPECT_EQ(crc32c(bytes.subspan(at), crc32c(bytes.first(at))), crc32c(bytes));
    EXPECT_EQ(crc32(bytes.subspan(at), crc32(bytes.first(at))), crc32(bytes));
    EXPECT_EQ(crc64nvme(bytes.subspan(at), crc64nvme(bytes.first(at))), crc64nvme(bytes));
  }
}

}  // namespace
}  // namespace kelp
