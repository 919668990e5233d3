// The rpc bindings of the client interfaces when things go wrong: broken connections, slow servers,
// restarts, strangers, corruption.
#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>

#include "base/crc.h"
#include "tests/sim/client_rpc_world.h"

namespace kelp::test {
namespace {

Task<void> restart_soon(World& w, RpcRig& rig) {
  co_await w.sleep(60ms);
  co_await rig.start("s:7000");
}

Task<void> server_restarts(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  EXPECT_TRUE(co_await rig.filer->get_bucket("b"));
  co_await rig.stop_server();
  TaskGroup group(w.context.executor());
  group.spawn(restart_soon(w, rig));
  EXPECT_TRUE(co_await rig.filer->get_bucket("b")) << "asked again until the server was back";
  co_await group.join();
  EXPECT_TRUE(co_await rig.filer->put_object({}));

  co_await rig.stop_server();
  co_await w.sleep(20ms);
  group.spawn(restart_soon(w, rig));
  EXPECT_TRUE(co_await rig.filer->put_object({})) << "it never left, so it may be sent";
  co_await group.join();

  co_await rig.stop_server();
  const int before = w.fakes.filer.script.calls();
  const Errc put = code_of(co_await rig.filer->put_object({}));
  const Errc get = code_of(co_await rig.filer->get_bucket("b"));
  for (const Errc code : {put, get}) {
    EXPECT_TRUE(code == Errc::kUnavailable || code == Errc::kDeadlineExceeded) << "not for ever";
  }
  EXPECT_EQ(w.fakes.filer.script.calls(), before);
  co_await rig.start("s:7000");
  EXPECT_TRUE(co_await rig.filer->get_bucket("b"));
  co_await rig.end();
}
TEST(RpcBindings, ARestartedServerIsFoundAgain) {
  in_world(server_restarts);
}

Task<Errc> put_code(FilerClient& filer) {
  co_return code_of(co_await filer.put_object({}));
}

Task<Errc> lease_code(MasterClient& master) {
  co_return code_of(co_await master.lease({}));
}

Task<void> once(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  EXPECT_TRUE(co_await rig.filer->get_bucket("b"));
  for (int i = 0; i < 20; ++i) {
    const int before = w.fakes.filer.script.calls();
    TaskGroup group(w.context.executor());
    std::vector<Errc> codes;
    group.spawn(store_code(put_code(*rig.filer), &codes));
    co_await w.sleep(std::chrono::microseconds(w.rng.below(4000)));
    w.net.reset("c", "s");
    co_await group.join();
    const int calls = w.fakes.filer.script.calls() - before;
    EXPECT_LE(calls, 1) << "a write that may have happened is not sent again";
    if (codes.front() == Errc{}) EXPECT_EQ(calls, 1);
    co_await w.sleep(200ms);
  }
  co_await rig.end();
}
TEST(RpcBindings, AWriteIsSentOnceWhateverBreaks) {
  in_world(once);
}

Task<void> too_slow(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  w.fakes.volume.append_takes = 10min;
  const MonoTime start = w.context.now();
  EXPECT_EQ(co_await upload(*rig.volume, 1), Errc::kDeadlineExceeded);
  EXPECT_GE(w.context.now() - start, time_of(RpcTime::kData));
  EXPECT_LT(w.context.now() - start, time_of(RpcTime::kData) + 1s);
  co_await w.sleep(1s);
  EXPECT_EQ(w.fakes.volume.uploads, 0) << "the server stopped as well";
  co_await rig.end();
}
TEST(RpcBindings, EveryCallHasADeadline) {
  in_world(too_slow, 3);
}

Task<void> stranger(World& w) {
  RpcRig rig = w.rig({.client = {.cluster_id = "cluster", .secret = "fedcba9876543210"}});
  co_await rig.start("s:7000");
  EXPECT_EQ(code_of(co_await rig.filer->get_bucket("b")), Errc::kUnauthenticated);
  EXPECT_EQ(code_of(co_await rig.master->lease({})), Errc::kUnauthenticated);
  EXPECT_EQ(code_of(co_await rig.volume->status()), Errc::kUnauthenticated);
  EXPECT_EQ(co_await upload(*rig.volume, 1), Errc::kUnauthenticated);
  EXPECT_EQ(w.fakes.filer.script.calls() + w.fakes.master.script.calls(), 0);
  co_await rig.end();
}
TEST(RpcBindings, AStrangerIsRefused) {
  in_world(stranger, 3);
}

Task<void> other_leader(World& w) {
  Fakes followers;
  followers.master.script.set_error(
      Error(Errc::kUnavailable, "another member leads", Reason::kNotLeader));
  RpcRig leader = w.rig();
  RpcRig follower(w.on("f"), w.on("c"), {w.context.executor()}, followers);
  co_await leader.start("s:7000");
  co_await follower.start("f:7000");
  RpcMasterClient master(leader.channels(), {"f:7000", "nobody:1", "s:7000"});
  EXPECT_TRUE(co_await master.release(VolumeId(1), 2)) << "nothing was done at the follower";
  EXPECT_EQ(w.fakes.master.script.calls(), 1);
  EXPECT_TRUE(co_await master.lease({}));
  EXPECT_EQ(followers.master.script.calls(), 1) << "the leader is remembered";
  RpcMasterClient nobody(leader.channels(), {"nobody:1"});
  for (int spent = 0; spent < 20; ++spent) EXPECT_FALSE(co_await nobody.locate(VolumeId(1)));
  RpcMasterClient poor(leader.channels(), {"f:7000", "s:7000"});
  EXPECT_TRUE(co_await poor.locate(VolumeId(1))) << "asking for the leader takes no budget";
  co_await leader.end();
  co_await follower.end();
}
TEST(RpcBindings, TheLeadingMasterIsFound) {
  in_world(other_leader);
}

Task<void> election(World& w) {
  Fakes followers;
  followers.master.script.set_error(Error(Errc::kUnavailable, "nobody leads", Reason::kNotLeader));
  RpcRig follower(w.on("f"), w.on("c"), {w.context.executor()}, followers);
  RpcRig next = w.rig();
  co_await follower.start("f:7000");
  RpcMasterClient master(follower.channels(), {"gone:1", "f:7000", "s:7000"});
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(lease_code(master), &codes));
  group.spawn(store_code(lease_code(master), &codes));
  co_await w.sleep(4s);
  co_await next.start("s:7000");
  co_await group.join();
  EXPECT_EQ(codes, (std::vector{Errc{}, Errc{}}));
  co_await next.end();
  co_await follower.end();
}
TEST(RpcBindings, ACallWaitsForTheNextLeaderThoughTheLastOneIsGone) {
  in_world(election);
}

Task<void> leaderless(World& w) {
  Fakes followers;
  followers.master.script.set_error(Error(Errc::kUnavailable, "nobody leads", Reason::kNotLeader));
  RpcRig follower(w.on("f"), w.on("c"), {w.context.executor()}, followers);
  co_await follower.start("f:7000");
  RpcMasterClient master(follower.channels(), {"gone:1", "f:7000", "gone:2"});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code_of(co_await master.view()), Errc::kUnavailable);
  co_await follower.end();
}
TEST(RpcBindings, ACallThatFindsNoLeaderSaysSo) {
  in_world(leaderless, 20);
}

