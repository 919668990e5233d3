// A server that stops in good order leaves no call with an unknown outcome.
#include <map>

#include "async/task_group.h"
#include "rpc/frame_io.h"
#include "rpc/handshake.h"
#include "tests/sim/rpc_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

/// How a call ended.
struct Outcome {
  Errc code{};
  RpcCallTrace trace;
  MonoTime at{};
};

Task<void> call_and_note(Rig& rig, std::uint32_t method, std::string message,
                         std::chrono::nanoseconds span, std::vector<Outcome>* outcomes) {
  Outcome outcome;
  RpcMessage request{.message = std::move(message)};
  const auto answer =
      co_await rig.client->call(method, std::move(request), rig.world.in(span), &outcome.trace);
  outcome.code = code_of(answer);
  outcome.at = rig.world.context.now();
  outcomes->push_back(outcome);
}

Task<void> stop_and_note(Rig& rig, std::chrono::nanoseconds grace, MonoTime* when) {
  co_await rig.server->stop(rig.world.in(grace));
  *when = rig.world.context.now();
}

void expect_not_done(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, Errc::kUnavailable);
  EXPECT_TRUE(outcome.trace.leaving);
  EXPECT_FALSE(outcome.trace.sent);
}

Task<void> unread(World& w) {
  Rig rig(w, {.identity = Rig::identity(), .in_flight_bytes_limit = 1});
  TaskGroup group(w.context.executor());
  std::vector<Outcome> begun, waiting;
  group.spawn(call_and_note(rig, kSlow, "1000", 5s, &begun));
  co_await w.sleep(100ms);
  for (int i = 0; i < 5; ++i) group.spawn(call_and_note(rig, kEcho, "unread", 5s, &waiting));
  co_await w.sleep(100ms);
  const MonoTime start = w.context.now();
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await group.join();
  EXPECT_EQ(begun.size(), 1U);
  EXPECT_EQ(begun.front().code, Errc{}) << "what was begun is answered";
  EXPECT_EQ(waiting.size(), 5U);
  for (const Outcome& outcome : waiting) {
    expect_not_done(outcome);
    EXPECT_LE(outcome.at - start, 20ms) << "told at once, not when the server is gone";
  }
  EXPECT_EQ(rig.service.calls, 1);
  EXPECT_LE(stopped - start, 900ms) << "nobody waits for the end of the grace";
  co_await rig.end();
}
TEST(RpcFarewell, RequestsThatWereNotBegunAreToldSoAtOnce) {
  in_world(unread);
}

Task<void> busy_writer(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  w.net.cut("s", "c");
  TaskGroup group(w.context.executor());
  std::vector<Outcome> outcomes;
  group.spawn(call_and_note(rig, kBig, std::to_string(8 << 20), 20s, &outcomes));
  co_await w.sleep(100ms);
  EXPECT_EQ(rig.server->in_flight(), 0U) << "answered, as far as the handler knows";
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 10s, &stopped));
  co_await w.sleep(1500ms);
  w.net.heal_all();
  co_await group.join();
  EXPECT_EQ(outcomes.front().code, Errc{});
  co_await rig.end();
}
TEST(RpcFarewell, AnswersLeaveBeforeTheConnectionIsClosed) {
  in_world(busy_writer, 5);
}

Task<void> idle(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  const MonoTime start = w.context.now();
  co_await rig.server->stop(w.in(30s));
  EXPECT_LE(w.context.now() - start, 50ms) << "a client that waits for nothing closes at once";
  co_await rig.end();
}
TEST(RpcFarewell, AnIdleConnectionHoldsNobodyUp) {
  in_world(idle);
}

Task<void> silent_client(World& w) {
  Rig rig(w);
  EXPECT_TRUE(co_await rig.call(kEcho, "connect first"));
  w.net.partition("c", "s");
  const MonoTime start = w.context.now();
  co_await rig.server->stop(w.in(30s));
  EXPECT_LE(w.context.now() - start, 1200ms);
  w.net.heal_all();
  co_await rig.end();
}
TEST(RpcFarewell, AClientThatDoesNotCloseIsNotWaitedForLong) {
  in_world(silent_client, 5);
}

