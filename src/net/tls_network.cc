#include "net/tls_network.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace kelp {
namespace {

constexpr std::size_t kCipherBytes = 64 * 1024;    // read at once
constexpr std::size_t kEncryptBytes = 128 * 1024;  // written at once
constexpr std::chrono::seconds kQuiet{10};

using Side = TlsSession::Side;

std::string_view name_of(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::kProtocol:
      return "protocol";
    case TlsFailure::kNotTls:
      return "not_tls";
    case TlsFailure::kNoCertificate:
      return "no_certificate";
    case TlsFailure::kExpired:
      return "expired";
    case TlsFailure::kUntrusted:
      return "untrusted";
    case TlsFailure::kWrongName:
      return "wrong_name";
    case TlsFailure::kRefused:
      return "refused_by_peer";
  }
  return "";
}

constexpr std::array kFailures{TlsFailure::kProtocol,      TlsFailure::kNotTls,
                               TlsFailure::kNoCertificate, TlsFailure::kExpired,
                               TlsFailure::kUntrusted,     TlsFailure::kWrongName,
                               TlsFailure::kRefused};

}  // namespace

/// What all connections share: whom they believe, and what is told of those who were refused.
class TlsNetwork::Circle {
 public:
  Circle(TlsContext context, std::string peer_name, const Clock& clock, Metrics& metrics)
      : peer_name_(std::move(peer_name)),
        clock_(clock),
        expiry_(metrics.gauge("kelp_rpc_tls_certificate_expiry_timestamp_seconds",
                              "When the daemon's own certificate ends, in seconds since 1970")) {
    for (const TlsFailure failure : kFailures) {
      refusals_.try_emplace(
          failure, metrics.counter("kelp_rpc_tls_refused_total",
                                   "Connections among daemons that failed in TLS, by reason",
                                   {{"reason", std::string(name_of(failure))}}));
    }
    use(std::move(context));
  }

  void use(TlsContext context) {
    const std::lock_guard lock(mutex_);
    context_ = std::move(context);
    expiry_.Set(static_cast<double>(certificate_expiry(context_)));
  }

  /// `host`: who a server must be, unless all have one name.
  Result<std::unique_ptr<TlsSession>> session(Side side, const std::string& host) {
    TlsContext context;
    {
      const std::lock_guard lock(mutex_);
      context = context_;
    }
    auto made = TlsSession::create(context, side, peer_name_.empty() ? host : peer_name_);
    if (made == nullptr) return Error(Errc::kResourceExhausted, "no memory for TLS");
    return made;
  }

  /// Counts and tells; the error that the caller gets.
  Error refuse(Side side, const std::string& peer, const TlsSession& session) {
    const std::string_view reason = name_of(session.failure());
    Refusals& refusals = refusals_.at(session.failure());
    refusals.total.Increment();
    {
      const std::lock_guard lock(mutex_);
      const MonoTime now = clock_.mono();
      ++refusals.untold;
      if (refusals.silent_until && now < *refusals.silent_until) return error(reason, session);
      refusals.silent_until = now + kQuiet;
      logger("net").warn("tls_refused peer={} side={} reason={} times={} why={}", peer,
                         side == Side::kServer ? "server" : "client", reason,
                         std::exchange(refusals.untold, 0), log_value(session.why()));
    }
    return error(reason, session);
  }

 private:
  struct Refusals {
    explicit Refusals(prometheus::Counter& counter) : total(counter) {}
    prometheus::Counter& total;
    std::uint64_t untold = 0;
    std::optional<MonoTime> silent_until;
  };

  static Error error(std::string_view reason, const TlsSession& session) {
    return {Errc::kUnavailable, fmt::format("tls: {}: {}", reason, session.why())};
  }

  const std::string peer_name_;
  const Clock& clock_;
  prometheus::Gauge& expiry_;
  std::mutex mutex_;
  TlsContext context_;
  std::map<TlsFailure, Refusals> refusals_;
};

