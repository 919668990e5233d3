#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "async/background_budget.h"
#include "client/striped_read.h"
#include "client/striped_upload.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/needle_format.h"

namespace kelp::test {

inline const VolumeId kStriped{1};
inline constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};
inline constexpr EcScheme kFourTwo{.data = 4, .parity = 2};

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
    auto image = co_await service_->read_needle(volume, generation, key);
    if (image.has_value() && spoil_needle) spoil_needle(*image);
    co_return image;
  }
  Task<Result<NeedlePart>> read_part(VolumeId volume, Generation generation, NeedleKey key,
                                     std::uint64_t offset, std::size_t bytes) override {
    if (part_reads++ == trouble_after_parts) trouble = Trouble::kDown;
    KELP_CO_CHECK(co_await answer());
    auto part = co_await service_->read_part(volume, generation, key, offset, bytes);
    if (part.has_value() && spoil) spoil(*part);
    co_return part;
  }

  Task<Result<VolumeDigest>> rebuild(VolumeId volume, Generation generation, std::string collection,
                                     StripeSources from, Urgency urgency) override {
    return service_->rebuild(volume, generation, std::move(collection), std::move(from), urgency);
  }
  Task<Result<std::string>> read_rebuilt(VolumeId volume, Generation generation, std::uint8_t shard,
                                         NeedleKey key) override {
    if (rebuilt_reads++ == trouble_after_rebuilt) trouble = Trouble::kDown;
    KELP_CO_CHECK(co_await answer());
    auto image = co_await service_->read_rebuilt(volume, generation, shard, key);
    if (image.has_value() && !image->empty()) {
      ++images_given;
      if (spoil_image) spoil_image(*image);
    }
    co_return image;
  }

  Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation, std::string collection,
                                  PackSource from, Urgency urgency) override {
    return service_->pack(volume, generation, std::move(collection), std::move(from), urgency);
  }
  Task<Result<std::string>> read_packed(VolumeId volume, Generation generation, PackSource from,
                                        NeedleKey after, Urgency urgency) override {
    if (packed_reads++ == trouble_after_packed) trouble = Trouble::kDown;
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->read_packed(volume, generation, std::move(from), after, urgency);
  }
  Task<Result<PackedPlace>> find_packed(FileId fid, EcScheme scheme) override {
    KELP_CO_CHECK(co_await answer());
    co_return co_await service_->find_packed(fid, scheme);
  }
  Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation, std::string collection,
                                    StripeSources from, Urgency urgency) override {
    return service_->repack(volume, generation, std::move(collection), std::move(from), urgency);
  }

  Trouble trouble = Trouble::kNone;
  int shard_reads = 0;
  std::uint64_t shard_bytes_read = 0;
  int part_reads = 0;
  std::size_t needle_reads = 0;  ///< Of read_needle().
  int trouble_after_parts = -1;  ///< From then on it is down; negative: never.
  int rebuilt_reads = 0;
  int images_given = 0;                           ///< By read_rebuilt().
  int trouble_after_rebuilt = -1;                 ///< As trouble_after_parts, of read_rebuilt().
  std::function<void(std::string&)> spoil_image;  ///< What happens to images on their way.
  int packed_reads = 0;
  int trouble_after_packed = -1;                   ///< Likewise, of read_packed().
  std::function<void(std::string&)> spoil_needle;  ///< What happens to read_needle()'s.
  std::function<void(NeedlePart&)> spoil;          ///< What happens to parts on their way.

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
    begin_servers(scheme);
    for (std::uint32_t i = 0; i < scheme.shards(); ++i) {
      ASSERT_TRUE(run(at(i).create_volume(kStriped, Generation{1}, "")).has_value());
    }
  }
  /// Servers without a volume; location_ is that of the striped one.
  void begin_servers(EcScheme scheme) {
    scheme_ = scheme;
    for (std::uint32_t i = 0; i <= scheme.shards(); ++i) add_server(i);
    location_ = {.volume = kStriped, .generation = Generation{1}, .scheme = scheme};
    // The order of members says nothing: each has a number.
    for (std::uint32_t i = scheme.shards(); i-- > 0;) location_.members.push_back(member(i));
  }
  void add_server(std::uint32_t i) {
    Server& server =
        servers_
            .emplace(std::piecewise_construct, std::forward_as_tuple(std::to_string(i)),
                     std::forward_as_tuple(i + 1))
            .first->second;
    server.reached = std::make_shared<Reached>(server.service, timers_, clock_);
    start(i);
  }
  void start(std::uint32_t i) {
    Server& server = servers_.at(std::to_string(i));
    server.service.reset();
    VolumeServiceOptions options;
    options.directory = "/data";
    options.cluster_id = kClusterId;
    options.index_on_disk = index_on_disk();
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
    const auto image = run(at(i).read_needle(kStriped, Generation{1}, NeedleKey{key}));
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
      ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{generation - 1}, role)).has_value());
    }
  }
  /// Makes shard `shard` on the spare server.
  Result<VolumeDigest> rebuild(std::uint8_t shard, std::uint32_t generation) {
    StripeSources from{scheme_, shard, {}};
    for (const VolumeMember& each : location_.members) {
      if (each.shard != shard) from.members.push_back(each);
    }
    return run(
        at(scheme_.shards()).rebuild(kStriped, Generation{generation}, "", from, Urgency::kRepair));
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

/// Of every test that is run for several schemes.
inline const auto kSchemes =
    ::testing::Values(EcScheme{2, 1}, EcScheme{2, 2}, EcScheme{4, 2}, EcScheme{8, 4});
inline std::string scheme_name(const ::testing::TestParamInfo<EcScheme>& info) {
  return fmt::format("ec{}_{}", info.param.data, info.param.parity);
}

}  // namespace kelp::test