Task<void> stop_servers(RpcRig& rig, MonoTime grace) {
  co_await rig.servers->stop(grace);
  rig.servers.reset();
}

Task<void> leaving(World& w) {
  w.net.set_options({.max_latency = 100us});
  Fakes others;
  RpcRig one = w.rig();
  RpcRig two(w.on("t"), w.on("c"), {w.context.executor()}, others);
  co_await one.start("s:7000");
  co_await two.start("t:7000");
  RpcFilerClient filer(one.channels(), {"s:7000", "t:7000"});
  EXPECT_TRUE(co_await filer.get_bucket("b"));
  RpcMasterClient nobody(one.channels(), {"nobody:1"});
  for (int spent = 0; spent < 20; ++spent) EXPECT_FALSE(co_await nobody.locate(VolumeId(1)));
  w.net.cut("c", "s");  // the puts are on their way when the filer leaves
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 50; ++i) group.spawn(store_code(put_code(filer), &codes));
  co_await w.sleep(50ms);
  const MonoTime start = w.context.now();
  group.spawn(stop_servers(one, w.in(10s)));
  co_await w.sleep(5ms);
  EXPECT_EQ(codes, std::vector<Errc>(50)) << "done by the other one at once, at no cost";
  EXPECT_EQ(others.filer.script.calls(), 50);
  co_await group.join();
  EXPECT_LE(w.context.now() - start, 1200ms);
  w.net.heal_all();
  EXPECT_EQ(w.fakes.filer.script.calls(), 1);
  co_await two.end();
  co_await one.end();
}
TEST(RpcBindings, AWriteThatALeavingServerDidNotBeginIsDoneByAnother) {
  in_world(leaving);
}

