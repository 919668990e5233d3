#include "raft/node/snapshot_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/encoding.h"
#include "base/rng.h"
#include "raft/node/snapshot_format.h"
#include "tests/support/sim_disk.h"

namespace kelp::raft {
namespace {

using test::SimDisk;

const std::string kDir = "/raft";
const std::string kCluster = "7d444840-9dc0-41d1-b245-5ffdce74fad2";

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string hex;
  file >> hex;
  return hex;
}

SnapshotMark mark_at(std::uint64_t index) {
  return {.index = LogIndex{index},
          .term = Term{index / 10 + 1},
          .membership = {.voters = {NodeId{1}, NodeId{2}}, .old_voters = {}, .learners = {}}};
}

std::string state_at(std::uint64_t index) {
  return "state " + std::to_string(index) + std::string(3000, 's');
}

Result<SnapshotStore::Opened> open_store(FileIo& io) {
  auto made = io.make_dirs(kDir);
  if (!made) return made.error();
  return SnapshotStore::open(io, kDir, kCluster);
}

std::string path_at(std::uint64_t index) {
  const std::string digits = std::to_string(index);
  return kDir + "/snapshot-" + std::string(20 - digits.size(), '0') + digits + ".snap";
}

/// The pieces of a snapshot file, `size` bytes each.
std::vector<SnapshotChunk> pieces_of(const std::string& file, const SnapshotMark& mark,
                                     std::size_t size) {
  std::vector<SnapshotChunk> pieces;
  for (std::size_t at = 0; at < file.size(); at += size) {
    pieces.push_back({.from = NodeId{1},
                      .term = Term{9},
                      .mark = mark,
                      .total_bytes = file.size(),
                      .offset = at,
                      .bytes = file.substr(at, size)});
  }
  return pieces;
}

TEST(SnapshotStore, KeepsTheNewestAndRemovesOlderOnes) {
  SimDisk disk;
  {
    auto opened = open_store(disk);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(opened->store->newest());
    ASSERT_TRUE(opened->store->save(mark_at(5), state_at(5)));
    ASSERT_TRUE(opened->store->save(mark_at(20), state_at(20)));
    EXPECT_EQ(opened->store->newest(), mark_at(20));
    EXPECT_FALSE(*disk.exists(path_at(5)));
    EXPECT_EQ(opened->store->load(mark_at(20)).value(), state_at(20));
    EXPECT_EQ(opened->store->load(mark_at(5)).error().code(), Errc::kNotFound);
  }
  disk.crash_losing_all();
  const auto again = open_store(disk);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->store->newest(), mark_at(20));
  EXPECT_EQ(again->state, state_at(20));
}

TEST(SnapshotStore, ReadsAnOlderOneWhenTheNewestDoesNotCheckAndRefusesWhenNoneDoes) {
  SimDisk disk;
  const std::string old = encode_snapshot(kCluster, mark_at(5), state_at(5));
  ASSERT_TRUE(disk.make_dirs(kDir));
  ASSERT_TRUE(open_store(disk)->store->save(mark_at(20), state_at(20)));
  disk.flip_bit(path_at(20), 100, 3);
  const auto none = open_store(disk);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), Errc::kCorruption);
  EXPECT_NE(none.error().detail().find(path_at(20)), std::string::npos);
  ASSERT_TRUE(write_file_atomically(disk, path_at(5), old));
  const auto older = open_store(disk);
  ASSERT_TRUE(older);
  EXPECT_EQ(older->store->newest(), mark_at(5));
}

TEST(SnapshotStore, RefusesAnotherClusterAndANewerFormat) {
  SimDisk disk;
  ASSERT_TRUE(open_store(disk)->store->save(mark_at(20), state_at(20)));
  const auto other = SnapshotStore::open(disk, kDir, "another");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), Errc::kPrecondition);
  EXPECT_NE(other.error().detail().find("another"), std::string::npos);
  disk.flip_bit(path_at(20), 4, 1);
  EXPECT_EQ(open_store(disk).error().code(), Errc::kUnimplemented);
}

TEST(SnapshotStore, TakesPiecesInOrderAndAgain) {
  SimDisk disk;
  auto opened = open_store(disk);
  SnapshotStore& store = *opened->store;
  ASSERT_TRUE(store.save(mark_at(3), state_at(3)));
  const std::string file = encode_snapshot(kCluster, mark_at(50), state_at(50));
  const auto pieces = pieces_of(file, mark_at(50), 1000);
  EXPECT_EQ(store.receive(pieces[1]).error().code(), Errc::kConflict) << "its beginning is missing";
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
    EXPECT_FALSE(store.receive(pieces[i]).value());
    EXPECT_FALSE(store.receive(pieces[i]).value()) << "the same again";
    EXPECT_FALSE(store.receive(pieces[0]).value()) << "an old one again";
    if (i + 2 < pieces.size()) {
      EXPECT_EQ(store.receive(pieces[i + 2]).error().code(), Errc::kConflict) << "a gap";
    }
  }
  EXPECT_EQ(store.newest(), mark_at(3));
  EXPECT_TRUE(store.receive(pieces.back()).value());
  EXPECT_EQ(store.newest(), mark_at(50));
  EXPECT_EQ(store.load(mark_at(50)).value(), state_at(50));
  disk.crash_losing_all();
  EXPECT_EQ(open_store(disk)->state, state_at(50)) << "what was taken whole is durable";
}

