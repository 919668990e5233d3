// What stands between the production code and its callers, and watches.
#include <algorithm>
#include <boost/asio/detached.hpp>

#include "tests/sim/cluster_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

// --- leases

class SpiedMaster final : public MasterClient {
 public:
  explicit SpiedMaster(MasterHost& host) : host_(host) {}
  Task<Result<WriteLease>> lease(LeaseRequest request) override {
    auto lease = co_await host_.service->lease(std::move(request));
    if (lease) {
      host_.world.history.leased(*lease, host_.machine.name);
      check_fence();
    }
    co_return lease;
  }
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override {
    return host_.service->release(volume, bytes);
  }
  Task<Result<VolumeLocation>> locate(VolumeId volume) override {
    return host_.service->locate(volume);
  }

 private:
  /// Who lost the lead leases nothing from then on, but for what it had answered before it was
  /// paused.
  void check_fence() {
    ClusterWorld& world = host_.world;
    const auto lead = world.history.newest_lead();
    if (!lead || lead->master == host_.id) return;
    // A group of one sends nothing that its leader could be heard by.
    if (host_.leads() && host_.term() > lead->term) return;
    const MonoTime since = std::max(lead->since, host_.machine.resumed);
    if (world.context.now() <= since) return;
    world.history.violated(
        fmt::format("{} leases, but {} leads", host_.machine.name, lead->master.value));
  }
  MasterHost& host_;
};

// --- needles and copies

class SpiedUpload final : public NeedleUpload {
 public:
  SpiedUpload(VolumeHost& host, std::unique_ptr<NeedleUpload> inner, const OpenNeedle& needle)
      : host_(host), inner_(std::move(inner)), fid_(needle.fid), generation_(needle.generation) {}
  Task<Result<void>> append(ByteSpan bytes) override { return inner_->append(bytes); }
  Task<Result<void>> finish() override {
    auto done = co_await inner_->finish();
    if (done) check();
    co_return done;
  }

 private:
  void check() {
    const auto role = host_.roles.find(fid_.volume);
    if (role == host_.roles.end()) return;
    const auto& [newest, frozen] = role->second;
    if (generation_ > newest || (generation_ == newest && !frozen)) return;
    host_.world.history.violated(
        fmt::format("{} acknowledged needle {} in generation {}, it is {}{}", host_.machine.name,
                    to_string(fid_), generation_.value, newest.value, frozen ? " and frozen" : ""));
  }
  VolumeHost& host_;
  const std::unique_ptr<NeedleUpload> inner_;
  const FileId fid_;
  const Generation generation_;
};

/// What a master decided, when it can be asked just now.
Task<std::optional<master::MasterState>> state_of(ClusterWorld& world, MasterHost* host) {
  std::optional<master::MasterState> none;
  if (host == nullptr) co_return none;
  const auto answer = std::make_shared<std::optional<master::MasterState>>();
  // Apart: the master may die before it answers.
  auto ask = [](MasterHost* asked, auto slot) -> Task<void> {
    *slot = co_await asked->service->state();
  };
  asio::co_spawn(host->machine.executor(), ask(host, answer), asio::detached);
  for (int i = 0; i < 20 && !*answer; ++i) co_await world.sleep(1ms);
  co_return *answer;
}