Task<void> two_filers(World& w) {
  Fakes others;
  RpcRig first = w.rig();
  RpcRig second(w.on("f"), w.on("c"), {w.context.executor()}, others);
  co_await first.start("s:7000");
  co_await second.start("f:7000");
  RpcFilerClient filer(first.channels(), {"nobody:1", "s:7000", "f:7000"});
  const auto ask = [&]() -> Task<Fakes*> {
    const int before = w.fakes.filer.script.calls();
    EXPECT_TRUE(co_await filer.put_object({}));
    co_return w.fakes.filer.script.calls() > before ? &w.fakes : &others;
  };
  EXPECT_EQ(co_await ask(), &w.fakes);
  co_await first.stop_server();
  co_await w.sleep(1s);
  EXPECT_EQ(co_await ask(), &others);
  co_await first.start("s:7000");
  EXPECT_EQ(co_await ask(), &others) << "one that just went may go again";
  co_await w.sleep(31s);
  EXPECT_EQ(co_await ask(), &w.fakes) << "who restarted gets its callers back";

  w.net.partition("c", "s");
  const MonoTime begin = w.context.now();
  EXPECT_TRUE(co_await filer.get_bucket("b"));
  EXPECT_LT(w.context.now() - begin, 3s);
  for (int turn = 0; turn < 3; ++turn) {
    co_await w.sleep(31s);
    const MonoTime asked = w.context.now();
    EXPECT_EQ(co_await ask(), &others);
    EXPECT_LT(w.context.now() - asked, 200ms) << "a look costs its caller little";
  }
  w.net.heal_all();
  co_await w.sleep(31s);
  co_await ask();  // this look finds a connection that broke, and makes another
  co_await w.sleep(31s);
  EXPECT_EQ(co_await ask(), &w.fakes);
  co_await first.end();
  co_await second.end();
}
TEST(RpcBindings, CallsGoBackToTheFilerThatCameBack) {
  in_world(two_filers);
}

Task<void> unused(World& w) {
  RpcRig rig = w.rig({.idle_time = 60s});
  co_await rig.start("s:7000");
  const Executor here = w.context.executor();
  auto opened = co_await rig.volume->open(needle_of(1));
  co_await w.sleep(200s);
  EXPECT_EQ(rig.channels().open_channels(here), 1U) << "an upload holds it";
  const std::string piece(1000, 'p');
  EXPECT_TRUE(co_await (*opened)->append(as_bytes(piece)));
  opened->reset();
  co_await w.sleep(130s);
  EXPECT_EQ(rig.channels().open_channels(here), 0U);
  EXPECT_EQ(rig.last_server->connections(), 0U);
  EXPECT_TRUE(co_await rig.filer->get_bucket("b"));
  EXPECT_EQ(w.net.connections(), 2U);
  co_await rig.end();
}
TEST(RpcBindings, AConnectionThatNobodyUsesIsClosed) {
  in_world(unused, 3);
}

Task<void> channel_limit(World& w) {
  RpcRig rig = w.rig({.channel_limit = 2});
  co_await rig.start("s:7000");
  const Executor here = w.context.executor();
  EXPECT_TRUE(co_await rig.filer->get_bucket("b"));
  {
    const auto one = rig.channels().client(here, "x:1");
    const auto two = rig.channels().client(here, "x:2");
    EXPECT_TRUE(one && two) << "the idle one made room";
    EXPECT_EQ(code_of(rig.channels().client(here, "x:3")), Errc::kResourceExhausted);
  }
  EXPECT_TRUE(co_await rig.filer->get_bucket("b"));
  EXPECT_EQ(rig.channels().open_channels(here), 2U);
  co_await rig.end();
  EXPECT_EQ(code_of(co_await rig.filer->get_bucket("b")), Errc::kCancelled);
}
TEST(RpcBindings, AThreadKeepsALimitedNumberOfConnections) {
  in_world(channel_limit, 3);
}

/// A client that says what it likes.
class Raw {
 public:
  Raw(World& w, const RpcIdentity& identity)
      : world_(w),
        client_(w.on("c"), {.address = "s:7000", .identity = identity, .limits = kDaemonAnswers}) {}
  template <typename Request>
  Task<Result<RpcMessage>> call(RpcMethod method, Request request, std::string attachment = {}) {
    RpcMessage message{encode_message(request), std::move(attachment)};
    return client_.call(std::to_underlying(method), std::move(message), world_.in(5s));
  }
  Task<void> stop() { return client_.stop(); }

 private:
  World& world_;
  RpcClient client_;
};