TEST(SnapshotStore, AnotherSendersSnapshotBeginsAnew) {
  SimDisk disk;
  auto opened = open_store(disk);
  SnapshotStore& store = *opened->store;
  const std::string file = encode_snapshot(kCluster, mark_at(50), state_at(50));
  auto first = pieces_of(file, mark_at(50), 1000);
  auto second = first;
  for (auto& piece : second) piece.from = NodeId{2};
  EXPECT_FALSE(store.receive(first[0]).value());
  EXPECT_EQ(store.receive(second[1]).error().code(), Errc::kConflict);
  EXPECT_FALSE(store.receive(second[0]).value());
  EXPECT_EQ(store.receive(first[1]).error().code(), Errc::kConflict);
  for (std::size_t i = 1; i < second.size(); ++i) EXPECT_TRUE(store.receive(second[i]));
  EXPECT_EQ(store.newest(), mark_at(50));
}

TEST(SnapshotStore, NothingThatDoesNotCheckIsTaken) {
  const std::string good = encode_snapshot(kCluster, mark_at(50), state_at(50));
  for (std::size_t byte = 0; byte < good.size(); byte += 13) {
    SimDisk disk;
    auto opened = open_store(disk);
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 4);
    Result<bool> last = false;
    for (const auto& piece : pieces_of(bad, mark_at(50), 1000))
      last = opened->store->receive(piece);
    EXPECT_FALSE(last) << byte;
    EXPECT_FALSE(opened->store->newest());
    EXPECT_EQ(opened->store->receive(pieces_of(good, mark_at(50), 1000)[1]).error().code(),
              Errc::kConflict)
        << "from the beginning again";
  }
  SimDisk disk;
  auto opened = open_store(disk);
  const std::string other = encode_snapshot("another", mark_at(50), state_at(50));
  EXPECT_EQ(opened->store->receive(pieces_of(other, mark_at(50), 1 << 20)[0]).error().code(),
            Errc::kPermissionDenied);
  EXPECT_EQ(opened->store->receive(pieces_of(good, mark_at(51), 1 << 20)[0]).error().code(),
            Errc::kCorruption)
      << "not what was announced";
  EXPECT_EQ(opened->store->receive({.total_bytes = 5}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(opened->store->receive({.total_bytes = 5, .offset = 4, .bytes = "ab"}).error().code(),
            Errc::kInvalidArgument);
}

TEST(SnapshotStore, WhereverThePowerFailsTheNewestThatWasSavedIsThere) {
  for (std::uint64_t last = 1; last < 60; ++last) {
    SimDisk disk({.seed = last});
    Rng rng(last);
    std::uint64_t saved = 0;
    {
      auto opened = open_store(disk);
      ASSERT_TRUE(opened->store->save(mark_at(1), state_at(1)));
      saved = 1;
      disk.power_off_after(last);
      for (std::uint64_t i = 10; i < 60; i += 10) {
        const std::string file = encode_snapshot(kCluster, mark_at(i + 5), state_at(i + 5));
        if (!opened->store->save(mark_at(i), state_at(i))) break;
        saved = i;
        Result<bool> whole = false;
        for (const auto& piece : pieces_of(file, mark_at(i + 5), 2000)) {
          whole = opened->store->receive(piece);
          if (!whole) break;
        }
        if (!whole) break;
        saved = i + 5;
      }
    }
    disk.crash(rng);
    const auto opened = open_store(disk);
    ASSERT_TRUE(opened) << last << ": " << opened.error().message();
    ASSERT_GE(opened->store->newest()->index.value, saved) << last;
    ASSERT_EQ(opened->state, state_at(opened->store->newest()->index.value));
  }
}

TEST(SnapshotFormat, KeepsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(encode_snapshot(kCluster, mark_at(20), "state")),
            golden("raft-snapshot-v1.hex"));
}

TEST(SnapshotFormat, RefusesEveryTruncationAndEveryFlippedBit) {
  const std::string good = encode_snapshot(kCluster, mark_at(20), "state");
  ASSERT_TRUE(decode_snapshot(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_snapshot(good.substr(0, size))) << size;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_snapshot(bad)) << bit;
  }
}

}  // namespace
}  // namespace kelp::raft
