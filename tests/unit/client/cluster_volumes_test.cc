#include "client/cluster_volumes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "async/task_group.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/rng.h"
#include "ec/layout.h"
#include "ec/reed_solomon.h"
#include "tests/support/sim_context.h"

namespace kelp::test {
namespace {

using std::chrono::milliseconds;

const FileId kFid{VolumeId{1}, NeedleKey{5}, Cookie{9}};
const Cookie kGone{77};  ///< Of an extent that was packed anew.

/// A volume server that answers with its own name, after a while, or with an error.
class SlowNode final : public VolumeNode {
 public:
  SlowNode(std::string name, SimContext& world, Timers& timers)
      : name_(std::move(name)), world_(world), timers_(timers) {}

  Task<Result<void>> read(FileId, std::uint64_t, MutableByteSpan buffer) override {
    ++reads;
    KELP_CO_CHECK(co_await timers_.sleep_until(world_.now() + delay));
    if (error) co_return *error;
    if (!whole) co_return Error(Errc::kConflict, "packed here");
    std::ranges::fill(buffer, static_cast<std::byte>(name_[0]));
    co_return Result<void>();
  }
  Task<Result<void>> remove(std::vector<FileId> fids) override {
    if (error) co_return *error;
    removed += static_cast<int>(fids.size());
    co_return Result<void>();
  }
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle) override {
    ++opens;
    co_return Error(Errc::kUnimplemented, "not needed");
  }

  Task<Result<NodeStatus>> status() override { return none<NodeStatus>(); }
  Task<Result<void>> create_volume(VolumeId, Generation, std::string) override {
    return none<void>();
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId, NeedleKey, std::uint32_t) override {
    return none<std::vector<NeedleInfo>>();
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId) override {
    return none<std::vector<NeedleInfo>>();
  }
  Task<Result<void>> set_role(VolumeId, Generation, CopyRole) override { return none<void>(); }
  Task<Result<VolumeDigest>> pull(VolumeId, Generation, std::string, VolumeMember,
                                  Urgency) override {
    return none<VolumeDigest>();
  }
  Task<Result<VolumeDigest>> digest(VolumeId, bool) override { return none<VolumeDigest>(); }
  Task<Result<void>> retire(VolumeId, Generation) override { return none<void>(); }
  Task<Result<std::string>> read_needles(VolumeId, Generation, NeedleKey, Urgency) override {
    return none<std::string>();
  }
  Task<Result<std::string>> read_needle(VolumeId, Generation, NeedleKey) override {
    return none<std::string>();
  }

  Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer) override {
    KELP_CO_CHECK(co_await timers_.sleep_until(world_.now() + delay));
    if (error) co_return *error;
    if (request.fid.key == kFid.key) {
      ++stubs_asked;
      co_return Error(Errc::kConflict, "packed here");
    }
    if (request.fid.cookie == kGone) co_return Error(Errc::kNotFound, "that extent is gone");
    const std::string& lane = shard;
    const std::size_t take = std::min(buffer.size(), lane.size() - request.offset);
    std::ranges::fill(buffer, std::byte{0});
    std::memcpy(buffer.data(), lane.data() + request.offset, take);
    co_return Result<void>();
  }
  Task<Result<PackedPlace>> find_packed(FileId, EcScheme) override {
    ++finds;
    KELP_CO_CHECK(co_await timers_.sleep_until(world_.now() + delay));
    if (error) co_return *error;
    if (!place) co_return Error(Errc::kNotFound, "it was removed");
    co_return *place;
  }

  milliseconds delay{1};
  bool whole = true;                 ///< Has needles whole.
  std::string shard;                 ///< Of the extent.
  std::optional<PackedPlace> place;  ///< Of kFid.
  int stubs_asked = 0;
  int finds = 0;
  std::optional<Error> error;
  int reads = 0;
  int removed = 0;
  int opens = 0;