Task<std::uint64_t> open_raw(Raw& raw, std::size_t bytes) {
  const auto opened = co_await raw.call(RpcMethod::kVolumeOpen, needle_of(1, bytes));
  co_return decode_message<OpenedNeedle>(opened->message, "it")->upload;
}
Task<Result<RpcMessage>> append_raw(Raw& raw, const std::string& body, std::uint64_t upload,
                                    std::uint64_t at, std::uint32_t sum) {
  return raw.call(RpcMethod::kVolumeAppend, AppendNeedle{upload, at, sum}, body);
}
Task<Errc> code_of_append(Raw& raw, const std::string& body, std::uint64_t upload) {
  co_return code_of(co_await append_raw(raw, body, upload, 0, crc32c(as_bytes(body))));
}

Task<void> broken_pieces(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  Raw raw(w, RpcRigOptions{}.client);
  Raw other(w, RpcRigOptions{}.client);
  const std::string body(300'000, 'b');
  const std::uint32_t crc = crc32c(as_bytes(body));
  EXPECT_EQ(code_of(co_await raw.call(RpcMethod::kVolumeWrite,
                                      WriteNeedle{needle_of(1, body.size()), crc ^ 1}, body)),
            Errc::kCorruption);
  std::uint64_t upload = co_await open_raw(raw, body.size() * 2);
  EXPECT_EQ(code_of(co_await append_raw(raw, body, upload, 0, crc ^ 1)), Errc::kCorruption);
  upload = co_await open_raw(raw, body.size() * 2);
  EXPECT_EQ(code_of(co_await append_raw(raw, body, upload, 1, crc)), Errc::kInvalidArgument);
  EXPECT_EQ(w.fakes.volume.appended_bytes, 0U) << "nothing that was not checked is written";
  upload = co_await open_raw(raw, body.size() * 2);
  EXPECT_EQ(code_of(co_await append_raw(other, body, upload, 0, crc)), Errc::kUnavailable)
      << "an upload belongs to its connection";
  EXPECT_TRUE(co_await append_raw(raw, body, upload, 0, crc));
  EXPECT_EQ(code_of(co_await append_raw(raw, body, upload, 0, crc)), Errc::kInvalidArgument)
      << "twice";
  EXPECT_EQ(code_of(co_await raw.call(RpcMethod::kVolumeRead,
                                      ReadNeedle{needle_of(1).fid, 0, kPieceBytes + 1})),
            Errc::kInvalidArgument);
  EXPECT_EQ(code_of(co_await raw.call(RpcMethod::kFilerGetBucket, Done{})), Errc::kCorruption);
  co_await raw.stop();
  co_await other.stop();
  co_await rig.end();
}
TEST(RpcBindings, PiecesThatDoNotCheckAreNotWritten) {
  in_world(broken_pieces, 3);
}

Task<void> two_at_once(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  w.fakes.volume.append_takes = 100ms;
  Raw raw(w, RpcRigOptions{}.client);
  const std::string body = "0123456789";
  const std::uint64_t upload = co_await open_raw(raw, 2 * body.size());
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(code_of_append(raw, body, upload), &codes));
  group.spawn(store_code(code_of_append(raw, body, upload), &codes));
  co_await group.join();
  EXPECT_EQ(codes, (std::vector{Errc::kInvalidArgument, Errc{}}));
  co_await raw.stop();
  co_await rig.end();
}
TEST(RpcBindings, TwoPiecesAtOnceAreRefused) {
  in_world(two_at_once, 3);
}

Task<Result<RpcMessage>> lie(RpcMessage, RpcCallInfo) {
  co_return RpcMessage{encode_message(NeedleBytes{crc32c(as_bytes("true"))}), "lies"};
}

Task<void> broken_answer(World& w) {
  RpcServer liar(w.on("s"), daemon_server_options(RpcRigOptions{}.server));
  liar.handle(std::to_underlying(RpcMethod::kVolumeRead), "volume.read", lie);
  EXPECT_TRUE(liar.start("s:7000"));
  RpcChannels channels(w.on("c"), {w.context.executor()}, {.identity = RpcRigOptions{}.client});
  RpcVolumeNode node(channels, "s:7000");
  std::string buffer = "before";
  const auto into = std::as_writable_bytes(std::span(buffer)).first(4);
  EXPECT_EQ(code_of(co_await node.read(needle_of(1).fid, 0, into)), Errc::kCorruption);
  EXPECT_EQ(buffer, "before") << "bytes that do not check are not given on";
  EXPECT_EQ(code_of(co_await node.read(needle_of(1).fid, 0, into.first(3))), Errc::kCorruption);
  co_await channels.stop();
  co_await liar.stop(w.context.now());
}
TEST(RpcBindings, AnAnswerThatDoesNotCheckIsNotGivenOn) {
  in_world(broken_answer, 3);
}

}  // namespace
}  // namespace kelp::test
