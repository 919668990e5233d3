// Who gets into the internal network when it is a closed circle (src/net/tls_network.h), over TCP.
#include "net/tls_network.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <sstream>

#include "async/task_group.h"
#include "base/log.h"
#include "tests/support/members.h"
#include "tests/support/run_coro.h"

namespace kelp {
namespace {

using namespace std::chrono_literals;
using test::Circle;

MonoTime soon() {
  return SystemClock().mono() + 10s;
}

/// One end: a network with its own certificate and its own metrics.
struct End {
  explicit End(TlsContext context, std::string peer_name = {}, std::unique_ptr<Network> inner = {})
      : network(inner ? std::move(inner) : make_tcp_network(), std::move(context),
                std::move(peer_name), clock, metrics) {}
  double refused(const std::string& reason) {
    return metrics.counter("kelp_rpc_tls_refused_total", "", {{"reason", reason}}).Value();
  }
  SystemClock clock;
  Metrics metrics;
  TlsNetwork network;
};

/// What both ends of one attempt saw.
struct Meeting {
  Result<std::string> client = Error(Errc::kInternal, "not tried");
  Result<std::string> server = Error(Errc::kInternal, "not tried");
  [[nodiscard]] bool good() const {
    return client && *client == "answer" && server && *server == "question";
  }
};

/// Why that end gave up, with the code's name before it; "accepted" when it did not.
std::string why(const Result<std::string>& end) {
  return end ? "accepted" : end.error().message();
}

Task<Result<void>> say(Stream& stream, std::string text) {
  const ByteSpan piece = as_bytes(text);
  co_return co_await stream.write(std::span(&piece, 1));
}

Task<Result<std::string>> hear(Stream& stream, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const auto rest = std::as_writable_bytes(std::span(text)).subspan(have);
    KELP_CO_TRY(const std::size_t got, co_await stream.read_some(rest));
    if (got == 0) co_return Error(Errc::kUnavailable, "the end");
    have += got;
  }
  co_return text;
}

Task<void> serve_one(Listener& listener, Result<std::string>& heard,
                     std::unique_ptr<Stream>* keep = nullptr) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  heard = co_await hear(**stream, 8);
  if (heard) heard = co_await say(**stream, "answer") ? *heard : std::string("unsaid");
  if (keep != nullptr) *keep = *std::move(stream);
}

Task<Meeting> meet(Network& server, Network& client, std::string host) {
  const Executor executor = co_await asio::this_coro::executor;
  Meeting met;
  auto listener = server.listen(executor, "127.0.0.1:0");
  EXPECT_TRUE(listener);
  TaskGroup group(executor);
  group.spawn(serve_one(**listener, met.server));
  const std::string address = host + ":" + std::to_string((*listener)->port());
  auto stream = co_await client.connect(address, soon());
  EXPECT_TRUE(stream);
  const auto said = co_await say(**stream, "question");
  if (said) met.client = co_await hear(**stream, 6);
  if (!said) met.client = said.error();
  (*stream)->close();
  co_await group.join();
  co_return met;
}

Meeting meeting(Network& server, Network& client, std::string host = "127.0.0.1") {
  return test::run_coro(meet(server, client, std::move(host)));
}

TEST(TlsNetwork, MembersMeetByAddressAndByName) {
  const Circle circle;
  End server(circle.context());
  End client(circle.context());
  EXPECT_TRUE(meeting(server.network, client.network).good());
  EXPECT_TRUE(meeting(server.network, client.network, "localhost").good());
}

/// Who is refused, what the metrics of the one who refuses say, and what the error says.
struct Stranger {
  const char* name;
  TlsMember (*member)(const Circle& ours, const Circle& others);
  std::string reason;
};

void PrintTo(const Stranger& stranger, std::ostream* out) {
  *out << stranger.name;
}

CertificateRequest shifted(std::chrono::hours by) {
  CertificateRequest request = Circle::request("member");
  request.from += by;
  request.until += by;
  return request;
}

class Strangers : public testing::TestWithParam<Stranger> {
 protected:
  const Circle ours_{"ours"};
  const Circle others_{"others"};
};