Task<void> successor(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  std::vector<Outcome> slow, quick;
  group.spawn(call_and_note(rig, kSlow, "2000", 5s, &slow));
  co_await w.sleep(100ms);
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await w.sleep(100ms);
  group.spawn(call_and_note(rig, kEcho, "nobody listens", 5s, &quick));
  co_await w.sleep(100ms);
  EXPECT_EQ(quick.size(), 1U);
  expect_not_done(quick.front());
  RpcServer second(w.on("s"), {.identity = Rig::identity()});
  rig.service.add_to(second);
  EXPECT_TRUE(second.start("s:7000"));
  EXPECT_TRUE(co_await rig.call(kEcho, "found"));
  EXPECT_TRUE(slow.empty()) << "the old connection still waits for its answer";
  EXPECT_EQ(w.net.connections(), 2U);
  co_await group.join();
  EXPECT_EQ(slow.front().code, Errc{});
  co_await second.stop(w.context.now());
  co_await rig.end();
}
TEST(RpcFarewell, NewCallsGoToTheSuccessorWhileOldOnesAreAnswered) {
  in_world(successor);
}

Task<void> given_up(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  TaskGroup cancelled(w.context.executor());
  std::vector<Outcome> patient, impatient, fickle;
  group.spawn(call_and_note(rig, kSlow, "1000", 20s, &patient));
  group.spawn(call_and_note(rig, kSlow, "10000", 500ms, &impatient));
  cancelled.spawn(call_and_note(rig, kSlow, "10000", 20s, &fickle));
  co_await w.sleep(100ms);
  const MonoTime start = w.context.now();
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await w.sleep(100ms);
  cancelled.cancel();
  co_await cancelled.join();
  co_await group.join();
  EXPECT_EQ(patient.front().code, Errc{});
  EXPECT_EQ(impatient.front().code, Errc::kDeadlineExceeded);
  EXPECT_EQ(fickle.front().code, Errc::kCancelled);
  EXPECT_EQ(rig.service.cancelled, 2) << "the server heard of both";
  EXPECT_LE(stopped - start, 1s);
  co_await rig.end();
}
TEST(RpcFarewell, CallsCanStillBeGivenUp) {
  in_world(given_up);
}

Task<void> last_one_cancelled(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  TaskGroup cancelled(w.context.executor());
  std::vector<Outcome> fickle;
  cancelled.spawn(call_and_note(rig, kSlow, "10000", 20s, &fickle));
  co_await w.sleep(100ms);
  const MonoTime start = w.context.now();
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await w.sleep(100ms);
  cancelled.cancel();
  co_await cancelled.join();
  co_await group.join();
  EXPECT_LE(stopped - start, 200ms) << "with its last call the connection ends";
  EXPECT_EQ(rig.service.cancelled, 1);
  co_await rig.end();
}
TEST(RpcFarewell, AClientThatWaitsForNothingMoreCloses) {
  in_world(last_one_cancelled);
}

Task<void> broken(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  std::vector<Outcome> outcomes;
  group.spawn(call_and_note(rig, kSlow, "2000", 5s, &outcomes));
  co_await w.sleep(100ms);
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await w.sleep(100ms);
  w.net.reset("c", "s");
  co_await group.join();
  EXPECT_EQ(outcomes.front().code, Errc::kUnavailable);
  EXPECT_TRUE(outcomes.front().trace.sent) << "it was begun: nobody knows how it ended";
  EXPECT_FALSE(outcomes.front().trace.leaving);
  co_await rig.end();
}
TEST(RpcFarewell, AConnectionThatBreaksMeanwhileLeavesTheOutcomeUnknown) {
  in_world(broken);
}

Task<void> client_stops(World& w) {
  Rig rig(w);
  TaskGroup group(w.context.executor());
  std::vector<Outcome> outcomes;
  group.spawn(call_and_note(rig, kSlow, "2000", 5s, &outcomes));
  co_await w.sleep(100ms);
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await w.sleep(std::chrono::microseconds(w.rng.below(5000)));
  co_await rig.client->stop();
  co_await group.join();
  EXPECT_EQ(outcomes.front().code, Errc::kCancelled);
  co_await rig.end();
}
TEST(RpcFarewell, TheClientMayStopMeanwhile) {
  in_world(client_stops);
}

/// One end of a connection past the handshake that says what it likes.
struct ByHand {
  explicit ByHand(std::unique_ptr<Stream> made)
      : stream(std::move(made)), reader(std::make_unique<FrameReader>(*stream, FrameLimits{})) {}
  Task<void> send(Frame frame) {
    std::string bytes;
    encode_header(frame.header, bytes);
    bytes += frame.message;
    const ByteSpan piece = as_bytes(bytes);
    EXPECT_TRUE(co_await stream->write(std::span(&piece, 1)));
  }
  Task<void> request(std::uint64_t id, std::uint32_t method, std::string message) {
    Frame frame = make_frame(FrameKind::kRequest, id, std::move(message));
    frame.header.method = method;
    frame.header.deadline_micros = 10'000'000;
    co_await send(std::move(frame));
  }
  std::unique_ptr<Stream> stream;
  std::unique_ptr<FrameReader> reader;
};

