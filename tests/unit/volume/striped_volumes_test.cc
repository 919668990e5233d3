// Volumes whose needles lie in shards on several servers: client/striped_upload.h, striped_read.h
// and shard_rebuild.h, over real volume servers on disk twins.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "async/background_budget.h"
#include "client/striped_read.h"
#include "client/striped_upload.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/needle_format.h"
#include "volume/shard_rebuild.h"

namespace kelp::test {
namespace {

using ::testing::HasSubstr;

const VolumeId kVolume{1};
constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};
constexpr EcScheme kFourTwo{.data = 4, .parity = 2};

/// Why a server does not answer.
enum class Trouble : std::uint8_t { kNone, kDown, kSilent };

/// A server as others reach it.
class Reached final : public VolumeNode {
 public:
  Reached(std::shared_ptr<VolumeService>& service, SimTimers& timers, const Clock& clock)
      : service_(service), timers_(timers), clock_(clock) {}

  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override {
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->open(std::move(request));
  }
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override {
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->read(fid, offset, buffer);
  }
  Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer) override {
    ++shard_reads;
    shard_bytes_read += buffer.size();
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->read_shard(std::move(request), buffer);
  }
  Task<Result<void>> remove(std::vector<FileId> fids) override {
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->remove(std::move(fids));
  }
  Task<Result<NodeStatus>> status() override { return service_->status(); }
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override {
    return service_->create_volume(volume, generation, std::move(collection));
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override {
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->list_needles(volume, after, limit);
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override {
    return service_->verify_volume(volume);
  }
  Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) override {
    return service_->set_role(volume, oldest, role);
  }
  Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation, std::string collection,
                                  VolumeMember source, Urgency urgency) override {
    return service_->pull(volume, generation, std::move(collection), std::move(source), urgency);
  }
  Task<Result<VolumeDigest>> digest(VolumeId volume, bool verify) override {
    return service_->digest(volume, verify);
  }
  Task<Result<void>> retire(VolumeId volume, Generation generation) override {
    return service_->retire(volume, generation);
  }
  Task<Result<std::string>> read_needles(VolumeId volume, Generation generation, NeedleKey after,
                                         Urgency urgency) override {
    return service_->read_needles(volume, generation, after, urgency);
  }
  Task<Result<std::string>> read_needle(VolumeId volume, Generation generation,
                                        NeedleKey key) override {
    ++needle_reads;
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->read_needle(volume, generation, key);
  }

  Trouble trouble = Trouble::kNone;
  int shard_reads = 0;
  std::uint64_t shard_bytes_read = 0;
  int needle_reads = 0;

 private:
  Task<Result<void>> answer() {
    if (trouble == Trouble::kDown) co_return Error(Errc::kUnavailable, "down");
    if (trouble == Trouble::kSilent) {
      KELP_CO_CHECK(co_await timers_.sleep_until(clock_.mono() + std::chrono::hours(1)));
      co_return Error(Errc::kDeadlineExceeded, "silent");
    }
    co_return Result<void>();
  }

  std::shared_ptr<VolumeService>& service_;
  SimTimers& timers_;
  const Clock& clock_;
};

/// A server for each shard of a scheme and one more, "0", "1", ...; volume 1 is on all but the
/// last.
class StripedVolumes : public ::testing::Test, public VolumeNodes {
 protected:
  struct Server {
    explicit Server(std::uint64_t seed) : disk({.seed = seed}) {}
    SimDisk disk;
    std::shared_ptr<VolumeService> service;
    std::shared_ptr<Reached> reached;
  };

  StripedVolumes() { (void)set_log_level("off"); }
  ~StripedVolumes() override { world_.run_out(); }