 private:
  template <typename T>
  static Task<Result<T>> none() {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
  const std::string name_;
  SimContext& world_;
  Timers& timers_;
};

/// Knows where volume 1 is, and counts how often it is asked.
class FakeMaster final : public MasterClient, public MasterControl {
 public:
  Task<Result<VolumeLocation>> locate(VolumeId volume) override {
    ++asked;
    if (volume != VolumeId{1}) co_return Error(Errc::kNotFound, "never made");
    if (asked <= stale_answers) co_return stale;
    co_return location;
  }
  Task<Result<WriteLease>> lease(LeaseRequest) override { return none<WriteLease>(); }
  Task<Result<void>> release(VolumeId, std::uint64_t) override { return none<void>(); }
  Task<Result<HeartbeatAnswer>> heartbeat(Heartbeat) override { return none<HeartbeatAnswer>(); }
  Task<Result<LocationChange>> watch_locations(std::uint64_t, MonoTime) override {
    ++watched;
    co_return Error(Errc::kCancelled, "this connection was closed");
  }
  Task<Result<NeedleKey>> key_floor() override { return none<NeedleKey>(); }
  Task<Result<ClusterView>> view() override { return none<ClusterView>(); }
  Task<Result<void>> set_node_intent(std::string, NodeIntent) override { return none<void>(); }
  Task<Result<void>> remove_node(std::string) override { return none<void>(); }
  Task<Result<std::uint64_t>> move_volume(VolumeId, std::string, std::string) override {
    return none<std::uint64_t>();
  }
  Task<Result<void>> pause_jobs(bool) override { return none<void>(); }
  Task<Result<AdminLockView>> admin_lock(AdminLockRequest) override {
    return none<AdminLockView>();
  }
  Task<Result<std::vector<JobView>>> plan_jobs(PlanKind, bool) override {
    return none<std::vector<JobView>>();
  }
  Task<Result<void>> seal_volume(VolumeId) override { return none<void>(); }
  Task<Result<void>> set_volume_tier(VolumeId, std::string) override { return none<void>(); }
  Task<Result<std::vector<VolumeId>>> grow_volumes(std::string, std::uint32_t) override {
    return none<std::vector<VolumeId>>();
  }
  Task<Result<void>> add_master(std::uint64_t, std::string) override { return none<void>(); }
  Task<Result<void>> remove_master(std::uint64_t) override { return none<void>(); }
  Task<Result<void>> transfer_leadership(std::optional<std::uint64_t>) override {
    return none<void>();
  }

  VolumeLocation location;
  VolumeLocation stale;   ///< What the first answers say.
  int stale_answers = 0;  ///< How many those are.
  int asked = 0;
  int watched = 0;

 private:
  template <typename T>
  static Task<Result<T>> none() {
    co_return Error(Errc::kUnimplemented, "not needed");
  }
};

class ClusterVolumesTest : public ::testing::Test, public VolumeNodes {
 protected:
  ClusterVolumesTest() {
    (void)set_log_level("off");
    master_.location.volume = VolumeId{1};
    for (const char* name : {"a", "b", "c"}) {
      nodes_[name] = std::make_shared<SlowNode>(name, world_, timers_);
      if (*name != 'c') master_.location.members.push_back({name, name});
    }
  }
  std::shared_ptr<VolumeNode> at(const std::string& address) override { return nodes_.at(address); }
  SlowNode& node(const std::string& name) { return *nodes_.at(name); }
  /// Who answered.
  Result<std::string> read() {
    std::string buffer(3, '?');
    KELP_CHECK(world_.run(volumes_.read(kFid, 0, std::as_writable_bytes(std::span(buffer)))));
    EXPECT_EQ(buffer, std::string(3, buffer[0]));
    return buffer.substr(0, 1);
  }
  /// Reads until the next one begins at `name`.
  void begin_next_at(const std::string& name) {
    const std::string other = name == "a" ? "b" : "a";
    while (*read() != other) {
    }
  }

  SimContext world_{3};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  Metrics metrics_;
  FakeMaster master_;
  std::map<std::string, std::shared_ptr<SlowNode>> nodes_;
  LocationCache locations_{master_, master_, clock_, timers_};
  ClusterVolumes volumes_{*this, locations_, clock_, timers_, metrics_};
};

TEST_F(ClusterVolumesTest, SharesReadsAmongTheCopies) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(read().has_value());
  EXPECT_EQ(node("a").reads, 5);
  EXPECT_EQ(node("b").reads, 5);
  EXPECT_EQ(master_.asked, 1);
}

TEST_F(ClusterVolumesTest, GoesOnFollowingWhenAWatchEndsThatNobodyHereCancelled) {
  TaskGroup group(world_.executor());
  group.spawn(locations_.follow());
  world_.run_for(std::chrono::seconds(10));
  EXPECT_GE(master_.watched, 5);
  group.cancel();
  world_.run(group.join());
}

