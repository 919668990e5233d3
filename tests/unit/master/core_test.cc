#include <gtest/gtest.h>

#include <fstream>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/encoding.h"
#include "master/core/commands.h"
#include "master/core/reservations.h"
#include "master/core/state.h"

namespace kelp::master {
namespace {

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string hex;
  file >> hex;
  return hex;
}

VolumeRecord record(VolumePhase phase) {
  return {Generation{2}, Scheme{}, phase, "pictures", {"node-1"}};
}

MasterState sample() {
  MasterState state;
  state.cluster_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  state.key_mark = NeedleKey{1'048'577};
  state.next_volume = VolumeId{10};
  state.volumes[VolumeId{3}] = record(VolumePhase::kSealed);
  state.volumes[VolumeId{9}] = record(VolumePhase::kCreating);
  return state;
}

std::string with_crc(std::string bytes) {
  ByteWriter(bytes).fixed(crc32c(as_bytes(bytes)));
  return bytes;
}

TEST(MasterState, ReadsWhatItWrote) {
  const auto read = decode_state(encode_state(sample()));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, sample());
  EXPECT_EQ(*decode_state(encode_state(MasterState{})), MasterState{});
}

TEST(MasterState, KeepsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(encode_state(sample())), golden("master-state-v1.hex"));
}

TEST(MasterState, RefusesEveryTruncationAndEveryFlippedBit) {
  const std::string good = encode_state(sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_state(std::string_view(good).substr(0, size)).has_value()) << size;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_state(bad).has_value()) << bit;
  }
  EXPECT_FALSE(decode_state(good + "x").has_value());
}

TEST(MasterState, NamesBothVersionsOfANewerFormat) {
  std::string newer = encode_state(sample());
  newer[4] = 2;
  const auto read = decode_state(newer);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Errc::kUnimplemented);
  EXPECT_NE(read.error().detail().find("format 2, this program knows 1"), std::string::npos);
}

TEST(MasterState, RefusesUnknownValuesUnderAGoodChecksum) {
  MasterState state = sample();
  state.volumes[VolumeId{3}].phase = static_cast<VolumePhase>(4);
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  state = sample();
  state.volumes[VolumeId{10}] = record(VolumePhase::kWritable);  // at next_volume
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  std::string longer = encode_state(sample());
  longer.resize(longer.size() - 4);
  EXPECT_EQ(decode_state(with_crc(longer + "x")).error().code(), Errc::kCorruption);
}

TEST(MasterCommands, MoveTheKeyMarkAndNeverWrapIt) {
  MasterState state;
  EXPECT_TRUE(apply_command(state, ReserveKeys{100}).has_value());
  EXPECT_EQ(state.key_mark, NeedleKey{101});
  EXPECT_FALSE(apply_command(state, ReserveKeys{UINT64_MAX}).has_value());
  EXPECT_EQ(state.key_mark, NeedleKey{101});
}

TEST(MasterCommands, NeverUseAVolumeIdTwice) {
  MasterState state;
  EXPECT_TRUE(
      apply_command(state, CreateVolume{VolumeId{5}, record(VolumePhase::kCreating)}).has_value());
  EXPECT_EQ(state.next_volume, VolumeId{6});
  for (const std::uint32_t id : {0U, 1U, 5U, UINT32_MAX}) {
    EXPECT_FALSE(apply_command(state, CreateVolume{VolumeId{id}, record(VolumePhase::kCreating)})
                     .has_value())
        << id;
  }
}

TEST(MasterCommands, WalkAVolumeThroughItsPhasesOnly) {
  MasterState state;
  const VolumeId id{1};
  EXPECT_FALSE(apply_command(state, ActivateVolume{id}).has_value());
  ASSERT_TRUE(apply_command(state, CreateVolume{id, record(VolumePhase::kCreating)}).has_value());
  EXPECT_FALSE(apply_command(state, SealVolume{id}).has_value());
  ASSERT_TRUE(apply_command(state, ActivateVolume{id}).has_value());
  EXPECT_FALSE(apply_command(state, ActivateVolume{id}).has_value());
  ASSERT_TRUE(apply_command(state, SealVolume{id}).has_value());
  EXPECT_EQ(state.volumes.at(id).phase, VolumePhase::kSealed);
}

TEST(MasterCommands, ReadWhatTheyWroteAndRefuseTheRest) {
  const std::vector<Command> all = {ReserveKeys{1'048'576},
                                    CreateVolume{VolumeId{4}, record(VolumePhase::kCreating)},
                                    ActivateVolume{VolumeId{4}}, SealVolume{VolumeId{4}}};
  std::string together;
  for (const Command& command : all) {
    const std::string bytes = encode_command(command);
    together += bytes;
    const auto read = decode_command(bytes);
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(*read == command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_command(std::string_view(bytes).substr(0, size)).has_value());
    }
    EXPECT_FALSE(decode_command(bytes + "x").has_value());
  }
  EXPECT_EQ(hex_encode(together), golden("master-commands-v1.hex"));
  EXPECT_EQ(decode_command("\x01\x09").error().code(), Errc::kUnimplemented);
  EXPECT_EQ(decode_command("\x02\x01").error().code(), Errc::kUnimplemented);
}

TEST(Reservations, EndByReleaseOrByTime) {
  Reservations promised;
  const VolumeId a{1};
  const VolumeId b{2};
  promised.grant(a, 100, WallTime(std::chrono::seconds(10)));
  promised.grant(a, 50, WallTime(std::chrono::seconds(20)));
  promised.grant(b, 7, WallTime(std::chrono::seconds(10)));
  EXPECT_EQ(promised.total(), 157u);
  promised.release(a, 120);
  EXPECT_EQ(promised.of(a), 30u);
  promised.expire(WallTime(std::chrono::seconds(10)));
  EXPECT_EQ(promised.total(), 30u);
  promised.release(a, 1000);
  promised.release(VolumeId{9}, 1);
  EXPECT_EQ(promised.total(), 0u);
}

}  // namespace
}  // namespace kelp::master