  void begin(EcScheme scheme) {
    scheme_ = scheme;
    for (std::uint32_t i = 0; i <= scheme.shards(); ++i) {
      const std::string name = std::to_string(i);
      Server& server = servers_
                           .emplace(std::piecewise_construct, std::forward_as_tuple(name),
                                    std::forward_as_tuple(i + 1))
                           .first->second;
      server.reached = std::make_shared<Reached>(server.service, timers_, clock_);
      start(i);
    }
    for (std::uint32_t i = 0; i < scheme.shards(); ++i) {
      ASSERT_TRUE(run(at(i).create_volume(kVolume, Generation{1}, "")).has_value());
    }
    location_ = {.volume = kVolume, .generation = Generation{1}, .scheme = scheme};
    // The order of members says nothing: each has a number.
    for (std::uint32_t i = scheme.shards(); i-- > 0;) location_.members.push_back(member(i));
  }
  void start(std::uint32_t i) {
    Server& server = servers_.at(std::to_string(i));
    server.service.reset();
    VolumeServiceOptions options;
    options.directory = "/data";
    options.cluster_id = kClusterId;
    VolumeServiceParts parts{.io = server.disk,
                             .pool = pool_,
                             .clock = clock_,
                             .metrics = metrics_,
                             .verify_token = [](const OpenNeedle&) { return Result<void>(); },
                             .peers = this,
                             .background = &budget_,
                             .timers = &timers_};
    auto started = VolumeService::start(options, std::move(parts));
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server.service = *std::move(started);
  }
  std::shared_ptr<VolumeNode> at(const std::string& address) override {
    return servers_.at(address).reached;
  }
  VolumeService& at(std::uint32_t i) { return *servers_.at(std::to_string(i)).service; }
  Reached& reached(std::uint32_t i) { return *servers_.at(std::to_string(i)).reached; }
  SimDisk& disk(std::uint32_t i) { return servers_.at(std::to_string(i)).disk; }
  [[nodiscard]] VolumeMember member(std::uint32_t i) {
    return {at(i).node_id(), std::to_string(i), static_cast<std::uint8_t>(i)};
  }
  template <typename T>
  T run(Task<T> task) {
    return world_.run(std::move(task));
  }

  Task<Result<void>> write(OpenNeedle request, std::size_t piece) {
    const std::string body = body_for(request.fid.key.value, request.body_bytes);
    KELP_CO_TRY(const auto upload, co_await open_striped(*this, std::move(request)));
    for (std::size_t from = 0; from < body.size(); from += piece) {
      KELP_CO_CHECK(co_await upload->append(
          as_bytes(body).subspan(from, std::min(piece, body.size() - from))));
    }
    co_return co_await upload->finish();
  }
  OpenNeedle needle(std::uint64_t key, std::size_t size, std::uint32_t generation = 1) {
    return {.fid = fid_of(key),
            .generation = Generation{generation},
            .body_bytes = size,
            .bucket = BucketId{3},
            .object_key = "key/" + std::to_string(key),
            .members = location_.members,
            .scheme = scheme_};
  }
  Result<void> put(std::uint64_t key, std::size_t size, std::size_t piece = 256 * 1024) {
    return run(write(needle(key, size), piece));
  }
  Task<Result<std::string>> read(FileId fid, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '?');
    StripedRead read({*this, *health_, clock_, timers_, hedged_, rebuilt_}, location_,
                     {fid, offset, std::as_writable_bytes(std::span(bytes))});
    KELP_CO_CHECK(co_await read.run());
    co_return bytes;
  }
  Result<std::string> get(std::uint64_t key, std::uint64_t offset, std::size_t size) {
    return run(read(fid_of(key), offset, size));
  }
  void expect_whole(std::uint64_t key, std::size_t size) {
    const auto got = get(key, 0, size);
    ASSERT_TRUE(got.has_value()) << got.error().message();
    ASSERT_EQ(*got == body_for(key, size), true) << "another body came";
  }
  /// The body of what lies at server `i` under `key`.
  std::string stored(std::uint32_t i, std::uint64_t key) {
    const auto image = run(at(i).read_needle(kVolume, Generation{1}, NeedleKey{key}));
    if (!image.has_value()) return "none: " + image.error().message();
    return std::string(as_text(decode_needle(as_bytes(*image), 0)->body));
  }
  /// Flips a bit in the stored body of a shard.
  void rot(std::uint32_t i, std::uint64_t key, std::size_t offset) {
    const std::string log = *disk(i).content(kLog);
    const std::string body = stored(i, key);
    const std::size_t begin = log.find(body.substr(0, 4096));
    ASSERT_NE(begin, std::string::npos);
    disk(i).flip_bit(kLog, begin + offset, 3);
  }
  void freeze(std::uint32_t generation, std::set<std::uint32_t> but = {}) {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      if (but.contains(i)) continue;
      const CopyRole role{Generation{generation}, true};
      ASSERT_TRUE(run(at(i).set_role(kVolume, Generation{generation - 1}, role)).has_value());
    }
  }
  /// Makes shard `shard` on the spare server.
  Result<VolumeDigest> rebuild(std::uint8_t shard, std::uint32_t generation) {
    StripeSources from{scheme_, shard, {}};
    for (const VolumeMember& each : location_.members) {
      if (each.shard != shard) from.members.push_back(each);
    }
    return run(
        at(scheme_.shards()).rebuild(kVolume, Generation{generation}, "", from, Urgency::kRepair));
  }

  EcScheme scheme_;
  SimContext world_{7};
  SimWorkPool pool_{world_};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  Metrics metrics_;
  BackgroundBudget budget_{0, clock_, timers_};
  std::map<std::string, Server> servers_;
  VolumeLocation location_;
  std::unique_ptr<NodeHealth> health_ = std::make_unique<NodeHealth>();
  prometheus::Counter& hedged_ = metrics_.counter("hedged", "");
  prometheus::Counter& rebuilt_ = metrics_.counter("rebuilt", "");
};

