// The log's bytes: what is read back, what is cut off and what is refused.
#include "raft/node/wal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/encoding.h"
#include "tests/unit/raft_node/wal_rig.h"

namespace kelp::raft {
namespace {

using test::SimDisk;

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string hex;
  file >> hex;
  return hex;
}

/// A small log of several frames, the last one with a vote.
void fill(SimDisk& disk) {
  auto opened = open_wal(disk);
  ASSERT_TRUE(opened) << opened.error().message();
  Wal& wal = *opened->wal;
  ASSERT_TRUE(append_one(wal, {.hard = hard_state(2, 1)}));
  ASSERT_TRUE(append_one(wal, {.entries = {entry_at(1, 2), entry_at(2, 2)}}));
  ASSERT_TRUE(append_one(wal, {.entries = {entry_at(3, 2, std::string(900, 'x'))}}));
  ASSERT_TRUE(append_one(wal, {.entries = {entry_at(3, 5)}, .hard = hard_state(5, 3)}));
}

void write_file(SimDisk& disk, const std::string& path, std::string_view bytes) {
  auto file = disk.open(path, OpenMode::kCreate);
  ASSERT_TRUE(file && (*file)->truncate(0));
  const ByteSpan piece = as_bytes(bytes);
  ASSERT_TRUE((*file)->write_at(0, std::span(&piece, 1)));
}

TEST(Wal, ReadsWhatItWrote) {
  SimDisk disk;
  fill(disk);
  const auto opened = open_wal(disk);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->hard, hard_state(5, 3));
  EXPECT_EQ(opened->base, LogPosition{});
  EXPECT_EQ(opened->entries, (std::vector{entry_at(1, 2), entry_at(2, 2), entry_at(3, 5)}))
      << "entry 3 was replaced";
}

TEST(Wal, KeepsItsGoldenBytes) {
  SimDisk disk;
  auto opened = open_wal(disk);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(append_one(*opened->wal, {.reset = LogPosition{LogIndex{7}, Term{2}},
                                        .entries = {entry_at(8, 3)},
                                        .hard = hard_state(3, 1)}));
  EXPECT_EQ(hex_encode(*disk.content(segment_path(0))), golden("raft-log-v1.hex"));
}

TEST(Wal, ASnapshotTakesThePlaceOfTheLog) {
  SimDisk disk;
  fill(disk);
  {
    auto opened = open_wal(disk);
    ASSERT_TRUE(opened);
    ASSERT_TRUE(append_one(*opened->wal, {.reset = LogPosition{LogIndex{100}, Term{6}}}));
    ASSERT_TRUE(append_one(*opened->wal, {.entries = {entry_at(101, 6)}}));
  }
  const auto opened = open_wal(disk);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->base, (LogPosition{LogIndex{100}, Term{6}}));
  EXPECT_EQ(opened->entries, std::vector{entry_at(101, 6)});
}

TEST(Wal, ANewSegmentRemembersTheVoteWhenTheOlderOnesAreGone) {
  SimDisk disk;
  {
    auto opened = open_wal(disk, wal_options(1000));
    ASSERT_TRUE(opened);
    Wal& wal = *opened->wal;
    ASSERT_TRUE(append_one(wal, {.hard = hard_state(9, 2)}));
    for (std::uint64_t i = 1; i <= 60; ++i) {
      ASSERT_TRUE(append_one(wal, {.entries = {entry_at(i, 9)}}));
    }
    EXPECT_GT(wal.segments(), 3U);
    ASSERT_TRUE(wal.compact(LogIndex{58}));
    EXPECT_EQ(wal.segments(), 1U);
    EXPECT_FALSE(*disk.exists(segment_path(0)));
  }
  const auto opened = open_wal(disk, wal_options(1000));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->hard, hard_state(9, 2));
  EXPECT_LE(opened->base.index, LogIndex{58});
  EXPECT_EQ(opened->entries.back(), entry_at(60, 9));
}

