#include "tests/sim/raft_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"

namespace kelp::test {

using namespace std::chrono_literals;
using raft::LogIndex;
using raft::NodeId;
using raft::Term;

// --- what happened

void RaftHistory::applied(LogIndex index, std::string_view command) {
  const auto [known, added] = log.try_emplace(index, command);
  if (!added && known->second != command) {
    violated(
        fmt::format("entry {} is '{}' here and '{}' there", index.value, command, known->second));
  }
}

void RaftHistory::led(Term term, NodeId node) {
  const auto [known, added] = leaders.try_emplace(term, node);
  if (!added && known->second != node) {
    violated(fmt::format("term {} has two leaders: {} and {}", term.value, node.value,
                         known->second.value));
  }
}

void RaftHistory::acknowledged(const std::string& command, std::uint64_t position,
                               std::uint64_t seen_before) {
  acks[command] = position;
  if (position <= seen_before) {
    violated(fmt::format("'{}' stands at {}, but {} were seen before it began", command, position,
                         seen_before));
  }
  seen = std::max(seen, position);
}

void RaftHistory::read(std::uint64_t length, std::uint64_t seen_before) {
  ++reads;
  if (length < seen_before) {
    violated(fmt::format("a read saw {} commands, but {} were seen before it began", length,
                         seen_before));
  }
  seen = std::max(seen, length);
}

void RaftHistory::check_end(const std::vector<std::string>& list) {
  std::map<std::string, std::uint64_t> places;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!places.emplace(list[i], i + 1).second) violated("twice in the list: " + list[i]);
    if (never.contains(list[i])) violated("refused, and there: " + list[i]);
  }
  for (const auto& [command, position] : acks) {
    const auto found = places.find(command);
    if (found == places.end()) {
      violated("acknowledged and lost: " + command);
    } else if (found->second != position) {
      violated(fmt::format("'{}' was at {} and is at {}", command, position, found->second));
    }
  }
}

std::string ListMachine::apply(LogIndex index, std::string_view command) {
  history_.applied(index, command);
  list_.emplace_back(command);
  return std::to_string(list_.size());
}

std::string ListMachine::snapshot() const {
  std::string out;
  ByteWriter writer(out);
  writer.varint(list_.size());
  for (const auto& command : list_) writer.text(command);
  return out;
}

Result<void> ListMachine::restore(std::string_view snapshot) {
  ++restores_;
  std::vector<std::string> list;
  ByteReader reader(snapshot);
  const std::uint64_t count = reader.varint();
  for (std::uint64_t i = 0; i < count; ++i) list.emplace_back(reader.text());
  KELP_CHECK(reader.finish("list"));
  const std::size_t common = std::min(list.size(), list_.size());
  if (!std::equal(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(common),
                  list_.begin())) {
    history_.violated("a snapshot differs from what was applied");
  }
  list_ = std::move(list);
  return {};
}

void ListMachine::leading(Term term) {
  if (leads_) history_.violated("leading twice");
  leads_ = true;
  history_.led(term, self_);
}

void ListMachine::following() {
  if (!leads_) history_.violated("following without having led");
  leads_ = false;
}

// --- a machine

RaftHost::RaftHost(RaftWorld& w, std::uint64_t number)
    : world(w),
      id(number),
      gate(w.context),
      disk({.seed = w.rng.next()}),
      pool(w.context, {.gate = &gate}) {}

RpcWorld RaftHost::rpc() {
  RpcWorld own = world.rpc(name());
  own.executor = gate.executor();
  return own;
}

Task<void> RaftHost::start() {
  if (up()) co_return;
  machine = std::make_shared<ListMachine>(world.history, id);
  server = std::make_unique<RpcServer>(
      rpc(), RpcServerOptions{.identity = {"cluster", "0123456789abcdef"}});
  raft::RpcTransportOptions options{.cluster_id = "cluster",
                                    .self = id,
                                    .address = address(),
                                    .identity = {"cluster", "0123456789abcdef"}};
  transport = std::make_unique<raft::RpcTransport>(rpc(), options);
  transport->serve(*server);
  transport->set_peers(world.addresses());
  FileIo& io = lying_io ? *lying_io : disk;
  raft::NodeSeams seams{.executor = gate.executor(),
                        .io = io,
                        .pool = pool,
                        .clock = world.clock,
                        .timers = world.timers,
                        .transport = *transport,
                        .metrics = metrics};
  raft::NodeOptions node_options{.dir = "/raft",
                                 .cluster_id = "cluster",
                                 .self = id,
                                 .snapshot_log_bytes = world.options.snapshot_log_bytes,
                                 .keep_entries = world.options.keep_entries,
                                 .log_segment_bytes = world.options.log_segment_bytes,
                                 .seed = world.rng.next()};
  for (std::uint64_t i = 1; i <= world.options.voters && id.value <= world.options.voters; ++i) {
    node_options.bootstrap.push_back(NodeId{i});
  }
  auto opened = co_await raft::RaftNode::open(seams, node_options, *machine);
  if (!opened) {
    const Errc code = opened.error().code();
    if (code != Errc::kIo) {
      world.history.violated("does not start: " + opened.error().message());
    }
    co_await transport->stop();
    co_return;
  }
  node = *std::move(opened);
  EXPECT_TRUE(server->start(address()));
}

Task<void> RaftHost::stop() {
  if (!up()) co_return;
  gate.open();
  co_await node->stop();
  co_await transport->stop();
  co_await server->stop(world.context.now());
  node.reset();
  transport.reset();
  server.reset();
}

