// What a call to another daemon costs, both sides together, over TCP on the loopback; beside it the
// same call in process, and over TLS among members. CPU time is that of the whole process: one io
// thread, client and server.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_master.h"
#include "client/rpc/rpc_volume_node.h"
#include "client/rpc/volume_handlers.h"
#include "crypto/certificates.h"
#include "crypto/random.h"
#include "net/tls_network.h"
#include "os/system_clock.h"
#include "rpc/rpc_servers.h"
#include "wire/filer_messages.h"

namespace kelp {
namespace {

constexpr std::uint32_t kEcho = 1;
constexpr std::size_t kBody = 1 << 20;

/// Answers at once.
class InstantMaster final : public MasterClient {
 public:
  Task<Result<WriteLease>> lease(LeaseRequest) override { co_return WriteLease{}; }
  Task<Result<void>> release(VolumeId, std::uint64_t) override { co_return Result<void>(); }
  Task<Result<VolumeLocation>> locate(VolumeId volume) override {
    VolumeLocation location;
    location.volume = volume;
    location.members = {{.node_id = "0b2f7a52-4a0e-4d0b-8f7e-3f1c8f1f7b11", .address = "h:18080"}};
    co_return location;
  }
};

/// Copies needles to and from one buffer.
class InstantVolume final : public VolumeClient, public VolumeAdmin {
 public:
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle) override {
    std::unique_ptr<NeedleUpload> upload = std::make_unique<Upload>(*this);
    co_return upload;
  }
  Task<Result<void>> read(FileId, std::uint64_t, MutableByteSpan buffer) override {
    std::copy_n(as_bytes(body_).begin(), buffer.size(), buffer.begin());
    co_return Result<void>();
  }
  Task<Result<void>> remove(std::vector<FileId>) override { co_return Result<void>(); }
  Task<Result<NodeStatus>> status() override { co_return NodeStatus{}; }
  Task<Result<void>> create_volume(VolumeId, Generation, std::string) override {
    co_return Result<void>();
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId, NeedleKey, std::uint32_t) override {
    co_return std::vector<NeedleInfo>();
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId) override {
    co_return std::vector<NeedleInfo>();
  }

 private:
  class Upload final : public NeedleUpload {
   public:
    explicit Upload(InstantVolume& volume) : volume_(volume) {}
    Task<Result<void>> append(ByteSpan bytes) override {
      std::copy(bytes.begin(), bytes.end(),
                std::as_writable_bytes(std::span(volume_.body_)).begin());
      co_return Result<void>();
    }
    Task<Result<void>> finish() override { co_return Result<void>(); }

   private:
    InstantVolume& volume_;
  };
  std::string body_ = std::string(kBody, 'b');
};

Task<Result<RpcMessage>> echo(RpcMessage request, RpcCallInfo) {
  co_return request;
}

/// A member of a circle of its own.
TlsContext member_context() {
  CertificateRequest request;
  request.name = "bench";
  request.from = SystemClock().wall() - std::chrono::hours(1);
  request.until = SystemClock().wall() + std::chrono::hours(1);
  const CertifiedKey authority = make_authority(request).value();
  request.hosts = {"127.0.0.1"};
  const CertifiedKey own = issue_certificate(authority, request).value();
  return make_member_context({own.certificate, own.key, authority.certificate}).value();
}

enum class Wire { kPlain, kTls };

/// One io thread with a server and its clients.
struct Rig {
  explicit Rig(Wire wire = Wire::kPlain) : network(make_network(wire)) {
    server.each([this](RpcServer& each) {
      each.handle(kEcho, "echo", echo);
      serve_master(each, instant_master);
      serve_volume(each, instant_volume, instant_volume);
    });
    run(start());
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    client = std::make_unique<RpcClient>(
        world, RpcClientOptions{.address = address, .identity = identity});
    master = std::make_unique<RpcMasterClient>(channels, std::vector{address});
    volume = std::make_unique<RpcVolumeNode>(channels, address);
  }
  ~Rig() { run(stop()); }
  void run(Task<void> task) {
    bool done = false;
    asio::co_spawn(context, std::move(task), [&](const std::exception_ptr&) { done = true; });
    while (!done) context.run_one();
  }
  Task<void> start() {
    if (!co_await server.start("127.0.0.1:0")) std::abort();
  }
  Task<void> stop() {
    co_await client->stop();
    co_await channels.stop();
    co_await server.stop(clock.mono());
  }