class AnyScheme : public StripedVolumes, public ::testing::WithParamInterface<EcScheme> {};

TEST_P(AnyScheme, GivesBackAnyRangeOfWhatWasPut) {
  begin(GetParam());
  Rng rng(1);
  std::uint64_t key = 1;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{100}, std::size_t{65'536}, std::size_t{65'537},
        std::size_t{1 << 20}, std::size_t{3'000'001}, std::size_t{8 << 20}}) {
    ASSERT_TRUE(put(key, size, 1 + rng.below(300'000)).has_value());
    expect_whole(key, size);
    const std::string body = body_for(key, size);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t offset = rng.below(size);
      const std::size_t bytes = 1 + rng.below(size - offset);
      const auto got = get(key, offset, bytes);
      ASSERT_TRUE(got.has_value()) << got.error().message();
      ASSERT_TRUE(*got == body.substr(offset, bytes));
    }
    ++key;
  }
  EXPECT_EQ(rebuilt_.Value(), 0);
}

TEST_P(AnyScheme, IsReadWithAnySoManyServersGoneAsThereIsParity) {
  begin(GetParam());
  constexpr std::size_t kSize = 1'500'001;
  ASSERT_TRUE(put(1, kSize).has_value());
  const std::string body = body_for(1, kSize);
  Rng rng(2);
  for (std::uint32_t gone = 1; gone < 1U << scheme_.shards(); ++gone) {
    const int count = std::popcount(gone);
    if (count > scheme_.parity + 1 || (scheme_.shards() > 6 && !rng.chance(40'000))) continue;
    health_ = std::make_unique<NodeHealth>();
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      reached(i).trouble = (gone >> i & 1) != 0 ? Trouble::kDown : Trouble::kNone;
    }
    const std::uint64_t offset = rng.below(kSize / 2);
    const std::size_t bytes = kSize / 2 - rng.below(3);
    for (int again = 0; again < 2; ++again) {  // the second time it is known who failed
      const auto got = get(1, offset, bytes);
      if (count <= scheme_.parity) {
        ASSERT_TRUE(got.has_value()) << gone << ": " << got.error().message();
        ASSERT_TRUE(*got == body.substr(offset, bytes)) << gone;
      } else if (got.has_value()) {
        ASSERT_TRUE(*got == body.substr(offset, bytes)) << "the range lay elsewhere";
      } else {
        ASSERT_EQ(got.error().code(), Errc::kUnavailable);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, AnyScheme,
                         ::testing::Values(EcScheme{2, 1}, EcScheme{2, 2}, EcScheme{4, 2},
                                           EcScheme{8, 4}),
                         [](const auto& info) {
                           return "ec" + std::to_string(info.param.data) + "_" +
                                  std::to_string(info.param.parity);
                         });

TEST_F(StripedVolumes, CostNoMoreThanTheirScheme) {
  begin(kFourTwo);
  constexpr std::uint64_t kPart = 8 << 20;
  for (std::uint64_t key = 1; key <= 4; ++key) ASSERT_TRUE(put(key, kPart).has_value());
  std::uint64_t stored_bytes = 0;
  for (std::uint32_t i = 0; i < 6; ++i) stored_bytes += disk(i).content(kLog)->size();
  EXPECT_LE(static_cast<double>(stored_bytes), 4.0 * kPart * 1.5 * 1.02);
}

TEST_F(StripedVolumes, ReadOnlyTheShardsThatHoldARange) {
  begin(kFourTwo);
  ASSERT_TRUE(put(1, 4 << 20).has_value());
  ASSERT_TRUE(get(1, kEcCellBytes + 10, 100).has_value());
  for (std::uint32_t i = 0; i < 6; ++i) EXPECT_EQ(reached(i).shard_reads, i == 1 ? 1 : 0) << i;
  EXPECT_EQ(reached(1).shard_bytes_read, 100U);
}

TEST_F(StripedVolumes, AcknowledgeOnlyWhatEveryShardSurvives) {
  begin(kTwoTwo);
  for (const std::uint64_t size : {std::uint64_t{100'000}, std::uint64_t{2 << 20}}) {
    ASSERT_TRUE(put(size, size).has_value());
    for (std::uint32_t i = 0; i < 4; ++i) {
      disk(i).crash_losing_all();
      start(i);
      EXPECT_THAT(stored(i, size), ::testing::Not(HasSubstr("none"))) << i;
    }
    expect_whole(size, size);
  }
}

TEST_F(StripedVolumes, AcknowledgeNothingThatOneServerCouldNotStore) {
  std::uint64_t key = 1;
  begin(kTwoTwo);
  for (const std::uint64_t size : {std::uint64_t{100'000}, std::uint64_t{2 << 20}}) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      disk(i).fail_nth(DiskOp::kSync, 1);
      const auto refused = put(key++, size);
      ASSERT_FALSE(refused.has_value());
      EXPECT_THAT(refused.error().detail(), HasSubstr(at(i).node_id()));
      start(i);  // after a failed sync its volume is read-only
    }
  }
}

TEST_F(StripedVolumes, RefuseAtOnceWhatOneServerDoesNotTake) {
  begin(kTwoTwo);
  reached(3).trouble = Trouble::kDown;
  const auto refused = run(open_striped(*this, needle(1, 2 << 20)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(), HasSubstr("shard 3"));
}

TEST_F(StripedVolumes, GiveASmallBodyBackThatCouldNotBeWritten) {
  begin(kTwoTwo);
  reached(2).trouble = Trouble::kDown;
  const std::string body = body_for(1, 100'000);
  const auto upload = run(open_striped(*this, needle(1, body.size())));
  ASSERT_TRUE(upload.has_value());
  ASSERT_TRUE(run((*upload)->append(as_bytes(body))).has_value());
  EXPECT_EQ(run((*upload)->finish()).error().code(), Errc::kUnavailable);
  EXPECT_TRUE((*upload)->take_body() == body);
}

TEST_F(StripedVolumes, RefuseMembersThatAreNotThoseOfTheScheme) {
  begin(kTwoTwo);
  OpenNeedle request = needle(1, 2 << 20);
  request.members[1].shard = request.members[0].shard;
  EXPECT_EQ(run(open_striped(*this, request)).error().code(), Errc::kInvalidArgument);
  request = needle(1, 2 << 20);
  request.members.pop_back();
  EXPECT_EQ(run(open_striped(*this, request)).error().code(), Errc::kUnavailable);
  request = needle(1, 2 << 20);
  request.scheme = {.data = 40, .parity = 2};
  EXPECT_EQ(run(open_striped(*this, request)).error().code(), Errc::kInvalidArgument);
}

TEST_F(StripedVolumes, RefuseMoreOrLessThanWasAnnounced) {
  begin(kTwoTwo);
  for (const std::size_t size : {std::size_t{1000}, std::size_t{2 << 20}}) {
    const std::string body = body_for(1, size);
    const auto less = *run(open_striped(*this, needle(1, size + 1)));
    ASSERT_TRUE(run(less->append(as_bytes(body))).has_value());
    EXPECT_EQ(run(less->finish()).error().code(), Errc::kInvalidArgument);
    const auto more = *run(open_striped(*this, needle(2, size - 1)));
    EXPECT_EQ(run(more->append(as_bytes(body))).error().code(), Errc::kInvalidArgument);
  }
}

TEST_F(StripedVolumes, ReadPastTheEndIsRefusedAndNotZeros) {
  begin(kFourTwo);
  ASSERT_TRUE(put(1, 100'000).has_value());
  EXPECT_EQ(get(1, 99'999, 2).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(get(1, 300'000, 1).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(get(1, 99'999, 1).has_value());
}

TEST_F(StripedVolumes, ReadAroundRotAndNeverServeIt) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 1 << 20;
  ASSERT_TRUE(put(1, kSize).has_value());
  rot(1, 1, 100);
  expect_whole(1, kSize);
  EXPECT_EQ(rebuilt_.Value(), 1);
  ASSERT_EQ(at(1).damaged().size(), 1U) << "known, so that it is healed";
  // A rotten shard is no source either: two more that fail are one too many.
  rot(5, 1, 100);
  reached(0).trouble = Trouble::kDown;
  EXPECT_FALSE(get(1, 0, kSize).has_value());
  reached(0).trouble = Trouble::kNone;
  health_ = std::make_unique<NodeHealth>();
  expect_whole(1, kSize);
}

TEST_F(StripedVolumes, DoNotWaitForAServerThatIsSilent) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 1 << 20;
  ASSERT_TRUE(put(1, kSize).has_value());
  reached(0).trouble = Trouble::kSilent;
  reached(4).trouble = Trouble::kSilent;
  const MonoTime begin = clock_.mono();
  expect_whole(1, kSize);
  EXPECT_LT(clock_.mono() - begin, std::chrono::seconds(2));
  EXPECT_GT(hedged_.Value(), 0);
}

TEST_F(StripedVolumes, NeverTakeAShardForTheNeedleNorForAnotherShard) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  std::string buffer(10, '?');
  const auto bytes = std::as_writable_bytes(std::span(buffer));
  EXPECT_EQ(run(at(0).read(fid_of(1), 0, bytes)).error().code(), Errc::kConflict);
  EXPECT_TRUE(at(0).try_pin(fid_of(1), 0, 65'536).empty());
  // Two servers that changed their disks, or a list of members in the wrong order.
  std::swap(location_.members[0].shard, location_.members[3].shard);
  EXPECT_FALSE(get(1, 0, 200'000).has_value() && *get(1, 0, 200'000) != body_for(1, 200'000));
  ShardRead wrong{fid_of(1), kTwoTwo, 1, 0, 10};
  EXPECT_EQ(run(at(0).read_shard(wrong, bytes)).error().code(), Errc::kConflict);
  wrong = {fid_of(1), {.data = 2, .parity = 1}, 0, 0, 10};
  EXPECT_EQ(run(at(0).read_shard(wrong, bytes)).error().code(), Errc::kConflict);
  wrong = {fid_of(1), kTwoTwo, 0, 0, 10};
  wrong.fid.cookie.value ^= 1;
  EXPECT_EQ(run(at(0).read_shard(wrong, bytes)).error().code(), Errc::kNotFound);
  EXPECT_TRUE(run(at(0).read_shard({fid_of(1), kTwoTwo, 0, 0, 10}, bytes)).has_value());
}

TEST_F(StripedVolumes, ListTheLengthOfTheWholeBody) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  ASSERT_TRUE(put(2, 5).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto listed = run(at(i).list_needles(kVolume, NeedleKey{0}, 10));
    ASSERT_EQ(listed->size(), 2U);
    EXPECT_EQ((*listed)[0].body_bytes, 200'000U);
    EXPECT_EQ((*listed)[1].body_bytes, 5U);
  }
}

TEST_F(StripedVolumes, AreNotFoundOnceRemovedAtAllServers) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(run(at(i).remove({fid_of(1)})).has_value());
  EXPECT_EQ(get(1, 0, 10).error().code(), Errc::kNotFound);
}

TEST_F(StripedVolumes, StayWhatTheyAreThroughVacuumAndRestart) {
  begin(kTwoTwo);
  for (std::uint64_t key = 1; key <= 6; ++key) ASSERT_TRUE(put(key, 400'000 + key).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(run(at(i).remove({fid_of(1), fid_of(4)})).has_value());
    ASSERT_TRUE(run(at(i).vacuum(kVolume)).has_value());
    start(i);
  }
  for (const std::uint64_t key : {2, 3, 5, 6}) expect_whole(key, 400'000 + key);
}

TEST_P(AnyScheme, RebuildsEachShardByteForByteFromAsManyOthersAsItTakes) {
  begin(GetParam());
  std::vector<std::size_t> sizes = {1, 70'000, 700'001, 2'000'000};
  for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
    ASSERT_TRUE(put(key, sizes[key - 1]).has_value());
  }
  const std::uint32_t spare = scheme_.shards();
  std::uint32_t generation = 1;
  for (std::uint8_t shard = 0; shard < scheme_.shards(); ++shard) {
    freeze(++generation);
    for (std::uint32_t i = 0; i < spare; ++i) reached(i).needle_reads = 0;
    const auto rebuilt = rebuild(shard, generation);
    ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
    EXPECT_EQ(rebuilt->needles, sizes.size());
    int reads = 0;
    for (std::uint32_t i = 0; i < spare; ++i) reads += reached(i).needle_reads;
    EXPECT_EQ(reads, static_cast<int>(scheme_.data * sizes.size())) << "k shards, once each";
    for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
      const auto there =
          run(at(shard).read_needle(kVolume, Generation{generation}, NeedleKey{key}));
      const auto made = run(at(spare).read_needle(kVolume, Generation{generation}, NeedleKey{key}));
      ASSERT_TRUE(there.has_value() && made.has_value());
      EXPECT_TRUE(*there == *made) << "header, back pointer, body and checksums";
    }
    ASSERT_TRUE(run(at(spare).retire(kVolume, Generation{generation})).has_value());
  }
}

TEST_F(StripedVolumes, RebuildAroundRotAndGoneServers) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 1'000'000;
  for (std::uint64_t key = 1; key <= 3; ++key) ASSERT_TRUE(put(key, kSize).has_value());
  rot(3, 2, 4000);
  const std::string expected = stored(0, 2);
  freeze(2, {0});
  const auto rebuilt = rebuild(0, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  const auto made = run(at(6).read_needle(kVolume, Generation{2}, NeedleKey{2}));
  EXPECT_TRUE(as_text(decode_needle(as_bytes(*made), 0)->body) == expected);
  EXPECT_EQ(at(3).damaged().size(), 1U);
}

TEST_F(StripedVolumes, RebuildNothingFromAnOlderGeneration) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  freeze(2, {0, 1, 2});  // 1 and 2 missed it, 0 is what is to be made
  const auto refused = rebuild(0, 2);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_FALSE(run(at(4).status())->volumes.size() > 0) << "nothing was adopted";
}

TEST_F(StripedVolumes, RebuildNothingFromShardsThatContradictEachOther) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  // Somebody swapped two disks: each server has a shard that is not its own.
  StripeSources from{kTwoTwo, 0, {member(1), member(2)}};
  std::swap(from.members[0].address, from.members[1].address);
  const auto refused = run(rebuild_shard(*this, kVolume, Generation{1}, from, NeedleKey{1}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
}

TEST_F(StripedVolumes, LeaveOutWhatWasNeverAcknowledgedWhenRebuilt) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 2 << 20).has_value());
  for (const std::uint32_t i : {1U, 2U, 3U}) disk(i).fail_nth(DiskOp::kSync, 1);
  ASSERT_FALSE(put(2, 2 << 20).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) {
    disk(i).crash_losing_all();
    start(i);
  }
  freeze(2);
  const auto rebuilt = rebuild(1, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  EXPECT_EQ(rebuilt->needles, 1U);
}

TEST_F(StripedVolumes, GoOnWithARebuildThatWasInterrupted) {
  begin(kTwoTwo);
  for (std::uint64_t key = 1; key <= 5; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  freeze(2);
  disk(4).fail_nth(DiskOp::kWrite, 4);
  ASSERT_FALSE(rebuild(1, 2).has_value());
  start(4);
  const auto rebuilt = rebuild(1, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  EXPECT_EQ(rebuilt->needles, 5U);
}

}  // namespace
}  // namespace kelp::test
