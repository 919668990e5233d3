#include "raft/node/message_codec.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/encoding.h"

namespace kelp::raft {
namespace {

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string hex;
  file >> hex;
  return hex;
}

const Envelope kEnvelope{
    .cluster_id = "7d444840-9dc0-41d1-b245-5ffdce74fad2", .from = NodeId{1}, .to = NodeId{300}};

SnapshotMark mark() {
  return {.index = LogIndex{1000},
          .term = Term{7},
          .membership = {.voters = {NodeId{1}, NodeId{2}, NodeId{300}},
                         .old_voters = {NodeId{1}},
                         .learners = {NodeId{5}}}};
}

std::vector<Message> samples() {
  const auto message = [](decltype(Message::body) body) {
    return Message{.from = kEnvelope.from, .to = kEnvelope.to, .term = Term{9}, .body = body};
  };
  AppendRequest append{.previous_index = LogIndex{999},
                       .previous_term = Term{7},
                       .commit = LogIndex{990},
                       .read_sequence = 4};
  append.entries.push_back({Term{8}, LogIndex{1000}, EntryKind::kCommand, "put"});
  append.entries.push_back({Term{8}, LogIndex{1001}, EntryKind::kNothing, ""});
  return {message(VoteRequest{LogIndex{5}, Term{4}, true, false}),
          message(VoteRequest{LogIndex{5}, Term{4}, false, true}),
          message(VoteAnswer{.pre = true, .granted = true}),
          message(append),
          message(AppendAnswer{true, LogIndex{1001}, LogIndex{0}, Term{0}, 4}),
          message(AppendAnswer{false, LogIndex{0}, LogIndex{77}, Term{3}, 0}),
          message(InstallSnapshot{mark()}),
          message(TimeoutNow{})};
}

SnapshotChunk sample_chunk() {
  return {.from = kEnvelope.from,
          .term = Term{9},
          .mark = mark(),
          .total_bytes = 5'000'000,
          .offset = 1 << 20,
          .bytes = "piece"};
}

TEST(RaftMessages, ReadsWhatItWrote) {
  const Packet packet = encode_messages(kEnvelope, samples());
  const auto read = decode_messages(packet.message, packet.attachment);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, samples());
  EXPECT_EQ(decode_envelope(packet.message).value(), kEnvelope);
  const Packet chunk = encode_chunk(kEnvelope, sample_chunk());
  const auto back = decode_chunk(chunk.message, chunk.attachment);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->mark, mark());
  EXPECT_EQ(back->offset, 1U << 20);
  EXPECT_EQ(back->bytes, "piece");
  EXPECT_EQ(decode_envelope(chunk.message).value(), kEnvelope);
}

TEST(RaftMessages, KeepTheirGoldenBytes) {
  const Packet packet = encode_messages(kEnvelope, samples());
  EXPECT_EQ(hex_encode(packet.message + packet.attachment), golden("raft-messages-v1.hex"));
  const Packet chunk = encode_chunk(kEnvelope, sample_chunk());
  EXPECT_EQ(hex_encode(chunk.message + chunk.attachment), golden("raft-chunk-v1.hex"));
  Envelope with_address = kEnvelope;
  with_address.reply_to = "m1:19333";
  const Packet newer = encode_messages(with_address, samples());
  EXPECT_EQ(hex_encode(newer.message + newer.attachment), golden("raft-messages-v2.hex"));
  EXPECT_EQ(decode_envelope(newer.message).value(), with_address);
  EXPECT_EQ(decode_messages(newer.message, newer.attachment).value(), samples());
}

TEST(RaftMessages, RefusesEveryTruncationAndEveryFlippedBitOfTheAttachment) {
  const Packet packet = encode_messages(kEnvelope, samples());
  for (std::size_t size = 0; size < packet.attachment.size(); ++size) {
    EXPECT_FALSE(decode_messages(packet.message, packet.attachment.substr(0, size))) << size;
  }
  for (std::size_t size = 0; size < packet.message.size(); ++size) {
    EXPECT_FALSE(decode_messages(packet.message.substr(0, size), packet.attachment)) << size;
  }
  for (std::size_t bit = 0; bit < packet.attachment.size() * 8; ++bit) {
    std::string bad = packet.attachment;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_messages(packet.message, bad)) << bit;
  }
}

TEST(RaftMessages, ANewerFormatIsRefusedNamingBoth) {
  Packet packet = encode_messages(kEnvelope, samples());
  packet.message[0] = 3;
  const auto read = decode_envelope(packet.message);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), Errc::kUnimplemented);
  EXPECT_NE(read.error().detail().find("format 3, this program knows 2"), std::string::npos);
}

}  // namespace
}  // namespace kelp::raft
