// Commands against a cluster that only notes what is asked of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>

#include "os/system_clock.h"
#include "server/shell/shell.h"
#include "tests/support/run_coro.h"

namespace kelp::server {
namespace {

namespace json = boost::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

NodeView node_view(std::string id, std::string address) {
  NodeView node;
  node.identity = {std::move(id), std::move(address), "dc", "r", {}};
  node.alive = true;
  node.total_bytes = 10ULL << 30;
  node.free_bytes = 5ULL << 30;
  node.volumes = 1;
  return node;
}

ClusterView two_nodes_and_a_spare() {
  ClusterView view;
  view.cluster_id = "the-cluster";
  view.term = 4;
  view.masters = {{.id = 1, .address = "m:1", .leader = true, .alive = true}};
  view.nodes = {node_view("aaa-1", "a:1"), node_view("aab-2", "b:1"), node_view("ccc-3", "c:1")};
  view.nodes[2].volumes = 0;
  VolumeView volume;
  volume.location.volume = VolumeId{7};
  volume.location.generation = Generation{2};
  volume.location.writable = true;
  volume.location.members = {{"aaa-1", "a:1"}, {"aab-2", "b:1"}};
  volume.phase = "writable";
  volume.spread = {0, 0, 1};
  volume.copies_asked = volume.copies_healthy = 2;
  volume.bytes = 3 << 20;
  view.volumes = {volume};
  return view;
}

/// Notes every change that is asked for.
class NotingMaster final : public MasterControl {
 public:
  ClusterView cluster = two_nodes_and_a_spare();
  std::vector<std::string> changes;
  std::string locked_by;

  Task<Result<ClusterView>> view() override { co_return cluster; }
  Task<Result<void>> set_node_intent(std::string id, NodeIntent intent) override {
    return done("intent " + id + " " + std::to_string(static_cast<int>(intent)));
  }
  Task<Result<void>> remove_node(std::string id) override { return done("remove " + id); }
  Task<Result<std::uint64_t>> move_volume(VolumeId volume, std::string from,
                                          std::string to) override {
    changes.push_back("move " + std::to_string(volume.value) + " " + from + " " + to);
    co_return std::uint64_t{11};
  }
  Task<Result<void>> pause_jobs(bool paused) override { return done(paused ? "pause" : "resume"); }
  Task<Result<AdminLockView>> admin_lock(AdminLockRequest request) override {
    if (request.token != 0) {
      if (!locked_by.empty() && locked_by != request.owner) {
        co_return Error(Errc::kConflict, "the cluster is locked by " + locked_by);
      }
      locked_by = request.lease.count() > 0 ? request.owner : "";
      changes.emplace_back(locked_by.empty() ? "unlock" : "lock");
    }
    AdminLockView view;
    view.owner = locked_by;
    co_return view;
  }
  Task<Result<std::vector<JobView>>> plan_jobs(PlanKind kind, bool start) override {
    if (start) changes.emplace_back(kind == PlanKind::kMove ? "balance" : "repair");
    JobView job;
    job.id = start ? 5 : 0;
    job.volume = VolumeId{7};
    job.from = kind == PlanKind::kMove ? "aaa-1" : "";
    job.to = "ccc-3";
    co_return std::vector{job};
  }
  Task<Result<void>> seal_volume(VolumeId volume) override {
    return done("seal " + std::to_string(volume.value));
  }
  Task<Result<void>> set_volume_tier(VolumeId volume, std::string tag) override {
    return done("tier " + std::to_string(volume.value) + " " + tag);
  }
  Task<Result<std::uint64_t>> pack_volume(VolumeId volume, EcScheme scheme,
                                          std::optional<Spread> spread) override {
    changes.push_back("pack " + std::to_string(volume.value) + " " +
                      (scheme ? to_string(scheme) : "copies") +
                      (spread ? " +" + std::to_string(spread->other_nodes) : ""));
    co_return std::uint64_t{12};
  }
  Task<Result<std::vector<VolumeId>>> grow_volumes(std::string, std::uint32_t count) override {
    changes.push_back("grow " + std::to_string(count));
    co_return std::vector{VolumeId{8}};
  }
  Task<Result<void>> add_master(std::uint64_t id, std::string address) override {
    return done("add " + std::to_string(id) + " " + address);
  }
  Task<Result<void>> remove_master(std::uint64_t id) override {
    return done("remove master " + std::to_string(id));
  }
  Task<Result<void>> transfer_leadership(std::optional<std::uint64_t> id) override {
    return done("transfer " + std::to_string(id.value_or(0)));
  }
  Task<Result<HeartbeatAnswer>> heartbeat(Heartbeat) override { co_return unused(); }
  Task<Result<LocationChange>> watch_locations(std::uint64_t, MonoTime) override {
    co_return unused();
  }
  Task<Result<NeedleKey>> key_floor() override { co_return unused(); }

