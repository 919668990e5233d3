#include "server/front.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/task_group.h"
#include "base/log.h"
#include "server/assembly.h"

namespace kelp::server {

HttpFront::HttpFront(Runtime& runtime, const Config& config, Metrics& metrics)
    : runtime_(runtime), config_(config), metrics_(metrics) {}

Result<void> HttpFront::listen_s3(HttpHandler& handler, Addresses& addresses) {
  KELP_TRY(s3_, listen_at(config_.s3.listen, handler, false, "kelp_s3_http", addresses.s3));
  if (config_.s3.tls_listen.empty()) return {};
  KELP_TRY(s3_tls_,
           listen_at(config_.s3.tls_listen, handler, true, "kelp_s3_https", addresses.s3_tls));
  return {};
}

Result<void> HttpFront::listen_files(HttpHandler& handler, Addresses& addresses) {
  const FilerConfig& filer = config_.filer;
  if (!filer.http_listen.empty()) {
    KELP_TRY(files_,
             listen_at(filer.http_listen, handler, false, "kelp_webdav_http", addresses.files));
  }
  if (!filer.https_listen.empty()) {
    KELP_TRY(files_tls_, listen_at(filer.https_listen, handler, true, "kelp_webdav_https",
                                   addresses.files_tls));
  }
  return {};
}

Result<void> HttpFront::listen_admin(HttpHandler& handler, Addresses& addresses) {
  if (config_.admin_listen.empty()) return {};
  KELP_TRY(admin_,
           listen_at(config_.admin_listen, handler, false, "kelp_admin_http", addresses.admin));
  return {};
}

Result<void> HttpFront::listen_master(HttpHandler& handler, Addresses& addresses) {
  const std::string& listen = config_.master.http_listen;
  if (listen.empty()) return {};
  KELP_TRY(master_, listen_at(listen, handler, false, "kelp_master_http", addresses.master_http));
  return {};
}

Result<std::unique_ptr<HttpServer>> HttpFront::listen_volume(const std::string& listen,
                                                             HttpHandler& handler,
                                                             std::string& bound) {
  return listen_at(listen, handler, false, "kelp_volume_http", bound);
}

Result<std::unique_ptr<HttpServer>> HttpFront::listen_at(const std::string& address,
                                                         HttpHandler& handler, bool tls,
                                                         std::string metrics_name,
                                                         std::string& bound) {
  KELP_TRY(HttpServerOptions options, http_options(config_, address));
  if (tls) {
    options.tls = {config_.s3.tls_cert, config_.s3.tls_key, config_.s3.tls_dir};
  }
  KELP_TRY(auto server,
           serve_http(runtime_, handler, metrics_, std::move(options), std::move(metrics_name)));
  bound = bound_address(address, server->port());
  return server;
}

void HttpFront::reload_tls() {
  if (s3_tls_ == nullptr && files_tls_ == nullptr) return;
  for (HttpServer* server : {s3_tls_.get(), files_tls_.get()}) {
    if (server == nullptr) continue;
    if (const auto loaded = server->reload_tls(); !loaded) {
      logger("server").error("tls_reload_failed error={}", log_value(loaded.error().message()));
      return;
    }
  }
  logger("server").info("tls_reloaded certificate={} dir={}", log_value(config_.s3.tls_cert),
                        log_value(config_.s3.tls_dir));
}

std::unique_ptr<CertificateWatch> HttpFront::watch_tls(CertificateWatchSeams seams) {
  return std::make_unique<CertificateWatch>(
      seams, std::vector{config_.s3.tls_cert, config_.s3.tls_key}, [this] { reload_tls(); },
      config_.s3.tls_dir);
}

void HttpFront::drain() {
  runtime_.run(drain_all());
}

Task<void> HttpFront::drain_all() {
  co_await retire();
  TaskGroup drains(runtime_.executor(0));
  for (HttpServer* server :
       {s3_.get(), s3_tls_.get(), files_.get(), files_tls_.get(), master_.get(), admin_.get()}) {
    if (server != nullptr) drains.spawn(drain_one(*server));
  }
  co_await drains.join();
}

/// The admin port is not asked by clients and stays what it is.
Task<void> HttpFront::retire() {
  const auto delay = milliseconds(config_.threads.drain_delay);
  if (delay.count() == 0) co_return;
  logger("server").info("retiring delay_ms={}", delay.count());
  for (HttpServer* server :
       {s3_.get(), s3_tls_.get(), files_.get(), files_tls_.get(), master_.get()}) {
    if (server != nullptr) server->retire();
  }
  asio::steady_timer timer(runtime_.executor(0), delay);
  co_await timer.async_wait(asio::use_awaitable);
}

Task<void> HttpFront::drain_one(HttpServer& server) {
  co_await server.drain(milliseconds(config_.threads.drain_grace));
}

}  // namespace kelp::server
