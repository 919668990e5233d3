// Volumes in shards that get another scheme or become copies, over real volume servers on disk
// twins (docs/adr/0018-change-of-scheme.md).
#include <gmock/gmock.h>

#include "async/all.h"
#include "tests/unit/volume/packed_volumes.h"
#include "volume/store/volume_file.h"

namespace kelp::test {
namespace {

using testing::HasSubstr;

constexpr EcScheme kCopies;

/// A volume in shards on servers 0, 1, ..., which others are made of at servers 1, 2, ... in
/// generation 4: most have both, and under another number.
class RecodedVolumes : public PackedVolumes {
 protected:
  /// Extents, of which some needles were removed.
  void begin_packed(EcScheme from, EcScheme to) {
    make_packed(from);
    remove({2, 3, 17, 40, 60});
    freeze_members();
    prepare(to);
  }
  /// Needles that were written as shards.
  void begin_striped(EcScheme from, EcScheme to) {
    begin(from);
    const std::vector<std::size_t> sizes = {1 << 20, 70'000, 3'000'001, 65'536, 1};
    for (std::uint64_t key = 1; key <= 12; ++key) {
      sizes_[key] = sizes[key % sizes.size()];
      ASSERT_TRUE(put(key, sizes_[key]).has_value()) << key;
    }
    remove({5});
    freeze_members(Generation{1});
    prepare(to);
    striped_ = true;
  }
  void prepare(EcScheme to) {
    to_ = {.volume = kStriped, .generation = Generation{5}, .scheme = to};
    const std::uint32_t count = to ? to.shards() : 2;
    while (servers_.size() <= count) add_server(static_cast<std::uint32_t>(servers_.size()));
    for (std::uint32_t i = 0; i < count; ++i) {
      to_.members.push_back(member(i + 1));
      to_.members.back().shard = static_cast<std::uint8_t>(to ? i : 0);
    }
  }
  [[nodiscard]] std::uint32_t targets() const {
    return static_cast<std::uint32_t>(to_.members.size());
  }
  VolumeService& target(std::uint32_t i) { return at(i + 1); }
  PackSource source(std::uint32_t i, std::uint32_t reader) {
    return {to_.scheme, to_.members[i].shard, member(reader), scheme_, location_.members};
  }
  Result<VolumeDigest> recode(std::uint32_t i, std::uint32_t reader = 0) {
    return run(target(i).pack(kStriped, kAnew, "", source(i, reader), Urgency::kMove));
  }
  Result<VolumeDigest> verify(std::uint32_t i) {
    return run(target(i).verify_packed(kStriped, kAnew, Urgency::kMove));
  }
  /// All at once, as the masters ask for it.
  void recode_all() {
    std::vector<Task<Result<VolumeDigest>>> packs;
    for (std::uint32_t i = 0; i < targets(); ++i) {
      packs.push_back(target(i).pack(kStriped, kAnew, "", source(i, 0), Urgency::kMove));
    }
    const auto made = run(all(std::move(packs)));
    for (std::uint32_t i = 0; i < targets(); ++i) {
      ASSERT_TRUE(made[i].has_value()) << i << made[i].error().message();
      EXPECT_EQ(made[i]->needles, sizes_.size());
      EXPECT_EQ(made[i]->live_bytes, alive());
      ASSERT_TRUE(verify(i).has_value()) << verify(i).error().message();
      EXPECT_TRUE(*verify(i) == *made[i]);
      EXPECT_TRUE(*verify(i) == *verify(0)) << i;
    }
  }
  void adopt(std::uint32_t i) {
    const auto adopted = run(target(i).adopt_packed(kStriped, kAnew));
    ASSERT_TRUE(adopted.has_value()) << i << adopted.error().message();
  }
  void thaw(std::uint32_t i) {
    const CopyRole role{Generation{5}, false};
    ASSERT_TRUE(run(target(i).set_role(kStriped, kAnew, role)).has_value()) << i;
  }
  void finish() {
    for (std::uint32_t i = 0; i < targets(); ++i) adopt(i);
    for (std::uint32_t i = 0; i < targets(); ++i) thaw(i);
    for (std::uint32_t i = 0; i < servers_.size(); ++i) {
      if (i == 0 || i > targets()) {
        ASSERT_TRUE(run(at(i).retire(kStriped, kAnew)).has_value()) << i;
      }
    }
  }