TEST(Wal, CompactionKeepsWhatALowerOverwriteLeftBehind) {
  SimDisk disk;
  {
    auto opened = open_wal(disk, wal_options(400));
    ASSERT_TRUE(opened);
    Wal& wal = *opened->wal;
    for (std::uint64_t i = 1; i <= 30; ++i) {
      ASSERT_TRUE(append_one(wal, {.entries = {entry_at(i, 1)}}));
    }
    for (std::uint64_t i = 11; i <= 14; ++i) {  // a new leader's
      ASSERT_TRUE(append_one(wal, {.entries = {entry_at(i, 2)}}));
    }
    ASSERT_TRUE(wal.compact(LogIndex{12}));
  }
  const auto opened = open_wal(disk, wal_options(400));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_LE(opened->base.index, LogIndex{12});
  ASSERT_GE(opened->entries.size(), 2U);
  EXPECT_EQ(opened->entries.back(), entry_at(14, 2));
  EXPECT_EQ(opened->entries[opened->entries.size() - 2], entry_at(13, 2));
}

TEST(Wal, AMissingSegmentIsRefused) {
  SimDisk disk;
  {
    auto opened = open_wal(disk, wal_options(200));
    ASSERT_TRUE(opened);
    for (std::uint64_t i = 1; i <= 20; ++i) {
      ASSERT_TRUE(append_one(*opened->wal, {.entries = {entry_at(i, 1)}}));
    }
  }
  ASSERT_TRUE(disk.remove(segment_path(2)));
  const auto opened = open_wal(disk, wal_options(200));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::kCorruption);
  EXPECT_NE(opened.error().detail().find(segment_path(2)), std::string::npos);
}

TEST(Wal, OfEveryTruncationOnlyATailIsLost) {
  SimDisk whole;
  fill(whole);
  const std::string bytes = *whole.content(segment_path(0));
  std::size_t most = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SimDisk disk;
    ASSERT_TRUE(disk.make_dirs(kDir));
    write_file(disk, segment_path(0), std::string_view(bytes).substr(0, size));
    const auto opened = open_wal(disk);
    ASSERT_TRUE(opened) << size << ": " << opened.error().message();
    EXPECT_GE(opened->entries.size(), most) << size << ": a longer file holds no less";
    most = opened->entries.size();
    EXPECT_NE(opened->hard, hard_state(5, 3)) << size;
  }
  EXPECT_EQ(most, 3U);
}

TEST(Wal, RefusesEveryFlippedBitOfWhatWasSynced) {
  SimDisk whole;
  fill(whole);
  const std::string bytes = *whole.content(segment_path(0));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    SimDisk disk;
    ASSERT_TRUE(disk.make_dirs(kDir));
    write_file(disk, segment_path(0), bad);
    const auto opened = open_wal(disk);
    ASSERT_FALSE(opened) << "bit " << bit << " of byte " << bit / 8;
    const Errc code = opened.error().code();
    EXPECT_TRUE(code == Errc::kCorruption || code == Errc::kUnimplemented) << bit;
  }
}

TEST(Wal, DamageNamesFileAndPlaceAndTheWayOut) {
  SimDisk disk;
  fill(disk);
  disk.flip_bit(segment_path(0), 300, 1);
  const auto opened = open_wal(disk);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail().find(segment_path(0)), std::string::npos);
  EXPECT_NE(opened.error().detail().find("at byte 256"), std::string::npos)
      << opened.error().detail();
  EXPECT_NE(opened.error().detail().find("remove it from the group and add it again"),
            std::string::npos);
}

TEST(Wal, BytesOfAnotherPlaceOrSegmentAreNoFrames) {
  const SegmentHeader header{.cluster_id = "c", .node = NodeId{1}, .segment = 4, .salt = 9};
  FrameBuilder frame;
  frame.hard_state(hard_state(1, 1));
  std::string bytes(1024, '\0');
  const std::string made = frame.finish(header, 256, 5);
  bytes.replace(256, made.size(), made);
  EXPECT_EQ(read_frame(header, bytes, 256).state, FrameState::kWhole);
  EXPECT_EQ(read_frame(header, bytes.substr(32), 224).state, FrameState::kBad);
  SegmentHeader other = header;
  other.segment = 5;
  EXPECT_EQ(read_frame(other, bytes, 256).state, FrameState::kBad);
  other = header;
  other.salt = 10;
  EXPECT_EQ(read_frame(other, bytes, 256).state, FrameState::kBad);
}

