#pragma once

#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>

#include "crypto/random.h"
#include "os/system_clock.h"
#include "tests/support/rpc_rig.h"
#include "tests/support/run_coro.h"
#include "tests/support/sim_network.h"

namespace kelp::test {

/// What a scenario calls, and the fakes that answer it.
struct Clients {
  MasterClient& master;
  MasterControl& control;
  VolumeClient& volumes;
  VolumeAdmin& admin;
  VolumeReplicas& replicas;
  FilerClient& filer;
  Fakes& fakes;
  const Clock& clock;
};
using Scenario = Task<void> (*)(Clients);

inline Task<void> through(RpcRig& rig, Fakes& fakes, const Clock& clock, std::string address,
                          Scenario scenario) {
  co_await rig.start(std::move(address));
  const Clients clients{*rig.master, *rig.master, *rig.volume, *rig.volume,
                        *rig.volume, *rig.filer,  fakes,       clock};
  co_await scenario(clients);
  co_await rig.end();
}

inline Task<void> over_tcp(Scenario scenario) {
  const SystemClock clock;
  const auto timers = make_asio_timers();
  const auto network = make_tcp_network();
  const Executor here = co_await asio::this_coro::executor;
  const RpcWorld world{here, *network, clock, *timers, random_bytes};
  Fakes fakes;
  RpcRig rig(world, world, {here}, fakes);
  co_await through(rig, fakes, clock, "127.0.0.1:0", scenario);
}

inline void simulated(std::uint64_t seed, Scenario scenario) {
  SimContext context(seed);
  const SimClock clock(context);
  SimTimers timers(context);
  SimNetwork net(context);
  Rng rng(context.rng().next());
  const auto random = [&rng](MutableByteSpan out) {
    for (auto& byte : out) byte = static_cast<std::byte>(rng.below(256));
  };
  const RpcWorld served{context.executor(), net.host("s"), clock, timers, random};
  const RpcWorld called{context.executor(), net.host("c"), clock, timers, random};
  Fakes fakes;
  RpcRig rig(served, called, {context.executor()}, fakes);
  context.run(through(rig, fakes, clock, "s:7000", scenario));
  EXPECT_EQ(fakes.volume.uploads, 0);
}

inline void everywhere(Scenario scenario) {
  {
    SCOPED_TRACE("in process");
    const SystemClock clock;
    Fakes fakes;
    const Clients clients{fakes.master,   fakes.master, fakes.volume, fakes.volume,
                          fakes.replicas, fakes.filer,  fakes,        clock};
    run_coro(scenario(clients));
    EXPECT_EQ(fakes.volume.uploads, 0);
  }
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("simulated");
    simulated(seed, scenario);
  }
  SCOPED_TRACE("over TCP");
  run_coro(over_tcp(scenario));
}

/// The request arrived whole, the answer is the one that the service gave.
template <typename Answer, typename Request>
Task<void> answers(Script& script, Request request, Task<Result<Answer>> call) {
  const auto answer = co_await std::move(call);
  EXPECT_EQ(script.last(), encode_message(request));
  EXPECT_TRUE(answer);
  if (!answer) co_return;
  EXPECT_EQ(encode_message(*answer), encode_message(RandomMessage(Script::kSeed).make<Answer>()));
}
template <typename Request>
Task<void> answers(Script& script, Request request, Task<Result<void>> call) {
  EXPECT_TRUE(co_await std::move(call));
  EXPECT_EQ(script.last(), encode_message(request));
}
template <typename Answer, typename Request, typename Value>
Task<void> answers(Script& script, Request request, Task<Result<Value>> call,
                   Value Answer::* member) {
  const auto answer = co_await std::move(call);
  EXPECT_EQ(script.last(), encode_message(request));
  EXPECT_TRUE(answer);
  if (!answer) co_return;
  Answer whole = RandomMessage(Script::kSeed).make<Answer>();
  const std::string expected = encode_message(whole);
  whole.*member = *answer;
  EXPECT_EQ(encode_message(whole), expected);
}

/// The Error comes as the service gave it.
template <typename T>
Task<void> fails(Task<Result<T>> call) {
  const auto answer = co_await std::move(call);
  EXPECT_FALSE(answer);
  if (answer) co_return;
  EXPECT_EQ(answer.error().code(), Errc::kPrecondition);
  EXPECT_EQ(answer.error().reason(), Reason::kConditionFailed);
  EXPECT_EQ(answer.error().detail(), "why \xff not");
}
inline std::optional<Error> scripted_error() {
  return Error(Errc::kPrecondition, "why \xff not", Reason::kConditionFailed);
}

}  // namespace kelp::test