TEST_P(Strangers, IsRefusedAsAClient) {
  End server(ours_.context());
  End client(make_member_context(GetParam().member(ours_, others_)).value());
  const Meeting met = meeting(server.network, client.network);
  EXPECT_TRUE(why(met.client).starts_with("unavailable: tls: refused_by_peer")) << why(met.client);
  EXPECT_FALSE(met.server);
  EXPECT_EQ(server.refused(GetParam().reason), 1);
  EXPECT_EQ(client.refused("refused_by_peer"), 1);
}

TEST_P(Strangers, IsRefusedAsAServer) {
  End server(make_member_context(GetParam().member(ours_, others_)).value());
  End client(ours_.context());
  const Meeting met = meeting(server.network, client.network);
  EXPECT_TRUE(why(met.client).starts_with("unavailable: tls: " + GetParam().reason))
      << why(met.client);
  EXPECT_FALSE(met.server);
  EXPECT_EQ(client.refused(GetParam().reason), 1);
}

/// It believes us, and is of nobody whom we believe.
TlsMember foreign(const Circle& ours, const Circle& others) {
  TlsMember member = others.member();
  member.authorities += ours.authority().certificate;
  return member;
}
TlsMember ended(const Circle& ours, const Circle&) {
  return ours.member(shifted(-2h));
}
TlsMember early(const Circle& ours, const Circle&) {
  return ours.member(shifted(2h));
}
INSTANTIATE_TEST_SUITE_P(All, Strangers,
                         testing::Values(Stranger{"foreign", foreign, "untrusted"},
                                         Stranger{"ended", ended, "expired"},
                                         Stranger{"early", early, "expired"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TlsNetwork, WhoShowsNothingStaysOut) {
  const Circle circle;
  End server(circle.context());
  const TlsContext nameless(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  End client(nameless);
  const Meeting met = meeting(server.network, client.network);
  EXPECT_FALSE(met.client);
  EXPECT_FALSE(met.server);
  EXPECT_EQ(server.refused("no_certificate"), 1);
  EXPECT_EQ(client.refused("refused_by_peer"), 1);
}

TEST(TlsNetwork, OlderProtocolsStayOut) {
  const Circle circle;
  End server(circle.context());
  const TlsContext older = circle.context();
  SSL_CTX_set_min_proto_version(older.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(older.get(), TLS1_2_VERSION);
  End client(older);
  EXPECT_FALSE(meeting(server.network, client.network).server);
  EXPECT_EQ(server.refused("protocol"), 1);
}

TEST(TlsNetwork, APlainClientAndAPlainServerAreToldApart) {
  const Circle circle;
  End member(circle.context());
  const auto plain = make_tcp_network();
  const Meeting in_clear = meeting(member.network, *plain);
  EXPECT_FALSE(in_clear.server);
  EXPECT_FALSE(in_clear.client && *in_clear.client == "answer");
  EXPECT_EQ(member.refused("not_tls"), 1);
  const Meeting by_tls = meeting(*plain, member.network);
  EXPECT_NE(why(by_tls.client).find("not_tls"), std::string::npos) << why(by_tls.client);
  EXPECT_EQ(member.refused("not_tls"), 2);
}

TEST(TlsNetwork, AServerMustBeTheOneThatWasAskedFor) {
  const Circle circle;
  const TlsMember elsewhere = circle.member(Circle::request("member", {"elsewhere", "127.0.0.2"}));
  End server(make_member_context(elsewhere).value());
  End client(circle.context());
  for (const char* const host : {"127.0.0.1", "localhost"}) {
    const Meeting met = meeting(server.network, client.network, host);
    EXPECT_NE(why(met.client).find("wrong_name"), std::string::npos) << why(met.client);
    EXPECT_FALSE(met.server);
  }
  EXPECT_EQ(client.refused("wrong_name"), 2);
}

TEST(TlsNetwork, OneNameForAllIsAskedOfBothSides) {
  const Circle circle;
  const auto named = [&](const char* name) {
    return make_member_context(circle.member(Circle::request("member", {name}))).value();
  };
  End ours(named("daemon.kelp"), "daemon.kelp");
  End twin(named("daemon.kelp"), "daemon.kelp");
  End other(named("printer.office"), "daemon.kelp");
  EXPECT_TRUE(meeting(ours.network, twin.network).good()) << "addresses do not matter";
  EXPECT_FALSE(meeting(ours.network, other.network).server);
  EXPECT_EQ(ours.refused("wrong_name"), 1);
  EXPECT_FALSE(meeting(other.network, ours.network).client);
  EXPECT_EQ(ours.refused("wrong_name"), 2);
}

/// Before and after a renewal under another authority; what was open stays open.
Task<void> renew(End& server, End& client, TlsContext fresh_server, TlsContext fresh_client) {
  const Executor executor = co_await asio::this_coro::executor;
  auto listener = server.network.listen(executor, "127.0.0.1:0");
  const std::string address = "127.0.0.1:" + std::to_string((*listener)->port());
  Result<std::string> heard = Error(Errc::kInternal, "");
  std::unique_ptr<Stream> old_server;
  TaskGroup group(executor);
  group.spawn(serve_one(**listener, heard, &old_server));
  auto old_client = co_await client.network.connect(address, soon());
  EXPECT_TRUE(co_await say(**old_client, "question"));
  EXPECT_TRUE(co_await hear(**old_client, 6));
  co_await group.join();

  server.network.use(std::move(fresh_server));
  TaskGroup refused(executor);
  refused.spawn(serve_one(**listener, heard));
  auto stale = co_await client.network.connect(address, soon());
  EXPECT_FALSE(co_await say(**stale, "question")) << "a listener that was there takes it too";
  (*stale)->close();
  co_await refused.join();
  EXPECT_FALSE(heard);

  client.network.use(std::move(fresh_client));
  TaskGroup again(executor);
  again.spawn(serve_one(**listener, heard));
  auto renewed = co_await client.network.connect(address, soon());
  EXPECT_TRUE(co_await say(**renewed, "question"));
  EXPECT_TRUE(co_await hear(**renewed, 6));
  co_await again.join();
  EXPECT_TRUE(heard);

  EXPECT_TRUE(co_await say(**old_client, "still here"));
  const auto still = co_await hear(*old_server, 10);
  EXPECT_TRUE(still && *still == "still here");
}

TEST(TlsNetwork, RenewedCertificatesAreTakenByBothSidesWithoutARestart) {
  const Circle before;
  const Circle after;
  End server(before.context());
  End client(before.context());
  CertificateRequest longer = Circle::request("member");
  longer.until += 24h;
  auto& gauge = server.metrics.gauge("kelp_rpc_tls_certificate_expiry_timestamp_seconds", "");
  const double first = gauge.Value();
  const TlsContext fresh = make_member_context(after.member(longer)).value();
  test::run_coro(renew(server, client, fresh, after.context()));
  EXPECT_NEAR(gauge.Value() - first, 86'400, 60);
}

/// Remembers what is written to the wire.
class Tapped final : public Network {
 public:
  explicit Tapped(std::string& wire) : wire_(wire) {}
  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, MonoTime deadline) override {
    KELP_CO_TRY(auto stream, co_await inner_->connect(std::move(address), deadline));
    std::unique_ptr<Stream> tap = std::make_unique<Tap>(std::move(stream), wire_);
    co_return tap;
  }
  Result<std::unique_ptr<Listener>> listen(Executor executor, std::string address) override {
    return inner_->listen(std::move(executor), std::move(address));
  }

 private:
  class Tap final : public Stream {
   public:
    Tap(std::unique_ptr<Stream> inner, std::string& wire) : inner_(std::move(inner)), wire_(wire) {}
    Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override {
      return inner_->read_some(buffer);
    }
    Task<Result<void>> write(std::span<const ByteSpan> pieces) override {
      for (const ByteSpan piece : pieces) wire_ += as_text(piece);
      return inner_->write(pieces);
    }
    void close() override { inner_->close(); }
    [[nodiscard]] const std::string& peer() const override { return inner_->peer(); }

   private:
    std::unique_ptr<Stream> inner_;
    std::string& wire_;
  };
  std::unique_ptr<Network> inner_ = make_tcp_network();
  std::string& wire_;
};

TEST(TlsNetwork, NothingLeavesInTheClear) {
  const Circle circle;
  std::string wire;
  End server(circle.context());
  End client(circle.context(), "", std::make_unique<Tapped>(wire));
  EXPECT_TRUE(meeting(server.network, client.network).good());
  EXPECT_GT(wire.size(), 100U);
  EXPECT_EQ(wire.find("question"), std::string::npos);
}

/// Stands still until it is told.
class StillClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return now; }
  [[nodiscard]] WallTime wall() const override { return {}; }
  MonoTime now{};
};

TEST(TlsNetwork, AStrangerWhoTriesAgainAndAgainDoesNotFillTheLog) {
  const Circle circle;
  StillClock clock;
  Metrics metrics;
  TlsNetwork server(make_tcp_network(), circle.context(), "", clock, metrics);
  const auto stranger = make_tcp_network();
  std::ostringstream log;
  auto& sinks = logger("net").sinks();
  sinks.push_back(std::make_shared<spdlog::sinks::ostream_sink_st>(log));
  const auto lines = [&log] { return std::ranges::count(log.str(), '\n'); };
  for (int i = 0; i < 5; ++i) meeting(server, *stranger);
  EXPECT_EQ(lines(), 1) << log.str();
  clock.now += 10s;
  meeting(server, *stranger);
  EXPECT_EQ(lines(), 2);
  EXPECT_NE(log.str().find("reason=not_tls times=5 "), std::string::npos) << log.str();
  sinks.pop_back();
}

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 + (i >> 11));
  return text;
}