  /// As a client does that knows this location.
  Task<Result<std::string>> read_at(VolumeLocation location, FileId fid, std::size_t size) {
    if (location.scheme && striped_) co_return co_await read_shards(location, fid, 0, size);
    Error last(Errc::kUnavailable, "nobody");
    for (const VolumeMember& each : location.members) {
      const auto node = at(each.address);
      if (!location.scheme) {
        std::string body(size, '?');
        const auto got = co_await node->read(fid, 0, std::as_writable_bytes(std::span(body)));
        if (got.has_value()) co_return body;
        last = got.error();
        continue;
      }
      const auto place = co_await node->find_packed(fid, location.scheme);
      if (place.has_value()) {
        const FileId extent{fid.volume, place->extent, place->cookie};
        auto read = read_shards(location, extent, place->offset, size);
        co_return co_await std::move(read);
      }
      last = place.error();
    }
    co_return last;
  }
  Task<Result<std::string>> read_shards(VolumeLocation location, FileId fid, std::uint64_t offset,
                                        std::size_t size) {
    std::string bytes(size, '?');
    StripedRead read({*this, *health_, clock_, timers_, hedged_, rebuilt_}, std::move(location),
                     {fid, offset, std::as_writable_bytes(std::span(bytes))});
    KELP_CO_CHECK(co_await read.run());
    co_return bytes;
  }
  void expect_read_at(const VolumeLocation& location) {
    for (const auto& [key, size] : sizes_) {
      const auto got = run(read_at(location, fid_of(key), size));
      ASSERT_TRUE(got.has_value())
          << to_string(location.scheme) << " " << key << " " << got.error().message();
      ASSERT_TRUE(*got == body_for(key, size)) << key;
    }
  }
  void expect_removed_at(const VolumeLocation& location) {
    for (const std::uint64_t key : removed_) {
      ASSERT_EQ(run(read_at(location, fid_of(key), 1)).error().code(), Errc::kNotFound) << key;
    }
  }
  /// Any so many members as the volume can lose are gone.
  void expect_read_without_any() {
    const std::uint32_t lost = to_.scheme ? to_.scheme.parity : targets() - 1;
    for (std::uint32_t first = 0; first < targets(); ++first) {
      for (std::uint32_t i = 0; i < targets(); ++i) {
        const std::uint32_t behind = (i + targets() - first) % targets();
        reached(i + 1).trouble = behind < lost ? Trouble::kDown : Trouble::kNone;
      }
      health_ = std::make_unique<NodeHealth>();
      expect_read_at(to_);
    }
  }
  VolumeLocation to_;
  bool striped_ = false;
};

struct Change {
  EcScheme from;
  EcScheme to;
};
class AnyRecoded : public RecodedVolumes, public ::testing::WithParamInterface<Change> {};
INSTANTIATE_TEST_SUITE_P(Schemes, AnyRecoded,
                         ::testing::Values(Change{kTwoTwo, kCopies}, Change{kFourTwo, kCopies},
                                           Change{kTwoTwo, kFourTwo}, Change{kFourTwo, {8, 4}},
                                           Change{{8, 4}, kFourTwo}, Change{kFourTwo, {4, 3}}),
                         [](const auto& info) {
                           return fmt::format("ec{}_{}to{}_{}", info.param.from.data,
                                              info.param.from.parity, info.param.to.data,
                                              info.param.to.parity);
                         });

TEST_P(AnyRecoded, HaveEveryNeedleWhenTheyWerePacked) {
  begin_packed(GetParam().from, GetParam().to);
  recode_all();
  finish();
  expect_read_at(to_);
  expect_removed_at(to_);
  const double times = to_.scheme ? static_cast<double>(targets()) / to_.scheme.data : targets();
  std::uint64_t stored = 0;
  for (std::uint32_t i = 1; i <= targets(); ++i) stored += disk(i).content(kLog)->size();
  EXPECT_LT(static_cast<double>(stored), static_cast<double>(alive()) * times * 1.1);
  EXPECT_EQ(disk(0).content(kLog), std::nullopt);
  expect_read_without_any();
}

TEST_P(AnyRecoded, HaveEveryNeedleWhenTheyWereWrittenAsShards) {
  begin_striped(GetParam().from, GetParam().to);
  recode_all();
  finish();
  expect_read_at(to_);
  expect_removed_at(to_);
  for (const NeedleInfo& info : list(1)) {
    EXPECT_EQ(info.bucket, BucketId{3});
    EXPECT_EQ(info.body_bytes, sizes_.at(info.key.value));
    const auto image = run(at(1).read_needle(kStriped, Generation{5}, info.key));
    EXPECT_EQ(decode_needle(as_bytes(*image), kImageSeed)->back_pointer,
              fmt::format("key/{}", info.key.value));
  }
  expect_read_without_any();
}

TEST_P(AnyRecoded, AreReadByBothLocationsAtEveryMomentOfTheSwitch) {
  for (const bool striped : {false, true}) {
    SCOPED_TRACE(striped ? "striped" : "packed");
    servers_.clear();
    sizes_.clear();
    removed_.clear();
    striped ? begin_striped(GetParam().from, GetParam().to)
            : begin_packed(GetParam().from, GetParam().to);
    for (std::uint32_t i = 0; i < targets(); ++i) {
      ASSERT_TRUE(recode(i).has_value()) << recode(i).error().message();
      expect_read_at(location_);
    }
    expect_read_at(to_);  // decided, and nobody has heard of it
    for (std::uint32_t i = 0; i < targets(); ++i) {
      adopt(i);
      expect_read_at(to_);
      if (i + 1 < targets()) expect_read_at(location_);
    }
    for (std::uint32_t i = 0; i < targets(); ++i) {
      thaw(i);
      expect_read_at(to_);
    }
    expect_removed_at(to_);
  }
}

TEST_F(RecodedVolumes, ReadEachExtentOnceForAllServers) {
  make_packed(kFourTwo);
  freeze_members();
  prepare({8, 4});
  const std::size_t extents = list(0, kLastNeedleKey).size();
  ASSERT_GE(extents, 3U);
  std::size_t reads = 0;
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) reached(i).needle_reads = 0;
  recode_all();
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) reads += reached(i).needle_reads;
  EXPECT_EQ(reads, extents * scheme_.data);
}

