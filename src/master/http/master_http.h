#pragma once

#include <functional>
#include <string>

#include "client/master_client.h"
#include "client/master_control.h"
#include "master/http/query.h"
#include "master/master_service.h"
#include "net/http.h"

namespace kelp::master {

/// What bounds the masters' HTTP.
struct MasterHttpOptions {
  bool open = false;  ///< Who does not ask from this machine may change things as well.
  Spread spread;      ///< Of new volumes: what `replication` may name.
  std::uint64_t volume_size_limit = 8ULL << 30;
};

/// What the masters' HTTP answers with; all must outlive it.
struct MasterHttpParts {
  MasterClient& masters;   ///< Finds the leader, so that every master answers alike.
  MasterControl& control;  ///< As `masters`.
  std::function<Task<GroupView>()> group;      ///< What this master knows by itself.
  std::function<std::uint32_t()> draw_cookie;  ///< Thread-safe.
};

/// The masters' HTTP for scripts (docs/operations/master-http.md): where volumes are, who leads,
/// file ids. Answers are JSON, errors too: {"error": "…"}. Any master answers, asking the leader.
/// What Kelp does not have answers 501 and says so. Pages of other sites, in a browser that reaches
/// it, are refused. Safe from any io thread.
class MasterHttp final : public HttpHandler {
 public:
  MasterHttp(MasterHttpParts parts, MasterHttpOptions options)
      : parts_(std::move(parts)), options_(options) {}

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  struct Answer;
  struct Route;
  static const Route kRoutes[];

  Task<Answer> answer(std::string method, std::string target, std::string peer);
  Task<Result<Answer>> assign(HttpTarget target);
  Task<Result<Answer>> lookup(HttpTarget target);
  Task<Result<Answer>> dir_status(HttpTarget target);
  Task<Result<Answer>> volume_status(HttpTarget target);
  Task<Result<Answer>> grow(HttpTarget target);
  Task<Result<Answer>> cluster_status(HttpTarget target);
  Task<Result<Answer>> cluster_health(HttpTarget target);
  Task<Result<Answer>> not_built(HttpTarget target);
  [[nodiscard]] Result<void> check_placement(const HttpTarget& target) const;

  const MasterHttpParts parts_;
  const MasterHttpOptions options_;
};

}  // namespace kelp::master
