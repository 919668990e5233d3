// Master and volume servers keep the same promises in process, in a simulated world and over TCP: a
// caller cannot tell.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/runtime.h"
#include "async/task_group.h"
#include "tests/unit/client/rpc_bindings.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

Task<void> master(Clients c) {
  RandomMessage random(13);
  Script& s = c.fakes.master.script;
  const auto lease = random.make<LeaseRequest>();
  co_await answers(s, lease, c.master.lease(lease));
  co_await answers(s, ReleaseLease{VolumeId(3), 5}, c.master.release(VolumeId(3), 5));
  co_await answers(s, LocateVolume{VolumeId(3)}, c.master.locate(VolumeId(3)));
  const auto beat = random.make<Heartbeat>();
  co_await answers(s, beat, c.control.heartbeat(beat));
  const MonoTime until = c.clock.mono() + 20s;
  co_await answers(s, WatchLocations{9}, c.control.watch_locations(9, until));
  EXPECT_LE(c.fakes.master.watched_until, until + 100ms);
  EXPECT_GT(c.fakes.master.watched_until, until - 2s);
  co_await answers(s, Done{}, c.control.key_floor(), &KeyFloor::key);
  co_await answers(s, CountGateway{77}, c.control.count_gateway(77), &GatewayCount::count);
  co_await answers(s, Done{}, c.control.view());
  co_await answers(s, SetNodeIntent{"n", NodeIntent::kDraining},
                   c.control.set_node_intent("n", NodeIntent::kDraining));
  co_await answers(s, RemoveNode{"n"}, c.control.remove_node("n"));
  co_await answers(s, MoveVolume{VolumeId(1), "a", "b"},
                   c.control.move_volume(VolumeId(1), "a", "b"), &JobId::id);
  co_await answers(s, PauseJobs{true}, c.control.pause_jobs(true));
  const auto lock = random.make<AdminLockRequest>();
  co_await answers(s, lock, c.control.admin_lock(lock));
  co_await answers(s, PlanJobs{PlanKind::kMove, true}, c.control.plan_jobs(PlanKind::kMove, true),
                   &PlannedJobs::jobs);
  const EcScheme scheme{.data = 4, .parity = 2};
  const Spread spread{.other_data_centres = 0, .other_racks = 1, .other_nodes = 2};
  co_await answers(s, PackVolumeJob{VolumeId(6), scheme, spread},
                   c.control.pack_volume(VolumeId(6), scheme, spread), &JobId::id);
  co_await answers(s, SealVolume{VolumeId(6)}, c.control.seal_volume(VolumeId(6)));
  co_await answers(s, GrowVolumes{"c", 3}, c.control.grow_volumes("c", 3), &GrownVolumes::volumes);
  co_await answers(s, AddMaster{4, "a:1"}, c.control.add_master(4, "a:1"));
  co_await answers(s, RemoveMaster{4}, c.control.remove_master(4));
  co_await answers(s, TransferLeadership{7}, c.control.transfer_leadership(7));
  s.set_error(scripted_error());
  co_await fails(c.master.lease({}));
  co_await fails(c.master.release(VolumeId(3), 5));
  co_await fails(c.master.locate(VolumeId(3)));
  co_await fails(c.control.heartbeat({}));
  co_await fails(c.control.view());
}
TEST(Bindings, TheMasterAnswers) {
  everywhere(master);
}

Task<void> admin(Clients c) {
  Script& s = c.fakes.volume.script;
  const std::vector<FileId> fids{{VolumeId(1), NeedleKey(2), Cookie(3)},
                                 {VolumeId(1), NeedleKey(4), Cookie(5)}};
  co_await answers(s, RemoveNeedles{fids}, c.volumes.remove(fids));
  co_await answers(s, Done{}, c.admin.status());
  co_await answers(s, CreateVolume{VolumeId(4), Generation(1), "c"},
                   c.admin.create_volume(VolumeId(4), Generation(1), "c"));
  co_await answers(s, ListNeedles{VolumeId(4), NeedleKey(1), 9},
                   c.admin.list_needles(VolumeId(4), NeedleKey(1), 9), &NeedleList::needles);
  co_await answers(s, VerifyVolume{VolumeId(4)}, c.admin.verify_volume(VolumeId(4)),
                   &NeedleList::needles);
  s.set_error(scripted_error());
  co_await fails(c.volumes.remove({}));
  co_await fails(c.admin.status());
  co_await fails(c.admin.create_volume(VolumeId(4), Generation(1), "c"));
}
TEST(Bindings, AVolumeServersStatesAreTold) {
  everywhere(admin);
}

