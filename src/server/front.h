#pragma once

#include <memory>
#include <string>

#include "async/runtime.h"
#include "base/metrics.h"
#include "net/http_server.h"
#include "server/certificate_watch.h"
#include "server/config.h"
#include "server/server.h"

namespace kelp::server {

/// The HTTP listeners of a process: S3 and files, with and without TLS, the masters', the volume
/// servers', and the admin port.
class HttpFront {
 public:
  /// All must outlive this.
  HttpFront(Runtime& runtime, const Config& config, Metrics& metrics);

  /// Listens for S3 where the configuration says so, and notes the addresses that were taken.
  /// `handler` must outlive this. Errors: those of serve_http().
  Result<void> listen_s3(HttpHandler& handler, Addresses& addresses);
  /// The same for files over HTTP and WebDAV; none when it is not configured.
  Result<void> listen_files(HttpHandler& handler, Addresses& addresses);
  /// The same for the admin port; none when it is not configured.
  Result<void> listen_admin(HttpHandler& handler, Addresses& addresses);
  /// The same for the masters' HTTP.
  Result<void> listen_master(HttpHandler& handler, Addresses& addresses);
  /// Needles by file id at `listen`; fills in where. Whoever has it drains it.
  Result<std::unique_ptr<HttpServer>> listen_volume(const std::string& listen, HttpHandler& handler,
                                                    std::string& bound);
  /// Re-reads certificates and keys; a pair that does not fit is logged and the old ones stay.
  void reload_tls();
  /// A watch that calls reload_tls(); this must outlive it.
  [[nodiscard]] std::unique_ptr<CertificateWatch> watch_tls(CertificateWatchSeams seams);
  /// Serves on for the configured delay, each answer being its connection's last; then takes no
  /// more connections and lets requests end within the configured grace. Blocks; not from an io
  /// thread.
  void drain();

 private:
  Result<std::unique_ptr<HttpServer>> listen_at(const std::string& address, HttpHandler& handler,
                                                bool tls, std::string metrics_name,
                                                std::string& bound);
  Task<void> drain_all();
  Task<void> retire();
  Task<void> drain_one(HttpServer& server);

  Runtime& runtime_;
  const Config& config_;
  Metrics& metrics_;
  std::unique_ptr<HttpServer> s3_;
  std::unique_ptr<HttpServer> s3_tls_;
  std::unique_ptr<HttpServer> files_;
  std::unique_ptr<HttpServer> files_tls_;
  std::unique_ptr<HttpServer> master_;
  std::unique_ptr<HttpServer> admin_;
};

}  // namespace kelp::server
