#include "base/crc.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

const ByteSpan kCheck = as_bytes("123456789");

TEST(Crc, GivesThePublishedCheckValues) {
  EXPECT_EQ(crc32c(kCheck), 0xe3069283U);
  EXPECT_EQ(crc32(kCheck), 0xcbf43926U);
  EXPECT_EQ(crc64nvme(kCheck), 0xae8b14860a799888U);
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
