// The simulation is worth something only if a seed gives the same run each time.
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_network.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

/// Two hosts that play ping-pong and write down what they saw, a link that comes and goes, and a
/// power cut at the end.
struct World {
  explicit World(std::uint64_t seed)
      : context(seed), net(context), disk({.seed = context.rng().next()}) {}
  SimContext context;
  SimTimers timers{context};
  SimNetwork net;
  SimWorkPool pool{context};
  SimDisk disk;
};

Task<Result<void>> write_down(World& w, File& file, std::uint64_t at, std::string text) {
  std::move_only_function<Result<void>()> work = [&file, at,
                                                  t = std::move(text)]() -> Result<void> {
    const ByteSpan piece = as_bytes(t);
    KELP_CHECK(file.write_at(at, std::span(&piece, 1)));
    return at % 3 == 0 ? file.sync() : Result<void>();
  };
  co_return co_await offload<void>(w.pool, std::move(work));
}

Task<void> pong(World& w, std::unique_ptr<Listener> listener) {
  auto stream = co_await listener->accept();
  if (!stream) co_return;
  std::string buffer(64, '\0');
  while (true) {
    const auto got = co_await (*stream)->read_some(std::as_writable_bytes(std::span(buffer)));
    if (!got || *got == 0) co_return;
    w.context.note("pong", *got);
    const ByteSpan piece = as_bytes(std::string_view(buffer).substr(0, *got));
    if (!co_await (*stream)->write(std::span(&piece, 1))) co_return;
  }
}

Task<void> ping(World& w, std::string address, std::string path) {
  auto file = w.disk.open(path, OpenMode::kCreate);
  auto stream = co_await w.net.host("a").connect(address, w.context.now() + 60s);
  EXPECT_TRUE(file && stream);
  if (!file || !stream) co_return;
  std::string buffer(64, '\0');
  for (std::uint64_t round = 0; round < 40; ++round) {
    const ByteSpan piece = as_bytes("ping");
    EXPECT_TRUE(co_await (*stream)->write(std::span(&piece, 1)));
    const auto got = co_await (*stream)->read_some(std::as_writable_bytes(std::span(buffer)));
    EXPECT_TRUE(got);
    EXPECT_TRUE(co_await write_down(w, **file, round * 300, std::string(300, 'r')));
    EXPECT_TRUE(co_await w.timers.sleep_until(w.context.now() + 5ms));
  }
}

Task<void> weather(World& w) {
  while (true) {
    w.net.partition("a", "b");
    if (!co_await w.timers.sleep_until(w.context.now() + 30ms)) co_return;
    w.net.heal_all();
    if (!co_await w.timers.sleep_until(w.context.now() + 70ms)) co_return;
  }
}

Task<void> play(World& w) {
  TaskGroup players(w.context.executor());
  TaskGroup background(w.context.executor());
  EXPECT_TRUE(w.disk.make_dirs("/d"));
  background.spawn(weather(w));
  for (int i = 0; i < 4; ++i) {
    auto listener = w.net.host("b").listen(w.context.executor(), "b:0");
    const std::string address = "b:" + std::to_string((*listener)->port());
    background.spawn(pong(w, *std::move(listener)));
    players.spawn(ping(w, address, "/d/" + std::to_string(i)));
  }
  co_await players.join();
  background.cancel();
  co_await background.join();
}

std::pair<std::uint64_t, std::uint64_t> hashes_of(std::uint64_t seed) {
  World world(seed);
  world.context.run(play(world));
  world.disk.crash(world.context.rng());
  return {world.context.trace_hash(), world.disk.trace_hash()};
}

TEST(Determinism, SameSeedSameRunOtherSeedOtherRun) {
  const auto first = hashes_of(1);
  EXPECT_EQ(hashes_of(1), first);
  const auto other = hashes_of(2);
  EXPECT_NE(other.first, first.first);
  EXPECT_NE(other.second, first.second);
  for (std::uint64_t seed = 3; seed < 23; ++seed) EXPECT_EQ(hashes_of(seed), hashes_of(seed));
}

}  // namespace
}  // namespace kelp::test
