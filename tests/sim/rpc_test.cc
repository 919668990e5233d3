// RpcClient and RpcServer in a simulated world: what happens when things go wrong.
#include <algorithm>

#include "async/event.h"
#include "async/task_group.h"
#include "tests/sim/rpc_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

Task<void> answers(World& w) {
  Rig rig(w);
  RpcMessage request{.message = "hello", .attachment = std::string(1 << 20, 'a')};
  const auto answer = co_await rig.client->call(kEcho, std::move(request), w.in(5s));
  EXPECT_TRUE(answer && answer->message == "hello");
  EXPECT_TRUE(answer && answer->attachment == std::string(1 << 20, 'a'));
  const auto failed = co_await rig.call(kFail, "");
  EXPECT_EQ(code_of(failed), Errc::kNotFound);
  EXPECT_EQ(failed.error().reason(), Reason::kNoSuchBucket);
  EXPECT_EQ(failed.error().detail(), "no such bucket");
  EXPECT_EQ(code_of(co_await rig.call(99, "")), Errc::kUnimplemented);
  EXPECT_EQ(w.net.connections(), 1U);
  co_await rig.end();
}
TEST(Rpc, AnswersAndErrorsComeBack) {
  in_world(answers);
}

Task<void> slow_does_not_block(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  std::vector<Errc> slow;
  group.spawn(store_code(rig.call(kSlow, "3000"), &slow));
  EXPECT_TRUE(co_await rig.call(kEcho, "quick"));
  EXPECT_TRUE(slow.empty());
  co_await group.join();
  EXPECT_EQ(slow, std::vector{Errc{}});
  co_await rig.end();
}
TEST(Rpc, ASlowCallHoldsUpNoOther) {
  in_world(slow_does_not_block);
}

Task<void> deadline(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  const MonoTime start = w.context.now();
  EXPECT_EQ(code_of(co_await rig.call(kSlow, "60000", 100ms)), Errc::kDeadlineExceeded);
  EXPECT_EQ(w.context.now() - start, 100ms);
  co_await w.sleep(50ms);
  EXPECT_EQ(rig.service.cancelled, 1) << "the server stopped working on it";
  EXPECT_EQ(rig.server->in_flight(), 0U);
  EXPECT_EQ(code_of(co_await rig.call(kEcho, "", -1ms)), Errc::kDeadlineExceeded);
  EXPECT_TRUE(co_await rig.call(kEcho, "the connection lives"));
  EXPECT_EQ(w.net.connections(), 1U);
  co_await rig.end();
}
TEST(Rpc, ADeadlineEndsTheCallOnBothSides) {
  in_world(deadline);
}

Task<void> deadline_at_server(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  w.net.cut("c", "s");  // neither cancel nor anything else arrives in time
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  w.net.heal_all();
  const MonoTime before = w.context.now();
  group.spawn(store_code(rig.call(kSlow, "60000", 100ms), &codes));
  co_await w.sleep(10ms);
  w.net.cut("c", "s");
  co_await w.sleep(1s);
  EXPECT_EQ(codes, std::vector{Errc::kDeadlineExceeded});
  EXPECT_EQ(rig.service.cancelled, 1);
  EXPECT_LE(rig.service.cancelled_at - before, 105ms) << "by its own clock";
  w.net.heal_all();
  co_await group.join();
  co_await rig.end();
}
TEST(Rpc, TheServerKeepsTheDeadlineWithoutTheClient) {
  in_world(deadline_at_server);
}

Task<void> cancellation(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(rig.call(kSlow, "60000", 100s), &codes));
  co_await w.sleep(20ms);
  EXPECT_EQ(rig.server->in_flight(), 1U);
  group.cancel();
  co_await group.join();
  EXPECT_EQ(codes, std::vector{Errc::kCancelled});
  co_await w.sleep(20ms);
  EXPECT_EQ(rig.service.cancelled, 1);
  EXPECT_EQ(rig.server->in_flight(), 0U);
  EXPECT_TRUE(co_await rig.call(kEcho, "the connection lives"));
  EXPECT_EQ(w.net.connections(), 1U);
  co_await rig.end();
}
TEST(Rpc, CancellingACallTellsTheServer) {
  in_world(cancellation);
}

