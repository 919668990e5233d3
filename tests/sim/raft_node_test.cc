// Single stories of a group of RaftNodes in a simulated world.
#include <fmt/format.h>

#include "tests/sim/raft_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using raft::NodeId;

void in_world(Task<void> (*story)(RaftWorld&), RaftWorldOptions options = {},
              std::uint64_t seeds = 10) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    RaftWorld world(seed, options);
    world.context.run(story(world));
    world.expect_no_violations();
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << world.context.last_events();
      return;
    }
  }
}

/// Takes only the format that a build of before knows, and counts.
Task<Result<RpcMessage>> take_as_older(RpcMessage message, int* taken, int* refused) {
  const bool known = message.message.at(0) == 1;
  ++*(known ? taken : refused);
  if (!known) co_return Error(Errc::kUnimplemented, "raft message of format 2");
  co_return RpcMessage();
}

Task<void> older_member(RaftWorld& w) {
  RaftHost& newer = *w.hosts[0];
  RaftHost& older = *w.hosts[1];
  const RpcIdentity identity{.cluster_id = "c", .secret = "0123456789abcdef"};
  RpcServer server(w.rpc(older.name()), {.identity = identity});
  int taken = 0;
  int refused = 0;
  server.handle(raft::kRaftMessagesMethod, "raft.messages",
                [&taken, &refused](RpcMessage message, RpcCallInfo) {
                  return take_as_older(std::move(message), &taken, &refused);
                });
  EXPECT_TRUE(server.start(older.address()));
  raft::RpcTransport transport(
      w.rpc(newer.name()),
      {.cluster_id = "c", .self = newer.id, .address = newer.address(), .identity = identity});
  transport.set_peers({{older.id, older.address()}});
  const auto say = [&]() {
    raft::Message message;
    message.from = newer.id;
    message.to = older.id;
    transport.send(message);
  };
  for (int i = 0; i < 3; ++i) {
    say();
    co_await w.sleep(1s);
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(taken, 2) << "without the address, as it knows them";
  w.net.partition(newer.name(), older.name());
  say();
  co_await w.sleep(20s);
  w.net.heal_all();
  say();
  co_await w.sleep(20s);
  EXPECT_EQ(refused, 2) << "it may be another build by now";
  co_await transport.stop();
  co_await server.stop(w.context.now());
}
TEST(RaftNode, SpeaksToAMemberOfTheBuildBeforeAsItKnows) {
  in_world(older_member, {}, 3);
}

Task<void> failover(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const first = co_await w.wait_for_leader();
  EXPECT_TRUE(co_await w.propose_somewhere("before"));
  co_await first->crash(false);
  const MonoTime begin = w.context.now();
  EXPECT_TRUE(co_await w.propose_somewhere("after"));
  EXPECT_LT(w.context.now() - begin, 10s);
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, AnotherMemberTakesOverAndNothingIsLost) {
  in_world(failover);
}

Task<void> read_into(RaftHost& host, MonoTime deadline, Result<void>* out) {
  *out = co_await host.node->read_barrier(deadline);
}

Task<void> minority(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const old = co_await w.wait_for_leader();
  for (const auto& host : w.hosts) w.net.partition(old->name(), host->name());
  TaskGroup reader(w.context.executor());
  Result<void> read;
  reader.spawn(read_into(*old, w.in(5s), &read));
  const auto proposed = co_await old->node->propose("alone", w.in(5s));
  co_await reader.join();
  EXPECT_FALSE(read) << "it cannot know whether it still leads";
  EXPECT_EQ(read.error().reason(), Reason::kNotLeader);
  EXPECT_FALSE(proposed);
  EXPECT_EQ(proposed.error().code(), Errc::kUnavailable) << "told as soon as it steps down";
  if (!proposed && proposed.error().reason() == Reason::kNotLeader) {
    w.history.refused("alone");
  }
  EXPECT_FALSE(old->machine->leads()) << "a leader without a majority steps down";
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, AMinorityAcknowledgesNothingAndReadsNothing) {
  in_world(minority);
}

Task<void> not_leader(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  co_await w.sleep(1s);
  for (const auto& host : w.hosts) {
    if (host.get() == lead) continue;
    const auto done = co_await host->node->propose("x", w.in(1s));
    EXPECT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::kUnavailable);
    EXPECT_EQ(done.error().reason(), Reason::kNotLeader);
    EXPECT_NE(done.error().detail().find(fmt::format("node {}", lead->id.value)),
              std::string::npos);
    EXPECT_EQ((co_await host->node->read_barrier(w.in(1s))).error().reason(), Reason::kNotLeader);
  }
  const auto huge = co_await lead->node->propose(std::string((16 << 20) + 1, 'h'), w.in(1s));
  EXPECT_EQ(huge.error().code(), Errc::kInvalidArgument);
  EXPECT_EQ((co_await lead->node->propose("late", w.in(-1s))).error().code(),
            Errc::kDeadlineExceeded);
  co_await w.stop_all();
}
TEST(RaftNode, AFollowerNamesTheLeaderAndProposesNothing) {
  in_world(not_leader);
}