  /// As daemons have them.
  RpcServerOptions counted_options() {
    RpcServerOptions options = daemon_server_options(identity);
    options.metrics = &metrics;
    return options;
  }
  std::unique_ptr<Network> make_network(Wire wire) {
    if (wire == Wire::kPlain) return make_tcp_network();
    return std::make_unique<TlsNetwork>(make_tcp_network(), member_context(), "", clock, metrics);
  }

  asio::io_context context{1};
  SystemClock clock;
  Metrics metrics;
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<Network> network;
  RpcIdentity identity{.cluster_id = "c", .secret = "0123456789abcdef"};
  RpcWorld world{context.get_executor(), *network, clock, *timers, random_bytes};
  InstantMaster instant_master;
  InstantVolume instant_volume;
  RpcServers server{world, {world.executor}, counted_options()};
  RpcChannels channels{world, {world.executor}, {.identity = identity}};
  std::unique_ptr<RpcClient> client;
  std::unique_ptr<RpcMasterClient> master;
  std::unique_ptr<RpcVolumeNode> volume;
};

constexpr int kCallsEach = 100;

/// `callers` coroutines, each making kCallsEach calls, one after the other.
template <typename Call>
Task<void> caller(Call call) {
  for (int i = 0; i < kCallsEach; ++i) co_await call();
}
template <typename Call>
Task<void> all_callers(Rig& rig, std::int64_t callers, Call call) {
  TaskGroup group(rig.world.executor);
  for (std::int64_t i = 0; i < callers; ++i) group.spawn(caller(call));
  co_await group.join();
}
template <typename Call>
void measure(benchmark::State& state, Rig& rig, Call call) {
  for (auto _ : state) rig.run(all_callers(rig, state.range(0), call));
  state.SetItemsProcessed(state.iterations() * state.range(0) * kCallsEach);
  state.counters["us_per_call"] = benchmark::Counter(
      static_cast<double>(state.iterations() * state.range(0) * kCallsEach) / 1e6,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

Task<void> echo_once(Rig& rig) {
  RpcMessage request{.message = std::string(100, 'm')};
  const auto answer = co_await rig.client->call(kEcho, std::move(request),
                                                rig.clock.mono() + std::chrono::seconds(10));
  if (!answer) std::abort();
}
void BM_Echo(benchmark::State& state, Wire wire) {
  Rig rig(wire);
  measure(state, rig, [&rig] { return echo_once(rig); });
}

/// A connection and its handshakes, TLS's and rpc's, and one call.
Task<void> connect_once(Rig& rig) {
  RpcClient fresh(rig.world, {.address = "127.0.0.1:" + std::to_string(rig.server.port()),
                              .identity = rig.identity});
  const auto answer = co_await fresh.call(kEcho, {}, rig.clock.mono() + std::chrono::seconds(10));
  if (!answer) std::abort();
  co_await fresh.stop();
}
void BM_Connect(benchmark::State& state, Wire wire) {
  Rig rig(wire);
  measure(state, rig, [&rig] { return connect_once(rig); });
}

Task<void> locate_once(MasterClient& master) {
  if (!co_await master.locate(VolumeId(3))) std::abort();
}
void BM_LocateRpc(benchmark::State& state) {
  Rig rig;
  measure(state, rig, [&rig] { return locate_once(*rig.master); });
}
void BM_LocateInProcess(benchmark::State& state) {
  Rig rig;
  measure(state, rig, [&rig] { return locate_once(rig.instant_master); });
}

Task<void> read_once(VolumeClient& volume, std::string& buffer) {
  const FileId fid{VolumeId(1), NeedleKey(2), Cookie(3)};
  if (!co_await volume.read(fid, 0, std::as_writable_bytes(std::span(buffer)))) std::abort();
}
void BM_Read1MiBRpc(benchmark::State& state, Wire wire) {
  Rig rig(wire);
  std::string buffer(kBody, '\0');
  measure(state, rig, [&] { return read_once(*rig.volume, buffer); });
}
void BM_Read1MiBInProcess(benchmark::State& state) {
  Rig rig;
  std::string buffer(kBody, '\0');
  measure(state, rig, [&] { return read_once(rig.instant_volume, buffer); });
}

Task<void> write_once(VolumeClient& volume, const std::string& body, std::size_t piece) {
  OpenNeedle needle;
  needle.token = std::string(61, 't');
  needle.body_bytes = body.size();
  auto upload = co_await volume.open(std::move(needle));
  if (!upload) std::abort();
  for (std::size_t at = 0; at < body.size(); at += piece) {
    if (!co_await (*upload)->append(as_bytes(std::string_view(body).substr(at, piece))))
      std::abort();
  }
  if (!co_await (*upload)->finish()) std::abort();
}
void BM_Write1MiBRpc(benchmark::State& state, Wire wire) {
  Rig rig(wire);
  const std::string body(kBody, 'b');
  measure(state, rig, [&] { return write_once(*rig.volume, body, 256 << 10); });
}
void BM_Write1MiBInProcess(benchmark::State& state) {
  Rig rig;
  const std::string body(kBody, 'b');
  measure(state, rig, [&] { return write_once(rig.instant_volume, body, 256 << 10); });
}
void BM_Write64KiBRpc(benchmark::State& state) {
  Rig rig;
  const std::string body(64 << 10, 'b');
  measure(state, rig, [&] { return write_once(*rig.volume, body, 64 << 10); });
}

void BM_ListingOf1000(benchmark::State& state) {
  ListedPage page;
  for (int i = 0; i < 1000; ++i) {
    page.objects.push_back({.key = "some/folder/object-" + std::to_string(i),
                            .size_bytes = 1 << 20,
                            .etag = std::string(32, 'e'),
                            .owner_id = std::string(64, 'o'),
                            .checksum_algorithms = {ChecksumAlgorithm::kCrc64Nvme}});
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(decode_message<ListedPage>(encode_message(page), "page"));
  }
}

BENCHMARK_CAPTURE(BM_Echo, plain, Wire::kPlain)->Arg(1)->Arg(32)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Echo, tls, Wire::kTls)->Arg(1)->Arg(32)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Connect, plain, Wire::kPlain)->Arg(1)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Connect, tls, Wire::kTls)->Arg(1)->MeasureProcessCPUTime();
BENCHMARK(BM_LocateRpc)->Arg(1)->Arg(32)->MeasureProcessCPUTime();
BENCHMARK(BM_LocateInProcess)->Arg(32)->MeasureProcessCPUTime();
BENCHMARK(BM_Write64KiBRpc)->Arg(1)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Read1MiBRpc, plain, Wire::kPlain)->Arg(1)->Arg(4)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Read1MiBRpc, tls, Wire::kTls)->Arg(1)->Arg(4)->MeasureProcessCPUTime();
BENCHMARK(BM_Read1MiBInProcess)->Arg(1)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Write1MiBRpc, plain, Wire::kPlain)->Arg(1)->Arg(4)->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(BM_Write1MiBRpc, tls, Wire::kTls)->Arg(1)->Arg(4)->MeasureProcessCPUTime();
BENCHMARK(BM_Write1MiBInProcess)->Arg(1)->MeasureProcessCPUTime();
BENCHMARK(BM_ListingOf1000);

}  // namespace
}  // namespace kelp