 private:
  static Error unused() { return {Errc::kUnimplemented, "not asked for by commands"}; }
  Task<Result<void>> done(std::string what) {
    changes.push_back(std::move(what));
    co_return Result<void>();
  }
};

class NoNodes final : public VolumeNodes {
 public:
  std::shared_ptr<VolumeNode> at(const std::string&) override { return nullptr; }
};

/// A shell whose answers are kept.
struct ShellRig {
  NotingMaster master;
  NoNodes nodes;
  SystemClock clock;
  std::unique_ptr<Timers> timers = make_asio_timers();
  AdminLockHolder lock{master, clock, *timers, "me", 3};
  ShellWorld world{master, nodes, nullptr, lock, clock, *timers, "the-cluster"};
  ShellHost host{world, [](Task<void> task) { test::run_coro(std::move(task)); }};
  int connects = 0;
  std::string out;
  std::string err;

  int run(std::string_view script, bool as_json = false) {
    std::FILE* const out_file = std::tmpfile();
    std::FILE* const err_file = std::tmpfile();
    Shell shell([this] { return connect(); }, out_file, err_file, as_json);
    const int code = shell.run(script);
    out = take(out_file);
    err = take(err_file);
    return code;
  }
  /// The one JSON value that a command answers.
  json::value ask(const std::string& command) {
    EXPECT_EQ(run(command + " --json"), Shell::kGood) << out << err;
    return json::parse(out);
  }
  Result<ShellHost*> connect() {
    ++connects;
    return &host;
  }
  static std::string take(std::FILE* file) {
    std::string text(static_cast<std::size_t>(std::ftell(file)), '?');
    std::rewind(file);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
    std::fclose(file);
    return text;
  }
};

TEST(Shell, DoesNothingWithoutApplyAndTheWorkUnderTheLockWithIt) {
  const std::pair<const char*, const char*> commands[] = {
      {"volume.move 7 aaa-1 ccc", "move 7 aaa-1 ccc-3"},
      {"volume.mark 7 readonly", "seal 7"},
      {"volume.balance", "balance"},
      {"volume.fix.replication", "repair"},
      {"volume.grow 2", "grow 2"},
      {"volumeServer.evacuate a:1", "intent aaa-1 2"},
      {"volumeServer.maintain aab", "intent aab-2 3"},
      {"volumeServer.remove ccc-3", "remove ccc-3"},
      {"job.pause", "pause"},
      {"cluster.raft.add 4 m:4", "add 4 m:4"},
      {"cluster.raft.remove 1", "remove master 1"},
      {"cluster.raft.transfer", "transfer 0"},
  };
  for (const auto& [command, change] : commands) {
    ShellRig rig;
    EXPECT_EQ(rig.run(command), Shell::kGood) << command << rig.err;
    EXPECT_THAT(rig.master.changes, IsEmpty()) << command;
    EXPECT_THAT(rig.out, HasSubstr("would ")) << command;
    const json::value dry = rig.ask(command);
    EXPECT_FALSE(dry.at("applied").as_bool());
    EXPECT_FALSE(dry.at("steps").as_array().empty()) << command;
    EXPECT_THAT(rig.master.changes, IsEmpty()) << command;
    const json::value done = rig.ask(std::string(command) + " --apply");
    EXPECT_TRUE(done.at("applied").as_bool());
    EXPECT_THAT(rig.master.changes, ElementsAre("lock", change, "unlock")) << command;
  }
}

TEST(Shell, SealsAFullVolumeOfCopiesAndNoOther) {
  ShellRig rig;
  rig.master.cluster.volumes[0].phase = "sealed";
  EXPECT_EQ(rig.run("volume.seal 7 ec(4,2)"), Shell::kGood) << rig.err;
  EXPECT_THAT(rig.out, HasSubstr("into shards of ec(4,2)"));
  EXPECT_NE(rig.run("volume.seal 7 ec(1,2) --apply"), Shell::kGood);
  EXPECT_NE(rig.run("volume.seal 8 ec(4,2) --apply"), Shell::kGood);
  EXPECT_THAT(rig.master.changes, IsEmpty());
  EXPECT_EQ(rig.run("volume.seal 7 ec(4,2) --apply"), Shell::kGood) << rig.err;
  EXPECT_THAT(rig.master.changes, ElementsAre("lock", "pack 7 ec(4,2)", "unlock"));
  rig.master.cluster.volumes[0].location.scheme = {.data = 4, .parity = 2};
  EXPECT_NE(rig.run("volume.seal 7 ec(4,2)"), Shell::kGood);
  EXPECT_THAT(rig.err, HasSubstr("in shards already"));
  rig.master.cluster.volumes[0] = two_nodes_and_a_spare().volumes[0];
  EXPECT_NE(rig.run("volume.seal 7 ec(4,2)"), Shell::kGood);
  EXPECT_THAT(rig.err, HasSubstr("is writable"));
}

TEST(Shell, TurnsShardsIntoOthersOrCopiesAndNothingElse) {
  ShellRig rig;
  const std::vector<std::string> commands = {"volume.ec.change 7 ec(8,4)", "volume.ec.decode 7",
                                             "volume.ec.decode 7 -replication 002"};
  for (const std::string& command : commands) {
    EXPECT_NE(rig.run(command + " --apply"), Shell::kGood);
    EXPECT_THAT(rig.err, HasSubstr("lies in copies"));
  }
  rig.master.cluster.volumes[0].location.scheme = {.data = 4, .parity = 2};
  for (const std::string& command : commands) {
    EXPECT_NE(rig.run(command + " --apply"), Shell::kGood);
    EXPECT_THAT(rig.err, HasSubstr("is writable"));
  }
  rig.master.cluster.volumes[0].phase = "sealed";
  EXPECT_NE(rig.run("volume.ec.change 7 ec(4,2) --apply"), Shell::kGood);
  EXPECT_THAT(rig.err, HasSubstr("is ec(4,2) already"));
  EXPECT_NE(rig.run("volume.ec.change 7 ec(1,2) --apply"), Shell::kGood);
  EXPECT_NE(rig.run("volume.ec.decode 7 -replication 9 --apply"), Shell::kGood);
  EXPECT_THAT(rig.err, HasSubstr("three digits"));
  for (const std::string& command : commands) {
    EXPECT_EQ(rig.run(command), Shell::kGood) << rig.err;
    EXPECT_THAT(rig.out, HasSubstr("would turn the shards of volume 7"));
  }
  EXPECT_THAT(rig.master.changes, IsEmpty());
  for (const std::string& command : commands) {
    EXPECT_EQ(rig.run(command + " --apply"), Shell::kGood) << rig.err;
  }
  EXPECT_THAT(rig.master.changes,
              ElementsAre("lock", "pack 7 ec(8,4)", "unlock", "lock", "pack 7 copies", "unlock",
                          "lock", "pack 7 copies +2", "unlock"));
}

TEST(Shell, ChangesNothingWhileAnotherOperatorHasTheLock) {
  ShellRig rig;
  rig.master.locked_by = "bob";
  EXPECT_EQ(rig.run("lock"), Shell::kFailed);
  EXPECT_THAT(rig.err, HasSubstr("locked by bob"));
  EXPECT_EQ(rig.run("volume.list; cluster.status"), Shell::kGood);
  EXPECT_THAT(rig.out, HasSubstr("locked by bob"));
  EXPECT_THAT(rig.master.changes, IsEmpty());
}

TEST(Shell, KeepsItsOwnLockFromLockToUnlock) {
  ShellRig rig;
  EXPECT_EQ(rig.run("lock; job.pause --apply; unlock"), Shell::kGood) << rig.err;
  EXPECT_THAT(rig.master.changes, ElementsAre("lock", "lock", "pause", "unlock"));
  EXPECT_EQ(rig.run("volume.grow 1 --apply"), Shell::kGood);
  EXPECT_THAT(rig.out, HasSubstr("done: {\"volumes\":[8]}"));
}

TEST(Shell, RefusesWhatCannotBeDoneBeforeItIsApplied) {
  ShellRig rig;
  for (const char* wrong :
       {"volume.move 7 ccc-3 aaa-1", "volume.move 7 aaa-1 aab-2", "volume.move 8 aaa-1 ccc-3",
        "volume.mark 7 writable", "volumeServer.evacuate a", "volumeServer.evacuate nobody",
        "volumeServer.remove aaa-1", "cluster.raft.remove 9", "cluster.raft.add four m:4"}) {
    EXPECT_NE(rig.run(wrong), Shell::kGood) << wrong;
    EXPECT_NE(rig.run(std::string(wrong) + " --apply"), Shell::kGood) << wrong;
  }
  EXPECT_THAT(rig.master.changes, IsEmpty());
}

TEST(Shell, MovesSealedVolumesBetweenTiers) {
  ShellRig rig;
  auto& view = rig.master.cluster;
  view.nodes[0].identity.tags = {"ssd"};
  view.nodes[1].identity.tags = {"ssd", "hdd"};  // stays
  view.nodes[2].identity.tags = {"hdd"};
  VolumeView other = view.volumes[0];
  other.location.volume = VolumeId{8};
  other.collection = "STANDARD_IA";
  other.phase = "sealed";
  view.volumes.push_back(other);
  const std::string move = "volume.tier.move -fromDiskType ssd -toDiskType hdd";
  EXPECT_EQ(rig.run(move), Shell::kGood) << rig.err;
  EXPECT_THAT(rig.out, HasSubstr("keep volume 8 (3.0MiB) on hdd: 1 of its 2 members move"));
  EXPECT_THAT(rig.out, Not(HasSubstr("volume 7"))) << "it takes needles";
  EXPECT_THAT(rig.master.changes, IsEmpty());
  rig.ask(move + " --collection ONEZONE_IA --apply");
  EXPECT_THAT(rig.master.changes, Not(Contains("tier 8 hdd"))) << "it is of another one";
  rig.master.changes.clear();
  rig.ask(move + " --collection STANDARD_IA --apply");
  EXPECT_THAT(rig.master.changes, ElementsAre("lock", "tier 8 hdd", "unlock"));
  for (const char* wrong : {"volume.tier.move", "volume.tier.move -fromDiskType ssd",
                            "volume.tier.move -fromDiskType ssd -toDiskType ssd",
                            "volume.tier.move -fromDiskType ssd -toDiskType tape"}) {
    EXPECT_NE(rig.run(wrong), Shell::kGood) << wrong;
  }
}

TEST(Shell, AnswersEveryLookAsTextAndAsJson) {
  for (const char* look : {"cluster.status", "cluster.ps", "cluster.raft.ps", "volume.list",
                           "collection.list", "job.list", "help"}) {
    ShellRig rig;
    EXPECT_EQ(rig.run(look), Shell::kGood) << rig.err;
    EXPECT_FALSE(rig.out.empty());
    static_cast<void>(rig.ask(look));
    EXPECT_THAT(rig.master.changes, IsEmpty());
  }
  ShellRig rig;
  EXPECT_EQ(rig.ask("volume.list --node aaa").at("volumes").at(0).at("volume").as_int64(), 7);
  EXPECT_THAT(rig.ask("volume.list --node ccc").at("volumes").as_array(), IsEmpty());
  EXPECT_THAT(rig.ask("volume.list --collection c").at("volumes").as_array(), IsEmpty());
  EXPECT_EQ(rig.ask("collection.list").at("collections").at(0).at("bytes").as_int64(), 3 << 20);
}

TEST(Shell, StopsAScriptAtTheFirstFailureAndSaysHow) {
  ShellRig rig;
  EXPECT_EQ(rig.run("cluster.raft.ps; volume.lost; job.pause --apply"), Shell::kMisused);
  EXPECT_THAT(rig.out, HasSubstr("m:1"));
  EXPECT_THAT(rig.err, HasSubstr("volume.lost: there is no such command"));
  EXPECT_THAT(rig.master.changes, IsEmpty());
  EXPECT_EQ(rig.run("volumeServer.remove aaa-1"), Shell::kFailed);
  EXPECT_EQ(rig.run("volume.list 'x"), Shell::kMisused);
  EXPECT_EQ(rig.run("fs.ls /"), Shell::kMisused) << "there is no filer";
  EXPECT_THAT(rig.err, HasSubstr("--filers"));
  EXPECT_EQ(rig.run("volume.lost", true), Shell::kMisused);
  EXPECT_EQ(json::parse(rig.out).at("command").as_string(), "volume.lost");
  EXPECT_TRUE(rig.err.empty());
  EXPECT_EQ(rig.run("exit; volume.lost"), Shell::kGood);
}

TEST(Shell, FindsWhatIsWrongAndSaysSoInItsExitCode) {
  ShellRig rig;
  rig.master.cluster.nodes.clear();
  EXPECT_EQ(rig.run("cluster.check"), Shell::kGood) << rig.out;
  rig.master.cluster.volumes[0].copies_healthy = 1;
  rig.master.cluster.jobs_paused = true;
  EXPECT_EQ(rig.run("cluster.check; job.pause --apply"), Shell::kFailed);
  EXPECT_THAT(rig.out, HasSubstr("volume 7 1 of 2 copies are healthy"));
  EXPECT_THAT(rig.out, HasSubstr("paused"));
  EXPECT_THAT(rig.master.changes, IsEmpty()) << "the script went on behind a failed check";
}

TEST(Shell, ExplainsItselfWithoutACluster) {
  ShellRig rig;
  EXPECT_EQ(rig.run("help; help volume.move; exit"), Shell::kGood);
  EXPECT_THAT(rig.out, HasSubstr("volume.move VOLUME FROM TO [--apply] [--json]"));
  EXPECT_EQ(rig.run("help volume.lost"), Shell::kMisused);
  EXPECT_EQ(rig.connects, 0);
}

}  // namespace
}  // namespace kelp::server