Task<void> cancelled_at_once(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  for (int i = 0; i < 20; ++i) {  // the cancel frame rides with the request
    TaskGroup group(w.context.executor());
    std::vector<Errc> codes;
    group.spawn(store_code(rig.call(kSlow, "60000", 100s), &codes));
    co_await w.sleep(1us);
    group.cancel();
    co_await group.join();
  }
  co_await w.sleep(50ms);
  EXPECT_EQ(rig.server->in_flight(), 0U);
  EXPECT_TRUE(co_await rig.call(kEcho, ""));
  co_await rig.end();
}
TEST(Rpc, ACallCancelledBeforeItBeganLeavesNothing) {
  in_world(cancelled_at_once);
}

Task<void> partition(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(rig.call(kSlow, "500", 2s), &codes));
  co_await w.sleep(100ms);
  w.net.partition("c", "s");
  co_await group.join();
  EXPECT_EQ(codes, std::vector{Errc::kDeadlineExceeded});
  EXPECT_EQ(code_of(co_await rig.call(kEcho, "", 3s)), Errc::kUnavailable)
      << "the silent connection was given up";
  w.net.heal_all();
  EXPECT_TRUE(co_await rig.call(kEcho, "back", 20s));
  EXPECT_EQ(w.net.connections(), 2U);
  co_await rig.end();
}
TEST(Rpc, APartitionMidCallEndsAtTheDeadlineAndHeals) {
  in_world(partition);
}

Task<void> silent(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  // Slow is not silent: its connection answers pings.
  EXPECT_TRUE(co_await rig.call(kSlow, "8000", 20s));
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  const MonoTime begin = w.context.now();
  group.spawn(store_code(rig.call(kSlow, "20000", 30s), &codes));
  co_await w.sleep(100ms);
  w.net.partition("c", "s");
  co_await group.join();
  EXPECT_EQ(codes, std::vector{Errc::kUnavailable});
  EXPECT_GT(w.context.now() - begin, 2s);
  EXPECT_LT(w.context.now() - begin, 5s);
  w.net.heal_all();
  EXPECT_TRUE(co_await rig.call(kEcho, "back", 20s));
  EXPECT_EQ(w.net.connections(), 2U);
  co_await rig.end();
}
TEST(Rpc, ACallToASilentServerEndsLongBeforeItsDeadline) {
  in_world(silent);
}

Task<void> broken(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 3; ++i) group.spawn(store_code(rig.call(kSlow, "1000"), &codes));
  co_await w.sleep(300ms);
  w.net.reset("c", "s");
  co_await group.join();
  EXPECT_EQ(codes, (std::vector{Errc::kUnavailable, Errc::kUnavailable, Errc::kUnavailable}));
  EXPECT_TRUE(co_await rig.call(kEcho, "again"));
  EXPECT_EQ(w.net.connections(), 2U);
  EXPECT_EQ(rig.service.cancelled, 3) << "nobody waits for them";
  co_await rig.end();
}
TEST(Rpc, ABrokenConnectionFailsItsCallsAndIsMadeAgain) {
  in_world(broken);
}

Task<void> nobody_there(World& w) {
  Rig rig(w);
  w.net.crash_host("s");
  const MonoTime start = w.context.now();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(code_of(co_await rig.call(kEcho, "")), Errc::kUnavailable);
  }
  EXPECT_GT(w.context.now() - start, 100ms) << "it backs off";
  EXPECT_LT(w.context.now() - start, 1s);
  co_await rig.server->stop(w.context.now());
  RpcServer second(w.on("s"), {.identity = Rig::identity()});
  rig.service.add_to(second);
  EXPECT_TRUE(second.start("s:7000"));
  EXPECT_TRUE(co_await rig.call(kEcho, "found"));
  co_await second.stop(w.context.now());
  co_await rig.end();
}
TEST(Rpc, AMissingServerIsUnavailableAndTriedWithBackoff) {
  in_world(nobody_there);
}

Task<void> wrong_secret(World& w) {
  Rig stranger(w, {}, {.identity = {.cluster_id = "cluster", .secret = "fedcba9876543210"}});
  EXPECT_EQ(code_of(co_await stranger.call(kEcho, "")), Errc::kUnauthenticated);
  EXPECT_EQ(stranger.service.calls, 0);
  co_await stranger.end();
}
TEST(Rpc, AWrongSecretIsRefused) {
  in_world(wrong_secret, 3);
}