Task<void> slow_follower(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& slow = *w.hosts[lead->id.value % 3];
  co_await slow.crash(false);
  for (int i = 0; i < 150; ++i) {
    EXPECT_TRUE(co_await w.propose_somewhere(fmt::format("{}{}", i, std::string(100, 'y'))));
  }
  EXPECT_GT(w.leader()->node->status().first.value, 50U) << "the log was compacted";
  EXPECT_FALSE(*lead->disk.exists("/raft/log-00000000000000000000.seg"));
  co_await slow.start();
  const MonoTime end = w.in(30s);
  while (slow.machine->list().size() < 150 && w.context.now() < end) co_await w.sleep(100ms);
  EXPECT_EQ(slow.machine->list().size(), 150U);
  EXPECT_GT(slow.machine->restores(), 0U);
  co_await slow.crash(false);
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, AFollowerThatIsFarBehindReceivesASnapshot) {
  in_world(slow_follower);
}

Task<void> big_snapshot(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& slow = *w.hosts[lead->id.value % 3];
  co_await slow.crash(false);
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(co_await w.propose_somewhere(std::string(900'000, static_cast<char>('a' + i))));
  }
  co_await w.sleep(1s);
  co_await slow.start();
  for (int i = 0; i < 20; ++i) {  // the pieces' way is rough
    co_await w.sleep(50ms);
    w.net.reset(lead->name(), slow.name());
  }
  const MonoTime end = w.in(60s);
  while (slow.machine->list().size() < 8 && w.context.now() < end) co_await w.sleep(100ms);
  EXPECT_EQ(slow.machine->list().size(), 8U);
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, ASnapshotOfManyPiecesArrivesOverABadLine) {
  in_world(big_snapshot, {.keep_entries = 0, .log_segment_bytes = 1 << 20}, 3);
}

Task<void> grow_and_shrink(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* lead = co_await w.wait_for_leader();
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(co_await w.propose_somewhere(std::to_string(i)));
  std::vector<NodeId> first{NodeId{1}, NodeId{2}, NodeId{3}}, added{NodeId{4}, NodeId{5}};
  EXPECT_TRUE(co_await lead->node->change_members(first, added, w.in(10s))) << "learners first";
  std::vector<NodeId> all = first;
  all.insert(all.end(), added.begin(), added.end());
  EXPECT_TRUE(co_await lead->node->change_members(all, {}, w.in(10s)));
  EXPECT_EQ(lead->node->status().membership.voters, all);
  const auto empty = co_await lead->node->change_members({}, {}, w.in(10s));
  EXPECT_EQ(empty.error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(co_await w.propose_somewhere("five"));
  co_await w.hosts[0]->stop();
  co_await w.hosts[1]->stop();
  EXPECT_TRUE(co_await w.propose_somewhere("three of five", 30s));
  lead = co_await w.wait_for_leader();
  EXPECT_TRUE(
      co_await lead->node->change_members({NodeId{3}, NodeId{4}, NodeId{5}}, {}, w.in(10s)));
  EXPECT_TRUE(co_await w.propose_somewhere("three"));
  co_await w.sleep(2s);
  EXPECT_EQ(w.hosts[4]->machine->list(), w.leader()->machine->list());
  co_await w.stop_all();
}
TEST(RaftNode, MembersComeAndGo) {
  in_world(grow_and_shrink, {.hosts = 5, .voters = 3});
}

Task<void> propose_many(RaftWorld& w, std::string name, int count) {
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(co_await w.propose_somewhere(fmt::format("{}{}", name, i)));
  }
}

Task<void> snapshot_members(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& added = *w.hosts[3];
  co_await added.stop();
  const std::vector<NodeId> all{NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}};
  EXPECT_TRUE(co_await lead->node->change_members(all, {}, w.in(10s)));
  co_await propose_many(w, "a", 100);
  co_await added.start();  // too late for the log: a snapshot names the members
  co_await propose_many(w, "b", 100);
  co_await w.sleep(5s);
  EXPECT_GT(added.machine->restores(), 0U);
  co_await propose_many(w, "c", 100);
  co_await w.sleep(5s);
  co_await added.crash(false);
  for (const auto& host : w.hosts) {
    if (host.get() != &added) w.net.partition(host->name(), added.name());
  }
  co_await added.start();  // alone, with what its own snapshots say
  EXPECT_EQ(added.node->status().membership.voters, all);
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, TheMembersOfASnapshotAreKept) {
  in_world(snapshot_members, {.hosts = 4, .voters = 3, .keep_entries = 0}, 5);
}

Task<void> transfer(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& next = *w.hosts[lead->id.value % 3];
  EXPECT_TRUE(co_await w.propose_somewhere("one"));
  EXPECT_TRUE(co_await lead->node->transfer_leadership(next.id, w.in(5s)));
  EXPECT_FALSE(lead->machine->leads());
  const MonoTime begin = w.context.now();
  EXPECT_TRUE(co_await w.propose_somewhere("two"));
  EXPECT_LT(w.context.now() - begin, 2s);
  EXPECT_EQ(w.leader(), &next);
  EXPECT_EQ((co_await lead->node->transfer_leadership(std::nullopt, w.in(5s))).error().reason(),
            Reason::kNotLeader);
  co_await w.stop_all();
}
TEST(RaftNode, LeadershipIsGivenAwayOnRequest) {
  in_world(transfer);
}

Task<void> bad_sync(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  lead->disk.fail_nth(DiskOp::kSync, 1);
  static_cast<void>(co_await lead->node->propose("doubtful", w.in(3s)));
  const auto after = co_await lead->node->propose("refused", w.in(3s));
  EXPECT_FALSE(after);
  if (!after) w.history.refused("refused");
  EXPECT_FALSE(lead->machine->leads());
  EXPECT_TRUE(co_await w.propose_somewhere("the others go on", 20s));
  const auto syncs = lead->disk.count(DiskOp::kSync);
  co_await w.sleep(10s);
  EXPECT_EQ(lead->disk.count(DiskOp::kSync), syncs) << "a failed sync is never tried again";
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, AMemberWhoseSyncFailedFallsSilent) {
  in_world(bad_sync);
}

Task<void> full_disk(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& full = *w.hosts[lead->id.value % 3];
  full.disk.set_faults({.capacity_bytes = 512});
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(co_await w.propose_somewhere(fmt::format("{}{}", i, std::string(100, 'y'))));
  }
  full.disk.set_faults({});
  const MonoTime end = w.in(30s);
  while (full.machine->list().size() < 50 && w.context.now() < end) co_await w.sleep(100ms);
  EXPECT_EQ(full.machine->list().size(), 50U);
  EXPECT_TRUE(co_await w.propose_somewhere("room again"));
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, GoesOnWithoutARestartWhenAFullDiskHasRoomAgain) {
  in_world(full_disk);
}

