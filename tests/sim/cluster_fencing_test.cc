// A master that stood still - SIGSTOP, a paused machine - while another one took over: what it
// answers first when it goes on.
#include "base/log.h"
#include "tests/sim/cluster_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

/// What a master answered to each kind of question that it answers from memory.
struct Answers {
  std::optional<Result<WriteLease>> lease;
  std::optional<Result<ClusterView>> view;
  std::optional<Result<NeedleKey>> floor;
  std::optional<Result<VolumeLocation>> nowhere;
  std::optional<Result<AdminLockView>> lock;
};

template <typename T>
Task<void> store(Task<Result<T>> question, std::optional<Result<T>>* answer) {
  answer->emplace(co_await std::move(question));
}

/// As if the questions had come while the master stood still.
void ask(master::MasterService& master, TaskGroup& group, Answers& answers) {
  LeaseRequest request;
  request.bytes = 1000;
  group.spawn(store(master.lease(std::move(request)), &answers.lease));
  group.spawn(store(master.view(), &answers.view));
  group.spawn(store(master.key_floor(), &answers.floor));
  group.spawn(store(master.locate(VolumeId{4711}), &answers.nowhere));
  group.spawn(store(master.admin_lock({}), &answers.lock));
}

template <typename T>
void expect_refused(const std::optional<Result<T>>& answer, const char* what) {
  ASSERT_TRUE(answer.has_value()) << what;
  ASSERT_FALSE(answer->has_value()) << what << " was answered by a master that leads no more";
  EXPECT_EQ(answer->error().reason(), Reason::kNotLeader) << what;
}

Task<MasterHost*> wait_for_leader_other_than(ClusterWorld& w, MasterHost* old) {
  const MonoTime end = w.in(60s);
  while ((w.leader() == nullptr || w.leader() == old) && w.context.now() < end) {
    co_await w.sleep(100ms);
  }
  co_return w.leader();
}

/// The master that leads, with volumes and a block of keys to lease from.
Task<MasterHost*> busy_leader(ClusterWorld& w) {
  co_await w.start_all();
  for (int i = 0; i < 100 && w.history.acks() < 3; ++i) {
    co_await w.on(w.clients[0]->machine, w.clients[0]->put(100));
  }
  EXPECT_GE(w.history.acks(), 3U);
  co_return w.leader();
}

Task<void> wakes(ClusterWorld& w) {
  MasterHost* const old = co_await busy_leader(w);
  Answers usual;
  TaskGroup before(old->machine.executor());
  ask(*old->service, before, usual);
  co_await before.join();
  EXPECT_TRUE(usual.lease.has_value() && usual.lease->has_value()) << "it can lease";

  // Its network goes as well, so that nobody tells it what happened when it goes on.
  const auto others = w.machines();
  for (Machine* const other : others) {
    if (other != &old->machine) w.net.partition(old->machine.name, other->name);
  }
  old->machine.pause();
  TaskGroup asking(old->machine.executor());
  Answers answers;
  ask(*old->service, asking, answers);
  MasterHost* const next = co_await wait_for_leader_other_than(w, old);
  EXPECT_NE(next, nullptr);
  co_await w.sleep(5s);
  old->machine.resume();
  co_await asking.join();
  expect_refused(answers.lease, "a lease");
  expect_refused(answers.view, "the view");
  expect_refused(answers.floor, "the key floor");
  expect_refused(answers.nowhere, "the place of a volume that it does not know");
  expect_refused(answers.lock, "the lock");
  co_await w.converge();
  co_await w.stop_all();
}

/// The same within the lease: it goes on as if nothing had been.
Task<void> naps(ClusterWorld& w) {
  MasterHost* const leader = co_await busy_leader(w);
  co_await w.sleep(1s);
  leader->machine.pause();
  TaskGroup asking(leader->machine.executor());
  Answers answers;
  ask(*leader->service, asking, answers);
  co_await w.sleep(w.options.tick);
  leader->machine.resume();
  co_await asking.join();
  EXPECT_TRUE(answers.lease.has_value() && answers.lease->has_value());
  EXPECT_TRUE(answers.view.has_value() && answers.view->has_value());
  EXPECT_EQ(w.leader(), leader);
  co_await w.stop_all();
}

void in_worlds(Task<void> (*story)(ClusterWorld&)) {
  spdlog::set_level(spdlog::level::off);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    ClusterWorld world(seed, {});
    world.context.run(story(world));
    for (const auto& violation : world.history.violations) ADD_FAILURE() << violation;
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed << "\n" << world.context.last_events();
      return;
    }
  }
}

TEST(ClusterFencing, AMasterThatStoodStillAnswersNothingAfterAnotherTookOver) {
  in_worlds(wakes);
}

TEST(ClusterFencing, AMasterThatStoodStillForAMomentGoesOn) {
  in_worlds(naps);
}

}  // namespace
}  // namespace kelp::test
