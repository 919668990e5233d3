#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/network.h"
#include "net/tls.h"

namespace kelp {

/// A network whose connections are TLS among the members of a closed circle (make_member_context):
/// whoever shows no certificate of the circle's authorities is refused, on both sides, with a line
/// in the log (for each reason at most one in ten seconds) and kelp_rpc_tls_refused_total.
/// A connection plays its handshake in its first read or write, of which only one may then be under
/// way; kUnavailable when it fails.
class TlsNetwork final : public Network {
 public:
  /// Of connections over `inner`. `peer_name`: what every peer's certificate must be for, on both
  /// sides; empty: a server's for the host that was asked for, a client's for anything. `clock` and
  /// `metrics` must outlive it and its connections.
  TlsNetwork(std::unique_ptr<Network> inner, TlsContext context, std::string peer_name,
             const Clock& clock, Metrics& metrics);
  ~TlsNetwork() override;

  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, MonoTime deadline) override;
  Result<std::unique_ptr<Listener>> listen(Executor executor, std::string address) override;

  /// For every connection from now on, in both directions, also of listeners that are there. Those
  /// that are open stay. Thread-safe.
  void use(TlsContext context);

 private:
  class Circle;
  class TlsStream;
  class TlsListener;

  const std::unique_ptr<Network> inner_;
  const std::shared_ptr<Circle> circle_;
};

}  // namespace kelp
