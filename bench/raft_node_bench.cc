// A command through three members over loopback with real files: what it costs the processor.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "async/runtime.h"
#include "async/task_group.h"
#include "crypto/random.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "raft/node/raft_node.h"
#include "raft/node/rpc_transport.h"
#include "rpc/rpc_server.h"
#include "tests/support/temp_dir.h"

namespace kelp::raft {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMembers = 3;
constexpr int kCommandsARound = 2000;

class Nothing final : public StateMachine {
 public:
  std::string apply(LogIndex, std::string_view) override { return {}; }
  [[nodiscard]] std::string snapshot() const override { return "s"; }
  Result<void> restore(std::string_view) override { return {}; }
  void leading(Term) override { leads = true; }
  void following() override { leads = false; }
  bool leads = false;
};

struct Outside {
  explicit Outside(Executor e) : executor(std::move(e)) {}
  [[nodiscard]] RpcWorld world() const {
    return {executor, *network, clock, *timers, random_bytes};
  }
  Executor executor;
  SystemClock clock;
  test::TempDir dir;
  std::unique_ptr<Network> network = make_tcp_network();
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<FileIo> io = make_posix_file_io();
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = kMembers});
};

struct Member {
  Member(Outside& outside, std::uint64_t number)
      : id(number),
        server(outside.world(), {.identity = {"c", "0123456789abcdef"}}),
        transport(outside.world(),
                  {.cluster_id = "c", .self = id, .identity = {"c", "0123456789abcdef"}}) {
    transport.serve(server);
  }
  NodeId id;
  Metrics metrics;
  Nothing machine;
  RpcServer server;
  RpcTransport transport;
  std::unique_ptr<RaftNode> node;
};

/// Three members on one thread.
class Group {
 public:
  explicit Group(Executor executor) : outside_(std::move(executor)) {}

  Task<void> start() {
    std::map<NodeId, std::string> addresses;
    for (std::uint64_t i = 1; i <= kMembers; ++i) {
      members_.push_back(std::make_unique<Member>(outside_, i));
      if (!members_.back()->server.start("127.0.0.1:0")) std::abort();
      addresses[NodeId{i}] = "127.0.0.1:" + std::to_string(members_.back()->server.port());
    }
    for (auto& member : members_) {
      member->transport.set_peers(addresses);
      NodeSeams seams{.executor = outside_.executor,
                      .io = *outside_.io,
                      .pool = *outside_.pool,
                      .clock = outside_.clock,
                      .timers = *outside_.timers,
                      .transport = member->transport,
                      .metrics = member->metrics};
      NodeOptions options{.dir = outside_.dir.path() + "/" + std::to_string(member->id.value),
                          .cluster_id = "c",
                          .self = member->id,
                          .bootstrap = {NodeId{1}, NodeId{2}, NodeId{3}},
                          .tick = 20ms,
                          .seed = member->id.value};
      auto opened = co_await RaftNode::open(seams, options, member->machine);
      if (!opened) std::abort();
      member->node = *std::move(opened);
    }
    while (leader() == nullptr) {
      static_cast<void>(co_await outside_.timers->sleep_until(outside_.clock.mono() + 10ms));
    }
  }

  Task<void> round(std::size_t callers, std::size_t bytes) {
    TaskGroup group(outside_.executor);
    const int each = kCommandsARound / static_cast<int>(callers);
    for (std::size_t i = 0; i < callers; ++i) group.spawn(propose(each, bytes));
    co_await group.join();
  }

  Task<void> stop() {
    for (auto& member : members_) co_await member->node->stop();
    for (auto& member : members_) co_await member->transport.stop();
    for (auto& member : members_) co_await member->server.stop(outside_.clock.mono());
    members_.clear();
  }

 private:
  Member* leader() {
    for (auto& member : members_) {
      if (member->machine.leads) return member.get();
    }
    return nullptr;
  }

  Task<void> propose(int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) {
      Member* const lead = leader();
      if (lead == nullptr) co_return;
      static_cast<void>(
          co_await lead->node->propose(std::string(bytes, 'c'), outside_.clock.mono() + 10s));
    }
  }

  Outside outside_;
  std::vector<std::unique_ptr<Member>> members_;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Arguments: callers at once, bytes of a command.
void replicate(benchmark::State& state) {
  Runtime runtime(1);
  auto group = std::make_unique<Group>(runtime.executor(0));
  runtime.run(group->start());
  const double begin = cpu_seconds();
  std::int64_t commands = 0;
  for (auto _ : state) {
    runtime.run(group->round(static_cast<std::size_t>(state.range(0)),
                             static_cast<std::size_t>(state.range(1))));
    commands += kCommandsARound;
  }
  const double spent = cpu_seconds() - begin;
  state.SetItemsProcessed(commands);
  state.counters["cpu_us_member"] =
      spent * 1e6 / static_cast<double>(commands) / static_cast<double>(kMembers);
  runtime.run(group->stop());
  group.reset();
}
BENCHMARK(replicate)
    ->ArgNames({"callers", "bytes"})
    ->Args({1, 100})
    ->Args({16, 100})
    ->Args({128, 100})
    ->Args({128, 4096})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kelp::raft