Task<void> replicas(Clients c) {
  Script& s = c.fakes.replicas.script;
  VolumeReplicas& r = c.replicas;
  const VolumeId volume(4);
  const Generation old(3), fresh(4);
  co_await answers(s, SetRole{volume, old, {fresh, true}}, r.set_role(volume, old, {fresh, true}));
  co_await answers(s, PullVolume{volume, fresh, "c", {"n", "a:1"}, Urgency::kMove},
                   r.pull(volume, fresh, "c", {"n", "a:1"}, Urgency::kMove));
  co_await answers(s, DigestVolume{volume, true}, r.digest(volume, true));
  co_await answers(s, RetireVolume{volume, old}, r.retire(volume, old));
  // As large as a needle can be.
  c.fakes.replicas.images = std::string(64 << 20, 'i') + "and its trailer";
  const auto images = co_await r.read_needles(volume, old, NeedleKey(5), Urgency::kLastCopy);
  EXPECT_EQ(s.last(), encode_message(ReadNeedles{volume, old, NeedleKey(5), Urgency::kLastCopy}));
  EXPECT_TRUE(images && *images == c.fakes.replicas.images);
  const auto image = co_await r.read_needle(volume, old, NeedleKey(6));
  EXPECT_EQ(s.last(), encode_message(ReadOneNeedle{volume, old, NeedleKey(6)}));
  EXPECT_TRUE(image && *image == c.fakes.replicas.images);
  const auto part = co_await r.read_part(volume, old, NeedleKey(7), 65'536, kPieceBytes);
  EXPECT_EQ(s.last(),
            encode_message(ReadNeedlePart{volume, old, NeedleKey(7), 65'536, kPieceBytes}));
  EXPECT_TRUE(part && part->frame == "frame" && part->body == std::string(kPieceBytes, 'b'));
  const EcScheme scheme{.data = 8, .parity = 4};
  const PackSource from{{.data = 4, .parity = 2}, 3, {"n", "a:1"}, scheme, {{"m", "b:1", 7}}};
  const PackVolume asked{volume,    fresh,          "c",       from.scheme, 3,
                         from.copy, Urgency::kMove, from.from, from.members};
  co_await answers(s, asked, r.pack(volume, fresh, "c", from, Urgency::kMove));
  co_await answers(s, PackedVolume{volume, fresh, Urgency::kRepair},
                   r.verify_packed(volume, fresh, Urgency::kRepair));
  co_await answers(s, PackedVolume{volume, fresh}, r.adopt_packed(volume, fresh));
  co_await answers(s, PackedVolume{volume, fresh}, r.drop_packed(volume, fresh));
  const FileId fid{volume, NeedleKey(5), Cookie(6)};
  co_await answers(s, FindPacked{fid, scheme}, r.find_packed(fid, scheme));
  const StripeSources all{from.scheme, 3, {{"n", "a:1"}}};
  co_await answers(s, RebuildVolume{volume, fresh, "c", all.scheme, 3, all.members, Urgency::kMove},
                   r.repack(volume, fresh, "c", all, Urgency::kMove));
  const auto sparse = co_await r.sparse_volumes();
  EXPECT_EQ(s.last(), encode_message(Done{}));
  const SparseVolume told{VolumeId(3), 8 << 20, 5 << 20};
  EXPECT_TRUE(sparse && *sparse == std::vector{told});
  const auto packed = co_await r.read_packed(volume, old, from, NeedleKey(5), Urgency::kMove);
  EXPECT_EQ(s.last(), encode_message(ReadPacked{volume, old, from.scheme, 3, NeedleKey(5),
                                                Urgency::kMove, from.from, from.members}));
  EXPECT_TRUE(packed && *packed == c.fakes.replicas.images);
  s.set_error(scripted_error());
  co_await fails(r.find_packed(fid, {}));
  co_await fails(r.read_part(volume, old, NeedleKey(5), 0, 1));
  co_await fails(r.set_role(volume, old, {}));
  co_await fails(r.digest(volume, false));
  co_await fails(r.read_needles(volume, old, NeedleKey(5), Urgency::kMove));
  co_await fails(r.read_needle(volume, old, NeedleKey(5)));
}
TEST(Bindings, CopiesOfAVolumeAreManaged) {
  everywhere(replicas);
}

OpenNeedle needle_of(std::uint64_t key, std::size_t bytes) {
  OpenNeedle needle;
  needle.fid = {VolumeId(1), NeedleKey(key), Cookie(static_cast<std::uint32_t>(key * 7))};
  needle.generation = Generation(1);
  needle.token = "good";
  needle.body_bytes = bytes;
  needle.object_key = "some/key";
  return needle;
}

std::string body_of(std::size_t bytes, std::uint64_t seed) {
  Rng rng(seed);
  std::string body(bytes, '\0');
  for (char& c : body) c = static_cast<char>(rng.next());
  return body;
}

Task<void> needles(Clients c) {
  std::uint64_t key = 1;
  for (const std::size_t size :
       {std::size_t{1}, kSmallNeedleBytes - 1, kSmallNeedleBytes, kSmallNeedleBytes + 1,
        kPieceBytes, kPieceBytes + 1, std::size_t{9} << 20}) {
    const OpenNeedle needle = needle_of(++key, size);
    const std::string body = body_of(size, key);
    auto upload = co_await c.volumes.open(needle);
    EXPECT_TRUE(upload);
    if (!upload) co_return;
    // Pieces as a gateway sends them, one larger than a message takes, and the rest.
    std::string_view rest = body;
    for (std::size_t piece = 1; !rest.empty(); piece *= 37) {
      const auto now = rest.substr(0, piece);
      EXPECT_TRUE(co_await (*upload)->append(as_bytes(now)));
      rest.remove_prefix(now.size());
    }
    EXPECT_TRUE(co_await (*upload)->finish());
    EXPECT_EQ(c.fakes.volume.body(needle.fid), body);
    std::string back(size, '\0');
    EXPECT_TRUE(co_await c.volumes.read(needle.fid, 0, std::as_writable_bytes(std::span(back))));
    EXPECT_EQ(back, body);
    std::string end(size / 2, '\0');
    EXPECT_TRUE(co_await c.volumes.read(needle.fid, size - end.size(),
                                        std::as_writable_bytes(std::span(end))));
    EXPECT_EQ(end, body.substr(size - end.size()));
  }
}
TEST(Bindings, NeedlesOfEverySizeGoThereAndBack) {
  everywhere(needles);
}

/// What an upload of `body` comes to, wherever it is refused.
Task<Errc> upload_code(VolumeClient& volumes, OpenNeedle needle, std::string body) {
  const auto code = [](const auto& result) { return result ? Errc{} : result.error().code(); };
  auto upload = co_await volumes.open(std::move(needle));
  if (!upload) co_return code(upload);
  const auto appended = co_await (*upload)->append(as_bytes(body));
  if (!appended) {
    EXPECT_EQ(code(co_await (*upload)->finish()), Errc::kInvalidArgument) << "it is over";
    co_return code(appended);
  }
  co_return code(co_await (*upload)->finish());
}

Task<void> refused(Clients c) {
  for (const std::size_t size : {std::size_t{100}, std::size_t{1} << 20}) {
    const std::string body(size, 'b');
    EXPECT_EQ(co_await upload_code(c.volumes, needle_of(1, size), body), Errc{});
    OpenNeedle bad = needle_of(2, size);
    bad.token = "bad";
    EXPECT_EQ(co_await upload_code(c.volumes, bad, body), Errc::kPermissionDenied);
    bad = needle_of(2, size);
    bad.generation = Generation(2);
    EXPECT_EQ(co_await upload_code(c.volumes, bad, body), Errc::kConflict);
    bad = needle_of(2, size);
    bad.fid.volume = VolumeId(2);
    EXPECT_EQ(co_await upload_code(c.volumes, bad, body), Errc::kUnavailable);
    EXPECT_EQ(co_await upload_code(c.volumes, needle_of(2, size), body + "x"),
              Errc::kInvalidArgument);
    EXPECT_EQ(co_await upload_code(c.volumes, needle_of(2, size), body.substr(1)),
              Errc::kInvalidArgument);
  }
  EXPECT_EQ(c.fakes.volume.finished, 2);
  std::string buffer(10, '\0');
  const auto into = std::as_writable_bytes(std::span(buffer));
  FileId fid = needle_of(1, 100).fid;
  EXPECT_EQ((co_await c.volumes.read(fid, (1 << 20) - 9, into)).error().code(),
            Errc::kInvalidArgument);
  fid.cookie = Cookie(1);
  EXPECT_EQ((co_await c.volumes.read(fid, 0, into)).error().code(), Errc::kNotFound);
  EXPECT_EQ((co_await c.volumes.read(fid, 0, {})).error().code(), Errc::kNotFound);
  c.fakes.volume.put(fid, "corrupt");
  EXPECT_EQ((co_await c.volumes.read(fid, 0, into)).error().code(), Errc::kCorruption);
}
TEST(Bindings, WhatAVolumeRefusesIsRefusedTheSameWay) {
  everywhere(refused);
}

Task<void> given_back(Clients c) {
  OpenNeedle bad = needle_of(2, kSmallNeedleBytes);
  bad.generation = Generation(2);
  auto upload = co_await c.volumes.open(bad);
  if (!upload) co_return;  // in process: refused before the body is there
  const std::string body = body_of(kSmallNeedleBytes, 1);
  EXPECT_TRUE(co_await (*upload)->append(as_bytes(body)));
  EXPECT_FALSE(co_await (*upload)->finish());
  EXPECT_EQ((*upload)->take_body(), body);
}
TEST(Bindings, ASmallBodyIsGivenBackWhenItsVolumeRefusesIt) {
  everywhere(given_back);
}

Task<void> work_here(RpcRig& rig, FakeVolume& fake, std::uint64_t key, int* good) {
  for (int i = 0; i < 50; ++i) {
    *good += (co_await rig.filer->get_bucket("b")).has_value();
    *good += (co_await rig.master->lease({})).has_value();
    const OpenNeedle needle = needle_of(key + i, kSmallNeedleBytes + 1);
    auto upload = co_await rig.volume->open(needle);
    if (!upload) continue;
    const std::string body(needle.body_bytes, static_cast<char>(key + i));
    const auto appended = co_await (*upload)->append(as_bytes(body));
    if (!appended || !co_await (*upload)->finish()) continue;
    *good += fake.body(needle.fid) == body;
  }
}

Task<void> work_on_both(Runtime& runtime, RpcRig& rig, FakeVolume& fake, int* good) {
  co_await rig.start("127.0.0.1:0");
  TaskGroup group(runtime.executor(0));
  for (int i = 0; i < 4; ++i) group.spawn(work_here(rig, fake, 1000 * (i + 1), &good[i]));
  for (int i = 4; i < 8; ++i) {
    co_await asio::co_spawn(runtime.executor(1), work_here(rig, fake, 1000 * (i + 1), &good[i]),
                            asio::use_awaitable);
  }
  co_await group.join();
  co_await rig.end();
}

TEST(Bindings, TwoThreadsCallAndTwoThreadsServe) {
  Runtime runtime(2);
  const SystemClock clock;
  const auto timers = make_asio_timers();
  const auto network = make_tcp_network();
  const RpcWorld world{runtime.executor(0), *network, clock, *timers, random_bytes};
  Fakes fakes;
  RpcRig rig(world, world, {runtime.executor(0), runtime.executor(1)}, fakes);
  int good[8] = {};
  runtime.run(work_on_both(runtime, rig, fakes.volume, good));
  for (const int count : good) EXPECT_EQ(count, 150);
  EXPECT_EQ(fakes.volume.uploads, 0);
  EXPECT_EQ(fakes.master.script.threads(), 2U) << "each connection has a thread of its own";
}

}  // namespace
}  // namespace kelp::test