Task<void> other_cluster(World& w) {
  Rig stranger(w, {}, {.identity = {.cluster_id = "other", .secret = kSecret}});
  EXPECT_EQ(code_of(co_await stranger.call(kEcho, "")), Errc::kPermissionDenied);
  EXPECT_EQ(stranger.service.calls, 0);
  co_await stranger.end();
}
TEST(Rpc, AnotherClusterIsRefused) {
  in_world(other_cluster, 3);
}

Task<void> in_flight_limit(World& w) {
  Rig rig(w, {.identity = Rig::identity(), .in_flight_limit = 4});
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 10; ++i) group.spawn(store_code(rig.call(kSlow, "500"), &codes));
  co_await group.join();
  EXPECT_EQ(std::ranges::count(codes, Errc{}), 4);
  EXPECT_EQ(std::ranges::count(codes, Errc::kResourceExhausted), 6);
  EXPECT_TRUE(co_await rig.call(kEcho, "room again"));
  co_await rig.end();
}
TEST(Rpc, CallsPastTheLimitAreRefusedAtOnce) {
  in_world(in_flight_limit);
}

/// Requests and answers of all connections are of one budget.
Task<void> memory_limit(World& w) {
  MemoryBudget memory(1000);
  Rig rig(w, {.identity = Rig::identity(), .memory = &memory});
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 4; ++i) {
    group.spawn(store_code(rig.call(kSlow, std::string(297, '0') + "500"), &codes));
  }
  co_await group.join();
  // Of three requests the first that ends finds no room for its answer, the others do.
  EXPECT_EQ(std::ranges::count(codes, Errc{}), 2);
  EXPECT_EQ(std::ranges::count(codes, Errc::kResourceExhausted), 2);
  EXPECT_EQ(code_of(co_await rig.call(kBig, "997")), Errc::kResourceExhausted);
  EXPECT_TRUE(co_await rig.call(kBig, "900"));
  EXPECT_EQ(memory.out_bytes(), 0U);
  co_await rig.end();
}
TEST(Rpc, CallsHoldNoMoreMemoryThanTheBudget) {
  in_world(memory_limit);
}

Task<void> client_limit(World& w) {
  Rig rig(w, {}, {.identity = Rig::identity(), .in_flight_limit = 2});
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 3; ++i) group.spawn(store_code(rig.call(kSlow, "500"), &codes));
  co_await group.join();
  EXPECT_EQ(std::ranges::count(codes, Errc::kResourceExhausted), 1);
  EXPECT_EQ(code_of(co_await rig.call(kEcho, std::string((1 << 20) + 1, 'x'))),
            Errc::kInvalidArgument);
  EXPECT_TRUE(co_await rig.call(kEcho, std::string(1 << 20, 'x')));
  EXPECT_EQ(code_of(co_await rig.call(kBig, std::to_string(65 << 20))), Errc::kInternal)
      << "an answer that fits no frame";
  co_await rig.end();
}
TEST(Rpc, TheClientsOwnLimitsHold) {
  in_world(client_limit, 3);
}

Task<void> coalesces(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  const std::uint64_t before = w.net.writes();
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 200; ++i) group.spawn(store_code(rig.call(kEcho, "x"), &codes));
  co_await group.join();
  EXPECT_EQ(std::ranges::count(codes, Errc{}), 200);
  EXPECT_LT(w.net.writes() - before, 100U) << "of 400 frames";
  co_await rig.end();
}
TEST(Rpc, FramesThatGatherLeaveInOneWrite) {
  in_world(coalesces);
}

/// Sends bytes to the server without any handshake and returns what comes back until the end.
Task<std::string> shout(World& w, std::string bytes) {
  auto stream = co_await w.net.host("x").connect("s:7000", w.in(5s));
  if (!stream) co_return "no connection";
  const ByteSpan piece = as_bytes(bytes);
  static_cast<void>(co_await (*stream)->write(std::span(&piece, 1)));
  std::string got, buffer(4096, '\0');
  while (true) {
    const auto count = co_await (*stream)->read_some(std::as_writable_bytes(std::span(buffer)));
    if (!count || *count == 0) co_return got;
    got.append(buffer, 0, *count);
  }
}

