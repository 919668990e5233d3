#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "client/master_client.h"
#include "client/master_control.h"
#include "master/http/query.h"
#include "master/master_service.h"
#include "net/http.h"
#include "wire/fid.h"

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
  /// A token that allows to remove a needle (wire/removal_token.h). Thread-safe.
  std::function<std::string(const FileId&)> sign_removal;
  const Clock& clock;
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

  /// Where clients reach the HTTP of volume servers, by node id.
  using HttpAddresses = std::map<std::string, std::string>;
  Task<std::shared_ptr<const HttpAddresses>> addresses();
  static void name_http(const HttpAddresses& known, std::vector<VolumeMember>& members);
  Task<Answer> redirect(FileId fid, std::string target);

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
  std::mutex addresses_mutex_;
  std::shared_ptr<const HttpAddresses> addresses_ = std::make_shared<HttpAddresses>();
  std::optional<MonoTime> addresses_at_;  ///< When they were asked for.
};

}  // namespace kelp::master