class SpiedVolume final : public VolumeNode {
 public:
  explicit SpiedVolume(VolumeHost& host) : host_(host), inner_(*host.service) {}

  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override {
    KELP_CO_TRY(auto upload, co_await inner_.open(request));
    // A primary's answer comes after its own copy is done, and may come after its next freeze.
    if (request.members.size() > 1) co_return std::move(upload);
    std::unique_ptr<NeedleUpload> spied =
        std::make_unique<SpiedUpload>(host_, std::move(upload), request);
    co_return spied;
  }
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override {
    return inner_.read(fid, offset, buffer);
  }
  Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer) override {
    return inner_.read_shard(std::move(request), buffer);
  }
  Task<Result<void>> remove(std::vector<FileId> fids) override {
    return inner_.remove(std::move(fids));
  }
  Task<Result<NodeStatus>> status() override { return inner_.status(); }
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override {
    return inner_.create_volume(volume, generation, std::move(collection));
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override {
    return inner_.list_needles(volume, after, limit);
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override {
    return inner_.verify_volume(volume);
  }
  Task<Result<VolumeDigest>> digest(VolumeId volume, bool verify) override {
    return inner_.digest(volume, verify);
  }
  Task<Result<std::string>> read_needles(VolumeId volume, Generation generation, NeedleKey after,
                                         Urgency urgency) override {
    return inner_.read_needles(volume, generation, after, urgency);
  }
  Task<Result<std::string>> read_needle(VolumeId volume, Generation generation,
                                        NeedleKey key) override {
    return inner_.read_needle(volume, generation, key);
  }
  Task<Result<NeedlePart>> read_part(VolumeId volume, Generation generation, NeedleKey key,
                                     std::uint64_t offset, std::size_t bytes) override {
    return inner_.read_part(volume, generation, key, offset, bytes);
  }

  Task<Result<std::string>> read_packed(VolumeId volume, Generation generation, PackSource from,
                                        NeedleKey after, Urgency urgency) override {
    return inner_.read_packed(volume, generation, std::move(from), after, urgency);
  }
  Task<Result<PackedPlace>> find_packed(FileId fid, EcScheme scheme) override {
    return inner_.find_packed(fid, scheme);
  }
  Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation, std::string collection,
                                  PackSource from, Urgency urgency) override {
    const std::string source = from.copy.address;
    const auto packed =
        co_await inner_.pack(volume, generation, std::move(collection), std::move(from), urgency);
    host_.world.trace("{}: volume {} generation {} packed from {}: {}", host_.machine.name,
                      volume.value, generation.value, source,
                      packed ? "done" : packed.error().message());
    co_return packed;
  }
  Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation, std::string collection,
                                    StripeSources from, Urgency urgency) override {
    const auto made =
        co_await inner_.repack(volume, generation, std::move(collection), std::move(from), urgency);
    host_.world.trace("{}: volume {} generation {} packed anew: {}", host_.machine.name,
                      volume.value, generation.value, made ? "done" : made.error().message());
    co_return made;
  }
  Task<Result<std::vector<SparseVolume>>> sparse_volumes() override {
    return inner_.sparse_volumes();
  }
  Task<Result<VolumeDigest>> verify_packed(VolumeId volume, Generation generation,
                                           Urgency urgency) override {
    return inner_.verify_packed(volume, generation, urgency);
  }
  Task<Result<void>> adopt_packed(VolumeId volume, Generation generation) override {
    const auto adopted = co_await inner_.adopt_packed(volume, generation);
    host_.world.trace("{}: volume {} generation {} adopted: {}", host_.machine.name, volume.value,
                      generation.value, adopted ? "done" : adopted.error().message());
    if (adopted) promised(volume, {generation, true});
    if (adopted) host_.world.packed_volumes.insert(volume);
    co_return adopted;
  }
  Task<Result<void>> drop_packed(VolumeId volume, Generation generation) override {
    const auto dropped = co_await inner_.drop_packed(volume, generation);
    host_.world.trace("{}: volume {} generation {} dropped: {}", host_.machine.name, volume.value,
                      generation.value, dropped ? "done" : dropped.error().message());
    co_return dropped;
  }

  Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) override {
    const auto set = co_await inner_.set_role(volume, oldest, role);
    host_.world.trace("{}: volume {} generation {} {}: {}", host_.machine.name, volume.value,
                      role.generation.value, role.frozen ? "frozen" : "thawed",
                      set ? "done" : set.error().message());
    if (set) promised(volume, role);
    co_return set;
  }
  Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation, std::string collection,
                                  VolumeMember source, Urgency urgency) override {
    const auto pulled =
        co_await inner_.pull(volume, generation, std::move(collection), source, urgency);
    host_.world.trace("{}: volume {} generation {} pulled from {}: {}", host_.machine.name,
                      volume.value, generation.value, source.address,
                      pulled ? "done" : pulled.error().message());
    if (pulled) promised(volume, {generation, true});
    co_return pulled;
  }
  Task<Result<VolumeDigest>> rebuild(VolumeId volume, Generation generation, std::string collection,
                                     StripeSources from, Urgency urgency) override {
    const auto shard = from.shard;
    const auto rebuilt = co_await inner_.rebuild(volume, generation, std::move(collection),
                                                 std::move(from), urgency);
    host_.world.trace("{}: volume {} generation {} shard {} rebuilt: {}", host_.machine.name,
                      volume.value, generation.value, shard,
                      rebuilt ? "done" : rebuilt.error().message());
    if (rebuilt) promised(volume, {generation, true});
    co_return rebuilt;
  }
  Task<Result<std::string>> read_rebuilt(VolumeId volume, Generation generation, std::uint8_t shard,
                                         NeedleKey key) override {
    auto image = co_await inner_.read_rebuilt(volume, generation, shard, key);
    if (image.has_value() && !image->empty()) ++host_.world.images_given;
    co_return image;
  }
  Task<Result<void>> retire(VolumeId volume, Generation generation) override {
    ClusterWorld& world = host_.world;
    KELP_CO_TRY(const NodeStatus before, co_await inner_.status());
    const bool there = std::ranges::any_of(
        before.volumes, [volume](const VolumeStatus& copy) { return copy.volume == volume; });
    const auto state = co_await state_of(world, world.leader());
    const auto retired = co_await inner_.retire(volume, generation);
    world.trace("{}: volume {} retired up to generation {}: {}", host_.machine.name, volume.value,
                generation.value, retired ? "done" : retired.error().message());
    if (there && retired && state) check_retired(volume, *state);
    co_return retired;
  }

 private:
  void promised(VolumeId volume, CopyRole role) {
    CopyRole& known = host_.roles[volume];
    if (known.generation <= role.generation) known = role;
  }
  void check_retired(VolumeId volume, const master::MasterState& state) {
    const auto record = state.volumes.find(volume);
    const auto self = state.find_node(host_.node_id);
    const bool decided =
        record != state.volumes.end() && self &&
        std::ranges::find(record->second.members, *self) == record->second.members.end();
    if (decided) return;
    host_.world.history.violated(fmt::format(
        "{} removed its copy of volume {} while it is a member", host_.machine.name, volume.value));
  }
  VolumeHost& host_;
  VolumeService& inner_;
};