class TlsNetwork::TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> inner, std::unique_ptr<TlsSession> session, Side side,
            std::shared_ptr<Circle> circle)
      : inner_(std::move(inner)),
        session_(std::move(session)),
        side_(side),
        circle_(std::move(circle)),
        cipher_(kCipherBytes) {}

  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override {
    if (buffer.empty()) co_return std::size_t{0};
    if (phase_ != Phase::kGreeted) {
      KELP_CO_CHECK(co_await greet());
    }
    while (true) {
      std::size_t bytes = 0;
      switch (session_->read(buffer, bytes)) {
        case TlsSession::Status::kOk:
          heard_ = true;
          co_return bytes;
        case TlsSession::Status::kClosed:
          co_return std::size_t{0};
        case TlsSession::Status::kFailed:
          co_return failed();
        case TlsSession::Status::kWantInput:
          break;
      }
      KELP_CO_TRY(const std::size_t got, co_await inner_->read_some(cipher_));
      if (got == 0) co_return std::size_t{0};
      session_->feed(ByteSpan(cipher_).first(got));
    }
  }

  Task<Result<void>> write(std::span<const ByteSpan> pieces) override {
    if (phase_ != Phase::kGreeted) {
      KELP_CO_CHECK(co_await greet());
    }
    SendPieces left(pieces.begin(), pieces.end());
    while (!left.empty()) {
      if (session_->encrypt_some(left, kEncryptBytes) != TlsSession::Status::kOk) {
        co_return failed();
      }
      KELP_CO_CHECK(co_await send_pending());
    }
    co_return Result<void>();
  }

  void close() override { inner_->close(); }
  [[nodiscard]] const std::string& peer() const override { return inner_->peer(); }

 private:
  enum class Phase { kNew, kGreeting, kGreeted, kBroken };

  Task<Result<void>> greet() {
    if (phase_ == Phase::kBroken) {
      co_return Error(Errc::kUnavailable, peer() + ": the handshake of tls failed");
    }
    KELP_ASSERT(phase_ == Phase::kNew, "the first read or write of a stream is alone");
    phase_ = Phase::kGreeting;
    auto outcome = co_await handshake();
    phase_ = outcome ? Phase::kGreeted : Phase::kBroken;
    co_return outcome;
  }

  Task<Result<void>> handshake() {
    while (true) {
      const TlsSession::Status status = session_->handshake();
      const auto sent = co_await send_pending();
      if (status == TlsSession::Status::kFailed) {
        co_return circle_->refuse(side_, peer(), *session_);
      }
      KELP_CO_CHECK(sent);
      if (status == TlsSession::Status::kOk) break;
      KELP_CO_TRY(const std::size_t got, co_await inner_->read_some(cipher_));
      if (got == 0) co_return Error(Errc::kUnavailable, peer() + ": closed during the handshake");
      session_->feed(ByteSpan(cipher_).first(got));
    }
    co_return Result<void>();
  }

  /// What the other side of the stream encrypts meanwhile goes with its next write.
  Task<Result<void>> send_pending() {
    session_->take_pending(sending_);
    if (sending_.empty()) co_return Result<void>();
    const ByteSpan piece(sending_);
    co_return co_await inner_->write(std::span(&piece, 1));
  }

  /// A server's verdict about our certificate comes after our handshake (RFC 8446 section 4.4).
  Error failed() {
    if (!heard_) return circle_->refuse(side_, peer(), *session_);
    return {Errc::kUnavailable, fmt::format("{}: tls: {}", peer(), session_->why())};
  }

  const std::unique_ptr<Stream> inner_;
  const std::unique_ptr<TlsSession> session_;
  const Side side_;
  const std::shared_ptr<Circle> circle_;
  std::vector<std::byte> cipher_;   ///< What came.
  std::vector<std::byte> sending_;  ///< What leaves.
  Phase phase_ = Phase::kNew;
  bool heard_ = false;  ///< The peer takes us: it sent something.
};

class TlsNetwork::TlsListener final : public Listener {
 public:
  TlsListener(std::unique_ptr<Listener> inner, std::shared_ptr<Circle> circle)
      : inner_(std::move(inner)), circle_(std::move(circle)) {}

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    KELP_CO_TRY(auto stream, co_await inner_->accept());
    co_return guarded(std::move(stream));
  }
  Task<Result<std::unique_ptr<Stream>>> accept_for(Executor executor) override {
    KELP_CO_TRY(auto stream, co_await inner_->accept_for(std::move(executor)));
    co_return guarded(std::move(stream));
  }
  [[nodiscard]] std::uint16_t port() const override { return inner_->port(); }
  void close() override { inner_->close(); }

 private:
  Result<std::unique_ptr<Stream>> guarded(std::unique_ptr<Stream> stream) {
    KELP_TRY(auto session, circle_->session(Side::kServer, ""));
    return std::make_unique<TlsStream>(std::move(stream), std::move(session), Side::kServer,
                                       circle_);
  }

  const std::unique_ptr<Listener> inner_;
  const std::shared_ptr<Circle> circle_;
};

TlsNetwork::TlsNetwork(std::unique_ptr<Network> inner, TlsContext context, std::string peer_name,
                       const Clock& clock, Metrics& metrics)
    : inner_(std::move(inner)),
      circle_(std::make_shared<Circle>(std::move(context), std::move(peer_name), clock, metrics)) {}

TlsNetwork::~TlsNetwork() = default;

Task<Result<std::unique_ptr<Stream>>> TlsNetwork::connect(std::string address, MonoTime deadline) {
  KELP_CO_TRY(const HostPort where, parse_host_port(address));
  KELP_CO_TRY(auto stream, co_await inner_->connect(std::move(address), deadline));
  KELP_CO_TRY(auto session, circle_->session(Side::kClient, where.host));
  std::unique_ptr<Stream> guarded =
      std::make_unique<TlsStream>(std::move(stream), std::move(session), Side::kClient, circle_);
  co_return guarded;
}

Result<std::unique_ptr<Listener>> TlsNetwork::listen(Executor executor, std::string address) {
  KELP_TRY(auto listener, inner_->listen(std::move(executor), std::move(address)));
  return std::make_unique<TlsListener>(std::move(listener), circle_);
}

void TlsNetwork::use(TlsContext context) {
  circle_->use(std::move(context));
}

}  // namespace kelp
