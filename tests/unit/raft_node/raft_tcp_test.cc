// Three members over real TCP with real files; what can go wrong is tested in tests/sim.
#include <gtest/gtest.h>

#include <fstream>

#include "async/runtime.h"
#include "async/task_group.h"
#include "crypto/random.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "raft/node/raft_node.h"
#include "raft/node/rpc_transport.h"
#include "rpc/rpc_servers.h"
#include "tests/support/temp_dir.h"

namespace kelp::raft {
namespace {

using namespace std::chrono_literals;

/// Sums what it is given.
class Sum final : public StateMachine {
 public:
  std::string apply(LogIndex, std::string_view command) override {
    sum += std::stoull(std::string(command));
    return std::to_string(sum);
  }
  [[nodiscard]] std::string snapshot() const override { return std::to_string(sum); }
  Result<void> restore(std::string_view snapshot) override {
    sum = std::stoull(std::string(snapshot));
    return {};
  }
  void leading(Term) override { leads = true; }
  void following() override { leads = false; }
  std::uint64_t sum = 0;
  bool leads = false;
};

struct World {
  Executor executor;
  std::vector<Executor> serving;  ///< Connections are dealt out to these.
  Network& network;
  Timers& timers;
  WorkPool& pool;
  FileIo& io;
  const SystemClock clock;
  const test::TempDir dir;
};

/// One member, from a start to a stop.
struct Member {
  Member(World& w, std::uint64_t number)
      : world(w),
        id(number),
        server({w.executor, w.network, w.clock, w.timers, random_bytes}, w.serving,
               {.identity = kIdentity}),
        transport({w.executor, w.network, w.clock, w.timers, random_bytes},
                  {.cluster_id = "c", .self = id, .identity = kIdentity}) {
    server.each([this](RpcServer& one) { transport.serve(one); });
  }

  [[nodiscard]] NodeOptions options() const {
    return {.dir = world.dir.path() + "/" + std::to_string(id.value),
            .cluster_id = "c",
            .self = id,
            .bootstrap = {NodeId{1}, NodeId{2}, NodeId{3}},
            .tick = 20ms,
            .snapshot_log_bytes = 20'000,
            .seed = id.value};
  }
  NodeSeams seams() {
    return {world.executor, world.io, world.pool, world.clock, world.timers, transport, metrics};
  }
  Task<void> open() {
    auto opened = co_await RaftNode::open(seams(), options(), machine);
    EXPECT_TRUE(opened) << opened.error().message();
    if (opened) node = *std::move(opened);
  }
  Task<void> stop() {
    co_await node->stop();
    co_await transport.stop();
    co_await server.stop(world.clock.mono());
    node.reset();
  }
  static inline const RpcIdentity kIdentity{.cluster_id = "c", .secret = "0123456789abcdef"};
  World& world;
  NodeId id;
  Metrics metrics;
  Sum machine;
  RpcServers server;
  RpcTransport transport;
  std::unique_ptr<RaftNode> node;
};

using Members = std::vector<std::unique_ptr<Member>>;

Task<Members> start_all(World& w) {
  Members members;
  std::map<NodeId, std::string> addresses;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    members.push_back(std::make_unique<Member>(w, i));
    EXPECT_TRUE(co_await members.back()->server.start("127.0.0.1:0"));
    addresses[NodeId{i}] = "127.0.0.1:" + std::to_string(members.back()->server.port());
  }
  for (auto& member : members) {
    member->transport.set_peers(addresses);
    co_await member->open();
  }
  co_return members;
}

Task<Member*> wait_for_leader(World& w, Members& members) {
  const MonoTime end = w.clock.mono() + 30s;
  while (w.clock.mono() < end) {
    for (auto& member : members) {
      if (member->machine.leads) co_return member.get();
    }
    static_cast<void>(co_await w.timers.sleep_until(w.clock.mono() + 10ms));
  }
  co_return nullptr;
}

Task<void> propose_many(Member& member, int count, int* good) {
  for (int i = 0; i < count; ++i) {
    const auto done = co_await member.node->propose("1", member.world.clock.mono() + 10s);
    *good += done.has_value();
  }
}

Task<void> story(World& w) {
  {
    Members members = co_await start_all(w);
    Member* const leader = co_await wait_for_leader(w, members);
    EXPECT_NE(leader, nullptr);
    if (leader == nullptr) co_return;
    TaskGroup callers(w.executor);
    int good = 0;
    for (int i = 0; i < 20; ++i) callers.spawn(propose_many(*leader, 50, &good));
    co_await callers.join();
    EXPECT_EQ(good, 1000);
    EXPECT_TRUE(co_await leader->node->read_barrier(w.clock.mono() + 10s));
    EXPECT_EQ(leader->machine.sum, 1000U);
    EXPECT_NE(leader->metrics.text().find("kelp_raft_proposals_total 1000"), std::string::npos);
    for (auto& member : members) co_await member->stop();
  }
  Members members = co_await start_all(w);  // from the files
  Member* const leader = co_await wait_for_leader(w, members);
  EXPECT_NE(leader, nullptr);
  if (leader == nullptr) co_return;
  EXPECT_EQ(leader->machine.sum, 1000U);
  const auto next = co_await leader->node->propose("5", w.clock.mono() + 10s);
  EXPECT_TRUE(next && next->answer == "1005");
  for (auto& member : members) co_await member->stop();
}

using Story = Task<void> (*)(World&);

Task<void> in_world(Runtime& runtime, Network& network, Timers& timers, WorkPool& pool, FileIo& io,
                    Story run) {
  World world{.executor = runtime.executor(0),
              .serving = {runtime.executor(1), runtime.executor(0)},
              .network = network,
              .timers = timers,
              .pool = pool,
              .io = io,
              .clock = {},
              .dir = {}};
  co_await run(world);
}

void in_real_world(Story run) {
  Runtime runtime(2);
  const auto network = make_tcp_network();
  const auto timers = make_asio_timers();
  const auto io = make_posix_file_io();
  const auto pool = make_thread_pool({.threads = 3});
  runtime.run(in_world(runtime, *network, *timers, *pool, *io, run));
}

TEST(RaftOverTcp, ThreeMembersReplicateAndStartAgainFromTheirFiles) {
  in_real_world(story);
}

Task<void> wrong_directory(World& w) {
  Member first(w, 1);
  co_await first.open();
  co_await first.stop();
  Member again(w, 1);
  NodeOptions options = again.options();
  options.self = NodeId{2};
  const auto node = co_await RaftNode::open(again.seams(), options, again.machine);
  EXPECT_FALSE(node);
  EXPECT_EQ(node.error().code(), Errc::kPrecondition);
  EXPECT_NE(node.error().detail().find("node 1, not to 2"), std::string::npos);
  options = again.options();
  options.cluster_id = "another";
  const auto cluster = co_await RaftNode::open(again.seams(), options, again.machine);
  EXPECT_FALSE(cluster);
  EXPECT_EQ(cluster.error().code(), Errc::kPrecondition);
  EXPECT_NE(cluster.error().detail().find("cluster c, not to another"), std::string::npos);
  co_await again.transport.stop();
}
TEST(RaftOverTcp, TheDirectoryOfAnotherNodeOrClusterIsRefused) {
  in_real_world(wrong_directory);
}

}  // namespace
}  // namespace kelp::raft