Task<void> stops_calls(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  for (const auto& host : w.hosts) w.net.partition(lead->name(), host->name());
  std::vector<Errc> codes;
  TaskGroup callers(w.context.executor());
  auto call = [](RaftHost& host, MonoTime deadline, std::vector<Errc>* out) -> Task<void> {
    const auto done = co_await host.node->propose("x", deadline);
    out->push_back(done ? Errc{} : done.error().code());
  };
  for (int i = 0; i < 3; ++i) callers.spawn(call(*lead, w.in(100s), &codes));
  co_await w.sleep(100ms);
  co_await lead->stop();
  co_await callers.join();
  EXPECT_EQ(codes, (std::vector{Errc::kCancelled, Errc::kCancelled, Errc::kCancelled}));
  co_await w.stop_all();
}
TEST(RaftNode, StopEndsTheCallsThatWait) {
  in_world(stops_calls);
}

Task<void> old_chunk(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& other = *w.hosts[lead->id.value % 3];
  EXPECT_TRUE(co_await w.propose_somewhere("one"));
  raft::SnapshotChunk chunk{.from = lead->id,
                            .term = raft::Term{lead->node->status().term.value - 1},
                            .mark = {.index = raft::LogIndex{50},
                                     .term = raft::Term{1},
                                     .membership = {.voters = {NodeId{1}}}},
                            .total_bytes = 10,
                            .bytes = "0123456789"};
  const auto old = co_await lead->transport->send_chunk(other.id, chunk);
  EXPECT_EQ(old.error().code(), Errc::kPrecondition) << "from a leader of the past";
  chunk.term = lead->node->status().term;
  const auto rotten = co_await lead->transport->send_chunk(other.id, chunk);
  EXPECT_EQ(rotten.error().code(), Errc::kCorruption) << "no snapshot at all";
  chunk.offset = 1;
  chunk.total_bytes = 20;
  const auto gap = co_await lead->transport->send_chunk(other.id, chunk);
  EXPECT_EQ(gap.error().code(), Errc::kConflict) << "its beginning is missing";
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, PiecesOfAnOldTermOrOfNothingAreRefused) {
  in_world(old_chunk);
}