TEST_F(ClusterVolumesTest, ReadsAroundACopyThatFailsAndAsksItLastForAWhile) {
  begin_next_at("a");
  node("a").error = Error(Errc::kUnavailable, "down");
  EXPECT_EQ(*read(), "b");
  const int before = node("a").reads;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(*read(), "b");
  EXPECT_EQ(node("a").reads, before);
  world_.run_for(std::chrono::seconds(6));
  node("a").error.reset();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(read().has_value());
  EXPECT_GT(node("a").reads, before);
}

TEST_F(ClusterVolumesTest, ReadsAroundACorruptCopyWithoutBlamingItsServer) {
  node("a").error = Error(Errc::kCorruption, "bits");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(*read(), "b");
  EXPECT_EQ(node("a").reads, 2);
}

TEST_F(ClusterVolumesTest, AsksASecondCopyWhenTheFirstIsLate) {
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(read().has_value());
  begin_next_at("a");
  node("a").delay = milliseconds(10'000);
  const MonoTime begin = world_.now();
  EXPECT_EQ(*read(), "b");
  EXPECT_LT(world_.now() - begin, milliseconds(100));
}

TEST_F(ClusterVolumesTest, StopsBeginningAtAServerThatIsMuchSlower) {
  node("a").delay = milliseconds(40);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(read().has_value());
  const int before = node("a").reads;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*read(), "b");
  EXPECT_EQ(node("a").reads, before);
}

TEST_F(ClusterVolumesTest, FindsAVolumeThatMoved) {
  ASSERT_TRUE(read().has_value());
  node("a").error = node("b").error = Error(Errc::kNotFound, "not here");
  master_.location.members = {{"c", "c"}};
  EXPECT_EQ(*read(), "c");
  EXPECT_EQ(master_.asked, 2);
}

TEST_F(ClusterVolumesTest, SaysWhatIsWrongWhenNoCopyAnswers) {
  node("a").error = node("b").error = Error(Errc::kCorruption, "bits");
  EXPECT_EQ(read().error().code(), Errc::kCorruption);
}

TEST_F(ClusterVolumesTest, RemovesAtEveryCopyOrSaysThatOneIsMissing) {
  EXPECT_TRUE(world_.run(volumes_.remove({kFid})).has_value());
  EXPECT_EQ(node("a").removed + node("b").removed, 2);
  node("b").error = Error(Errc::kUnavailable, "down");
  EXPECT_EQ(world_.run(volumes_.remove({kFid})).error().code(), Errc::kUnavailable);
  const FileId never{VolumeId{7}, NeedleKey{1}, Cookie{1}};
  node("b").error.reset();
  EXPECT_TRUE(world_.run(volumes_.remove({never})).has_value());
}

TEST_F(ClusterVolumesTest, WritesThroughTheFirstMember) {
  OpenNeedle request;
  request.fid = kFid;
  EXPECT_EQ(world_.run(volumes_.open(request)).error().code(), Errc::kInvalidArgument);
  request.members = {{"b", "b"}, {"a", "a"}};
  (void)world_.run(volumes_.open(request));
  EXPECT_EQ(node("b").opens, 1);
  EXPECT_EQ(node("a").opens, 0);
}

/// kFid is packed into an extent of ec(2,1) at a, b and c.
class PackedReads : public ClusterVolumesTest {
 protected:
  static constexpr EcScheme kScheme{.data = 2, .parity = 1};
  static constexpr std::size_t kBefore = 100'000;