Task<void> say_pieces(Stream& stream, std::string text) {
  std::vector<ByteSpan> pieces;
  const ByteSpan all = as_bytes(text);
  for (std::size_t at = 0, length = 1; at < all.size();
       at += length, length = length * 3 % 70'001) {
    pieces.push_back(all.subspan(at, std::min(length, all.size() - at)));
    pieces.push_back({});
  }
  EXPECT_TRUE(co_await stream.write(pieces));
}

Task<void> hear_all(Stream& stream, std::string text) {
  const auto heard = co_await hear(stream, text.size());
  EXPECT_TRUE(heard && *heard == text);
}

Task<void> both_ways(Network& server, Network& client) {
  const Executor executor = co_await asio::this_coro::executor;
  auto listener = server.listen(executor, "127.0.0.1:0");
  Result<std::string> heard = Error(Errc::kInternal, "");
  std::unique_ptr<Stream> far;
  TaskGroup group(executor);
  group.spawn(serve_one(**listener, heard, &far));
  auto near = co_await client.connect("127.0.0.1:" + std::to_string((*listener)->port()), soon());
  EXPECT_TRUE(co_await say(**near, "question"));
  EXPECT_TRUE(co_await hear(**near, 6));
  co_await group.join();
  TaskGroup all(executor);
  all.spawn(say_pieces(**near, pattern(5 << 20)));
  all.spawn(say_pieces(*far, pattern(7 << 20)));
  all.spawn(hear_all(**near, pattern(7 << 20)));
  all.spawn(hear_all(*far, pattern(5 << 20)));
  co_await all.join();
}

TEST(TlsNetwork, CarriesPiecesOfAnySizeBothWaysAtOnce) {
  const Circle circle;
  End server(circle.context());
  End client(circle.context());
  test::run_coro(both_ways(server.network, client.network));
}

TEST(TlsMember, SaysWhichPartCannotBeUsed) {
  const Circle circle;
  const auto refused = [](TlsMember member) {
    const auto made = make_member_context(member);
    return made ? std::string("taken") : made.error().detail().substr(0, 4);
  };
  TlsMember member = circle.member();
  EXPECT_EQ(refused(member), "taken");
  TlsMember broken = member;
  broken.certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(refused(broken), "cert");
  broken = member;
  broken.key = circle.member().key;
  EXPECT_EQ(refused(broken), "key:");
  broken = member;
  broken.authorities = "";
  EXPECT_EQ(refused(broken), "ca: ");
}

}  // namespace
}  // namespace kelp