/// A client of before the farewell: it does not say that it knows one, and would break at it.
Task<ByHand> connect_old(World& w) {
  auto stream = co_await w.net.host("c").connect("s:7000", w.in(5s));
  ByHand peer(*std::move(stream));
  ClientHello hello(Rig::identity(), w.on("c").random);
  EXPECT_TRUE(co_await greet_server(*peer.stream, *peer.reader, std::move(hello)));
  co_return std::move(peer);
}

Task<void> old_client(World& w) {
  Rig rig(w);
  ByHand peer = co_await connect_old(w);
  co_await peer.request(1, kSlow, "1000");
  co_await w.sleep(100ms);
  TaskGroup group(w.context.executor());
  const MonoTime start = w.context.now();
  MonoTime stopped{};
  group.spawn(stop_and_note(rig, 30s, &stopped));
  co_await w.sleep(100ms);
  co_await peer.request(2, kEcho, "too late");
  const auto refused = co_await peer.reader->next();
  EXPECT_TRUE(refused && refused->header.kind == FrameKind::kError);
  EXPECT_EQ(refused->header.request_id, 2U);
  EXPECT_EQ(decode_error(refused->message).code(), Errc::kUnavailable);
  const auto answer = co_await peer.reader->next();
  EXPECT_TRUE(answer && answer->header.kind == FrameKind::kResponse);
  EXPECT_EQ(answer->header.request_id, 1U);
  EXPECT_FALSE(co_await peer.reader->next()) << "and then the end, without another word";
  co_await group.join();
  EXPECT_LE(stopped - start, 1s) << "it is not known to close: nobody waits for it";
  EXPECT_EQ(rig.service.calls, 1);
  peer.stream->close();
  co_await rig.end();
}
TEST(RpcFarewell, AnOlderClientIsNotSentWhatItDoesNotKnow) {
  in_world(old_client);
}

Task<ByHand> accept_by_hand(World& w, Listener& listener) {
  auto stream = co_await listener.accept();
  ByHand peer(*std::move(stream));
  ServerHello hello(Rig::identity(), w.on("s").random);
  EXPECT_TRUE(co_await greet_client(*peer.stream, *peer.reader, std::move(hello)));
  const auto first = co_await peer.reader->next();
  EXPECT_TRUE(first && first->header.kind == FrameKind::kPong) << "before any request";
  EXPECT_TRUE(knows_kind(first->message, FrameKind::kFarewell));
  co_return std::move(peer);
}

Task<void> expect_request(ByHand& peer, std::uint64_t id) {
  const auto request = co_await peer.reader->next();
  EXPECT_TRUE(request && request->header.kind == FrameKind::kRequest);
  EXPECT_TRUE(request && request->header.request_id == id) << "numbers rise";
}

Task<void> by_hand(World& w) {
  auto listener = w.net.host("s").listen(w.context.executor(), "s:7000");
  RpcClient client(w.on("c"), {.address = "s:7000", .identity = Rig::identity()});
  std::vector<Errc> codes;
  TaskGroup group(w.context.executor());
  for (int i = 0; i < 2; ++i) {
    RpcMessage request{.message = "x"};
    group.spawn(store_code(client.call(kEcho, std::move(request), w.in(5s)), &codes));
  }
  ByHand peer = co_await accept_by_hand(w, **listener);
  for (const std::uint64_t id : {1, 2}) co_await expect_request(peer, id);
  (*listener)->close();
  for (int i = 0; i < 2; ++i) co_await peer.send(make_frame(FrameKind::kFarewell, 1, ""));
  co_await w.sleep(100ms);
  EXPECT_EQ(codes, std::vector{Errc::kUnavailable});
  co_await peer.send(make_frame(FrameKind::kError, 2, encode_error(Error(Errc::kIo, "late"))));
  co_await peer.send(make_frame(FrameKind::kResponse, 1, "y"));
  EXPECT_FALSE(co_await peer.reader->next()) << "the client closes";
  co_await group.join();
  EXPECT_EQ(codes, (std::vector{Errc::kUnavailable, Errc{}}));
  peer.stream->close();
  co_await client.stop();
}
TEST(RpcFarewell, TheClientObeysToTheLetter) {
  in_world(by_hand);
}