  PackedReads() {
    Rng rng(5);
    std::string extent(500'000, '?');
    for (char& byte : extent) byte = static_cast<char>(rng.next());
    body_ = extent.substr(kBefore, 150'000);
    std::vector<std::string> lanes(3, std::string(shard_bytes(kScheme, 0, extent.size()), '\0'));
    for (const CellPiece& piece : cut_into_cells(kScheme, 0, extent.size())) {
      lanes[piece.shard].replace(piece.shard_offset, piece.bytes, extent, piece.body_offset,
                                 piece.bytes);
    }
    const std::vector<ByteSpan> data{as_bytes(lanes[0]), as_bytes(lanes[1])};
    const MutableByteSpan parity = std::as_writable_bytes(std::span(lanes[2]));
    (*ReedSolomon::shared(kScheme))->encode(data, std::span(&parity, 1));
    PackedPlace place{.extent = NeedleKey{kExtentBit | 3},
                      .cookie = Cookie{1},
                      .offset = kBefore,
                      .body_bytes = body_.size()};
    for (std::size_t at = 0; at < body_.size(); at += 65'536) {
      ByteWriter(place.table).fixed(crc32c(as_bytes(body_.substr(at, 65'536))));
    }
    master_.location.scheme = kScheme;
    master_.location.members.clear();
    std::uint8_t number = 0;
    for (const char* name : {"a", "b", "c"}) {
      master_.location.members.push_back({name, name, number});
      node(name).shard = lanes[number++];
      node(name).place = place;
    }
  }
  Result<std::string> read_at(std::uint64_t offset, std::size_t size) {
    std::string buffer(size, '?');
    KELP_CHECK(world_.run(volumes_.read(kFid, offset, std::as_writable_bytes(std::span(buffer)))));
    return buffer;
  }
  [[nodiscard]] int stubs_asked() {
    return node("a").stubs_asked + node("b").stubs_asked + node("c").stubs_asked;
  }
  std::string body_;
};

TEST_F(PackedReads, GiveAnyRangeOfTheNeedle) {
  for (const auto& [offset, size] : {std::pair<std::size_t, std::size_t>{0, 150'000},
                                     {0, 1},
                                     {65'536, 65'536},
                                     {65'535, 2},
                                     {149'999, 1},
                                     {70'000, 70'000}}) {
    const auto got = read_at(offset, size);
    ASSERT_TRUE(got.has_value()) << got.error().message();
    EXPECT_TRUE(*got == body_.substr(offset, size)) << offset;
  }
  EXPECT_EQ(read_at(149'999, 2).error().code(), Errc::kInvalidArgument);
}

TEST_F(PackedReads, AskForShardsOfTheNeedleOnlyOnce) {
  ASSERT_TRUE(read_at(0, 10).has_value());
  const int asked = stubs_asked();
  EXPECT_GT(asked, 0);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(read_at(0, 10).has_value());
  EXPECT_EQ(stubs_asked(), asked);
}

TEST_F(PackedReads, ServeNothingThatDoesNotCheck) {
  for (const char* name : {"a", "b", "c"}) node(name).place->table[5] ^= 1;  // the second block's
  EXPECT_EQ(read_at(70'000, 10).error().code(), Errc::kCorruption);
  EXPECT_TRUE(read_at(0, 60'000).has_value()) << "the first one is good";
}

TEST_F(PackedReads, DoNotWaitForAServerThatIsSilentOrGone) {
  ASSERT_TRUE(read_at(0, 10).has_value());
  node("a").delay = std::chrono::hours(1);
  const MonoTime begin = world_.now();
  for (int i = 0; i < 4; ++i) {
    const auto got = read_at(0, 150'000);
    ASSERT_TRUE(got.has_value()) << got.error().message();
    EXPECT_TRUE(*got == body_);
  }
  EXPECT_LT(world_.now() - begin, std::chrono::seconds(20));
  node("a").delay = milliseconds(1);
  node("b").error = Error(Errc::kUnavailable, "down");
  EXPECT_TRUE(read_at(0, 150'000).value_or("") == body_);
}

TEST_F(PackedReads, AskAgainWhenAMasterHasNotHeardOfTheSwitch) {
  master_.stale = master_.location;
  master_.stale.scheme = {};
  master_.stale_answers = 3;
  master_.location.generation = Generation{2};
  for (const char* name : {"a", "b", "c"}) node(name).whole = false;
  const auto got = read_at(0, 150'000);
  ASSERT_TRUE(got.has_value()) << got.error().message();
  EXPECT_TRUE(*got == body_);
}

TEST_F(PackedReads, AskOthersWhereItIsWhenAMemberMissedThatItWasPackedAnew) {
  for (const char* name : {"a", "b"}) {
    node(name).place->extent.value += 100;
    node(name).place->cookie = kGone;
  }
  for (int i = 0; i < 6; ++i) {
    const auto got = read_at(0, 150'000);
    ASSERT_TRUE(got.has_value()) << got.error().message();
    EXPECT_TRUE(*got == body_);
  }
  node("c").place->cookie = kGone;
  EXPECT_EQ(read_at(0, 10).error().code(), Errc::kNotFound);
}

TEST_F(PackedReads, SayThatANeedleWasRemoved) {
  for (const char* name : {"a", "b", "c"}) node(name).place.reset();
  EXPECT_EQ(read_at(0, 10).error().code(), Errc::kNotFound);
}

}  // namespace
}  // namespace kelp::test
