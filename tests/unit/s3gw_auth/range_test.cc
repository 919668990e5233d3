#include "s3gw/core/range.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

// "offset+size offset+size…", "whole" or the error's code.
std::string asked(std::string_view header, std::uint64_t size) {
  const auto ranges = resolve_ranges(header, size);
  if (!ranges) return code_of(ranges);
  if (ranges->empty()) return "whole";
  std::string text;
  for (const auto& [offset, bytes] : *ranges) {
    text += (text.empty() ? "" : " ") + std::to_string(offset) + "+" + std::to_string(bytes);
  }
  return text;
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
  const auto refused = resolve_ranges("bytes=10-", 10);
  EXPECT_EQ(field_of(refused, "RangeRequested"), "bytes=10-");
  EXPECT_EQ(field_of(refused, "ActualObjectSize"), "10");
}

TEST(Range, MayBeSeveralThatDoNotOverlap) {
  EXPECT_EQ(asked("bytes=0-1,3-4", 10), "0+2 3+2");
  EXPECT_EQ(asked("bytes=8-, 0-0 ,4-5", 10), "8+2 0+1 4+2");
  EXPECT_EQ(asked("bytes=-1,0-0", 10), "9+1 0+1");
  EXPECT_EQ(asked("bytes=0-4,5-9", 10), "0+5 5+5");
  EXPECT_EQ(asked("bytes=0-0,10-,-0", 10), "0+1");  // what lies behind the end is left out
  EXPECT_EQ(asked("bytes=10-,11-12", 10), "InvalidRange");
  EXPECT_EQ(asked("bytes=0-4,4-9", 10), "whole");
  EXPECT_EQ(asked("bytes=5-,0-5", 10), "whole");
  EXPECT_EQ(asked("bytes=0-1,a-b", 10), "whole");
  EXPECT_EQ(asked("bytes=0-1,,3-4", 10), "whole");
  std::string many = "bytes=0-0";
  for (std::size_t i = 1; i < kMaxRanges; ++i) many += fmt::format(",{0}-{0}", 2 * i);
  EXPECT_NE(asked(many, 1000), "whole");
  EXPECT_EQ(asked(many + ",999-999", 1000), "whole");
}

TEST(Range, IsIgnoredWhenItIsNoneOfBytes) {
  for (const char* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1",
                             "bytes=1-2-3", "bytes=0-,0-", "bytes=+1-2", "bytes=1 -2", "items=0-1",
                             "bytes 0-1", "bytes=0x1-2", "bytes=--1"}) {
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
