// What an RpcServer counts: every way in which a call can end, once each.
#include "async/task_group.h"
#include "base/metrics.h"
#include "tests/sim/rpc_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

/// A server that counts.
struct CountedRig {
  explicit CountedRig(World& w, RpcServerOptions options = {})
      : rig(w, counted(std::move(options))) {}
  RpcServerOptions counted(RpcServerOptions options) {
    options.metrics = &metrics;
    return options;
  }
  [[nodiscard]] double requests(const std::string& method, const std::string& code) {
    return metrics.counter("kelp_rpc_requests_total", "", {{"method", method}, {"code", code}})
        .Value();
  }
  [[nodiscard]] prometheus::ClientMetric::Histogram seconds(const std::string& method) {
    return metrics.histogram("kelp_rpc_request_duration_seconds", "", {}, {{"method", method}})
        .Collect()
        .histogram;
  }
  [[nodiscard]] double running() { return metrics.gauge("kelp_rpc_running_requests", "").Value(); }

  Metrics metrics;
  Rig rig;
};

Task<void> answers(World& w) {
  CountedRig c(w);
  EXPECT_TRUE(co_await c.rig.call(kEcho, "one"));
  EXPECT_TRUE(co_await c.rig.call(kEcho, "two"));
  EXPECT_FALSE(co_await c.rig.call(kFail, ""));
  EXPECT_TRUE(co_await c.rig.call(kSlow, "300"));
  EXPECT_FALSE(co_await c.rig.call(kBig, std::to_string(65 << 20)));
  EXPECT_EQ(c.requests("echo", "ok"), 2);
  EXPECT_EQ(c.seconds("echo").sample_count, 2U);
  EXPECT_EQ(c.requests("fail", "not_found"), 1);
  EXPECT_EQ(c.requests("big", "internal"), 1) << "an answer that fits no frame";
  EXPECT_EQ(c.seconds("slow").sample_count, 1U);
  EXPECT_NEAR(c.seconds("slow").sample_sum, 0.3, 1e-6);
  EXPECT_EQ(c.running(), 0);
  co_await c.rig.end();
}
TEST(RpcProbe, CountsAnswersByMethodAndCodeAndTimesThem) {
  in_world(answers, 3);
}

Task<void> uncalled(World& w) {
  CountedRig c(w);
  EXPECT_TRUE(co_await c.rig.call(kEcho, ""));
  EXPECT_FALSE(co_await c.rig.call(99, ""));
  EXPECT_FALSE(co_await c.rig.call(98, ""));
  EXPECT_EQ(c.requests("unknown", "unimplemented"), 2);
  const std::string text = c.metrics.text();
  EXPECT_TRUE(text.contains("method=\"echo\""));
  EXPECT_FALSE(text.contains("method=\"slow\"") || text.contains("99")) << text;
  co_await c.rig.end();
}
TEST(RpcProbe, HasNoSeriesOfWhatNobodyCalledAndOneOfAllUnknownMethods) {
  in_world(uncalled, 1);
}

Task<void> cut_short(World& w) {
  CountedRig c(w);
  EXPECT_TRUE(co_await c.rig.call(kEcho, "connect first"));
  EXPECT_FALSE(co_await c.rig.call(kSlow, "60000", 100ms));
  co_await w.sleep(50ms);
  // The client may give up first: then it is a call that was cancelled at its deadline.
  EXPECT_EQ(c.requests("slow", "deadline_exceeded") + c.requests("slow", "cancelled"), 1);
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  const double before = c.requests("slow", "cancelled");
  group.spawn(store_code(c.rig.call(kSlow, "60000", 100s), &codes));
  co_await w.sleep(20ms);
  EXPECT_EQ(c.running(), 1);
  group.cancel();
  co_await group.join();
  co_await w.sleep(20ms);
  EXPECT_EQ(c.requests("slow", "cancelled"), before + 1);
  EXPECT_EQ(c.requests("slow", "ok"), 0);
  EXPECT_EQ(c.seconds("slow").sample_count, 2U);
  EXPECT_EQ(c.running(), 0);
  co_await c.rig.end();
}
TEST(RpcProbe, CountsACallThatIsCutShortOnce) {
  in_world(cut_short);
}

/// Only the server's own clock can end it: the client is out of reach.
Task<void> deadline_at_server(World& w) {
  CountedRig c(w);
  EXPECT_TRUE(co_await c.rig.call(kEcho, "connect first"));
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(c.rig.call(kSlow, "60000", 100ms), &codes));
  co_await w.sleep(10ms);
  w.net.cut("c", "s");
  co_await w.sleep(1s);
  EXPECT_EQ(c.requests("slow", "deadline_exceeded"), 1);
  EXPECT_EQ(c.requests("slow", "cancelled"), 0);
  EXPECT_EQ(c.seconds("slow").sample_count, 1U);
  EXPECT_NEAR(c.seconds("slow").sample_sum, 0.1, 0.01);
  w.net.heal_all();
  co_await group.join();
  co_await c.rig.end();
}
TEST(RpcProbe, ADeadlineThatPassesHereIsCountedAsOne) {
  in_world(deadline_at_server);
}

Task<void> refusals(World& w) {
  CountedRig c(w, {.identity = Rig::identity(), .in_flight_limit = 4});
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 10; ++i) group.spawn(store_code(c.rig.call(kSlow, "500"), &codes));
  co_await group.join();
  EXPECT_EQ(c.requests("slow", "ok"), 4);
  EXPECT_EQ(c.requests("slow", "resource_exhausted"), 6);
  EXPECT_EQ(c.seconds("slow").sample_count, 4U) << "those that were turned away took no time";
  co_await c.rig.end();
}
TEST(RpcProbe, CountsRefusalsWithoutTheirTime) {
  in_world(refusals, 3);
}

Task<void> torn(World& w) {
  CountedRig c(w);
  EXPECT_TRUE(co_await c.rig.call(kEcho, "connect first"));
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 3; ++i) group.spawn(store_code(c.rig.call(kSlow, "60000", 100s), &codes));
  co_await w.sleep(20ms);
  EXPECT_EQ(c.running(), 3);
  w.net.reset("c", "s");
  co_await group.join();
  co_await w.sleep(1s);
  EXPECT_EQ(c.running(), 0);
  EXPECT_EQ(c.requests("slow", "cancelled"), 3);
  co_await c.rig.end();
}
TEST(RpcProbe, CallsOfAConnectionThatBreaksAreCancelled) {
  in_world(torn);
}

}  // namespace
}  // namespace kelp::test