Task<void> two_connections(World& w) {
  auto listener = w.net.host("s").listen(w.context.executor(), "s:7000");
  RpcClient client(w.on("c"), {.address = "s:7000", .identity = Rig::identity()});
  std::vector<Errc> before, after;
  TaskGroup group(w.context.executor());
  const auto call = [&](std::vector<Errc>* codes) {
    RpcMessage request{.message = "x"};
    group.spawn(store_code(client.call(kEcho, std::move(request), w.in(5s)), codes));
  };
  call(&before);
  ByHand older = co_await accept_by_hand(w, **listener);
  co_await expect_request(older, 1);
  co_await older.send(make_frame(FrameKind::kFarewell, 1, ""));
  co_await w.sleep(50ms);
  call(&after);
  ByHand newer = co_await accept_by_hand(w, **listener);
  co_await expect_request(newer, 2);
  co_await older.send(make_frame(FrameKind::kFarewell, 1, ""));
  co_await w.sleep(50ms);
  call(&after);
  co_await expect_request(newer, 3);
  older.stream->close();
  co_await w.sleep(50ms);
  EXPECT_EQ(before, std::vector{Errc::kUnavailable}) << "its outcome is unknown";
  EXPECT_TRUE(after.empty()) << "that of the others has nothing to do with it";
  for (const std::uint64_t id : {2, 3}) {
    co_await newer.send(make_frame(FrameKind::kResponse, id, "y"));
  }
  co_await group.join();
  EXPECT_EQ(after, (std::vector{Errc{}, Errc{}}));
  EXPECT_EQ(w.net.connections(), 2U);
  co_await client.stop();
  newer.stream->close();
}
TEST(RpcFarewell, TheOldConnectionAndTheNewOneEndEachForItself) {
  in_world(two_connections);
}

/// What may be done once only: counts it.
struct Ledger {
  explicit Ledger(World& w) : world(w) {}
  Task<Result<RpcMessage>> book(RpcMessage request, RpcCallInfo) {
    ++booked[request.message];
    EXPECT_TRUE(co_await world.timers.sleep_until(
        world.in(std::chrono::microseconds(world.rng.below(20'000)))));
    co_return request;
  }
  World& world;
  std::map<std::string, int> booked;
  std::map<std::string, int> told;  ///< 1: done, 0: certainly not done.
};

Task<void> book_often(Ledger& ledger, RpcClient& client, std::string name, const bool* over) {
  World& w = ledger.world;
  for (int i = 0; !*over; ++i) {
    const std::string entry = name + std::to_string(i);
    RpcMessage request{.message = entry, .attachment = std::string(w.rng.below(100'000), 'q')};
    RpcCallTrace trace;
    const auto answer = co_await client.call(kEcho, std::move(request), w.in(20s), &trace);
    EXPECT_TRUE(answer || !trace.sent) << answer.error().message();
    ledger.told[entry] = answer ? 1 : 0;
    co_await w.sleep(std::chrono::microseconds(w.rng.below(3000)));
  }
}

Task<void> rolled(World& w) {
  Ledger ledger(w);
  RpcClient client(
      w.on("c"),
      {.address = "s:7000", .identity = Rig::identity(), .backoff = {.first = 2ms, .most = 5ms}});
  TaskGroup callers(w.context.executor());
  bool over = false;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    callers.spawn(book_often(ledger, client, name, &over));
  }
  for (int i = 0; i < 12; ++i) {
    RpcServer server(w.on("s"), {.identity = Rig::identity(), .in_flight_bytes_limit = 200'000});
    server.handle(kEcho, "book", std::bind_front(&Ledger::book, &ledger));
    EXPECT_TRUE(server.start("s:7000"));
    co_await w.sleep(std::chrono::microseconds(w.rng.below(100'000)));
    co_await server.stop(w.in(30s));
  }
  over = true;
  co_await callers.join();
  co_await client.stop();
  int done = 0;
  for (const auto& [entry, times] : ledger.told) {
    EXPECT_EQ(ledger.booked[entry], times) << entry;
    done += times;
  }
  EXPECT_GT(done, 20);
  EXPECT_LT(done, static_cast<int>(ledger.told.size())) << "some came too late";
}
TEST(RpcFarewell, ARolledServerLeavesNoDoubtAboutAnyCall) {
  in_world(rolled, 60);
}

}  // namespace
}  // namespace kelp::test
