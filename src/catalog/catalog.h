#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace kelp::s3 {
class Gateway;
}

namespace kelp::catalog {

/// Apache Iceberg's REST catalog at /iceberg/v1/ (docs/operations/iceberg.md), in front of the
/// gateway, which answers everything else. What there is to know of namespaces and tables are
/// objects of their buckets, read and written with the caller's own rights. Stateless.
/// Thread-safe; each call runs on its connection's io thread.
class Catalog final : public HttpHandler {
 public:
  /// `gateway` must outlive this. `cluster_secret`: see token_key().
  Catalog(s3::Gateway& gateway, std::string cluster_secret);
  ~Catalog() override;

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  struct Inside;
  Task<void> answer(HttpExchange exchange);

  s3::Gateway& gateway_;
  std::unique_ptr<Inside> inside_;
};

}  // namespace kelp::catalog
