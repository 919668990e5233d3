#include "net/chunked.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>

namespace kelp {
namespace {

/// Decodes `bytes` given in pieces of `step`; nothing when refused. `*done` tells whether it ended.
std::optional<std::string> decode(const std::string& bytes, std::size_t step, bool* done = nullptr,
                                  std::size_t* used = nullptr) {
  ChunkedDecoder decoder;
  std::string data;
  std::size_t at = 0;
  while (at < bytes.size() && !decoder.done()) {
    const auto piece = std::string_view(bytes).substr(at, step);
    const auto framing = decoder.skip_framing(piece);
    if (!framing) return std::nullopt;
    at += *framing;
    const auto take = static_cast<std::size_t>(
        std::min<std::uint64_t>(decoder.data_left(), piece.size() - *framing));
    if (take == 0) continue;
    data.append(bytes, at, take);
    decoder.took(take);
    at += take;
  }
  if (done != nullptr) *done = decoder.done();
  if (used != nullptr) *used = at;
  return data;
}

TEST(Chunked, DecodesInAnyPieces) {
  const std::string bytes = "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0001\r\n!\r\n0\r\nT: v\r\n\r\nnext";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    bool done = false;
    std::size_t used = 0;
    EXPECT_EQ(decode(bytes, step, &done, &used), "abc0123456789!");
    EXPECT_TRUE(done);
    EXPECT_EQ(used, bytes.size() - 4);
  }
}

TEST(Chunked, EveryTruncationIsUnfinished) {
  const std::string bytes = "3\r\nabc\r\n0\r\nT: v\r\n\r\n";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    bool done = true;
    EXPECT_TRUE(decode(bytes.substr(0, size), 1, &done));
    EXPECT_FALSE(done) << size;
  }
}

class RefusedChunks : public testing::TestWithParam<std::string> {};
TEST_P(RefusedChunks, AreRefused) {
  EXPECT_EQ(decode(GetParam(), 1), std::nullopt);
  EXPECT_EQ(decode(GetParam(), 1000), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Chunked, RefusedChunks,
    testing::Values("0x3\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n", "+3\r\nabc\r\n", " 3\r\nabc\r\n",
                    "3 \r\nabc\r\n", "\r\nabc", ";a\r\n", "g\r\n",
                    "10000000000000003\r\nabc\r\n0\r\n\r\n", "8000000000000000\r\n",
                    "ffffffffffffffff\r\n", "00000000000000003\r\nabc\r\n", "3\nabc\n0\n\n",
                    "3\rabc\r\n", "3\r\nabcX\r\n0\r\n\r\n", "3\r\nabc\n0\r\n\r\n",
                    "3\r\nabc\rX0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3;a\nb\r\nabc\r\n0\r\n\r\n",
                    "3;a\rb\r\nabc\r\n0\r\n\r\n", std::string("3;a\0b\r\nabc\r\n", 13),
                    "3;" + std::string(257, 'a') + "\r\nabc\r\n", "0\r\nT: v\n\r\n",
                    "0\r\nT: v\rx\r\n\r\n", "0\r\n folded\r\n\r\n", "0\r\nT: \x01\r\n\r\n",
                    "0\r\n\rX", "0\r\n" + std::string(9000, 'a') + "\r\n\r\n"));

TEST(Chunked, LimitsAreExact) {
  EXPECT_EQ(decode("3;" + std::string(256, 'a') + "\r\nabc\r\n0\r\n\r\n", 7), "abc");
  EXPECT_EQ(decode("0000000000000003\r\nabc\r\n0\r\n\r\n", 7), "abc");
  ChunkedDecoder decoder;
  ASSERT_TRUE(decoder.skip_framing("7fffffffffffffff\r\n"));
  EXPECT_EQ(decoder.data_left(),
            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

TEST(Chunked, TakesNothingWhileDataAreNext) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.skip_framing("4\r\nabcd\r\n"), 3U);
  EXPECT_EQ(decoder.skip_framing("abcd"), 0U);
  decoder.took(3);
  EXPECT_EQ(decoder.data_left(), 1U);
  EXPECT_FALSE(decoder.done());
}

}  // namespace
}  // namespace kelp
