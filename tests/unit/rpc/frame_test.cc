#include "rpc/frame.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "rpc/frame_io.h"

namespace kelp {
namespace {

Frame sample() {
  Frame frame = make_frame(FrameKind::kRequest, 0x0102030405060708, "message", "attachment");
  frame.header.method = 0xa1b2c3d4;
  frame.header.deadline_micros = 2'500'000;
  return frame;
}

std::string encoded(const FrameHeader& header) {
  std::string out;
  encode_header(header, out);
  return out;
}

TEST(Frame, HeaderComesBackAsItWas) {
  const Frame frame = sample();
  const std::string bytes = encoded(frame.header);
  ASSERT_EQ(bytes.size(), kFrameHeaderBytes);
  const auto header = decode_header(as_bytes(bytes + "more"), {});
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(*header, frame.header);
  EXPECT_TRUE(verify_message(*header, "message"));
}

// docs/formats/rpc-frame.md
TEST(Frame, GoldenBytes) {
  std::ifstream file(KELP_SOURCE_DIR "/tests/golden/rpc-frame-v1.hex");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const Frame frame = sample();
  EXPECT_EQ(hex_encode(encoded(frame.header) + frame.message + frame.attachment), line);
  ASSERT_TRUE(std::getline(file, line));
  const Frame error =
      make_frame(FrameKind::kError, 7,
                 encode_error(Error(Errc::kNotFound, "no such key", Reason::kNoSuchKey)));
  EXPECT_EQ(hex_encode(encoded(error.header) + error.message), line);
  ASSERT_TRUE(std::getline(file, line));
  const Frame knows = make_frame(FrameKind::kPong, 0, encode_known_kinds());
  EXPECT_EQ(hex_encode(encoded(knows.header) + knows.message), line);
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(hex_encode(encoded(make_frame(FrameKind::kFarewell, 7, "").header)), line);
}

TEST(Frame, AClientSaysWhatItKnows) {
  EXPECT_TRUE(knows_kind(encode_known_kinds(), FrameKind::kFarewell));
  EXPECT_FALSE(knows_kind("", FrameKind::kFarewell)) << "as before the farewell";
  EXPECT_FALSE(knows_kind("\7", FrameKind::kFarewell));
  EXPECT_TRUE(knows_kind("\x09 and more", FrameKind::kFarewell)) << "a newer one";
}

TEST(Frame, RefusesAKindThatItDoesNotKnow) {
  FrameHeader header = sample().header;
  for (const int kind : {0, 9, 255}) {
    header.kind = static_cast<FrameKind>(kind);
    EXPECT_EQ(decode_header(as_bytes(encoded(header)), {}).error().code(), Errc::kCorruption);
  }
}

TEST(Frame, RefusesEveryTruncation) {
  const std::string bytes = encoded(sample().header);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto header = decode_header(as_bytes(bytes.substr(0, size)), {});
    ASSERT_FALSE(header) << size;
    EXPECT_EQ(header.error().code(), Errc::kCorruption);
  }
}

TEST(Frame, RefusesEveryFlippedBit) {
  const std::string bytes = encoded(sample().header);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_header(as_bytes(flipped), {})) << bit;
  }
  for (std::size_t bit = 0; bit < 7 * 8; ++bit) {
    std::string message = "message";
    message[bit / 8] = static_cast<char>(message[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(verify_message(sample().header, message)) << bit;
  }
  EXPECT_FALSE(verify_message(sample().header, "messag"));
}

TEST(Frame, RefusesAnotherVersionByName) {
  std::string bytes = encoded(sample().header);
  bytes[3] = 2;
  const auto header = decode_header(as_bytes(bytes), {});
  EXPECT_EQ(header.error().code(), Errc::kUnimplemented);
  EXPECT_NE(header.error().detail().find("version 2, this is version 1"), std::string::npos);
}

TEST(Frame, RefusesLengthsOverTheLimitAndTakesThoseAtIt) {
  FrameHeader header = sample().header;
  const FrameLimits limits{.message_bytes = 100, .attachment_bytes = 1000};
  header.message_bytes = 100;
  header.attachment_bytes = 1000;
  EXPECT_TRUE(decode_header(as_bytes(encoded(header)), limits));
  header.message_bytes = 101;
  EXPECT_EQ(decode_header(as_bytes(encoded(header)), limits).error().code(),
            Errc::kInvalidArgument);
  header.message_bytes = 100;
  header.attachment_bytes = 1001;
  EXPECT_EQ(decode_header(as_bytes(encoded(header)), limits).error().code(),
            Errc::kInvalidArgument);
  header.message_bytes = header.attachment_bytes = UINT32_MAX;
  EXPECT_FALSE(decode_header(as_bytes(encoded(header)), FrameLimits{}));
}

TEST(Frame, ErrorsTravelWithCodeReasonAndDetail) {
  const Error back =
      decode_error(encode_error(Error(Errc::kNotFound, "no such key", Reason::kNoSuchKey)));
  EXPECT_EQ(back.code(), Errc::kNotFound);
  EXPECT_EQ(back.reason(), Reason::kNoSuchKey);
  EXPECT_EQ(back.detail(), "no such key");
  const Error longer = decode_error(encode_error(Error(Errc::kIo, std::string(9000, 'x'))));
  EXPECT_EQ(longer.detail().size(), 4096U);
}

TEST(Frame, MalformedErrorsAreCorruptionAndUnknownCodesInternal) {
  const std::string good = encode_error(Error(Errc::kNotFound, "gone"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(decode_error(good.substr(0, size)).code(), Errc::kCorruption);
  }
  EXPECT_EQ(decode_error(good + "x").code(), Errc::kCorruption);
  std::string newer = good;
  newer[0] = static_cast<char>(200);
  EXPECT_EQ(decode_error(newer).code(), Errc::kInternal);
  newer[0] = 0;
  EXPECT_EQ(decode_error(newer).code(), Errc::kInternal);
}

}  // namespace
}  // namespace kelp