TEST_F(RecodedVolumes, ComeOutTheSameWhoeverReads) {
  begin_packed(kTwoTwo, kFourTwo);
  for (std::uint32_t i = 0; i < targets(); ++i) {
    const auto made = recode(i, i % scheme_.shards());
    ASSERT_TRUE(made.has_value()) << made.error().message();
    EXPECT_TRUE(*made == *verify(0)) << i;
  }
  finish();
  expect_read_without_any();
}

TEST_F(RecodedVolumes, AreMadeWithoutSomeOfTheMembers) {
  begin_packed(kFourTwo, kTwoTwo);
  reached(1).trouble = Trouble::kDown;
  reached(3).trouble = Trouble::kDown;
  recode_all();
  for (const std::uint32_t i : {1U, 3U}) reached(i).trouble = Trouble::kNone;
  finish();
  expect_read_at(to_);
}

TEST_F(RecodedVolumes, AreMadeAroundShardsThatRot) {
  begin_packed(kFourTwo, kCopies);
  for (const NeedleInfo& extent : list(0, kLastNeedleKey)) {
    const auto image = run(at(2).read_needle(kStriped, kAnew, extent.key));
    const std::string body(as_text(decode_needle(as_bytes(*image), 0)->body));
    const std::size_t begin = disk(2).content(kLog)->find(body.substr(0, 4096));
    ASSERT_NE(begin, std::string::npos);
    disk(2).flip_bit(kLog, begin + 100, 1);
  }
  recode_all();
  finish();
  expect_read_at(to_);
}

TEST_F(RecodedVolumes, RefuseShardsThatMakeAnotherBody) {
  begin_packed(kTwoTwo, kCopies);
  // Each of its bytes has its checksum, and it is not what was packed.
  reached(1).spoil_needle = [](std::string& image) {
    const WholeNeedle needle = *decode_needle(as_bytes(image), kImageSeed);
    std::string body(as_text(needle.body));
    body[body.size() / 2] ^= 1;
    image = encode_needle(needle.header, needle.back_pointer, as_bytes(body), kImageSeed);
  };
  const auto made = recode(0);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::kCorruption);
  EXPECT_THAT(made.error().detail(), HasSubstr("wrong checksum"));
  EXPECT_EQ(verify(0).error().code(), Errc::kNotFound);
}

