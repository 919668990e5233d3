#pragma once

#include <gtest/gtest.h>

#include "tests/support/rpc_rig.h"
#include "tests/support/sim_network.h"

namespace kelp::test {

using namespace std::chrono_literals;

/// A simulated network with the fakes that servers of a rig stand for.
struct World {
  explicit World(std::uint64_t seed) : context(seed), net(context), rng(context.rng().next()) {
    fakes.volume.timers = &timers;
    fakes.volume.clock = &clock;
  }
  RpcWorld on(const std::string& host) {
    auto random = [this](MutableByteSpan out) {
      for (auto& byte : out) byte = static_cast<std::byte>(rng.below(256));
    };
    return {context.executor(), net.host(host), clock, timers, std::move(random)};
  }
  [[nodiscard]] MonoTime in(std::chrono::nanoseconds span) const { return context.now() + span; }
  Task<void> sleep(std::chrono::nanoseconds span) {
    EXPECT_TRUE(co_await timers.sleep_until(in(span)));
  }
  RpcRig rig(RpcRigOptions options = {}, const std::string& server = "s") {
    return RpcRig(on(server), on("c"), {context.executor()}, fakes, std::move(options));
  }

  SimContext context;
  SimClock clock{context};
  SimTimers timers{context};
  SimNetwork net;
  Rng rng;
  Fakes fakes;
};

/// Runs `scenario` in worlds of `seeds` seeds.
inline void in_world(Task<void> (*scenario)(World&), std::uint64_t seeds = 10) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed);
    world.context.run(scenario(world));
    EXPECT_EQ(world.fakes.volume.uploads, 0) << "no upload is left behind";
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed << "\n" << world.context.last_events();
      return;
    }
  }
}

/// Errc{} for success.
template <typename T>
Errc code_of(const Result<T>& result) {
  return result ? Errc{} : result.error().code();
}

inline constexpr std::size_t kLarge = 2 << 20;

/// What opens an upload into volume 1.
inline OpenNeedle needle_of(std::uint64_t key, std::size_t bytes = kLarge) {
  OpenNeedle needle;
  needle.fid = {VolumeId(1), NeedleKey(key), Cookie(9)};
  needle.generation = Generation(1);
  needle.token = "good";
  needle.body_bytes = bytes;
  return needle;
}

/// Uploads a needle in four pieces.
inline Task<Errc> upload(VolumeClient& volumes, std::uint64_t key, std::size_t bytes = kLarge) {
  auto opened = co_await volumes.open(needle_of(key, bytes));
  if (!opened) co_return code_of(opened);
  const std::string piece(bytes / 4, static_cast<char>(key));
  for (int i = 0; i < 4; ++i) {
    const auto appended = co_await (*opened)->append(as_bytes(piece));
    if (!appended) co_return code_of(appended);
  }
  co_return code_of(co_await (*opened)->finish());
}

/// For the tasks of a group.
inline Task<void> store_code(Task<Errc> call, std::vector<Errc>* codes) {
  codes->push_back(co_await std::move(call));
}

}  // namespace kelp::test
