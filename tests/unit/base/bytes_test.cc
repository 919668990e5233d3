#include "base/bytes.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

TEST(Bytes, ReadsBackWhatWasWritten) {
  std::string out;
  ByteWriter writer(out);
  writer.fixed<std::uint32_t>(0xdeadbeef);
  writer.varint(0);
  writer.varint(300);
  writer.varint(UINT64_MAX);
  writer.text("needle");
  ByteReader reader(out);
  EXPECT_EQ(reader.fixed<std::uint32_t>(), 0xdeadbeef);
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_EQ(reader.varint(), 300U);
  EXPECT_EQ(reader.varint(), UINT64_MAX);
  EXPECT_EQ(reader.text(), "needle");
  EXPECT_TRUE(reader.finish("test").has_value());
}

TEST(Bytes, RefusesEveryTruncation) {
  std::string out;
  ByteWriter writer(out);
  writer.varint(1'000'000);
  writer.text("abcdef");
  writer.fixed<std::uint64_t>(7);
  for (std::size_t size = 0; size < out.size(); ++size) {
    ByteReader reader(std::string_view(out).substr(0, size));
    static_cast<void>(reader.varint());
    static_cast<void>(reader.text());
    static_cast<void>(reader.fixed<std::uint64_t>());
    EXPECT_FALSE(reader.finish("test").has_value()) << size;
  }
}

TEST(Bytes, RefusesLeftOversAndOverlongVarints) {
  EXPECT_FALSE(ByteReader(std::string_view("x")).finish("test").has_value());
  const std::string overlong(11, '\xff');
  ByteReader reader(overlong);
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_TRUE(reader.failed());
}

TEST(Bytes, RefusesALengthThatWouldWrapAround) {
  std::string out;
  ByteWriter(out).varint(UINT64_MAX);
  out += "abc";
  ByteReader reader(out);
  EXPECT_EQ(reader.text(), "");
  EXPECT_TRUE(reader.failed());
}

}  // namespace
}  // namespace kelp