Task<void> RaftHost::crash(bool keep_cache) {
  if (!up()) co_return;
  world.context.note("crash", id.value);
  disk.power_off_after(1);
  world.net.crash_host(name());
  co_await stop();
  if (keep_cache) {
    disk.kill();
  } else {
    disk.crash(world.rng);
  }
}

// --- the world

RaftWorld::RaftWorld(std::uint64_t world_seed, RaftWorldOptions world_options)
    : seed(world_seed),
      options(world_options),
      context(world_seed),
      net(context),
      rng(context.rng().next()) {
  const char* const level = std::getenv("KELP_LOG");
  static_cast<void>(set_log_level(level != nullptr ? level : "error"));
  for (std::uint64_t i = 1; i <= options.hosts; ++i) {
    hosts.push_back(std::make_unique<RaftHost>(*this, i));
  }
}

RpcWorld RaftWorld::rpc(const std::string& host) {
  auto random = [this](MutableByteSpan out) {
    for (auto& byte : out) byte = static_cast<std::byte>(rng.below(256));
  };
  return {.executor = context.executor(),
          .network = net.host(host),
          .clock = clock,
          .timers = timers,
          .random = std::move(random)};
}

Task<void> RaftWorld::sleep(std::chrono::nanoseconds span) {
  static_cast<void>(co_await timers.sleep_until(in(span)));
}

std::map<NodeId, std::string> RaftWorld::addresses() const {
  std::map<NodeId, std::string> all;
  for (const auto& host : hosts) all[host->id] = host->address();
  return all;
}

Task<void> RaftWorld::start_all() {
  for (const auto& host : hosts) co_await host->start();
}

Task<void> RaftWorld::stop_all() {
  for (const auto& host : hosts) co_await host->stop();
}

RaftHost* RaftWorld::leader() {
  RaftHost* found = nullptr;
  for (const auto& host : hosts) {
    if (!host->up() || !host->machine->leads()) continue;
    if (found == nullptr || host->node->status().term > found->node->status().term) {
      found = host.get();
    }
  }
  return found;
}

Task<RaftHost*> RaftWorld::wait_for_leader(std::chrono::nanoseconds span) {
  const MonoTime end = in(span);
  while (leader() == nullptr && context.now() < end) co_await sleep(50ms);
  if (leader() == nullptr) history.violated("no leader in time");
  co_return leader();
}

Task<bool> RaftWorld::propose_somewhere(std::string command, std::chrono::nanoseconds span) {
  const MonoTime end = in(span);
  for (int i = 0; context.now() < end; ++i) {
    RaftHost* const host = leader();
    if (host != nullptr) {
      const std::string attempt = fmt::format("{}/{}", command, i);
      const std::uint64_t seen = history.seen;
      const auto done = co_await host->node->propose(attempt, in(2s));
      if (done) history.acknowledged(attempt, std::stoull(done->answer), seen);
      if (done) co_return true;
    }
    co_await sleep(100ms);
  }
  co_return false;
}

Task<void> RaftWorld::converge() {
  net.heal_all();
  net.set_options({});
  for (const auto& host : hosts) {
    host->disk.set_faults({});
    if (host->up() && host->disk.powered_off()) co_await host->crash(false);
    co_await host->crash(rng.below(2) == 0);  // also members that stopped after an error
    for (int tries = 0; !host->up() && tries < 5; ++tries) co_await host->start();
  }
  if (!co_await propose_somewhere("the end")) history.violated("no progress after healing");
  const auto lags = [&] {
    const RaftHost* const lead = leader();
    if (lead == nullptr) return true;
    for (const NodeId member : lead->node->status().membership.voters) {
      const RaftHost& host = *hosts[member.value - 1];
      if (!host.up() || host.machine->list() != lead->machine->list()) return true;
    }
    return false;
  };
  const MonoTime end = in(60s);
  while (lags() && context.now() < end) co_await sleep(100ms);
  if (lags()) {
    history.violated("the members do not become the same");
  } else {
    history.check_end(leader()->machine->list());
  }
}

void RaftWorld::expect_no_violations() {
  for (const auto& violation : history.violations) ADD_FAILURE() << violation;
  if (!history.violations.empty()) ADD_FAILURE() << context.last_events();
}

Task<void> raft_client(RaftWorld& world, std::uint64_t number, const bool* stop) {
  Rng rng(world.rng.next());
  for (std::uint64_t i = 1; !*stop; ++i) {
    RaftHost* host = world.hosts[rng.below(world.hosts.size())].get();
    if (RaftHost* const lead = world.leader(); lead != nullptr && rng.below(8) != 0) host = lead;
    const auto span = std::chrono::milliseconds(50 + rng.below(1500));
    if (host->up()) {
      const std::uint64_t seen = world.history.seen;
      const auto machine = host->machine;
      if (rng.below(4) == 0) {
        const auto done = co_await host->node->read_barrier(world.in(span));
        if (done) world.history.read(machine->list().size(), seen);
      } else {
        const std::string command =
            fmt::format("{}.{}.{}", number, i, std::string(rng.below(40), 'x'));
        const auto done = co_await host->node->propose(command, world.in(span));
        if (done) {
          world.history.acknowledged(command, std::stoull(done->answer), seen);
        } else if (done.error().reason() == Reason::kNotLeader) {
          world.history.refused(command);
        }
      }
    }
    co_await world.sleep(std::chrono::milliseconds(rng.below(60)));
  }
}

}  // namespace kelp::test