// --- Raft

class SpiedTransport final : public raft::Transport {
 public:
  SpiedTransport(MasterHost& host, raft::RpcTransport& inner)
      : world_(host.world), rng_(world_.rng.next()), inner_(inner) {}
  void receive(Receiver receiver) override { inner_.receive(std::move(receiver)); }
  void send(raft::Message message) override {
    world_.history.sent(message, world_.context.now());
    const std::uint32_t rate = world_.options.raft_drop_per_million;
    if (rng_.chance(rate)) return;
    if (rng_.chance(rate)) inner_.send(message);
    if (!rng_.chance(rate)) return inner_.send(std::move(message));
    auto later = [this, alive = std::weak_ptr(alive_), m = std::move(message)]() mutable {
      if (alive.lock()) inner_.send(std::move(m));
    };
    world_.context.at(world_.in(std::chrono::milliseconds(rng_.below(2000))), std::move(later));
  }
  Task<Result<void>> send_chunk(raft::NodeId to, raft::SnapshotChunk chunk) override {
    return inner_.send_chunk(to, std::move(chunk));
  }

 private:
  ClusterWorld& world_;
  Rng rng_;
  raft::RpcTransport& inner_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<MasterClient> spy_on(MasterHost& host) {
  return std::make_unique<SpiedMaster>(host);
}
std::unique_ptr<VolumeNode> spy_on(VolumeHost& host) {
  return std::make_unique<SpiedVolume>(host);
}
std::unique_ptr<raft::Transport> spy_on(MasterHost& host, raft::RpcTransport& transport) {
  return std::make_unique<SpiedTransport>(host, transport);
}

}  // namespace kelp::test
