#include "mount/core/errors.h"

#include <gtest/gtest.h>

#include "mount/core/part_sizes.h"

namespace kelp::mount {
namespace {

TEST(MountErrors, ACodeSaysMoreThanItsStatus) {
  EXPECT_EQ(errno_of(403, "AccessDenied"), Errno{EACCES});
  EXPECT_EQ(errno_of(403, "QuotaExceeded"), Errno{EDQUOT});
  EXPECT_EQ(errno_of(400, "EntityTooLarge"), Errno{EFBIG});
  EXPECT_EQ(errno_of(400, "MetadataTooLarge"), Errno{E2BIG});
  EXPECT_EQ(errno_of(400, "KeyTooLongError"), Errno{ENAMETOOLONG});
  EXPECT_EQ(errno_of(400, "SomethingNew"), Errno{EIO});
}

// HEAD has no body.
TEST(MountErrors, AStatusAloneIsEnough) {
  EXPECT_EQ(errno_of(404, ""), Errno{ENOENT});
  EXPECT_EQ(errno_of(403, ""), Errno{EACCES});
  EXPECT_EQ(errno_of(412, ""), Errno{ESTALE});
  EXPECT_EQ(errno_of(503, ""), Errno{EIO});
}

TEST(MountErrors, OnlyWhatMayPassIsRepeated) {
  for (const int status : {500, 502, 503, 504}) EXPECT_TRUE(may_pass(status, "")) << status;
  for (const int status : {400, 403, 404, 409, 412, 501, 507}) {
    EXPECT_FALSE(may_pass(status, "")) << status;
  }
  EXPECT_TRUE(may_pass(409, "ConditionalRequestConflict"));
}

TEST(PartSizes, TenThousandHoldTheLargestObjectAndNoneIsRefused) {
  std::uint64_t bytes = 0;
  for (std::size_t number = 1; number <= 10'000; ++number) {
    EXPECT_GE(part_bytes(number), 5ULL << 20);
    EXPECT_LE(part_bytes(number), 5ULL << 30);
    bytes += part_bytes(number);
  }
  EXPECT_GE(bytes, 5ULL << 40);
}

}  // namespace
}  // namespace kelp::mount
