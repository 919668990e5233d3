#include "select/event_stream.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/encoding.h"

namespace kelp::select {
namespace {

std::uint32_t big(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

/// Checks the lengths and sums of the message at the front; returns what is behind it.
std::string_view skip_message(std::string_view bytes) {
  const std::uint32_t total = big(bytes);
  EXPECT_LE(total, bytes.size());
  EXPECT_EQ(big(bytes.substr(8)), crc32(as_bytes(bytes.substr(0, 8))));
  EXPECT_EQ(big(bytes.substr(total - 4)), crc32(as_bytes(bytes.substr(0, total - 4))));
  return bytes.substr(total);
}

// The End message of AWS's documentation, byte for byte.
TEST(SelectEvents, EndIsAsAwsWritesIt) {
  std::string out;
  append_end(out);
  EXPECT_EQ(hex_encode(out),
            "0000003800000028c1c684d4"
            "0d3a6d6573736167652d747970650700056576656e74"
            "0b3a6576656e742d74797065070003456e64"
            "cf97d392");
}

TEST(SelectEvents, AreWhole) {
  std::string out;
  append_records("a,b\n", out);
  append_continuation(out);
  append_progress({1, 2, 3}, out);
  append_stats({1, 2, 3}, out);
  append_error("CastFailed", "it failed", out);
  append_end(out);
  std::string_view rest = out;
  int messages = 0;
  for (; !rest.empty(); ++messages) rest = skip_message(rest);
  EXPECT_EQ(messages, 6);
  EXPECT_NE(out.find("<Stats><BytesScanned>1</BytesScanned><BytesProcessed>2</BytesProcessed>"
                     "<BytesReturned>3</BytesReturned></Stats>"),
            std::string::npos);
  EXPECT_NE(out.find(":error-code"), std::string::npos);
}

}  // namespace
}  // namespace kelp::select
