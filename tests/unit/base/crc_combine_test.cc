#include "base/crc_combine.h"

#include <gtest/gtest.h>

#include <string>

#include "base/crc.h"
#include "base/rng.h"

namespace kelp {
namespace {

std::string random_text(Rng& rng, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

TEST(CrcCombine, GivesTheChecksumOfBothStretches) {
  Rng rng(7);
  for (int round = 0; round < 200; ++round) {
    const std::string a = random_text(rng, rng.below(300));
    const std::string b = random_text(rng, round == 0 ? 100'000 : rng.below(300));
    const std::string ab = a + b;
    EXPECT_EQ(crc32_combine(crc32(as_bytes(a)), crc32(as_bytes(b)), b.size()), crc32(as_bytes(ab)));
    EXPECT_EQ(crc32c_combine(crc32c(as_bytes(a)), crc32c(as_bytes(b)), b.size()),
              crc32c(as_bytes(ab)));
    EXPECT_EQ(crc64nvme_combine(crc64nvme(as_bytes(a)), crc64nvme(as_bytes(b)), b.size()),
              crc64nvme(as_bytes(ab)));
  }
}

TEST(CrcCombine, LeavesACrcAloneBeforeNothing) {
  EXPECT_EQ(crc32_combine(0x12345678U, 0, 0), 0x12345678U);
  EXPECT_EQ(crc64nvme_combine(0x123456789abcdef0ULL, 0, 0), 0x123456789abcdef0ULL);
}

}  // namespace
}  // namespace kelp
