#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace kelp::s3 {
struct Services;
}

namespace kelp::webdav {

/// What an operator decides.
struct WebDavOptions {
  /// What `replication=` may ask for: master.spread, as three digits.
  std::string replication = "000";
};

/// Files over HTTP (docs/operations/filer-http.md): buckets as directories for browsers, scripts
/// and WebDAV clients (RFC 4918, class 2). HTTP Basic with an access key and its secret, or nobody;
/// who may do what, how much of it, and who is told is as for S3. Stateless but for the locks,
/// which are this process's. Thread-safe; each call runs on its connection's io thread.
class WebDav final : public HttpHandler {
 public:
  /// `services` are a gateway's and must outlive this: accounts, policies, limits, filer, volumes,
  /// memory budget.
  WebDav(s3::Services& services, WebDavOptions options);
  ~WebDav() override;

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  struct Inside;

  Task<void> answer(HttpExchange exchange);

  std::unique_ptr<Inside> inside_;
};

}  // namespace kelp::webdav