TEST_F(RecodedVolumes, RefuseWhatDoesNotFit) {
  make_packed(kTwoTwo);
  prepare(kFourTwo);
  EXPECT_EQ(recode(0).error().code(), Errc::kConflict) << "it is not frozen";
  freeze_members();
  const auto refused = [this](PackSource from) {
    return run(target(0).pack(kStriped, kAnew, "", std::move(from), Urgency::kMove)).error();
  };
  PackSource from = source(0, 0);
  from.shard = 6;
  EXPECT_EQ(refused(from).code(), Errc::kInvalidArgument);
  from = source(0, 0);
  from.scheme = {.data = 1, .parity = 1};
  EXPECT_EQ(refused(from).code(), Errc::kInvalidArgument);
  from = source(0, 0);
  from.from = {.data = 3, .parity = 1};
  EXPECT_EQ(refused(from).code(), Errc::kCorruption) << "its shards are of another scheme";
  from = source(0, 0);
  from.from = {};  // as servers of the version before ask
  EXPECT_EQ(refused(from).code(), Errc::kInvalidArgument);
  from.scheme = {};
  EXPECT_EQ(refused(from).code(), Errc::kInvalidArgument);
  EXPECT_EQ(verify(0).error().code(), Errc::kNotFound) << "nothing was made";
}

TEST_F(RecodedVolumes, RefuseAReaderWithoutAnExtent) {
  begin_packed(kTwoTwo, kCopies);
  const auto extents = list(0, kLastNeedleKey);
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    ASSERT_TRUE(run(at(i).set_role(kStriped, kAnew, {Generation{5}, false})).has_value());
  }
  const FileId extent{kStriped, extents[1].key, extents[1].cookie};
  ASSERT_TRUE(run(at(0).remove({extent})).has_value());
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{5}, {Generation{6}, true})).has_value());
  }
  const auto made = run(target(0).pack(kStriped, Generation{6}, "", source(0, 0), Urgency::kMove));
  EXPECT_EQ(made.error().code(), Errc::kNotFound) << made.error().message();
  EXPECT_TRUE(
      run(target(0).pack(kStriped, Generation{6}, "", source(0, 1), Urgency::kMove)).has_value());
}

TEST_F(RecodedVolumes, NeverShowARemovedNeedleAfterTheyWereGivenUp) {
  begin_packed(kTwoTwo, kCopies);
  recode_all();
  // Server 1 misses that it was given up; then a needle is removed.
  ASSERT_TRUE(run(at(2).drop_packed(kStriped, kAnew)).has_value());
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    const CopyRole role{Generation{5}, false};
    ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{3}, role)).has_value()) << i;
  }
  remove({44});
  for (int round = 0; round < 2; ++round) {
    expect_read_at(location_);
    expect_removed_at(location_);
    std::string body(1, '?');
    for (std::uint32_t i = 0; i < 3; ++i) {
      EXPECT_FALSE(
          run(at(i).read(fid_of(44), 0, std::as_writable_bytes(std::span(body)))).has_value());
    }
    start(1);
  }
}

/// Server 1 makes its copy and adopts; power goes at each operation of its disk in turn, all that
/// was not synced with it or some.
TEST_F(RecodedVolumes, LoseNothingWhateverOperationIsTheLast) {
  begin_copies(kTwoTwo);
  for (std::uint64_t key = 1; key <= 16; ++key) put_both(key, 700'001);
  freeze_copies(2);
  pack_all();
  adopt_all();
  remove({1, 9});
  freeze_members();
  prepare(kCopies);
  ASSERT_TRUE(recode(1).has_value());
  const Files before = files_of(1);
  std::uint64_t stopped = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    disk(1).power_off_after(nth);
    auto made = recode(0);
    if (made.has_value()) made = verify(0);
    const bool decided = made.has_value();
    if (decided) (void)run(at(1).adopt_packed(kStriped, kAnew));
    if (!disk(1).powered_off()) break;
    ++stopped;
    Rng rng(nth);
    nth % 2 == 0 ? disk(1).crash_losing_all() : disk(1).crash(rng);
    start(1);
    if (!decided) {
      expect_read_at(location_);
      // The master comes again, with what it does at this step.
      const auto again = recode(0);
      ASSERT_TRUE(again.has_value()) << again.error().message();
    }
    ASSERT_TRUE(verify(0).has_value()) << verify(0).error().message();
    EXPECT_EQ(verify(0)->keys_hash, verify(1)->keys_hash);
    expect_read_at(to_);
    adopt(0);
    expect_read_at(to_);
    put_back(1, before);
    if (HasFailure()) return;
  }
  EXPECT_GT(stopped, 20U);
}

}  // namespace
}  // namespace kelp::test