Task<void> moves(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& moving = *w.hosts[lead->id.value % 3];
  RaftHost& third = *w.hosts[(lead->id.value + 1) % 3];
  co_await moving.stop();
  moving.port = 7001;
  co_await moving.start();
  for (const auto& host : w.hosts) host->transport->set_peers(w.addresses());
  co_await third.crash(false);
  EXPECT_TRUE(co_await w.propose_somewhere("with the one that moved"));
  co_await w.converge();
  co_await w.stop_all();
}
TEST(RaftNode, AMemberMayMoveToAnotherAddress) {
  in_world(moves);
}

Task<void> unknown_leader(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  RaftHost& away = *w.hosts[lead->id.value % 3];
  co_await away.stop();
  EXPECT_TRUE(co_await w.propose_somewhere("while it was away"));
  co_await away.start();
  away.transport->set_peers({});
  const MonoTime end = w.in(60s);
  const auto lags = [&] { return away.machine->list() != lead->machine->list(); };
  while (lags() && w.context.now() < end) co_await w.sleep(100ms);
  EXPECT_FALSE(lags());
  co_await w.stop_all();
}
TEST(RaftNode, AMemberAnswersWhoeverSaysWhereItListens) {
  in_world(unknown_leader);
}

Task<void> stranger(RaftWorld& w) {
  co_await w.start_all();
  RaftHost* const lead = co_await w.wait_for_leader();
  raft::RpcTransport transport(
      w.rpc("x"),
      {.cluster_id = "another", .self = NodeId{9}, .identity = {"cluster", "0123456789abcdef"}});
  int unreachable = 0;
  transport.receive({.message = {}, .chunk = {}, .unreachable = [&](NodeId) { ++unreachable; }});
  transport.set_peers({{lead->id, lead->address()}});
  const auto term = lead->node->status().term;
  transport.send({.from = NodeId{9},
                  .to = lead->id,
                  .term = raft::Term{term.value + 100},
                  .body = raft::AppendRequest{}});
  raft::SnapshotChunk chunk{.from = NodeId{9}, .bytes = "x"};
  const auto refused = co_await transport.send_chunk(lead->id, chunk);
  EXPECT_EQ(refused.error().code(), Errc::kPermissionDenied);
  EXPECT_NE(refused.error().detail().find("another"), std::string::npos);
  co_await w.sleep(1s);
  EXPECT_EQ(unreachable, 1);
  EXPECT_EQ(lead->node->status().term, term) << "another cluster's term means nothing here";
  transport.set_peers({{lead->id, "nowhere:1"}});
  EXPECT_EQ((co_await transport.send_chunk(lead->id, chunk)).error().code(), Errc::kUnavailable);
  transport.set_peers({});
  EXPECT_EQ((co_await transport.send_chunk(lead->id, chunk)).error().code(), Errc::kUnavailable);
  co_await transport.stop();
  co_await w.stop_all();
}
TEST(RaftNode, AnotherClusterIsRefused) {
  in_world(stranger, {}, 3);
}

}  // namespace
}  // namespace kelp::test
