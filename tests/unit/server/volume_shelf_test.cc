// The needles of several servers' folders together: server/volume_shelf.h.
#include "server/volume_shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "ec/reed_solomon.h"
#include "tests/support/sim_disk.h"
#include "volume/core/needle_format.h"
#include "volume/core/packing.h"
#include "volume/core/superblock.h"
#include "wire/collections.h"

namespace kelp::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};

std::string body_of(std::uint64_t key, std::size_t bytes) {
  Rng rng(key);
  std::string body(bytes, '\0');
  for (char& c : body) c = static_cast<char>(rng.next());
  return body;
}

NeedleHeader header_of(std::uint64_t key) {
  return {.key = NeedleKey{key},
          .cookie = Cookie{5},
          .created_ns = 1,
          .bucket = BucketId{3},
          .has_origin = true};
}

/// A log of volume 1, needle by needle.
class Log {
 public:
  explicit Log(std::uint32_t generation, std::string collection = {}) {
    Superblock superblock{.volume = VolumeId{1}, .generation = Generation{generation}};
    superblock.collection = std::move(collection);
    bytes_ = encode_superblock(superblock);
  }
  Log& put(NeedleHeader header, std::string_view body) {
    const std::string origin = encode_origin({.bucket = "b", .body = header.key});
    const std::string pointer =
        header.tombstone ? "" : encode_back_pointer({.origin = origin, .key = "k"});
    header.has_origin = !header.tombstone;
    bytes_ += encode_needle(header, pointer, as_bytes(body), seed_.at(bytes_.size()));
    return *this;
  }
  Log& put(std::uint64_t key, std::size_t bytes) {
    return put(header_of(key), body_of(key, bytes));
  }
  /// Needles as they travel.
  Log& take(std::string images) {
    for (std::size_t at = 0; at < images.size();) {
      const auto image = std::as_writable_bytes(std::span(images)).subspan(at);
      const NeedleHeader header = *decode_needle_header(image, kImageSeed);
      reseal_needle(header, image, seed_.at(bytes_.size() + at));
      at += layout_of(header).total_bytes;
    }
    bytes_ += images;
    return *this;
  }
  Log& remove(std::uint64_t key) {
    NeedleHeader header = header_of(key);
    header.tombstone = true;
    return put(header, "");
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  NeedleSeed seed_{as_bytes(std::string(16, '\0'))};
  std::string bytes_;
};

class Shelf : public ::testing::Test {
 protected:
  void store(const std::string& folder, const Log& log) {
    ASSERT_TRUE(disk_.make_dirs(folder).has_value());
    ASSERT_TRUE(write_file_atomically(disk_, folder + "/000000001.dat", log.bytes()).has_value());
  }
  /// A folder each with a shard of the needle `key`.
  void store_shards(std::uint64_t key, std::size_t bytes) {
    std::string body = body_of(key, bytes);
    const std::uint64_t longest = shard_bytes(kTwoTwo, 0, bytes);
    std::vector<std::string> shards(4, std::string(longest, '\0'));
    for (const CellPiece& piece : cut_into_cells(kTwoTwo, 0, bytes)) {
      body.copy(shards[piece.shard].data() + piece.shard_offset, piece.bytes, piece.body_offset);
    }
    const std::vector<ByteSpan> data{as_bytes(shards[0]), as_bytes(shards[1])};
    const std::vector<MutableByteSpan> parity{std::as_writable_bytes(std::span(shards[2])),
                                              std::as_writable_bytes(std::span(shards[3]))};
    (*ReedSolomon::shared(kTwoTwo))->encode(data, parity);
    for (std::uint8_t i = 0; i < 4; ++i) {
      NeedleHeader header = header_of(key);
      header.part = StripePart{.scheme = kTwoTwo, .shard = i, .body_bytes = bytes};
      Log log(1);
      log.put(header, std::string_view(shards[i]).substr(0, stored_bytes(*header.part)));
      store(folder(i), log);
    }
  }
  static std::string folder(std::uint32_t i) { return "/s" + std::to_string(i); }
  VolumeShelf open(const std::vector<std::string>& folders) {
    auto shelf = VolumeShelf::open(disk_, folders);
    EXPECT_TRUE(shelf.has_value()) << shelf.error().message();
    return *std::move(shelf);
  }
  static std::vector<std::uint64_t> keys_of(const VolumeShelf& shelf) {
    std::vector<std::uint64_t> keys;
    for (const FoundNeedle& needle : shelf.needles()) keys.push_back(needle.fid.key.value);
    return keys;
  }
  static FileId fid(std::uint64_t key) { return {VolumeId{1}, NeedleKey{key}, Cookie{5}}; }