TEST(Wal, TheLogOfAnotherClusterOrNodeIsRefusedNamingBoth) {
  SimDisk disk;
  fill(disk);
  WalOptions other = wal_options();
  other.cluster_id = "another";
  const auto cluster = Wal::open(disk, other, true);
  ASSERT_FALSE(cluster);
  EXPECT_EQ(cluster.error().code(), Errc::kPrecondition);
  EXPECT_NE(cluster.error().detail().find("another"), std::string::npos);
  EXPECT_NE(cluster.error().detail().find(wal_options().cluster_id), std::string::npos);
  other = wal_options();
  other.node = NodeId{4};
  const auto node = Wal::open(disk, other, true);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code(), Errc::kPrecondition);
  EXPECT_NE(node.error().detail().find("node 3, not to 4"), std::string::npos);
}

TEST(Wal, ANewerFormatIsRefusedNamingBoth) {
  SimDisk disk;
  fill(disk);
  disk.flip_bit(segment_path(0), 4, 1);  // version 3
  const auto opened = open_wal(disk);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::kUnimplemented);
  EXPECT_NE(opened.error().detail().find("format 3, this program knows 1"), std::string::npos);
}

TEST(Wal, AMissingLogIsNotMadeAnewUnlessAsked) {
  SimDisk disk;
  ASSERT_TRUE(disk.make_dirs(kDir));
  const auto opened = Wal::open(disk, wal_options(), false);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::kCorruption);
}

TEST(Wal, WritesNothingAfterAFailedWriteOrSync) {
  for (const auto op : {test::DiskOp::kWrite, test::DiskOp::kSync}) {
    SimDisk disk;
    auto opened = open_wal(disk);
    ASSERT_TRUE(opened);
    disk.fail_nth(op, 1);
    EXPECT_EQ(append_one(*opened->wal, {.hard = hard_state(1, 1)}).error().code(), Errc::kIo);
    const auto writes = disk.count(test::DiskOp::kWrite);
    EXPECT_EQ(append_one(*opened->wal, {.hard = hard_state(1, 1)}).error().code(),
              Errc::kUnavailable);
    EXPECT_EQ(disk.count(test::DiskOp::kWrite), writes);
  }
}

TEST(Wal, GoesOnWhenAFullDiskHasRoomAgain) {
  SimDisk disk;
  auto opened = open_wal(disk, wal_options(1000));
  ASSERT_TRUE(opened);
  Wal& wal = *opened->wal;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    disk.set_faults({.capacity_bytes = 512});
    const auto full = append_one(wal, {.entries = {entry_at(i, 1, std::string(600, 'd'))}});
    ASSERT_FALSE(full) << i;
    ASSERT_EQ(full.error().code(), Errc::kNoSpace);
    disk.set_faults({});
    ASSERT_TRUE(append_one(wal, {.entries = {entry_at(i, 1)}})) << i;
  }
  disk.crash_losing_all();
  const auto again = open_wal(disk, wal_options(1000));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->entries.size(), 40U);
}

TEST(Wal, ManyChangesShareOneSync) {
  SimDisk disk;
  auto opened = open_wal(disk);
  ASSERT_TRUE(opened);
  const auto syncs = disk.count(test::DiskOp::kSync);
  std::vector<WalChange> changes;
  for (std::uint64_t i = 1; i <= 10; ++i) changes.push_back({.entries = {entry_at(i, 1)}});
  ASSERT_TRUE(opened->wal->append(changes));
  EXPECT_EQ(disk.count(test::DiskOp::kSync) - syncs, 1U);
}

TEST(LogReplay, RefusesGapsAndUnknownRecords) {
  FrameBuilder gap;
  gap.reset({LogIndex{4}, Term{1}});
  gap.entry(entry_at(6, 1));
  const SegmentHeader header;
  const std::string frame = gap.finish(header, 0, 1);
  const FrameRead read = read_frame(header, frame, 0);
  ASSERT_EQ(read.state, FrameState::kWhole);
  EXPECT_FALSE(LogReplay().take(read.payload));
  EXPECT_FALSE(LogReplay().take("\x09"));
  EXPECT_FALSE(LogReplay().take(read.payload.substr(3))) << "an entry before any position";
  EXPECT_TRUE(LogReplay().take(""));
}

}  // namespace
}  // namespace kelp::raft