Task<void> intruders(World& w) {
  Rig rig(w);
  FrameHeader request;
  request.request_id = 1;
  request.method = kEcho;
  request.deadline_micros = 1'000'000;
  std::string early;
  encode_header(request, early);
  FrameHeader large = request;
  large.message_bytes = 1 << 20;
  std::string huge;
  encode_header(large, huge);
  for (const auto& bytes :
       {early, huge, std::string("GET / HTTP/1.1\r\n\r\n") + std::string(99, 'x')}) {
    const MonoTime start = w.context.now();
    const std::string got = co_await shout(w, bytes);
    EXPECT_LT(w.context.now() - start, 1s);
    EXPECT_TRUE(decode_header(as_bytes(got), {}));
  }
  const MonoTime start = w.context.now();
  EXPECT_EQ(co_await shout(w, early.substr(0, 10)), "") << "silence is not waited for";
  EXPECT_LT(w.context.now() - start, 6s);
  EXPECT_EQ(rig.service.calls, 0);
  EXPECT_EQ(rig.server->connections(), 0U);
  co_await rig.end();
}
TEST(Rpc, WhoDoesNotShakeHandsIsThrownOut) {
  in_world(intruders, 3);
}

Task<void> drains(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(rig.call(kSlow, "1000"), &codes));
  group.spawn(store_code(rig.call(kSlow, "100000", 200s), &codes));
  co_await w.sleep(500ms);
  const MonoTime start = w.context.now();
  co_await rig.server->stop(w.in(3s));
  EXPECT_LE(w.context.now() - start, 3100ms);
  co_await group.join();
  EXPECT_EQ(codes, (std::vector{Errc{}, Errc::kUnavailable}));
  co_await rig.end();
}
TEST(Rpc, StopGivesCallsTheirGraceAndCutsTheRest) {
  in_world(drains);
}

Task<void> one_caller(Rig& rig, Rng rng, int* good, int* bad) {
  World& w = rig.world;
  for (int i = 0; i < 60; ++i) {
    const std::string text = std::to_string(rng.next());
    RpcMessage request{.message = text, .attachment = std::string(rng.below(200'000), 'q')};
    const std::size_t size = request.attachment.size();
    const auto span = std::chrono::milliseconds(5 + rng.below(2000));
    const auto answer = co_await rig.client->call(kEcho, std::move(request), w.in(span));
    if (answer) {
      EXPECT_EQ(answer->message, text) << "answers are never swapped";
      EXPECT_EQ(answer->attachment.size(), size);
    }
    ++*(answer ? good : bad);
    co_await w.sleep(std::chrono::milliseconds(rng.below(100)));
  }
}

Task<void> storm(World& w) {
  w.net.set_options({.max_latency = 20ms, .reset_per_million = 5000});
  Rig rig(w);
  TaskGroup callers(w.context.executor());
  int good = 0, bad = 0;
  for (int i = 0; i < 8; ++i) callers.spawn(one_caller(rig, Rng(w.rng.next()), &good, &bad));
  for (int i = 0; i < 10; ++i) {
    co_await w.sleep(300ms);
    if (i % 3 == 0) w.net.partition("c", "s");
    if (i % 3 == 1) w.net.heal_all();
    if (i % 3 == 2) w.net.reset("c", "s");
  }
  w.net.heal_all();
  co_await callers.join();
  EXPECT_EQ(good + bad, 480);
  EXPECT_GT(good, 100);
  EXPECT_TRUE(co_await rig.call(kEcho, "still there", 20s));
  co_await rig.end();
}
TEST(Rpc, InAStormEveryCallEndsAndNoAnswerIsSwapped) {
  in_world(storm, 30);
}

std::uint64_t hash_of(std::uint64_t seed) {
  World world(seed);
  world.context.run(storm(world));
  return world.context.trace_hash();
}
TEST(Rpc, AStormIsTheSameTwice) {
  EXPECT_EQ(hash_of(5), hash_of(5));
  EXPECT_NE(hash_of(5), hash_of(6));
}

}  // namespace
}  // namespace kelp::test