  test::SimDisk disk_{{.seed = 1}};
};

TEST_F(Shelf, ReadsFromTheCopyThatIsSound) {
  store("/a", Log(1).put(1, 20'000).put(2, 100'000));
  store("/b", Log(1).put(1, 20'000).put(2, 100'000));
  disk_.flip_bit("/a/000000001.dat", 4096 + 500, 1);
  const VolumeShelf shelf = open({"/a", "/b"});
  EXPECT_THAT(keys_of(shelf), ElementsAre(1, 2));
  EXPECT_EQ(*shelf.read(fid(1)), body_of(1, 20'000));
  EXPECT_EQ(*shelf.read(fid(2)), body_of(2, 100'000));
  EXPECT_EQ(open({"/a"}).read(fid(1)).error().code(), Errc::kCorruption);
  EXPECT_EQ(shelf.read(fid(3)).error().code(), Errc::kNotFound);
  EXPECT_EQ(shelf.needles()[0].key, "k");
  EXPECT_EQ(shelf.needles()[0].origin->bucket, "b");
}

TEST_F(Shelf, WhatScriptsKeepByFileIdWasInNoBucket) {
  store("/a", Log(1, std::string(kFidCollection)).put(1, 100));
  EXPECT_THAT(keys_of(open({"/a"})), ElementsAre());
}

TEST_F(Shelf, WhatOneCopyRemovedIsRemoved) {
  store("/a", Log(1).put(1, 100).put(2, 200));
  store("/b", Log(1).put(1, 100).put(2, 200).remove(1));
  EXPECT_THAT(keys_of(open({"/a", "/b"})), ElementsAre(2));
  EXPECT_THAT(keys_of(open({"/a"})), ElementsAre(1, 2));
}

TEST_F(Shelf, ACopyOfAnOlderGenerationIsNotUsed) {
  store("/a", Log(4).put(1, 100).put(2, 200));
  store("/b", Log(5).put(2, 200));
  const VolumeShelf shelf = open({"/a", "/b"});
  EXPECT_THAT(keys_of(shelf), ElementsAre(2));
  EXPECT_THAT(shelf.troubles(), ElementsAre(HasSubstr("generation 4")));
}

TEST_F(Shelf, AStripedNeedleIsReadFromAnyShardsThatAreEnough) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{70'000}, std::size_t{500'001}}) {
    store_shards(7, bytes);
    for (std::uint32_t a = 0; a < 4; ++a) {
      for (std::uint32_t b = a + 1; b < 4; ++b) {
        const VolumeShelf shelf = open({folder(a), folder(b)});
        ASSERT_THAT(keys_of(shelf), ElementsAre(7));
        EXPECT_EQ(shelf.needles()[0].body_bytes, bytes);
        EXPECT_TRUE(shelf.read(fid(7)).value() == body_of(7, bytes)) << a << b << " " << bytes;
      }
      EXPECT_THAT(keys_of(open({folder(a)})), ElementsAre()) << "one shard is not enough";
    }
  }
  disk_.flip_bit("/s0/000000001.dat", 4096 + 5000, 1);
  EXPECT_TRUE(open({"/s0", "/s1", "/s3"}).read(fid(7)).value() == body_of(7, 500'001));
  EXPECT_EQ(open({"/s0", "/s1"}).read(fid(7)).error().code(), Errc::kCorruption);
}

TEST_F(Shelf, APackedNeedleIsReadFromItsExtentWhenEnoughOfThatIsHere) {
  const std::string origin = encode_origin({.bucket = "b", .body = NeedleKey{7}});
  const std::string pointer = encode_back_pointer({.origin = origin, .key = "k"});
  std::string images;
  for (const std::uint64_t key : {7U, 8U, 9U}) {
    images +=
        encode_needle(header_of(key), pointer, as_bytes(body_of(key, key * 10'000)), kImageSeed);
  }
  const PackedExtent extent = *pack_extent(kTwoTwo, images);
  for (std::uint32_t i = 0; i < 4; ++i) {
    Log log(1);
    log.take(extent.shards[i]).take(extent.stubs);
    if (i == 3) log.remove(8);
    store(folder(i), log);
  }
  const VolumeShelf shelf = open({folder(1), folder(2)});
  EXPECT_THAT(keys_of(shelf), ElementsAre(7, 8, 9)) << "and no extent";
  EXPECT_EQ(shelf.needles()[0].body_bytes, 70'000U);
  EXPECT_EQ(shelf.needles()[0].origin->bucket, "b");
  for (const std::uint64_t key : {7U, 8U, 9U}) {
    EXPECT_TRUE(shelf.read(fid(key)).value() == body_of(key, key * 10'000));
  }
  EXPECT_THAT(keys_of(open({folder(0), folder(3)})), ElementsAre(7, 9)) << "one was removed";
  EXPECT_THAT(keys_of(open({folder(0)})), ElementsAre()) << "one shard is not enough";
  disk_.flip_bit("/s0/000000001.dat", 4096 + 5000, 1);
  EXPECT_EQ(open({folder(0), folder(1)}).read(fid(9)).error().code(), Errc::kCorruption);
}

}  // namespace
}  // namespace kelp::server
