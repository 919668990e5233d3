// What daemons say to each other: every message, the same promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/support/random_message.h"
#include "wire/rpc_methods.h"

namespace kelp {
namespace {

using test::golden;
using testing::HasSubstr;

template <typename List>
struct AsTypes;
template <typename... T>
struct AsTypes<std::tuple<T...>> {
  using Types = testing::Types<T...>;
};

template <typename T>
class EveryMessage : public testing::Test {};
TYPED_TEST_SUITE(EveryMessage, AsTypes<test::AllMessages>::Types);

TYPED_TEST(EveryMessage, ReadsWhatItWrites) {
  test::RandomMessage random(1);
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = encode_message(random.make<TypeParam>());
    const auto read = decode_message<TypeParam>(bytes, "it");
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(encode_message(*read), bytes);
  }
}

TYPED_TEST(EveryMessage, RefusesEveryTruncationAndAByteTooMuch) {
  test::RandomMessage random(2);
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = encode_message(random.make<TypeParam>());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto read = decode_message<TypeParam>(std::string_view(bytes).substr(0, size), "it");
      ASSERT_FALSE(read) << size << " of " << bytes.size();
      EXPECT_EQ(read.error().code(), Errc::kCorruption);
    }
    const auto longer = decode_message<TypeParam>(bytes + "x", "it");
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().code(), Errc::kCorruption);
  }
}

TYPED_TEST(EveryMessage, TakesANewerRevisionAndRefusesANewerVersion) {
  test::RandomMessage random(3);
  const auto value = random.make<TypeParam>();
  const std::string newer = encode_message(value, kMessageRevision + 1) + "more";
  const auto read = decode_message<TypeParam>(newer, "it");
  ASSERT_TRUE(read);
  EXPECT_EQ(encode_message(*read), encode_message(value));

  std::string other = encode_message(value);
  other[0] = 9;
  const auto refused = decode_message<TypeParam>(other, "it");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnimplemented);
  EXPECT_THAT(refused.error().detail(), HasSubstr("version 9, this build knows 1"));
}

// One struct as two builds know it: this one and the next.
constexpr std::uint8_t kNext = kMessageRevision + 1;
struct Inner {
  std::uint32_t a = 0;
};
struct Outer {
  std::vector<Inner> inner;
  std::string name;
};
struct NewInner {
  std::uint32_t a = 0;
  std::uint32_t b = 77;
};
struct NewOuter {
  std::vector<NewInner> inner;
  std::string name;
  std::string more = "default";
};

}  // namespace

template <>
inline constexpr auto kFields<Inner> = std::tuple(&Inner::a);
template <>
inline constexpr auto kFields<Outer> = std::tuple(&Outer::inner, &Outer::name);
template <>
inline constexpr auto kFields<NewInner> = std::tuple(&NewInner::a, since(kNext, &NewInner::b));
template <>
inline constexpr auto kFields<NewOuter> =
    std::tuple(&NewOuter::inner, &NewOuter::name, since(kNext, &NewOuter::more));

namespace {

TEST(Messages, AnOlderReaderSkipsAppendedMembersAlsoInside) {
  const NewOuter sent{{{1, 10}, {2, 20}}, "name", "more"};
  const auto read = decode_message<Outer>(encode_message(sent, kNext), "it");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "name");
  ASSERT_EQ(read->inner.size(), 2U);
  EXPECT_EQ(read->inner[1].a, 2U);
}

TEST(Messages, ANewerReaderTakesDefaultsForWhatAnOlderSenderDoesNotKnow) {
  const Outer sent{{{1}, {2}}, "name"};
  const auto read = decode_message<NewOuter>(encode_message(sent), "it");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "name");
  EXPECT_EQ(read->more, "default");
  ASSERT_EQ(read->inner.size(), 2U);
  EXPECT_EQ(read->inner[1].a, 2U);
  EXPECT_EQ(read->inner[1].b, 77U);
}

TEST(Messages, RefuseNumbersTooLargeAndUnknownEnumerators) {
  const std::string head{kMessageVersion, kMessageRevision};
  EXPECT_TRUE(decode_message<LocateVolume>(head + "\xff\xff\xff\xff\x0f", "it"));
  EXPECT_FALSE(decode_message<LocateVolume>(head + "\xff\xff\xff\xff\x1f", "it"));
  EXPECT_TRUE(decode_message<PauseJobs>(head + '\x01', "it"));
  EXPECT_FALSE(decode_message<PauseJobs>(head + '\x02', "it"));
  const std::string node(1, '\0');
  EXPECT_TRUE(decode_message<SetNodeIntent>(head + node + '\x03', "it"));
  EXPECT_FALSE(decode_message<SetNodeIntent>(head + node + '\x04', "it"));
  EXPECT_FALSE(decode_message<SetNodeIntent>(head + node + '\0', "it"));
}

TEST(Messages, KeepTheirGoldenBytes) {
  const LeaseRequest lease{.key_count = 1024,
                           .bytes = 1 << 28,
                           .collection = "c",
                           .exclude = {VolumeId(3)},
                           .rack = "r"};
  EXPECT_EQ(hex_encode(encode_message(lease)), golden("message_lease_v1.hex"));

  WriteNeedle write;
  write.needle.fid = {VolumeId(3), NeedleKey(0x1637), Cookie(0x37d6abcd)};
  write.needle.generation = Generation(2);
  write.needle.token = "token";
  write.needle.body_bytes = 300;
  write.needle.bucket = BucketId(7);
  write.needle.object_key = "a/b";
  write.needle.members = {{"n1", "h:1"}, {"n2", "h:2"}};
  write.body_crc = 0xe3069283;
  EXPECT_EQ(hex_encode(encode_message(write)), golden("message_write_needle_v1.hex"));

  PutObject put;
  put.bucket = "photos";
  put.key = "a";
  put.entry.etag = std::string(16, 'e');
  put.entry.size_bytes = 3;
  put.inline_body = "abc";
  put.conditions.if_match = "*";
  EXPECT_EQ(hex_encode(encode_message(put)), golden("message_put_object_v1.hex"));
}

TEST(RpcMethods, OnlyWhatMayHappenTwiceIsRepeatable) {
  for (const auto method :
       {RpcMethod::kFilerPutObject, RpcMethod::kFilerPutPart, RpcMethod::kFilerShareObject,
        RpcMethod::kFilerSharePart, RpcMethod::kFilerDeleteObject, RpcMethod::kFilerDeleteObjects,
        RpcMethod::kFilerCreateUpload, RpcMethod::kFilerAbortUpload, RpcMethod::kFilerCreateBucket,
        RpcMethod::kFilerDeleteBucket, RpcMethod::kFilerDropBucket, RpcMethod::kMasterRelease,
        RpcMethod::kVolumeWrite, RpcMethod::kVolumeOpen, RpcMethod::kVolumeAppend,
        RpcMethod::kVolumeFinish, RpcMethod::kVolumeCreate}) {
    EXPECT_FALSE(info_of(method).repeatable) << info_of(method).name;
  }
  EXPECT_TRUE(info_of(RpcMethod::kVolumeRead).repeatable);
  EXPECT_TRUE(info_of(RpcMethod::kFilerGetObject).repeatable);
  EXPECT_EQ(info_of(RpcMethod::kFilerGetObject).name, "filer.get_object");
}

}  // namespace
}  // namespace kelp
