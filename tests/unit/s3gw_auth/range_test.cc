#include "s3gw/core/range.h"

#include <gtest/gtest.h>

#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

// "offset+size", "whole" or the error's code.
std::string asked(std::string_view header, std::uint64_t size) {
  const auto range = resolve_range(header, size);
  if (!range) return code_of(range);
  if (!*range) return "whole";
  return std::to_string((*range)->offset) + "+" + std::to_string((*range)->size_bytes);
}

TEST(Range, TakesTheThreeForms) {
  EXPECT_EQ(asked("bytes=0-0", 10), "0+1");
  EXPECT_EQ(asked("bytes=2-5", 10), "2+4");
  EXPECT_EQ(asked("bytes=2-", 10), "2+8");
  EXPECT_EQ(asked("bytes=-3", 10), "7+3");
  EXPECT_EQ(asked("Bytes=9-9", 10), "9+1");
  EXPECT_EQ(asked("bytes=0-9", 10), "0+10");
}

TEST(Range, IsCutAtTheEndOfTheObject) {
  EXPECT_EQ(asked("bytes=2-10", 10), "2+8");
  EXPECT_EQ(asked("bytes=2-99999999999999999999999", 10), "2+8");
  EXPECT_EQ(asked("bytes=-11", 10), "0+10");
  EXPECT_EQ(asked("bytes=-99999999999999999999999", 10), "0+10");
}

TEST(Range, IsRefusedWhenNothingIsLeft) {
  for (const char* header :
       {"bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"}) {
    EXPECT_EQ(asked(header, 10), "InvalidRange") << header;
  }
  EXPECT_EQ(asked("bytes=0-", 0), "InvalidRange");
  EXPECT_EQ(asked("bytes=-1", 0), "InvalidRange");
  const auto refused = resolve_range("bytes=10-", 10);
  EXPECT_EQ(field_of(refused, "RangeRequested"), "bytes=10-");
  EXPECT_EQ(field_of(refused, "ActualObjectSize"), "10");
}

TEST(Range, IsIgnoredWhenItIsNoSingleRangeOfBytes) {
  for (const char* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1",
                             "bytes=1-2-3", "bytes=0-1,3-4", "bytes=0-,0-", "bytes=+1-2",
                             "bytes=1 -2", "items=0-1", "bytes 0-1", "bytes=0x1-2", "bytes=--1"}) {
    EXPECT_EQ(asked(header, 10), "whole") << header;
  }
}

TEST(CopyRange, IsStrict) {
  const auto good = resolve_copy_range("bytes=2-9", 10);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, (ByteRange{.offset = 2, .size_bytes = 8}));
  for (const char* header : {"", "bytes=", "bytes=2-", "bytes=-2", "2-3", "bytes=3-2", "bytes=a-b",
                             "bytes=1-2,4-5", " bytes=1-2", "bytes=1-2 "}) {
    EXPECT_EQ(code_of(resolve_copy_range(header, 10)), "InvalidArgument") << header;
  }
  EXPECT_EQ(code_of(resolve_copy_range("bytes=2-10", 10)), "InvalidRange");
  EXPECT_EQ(code_of(resolve_copy_range("bytes=0-0", 0)), "InvalidRange");
  EXPECT_EQ(code_of(resolve_copy_range("bytes=0-99999999999999999999", 10)), "InvalidRange");
}

}  // namespace
}  // namespace kelp::s3
