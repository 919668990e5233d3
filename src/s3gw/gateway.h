#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/filer_client.h"
#include "client/key_leases.h"
#include "client/volume_client.h"
#include "lifecycle/due.h"
#include "net/http.h"
#include "policy/condition_value.h"
#include "s3gw/core/credentials.h"
#include "s3gw/core/external_url.h"
#include "s3gw/key_news.h"
#include "s3gw/key_service.h"
#include "s3gw/request_limits.h"
#include "s3gw/request_record.h"
#include "s3gw/request_trace.h"

namespace kelp::s3 {

/// What an operator decides.
struct GatewayOptions {
  /// The region that signatures must name; empty: any is accepted and "us-east-1" is answered.
  std::string region;
  /// Names under which `<bucket>.<domain>` is a bucket; lower-case.
  std::vector<std::string> domains;
  /// Names under which `<bucket>.<domain>` is that bucket's website; lower-case.
  std::vector<std::string> website_domains = {};
  /// Whose X-Forwarded-For and X-Forwarded-Proto say who asks.
  std::vector<policy::AddressRange> trusted_proxies = {};
  /// Under which addresses clients reach it through such proxies as say others.
  std::vector<ExternalUrl> external_urls = {};
  /// What access keys, buckets and the whole gateway may ask for; past it 503 SlowDown.
  LimitOptions limits = {};
  /// How long lines of access logs gather.
  std::chrono::nanoseconds access_log_period = std::chrono::minutes(5);
  /// So many buckets have metrics of their own; 0: none.
  std::size_t bucket_metrics = 0;
  /// Takes a record of each request, the queries' too; null: nobody. Must outlive the gateway.
  RequestSink* audit = nullptr;
  /// Shows requests to whoever watches; null: nobody can. Must outlive the gateway.
  RequestTrace* trace = nullptr;
  /// Memory for bodies on their way, in bytes; past it requests get 503 SlowDown.
  std::size_t body_memory_bytes = 64 << 20;
  /// New buckets let the public in when a list or policy says so, and their objects belong to who
  /// writes them: S3 as it was before April 2023.
  bool classic_buckets = false;
  /// Objects for which neither request nor bucket says anything are encrypted too, with SSE-S3.
  bool encrypt_by_default = false;
  /// Customers' keys (SSE-C) are taken over connections without TLS too.
  bool sse_c_over_http = false;
  /// Requests signed with SigV2 in the Authorization header are taken.
  bool signature_v2 = false;
  /// Who answers IAM's and STS's requests at the same address, is_query() of query_request.h;
  /// null: nobody. Must outlive the gateway.
  HttpHandler* queries = nullptr;
  /// The targets that notification configurations may name.
  std::vector<std::string> notify_targets;
  /// Whether /readyz answers 200. Called on io threads. Empty: always.
  std::function<Task<bool>()> ready;
  /// As the filers' (LifecycleOptions): for what answers tell of expiration.
  lifecycle::Calendar lifecycle_calendar;
  /// Storage classes whose objects are to be restored before they are read.
  std::vector<std::string> archive_classes = {"GLACIER", "DEEP_ARCHIVE"};
  /// How long a restore takes.
  std::chrono::nanoseconds restore_time{0};
};

/// What the gateway works with; all must outlive it.
struct GatewayDeps {
  FilerClient& filer;
  VolumeClient& volumes;
  KeyLeases& leases;
  const CredentialStore& credentials;
  Clock& clock;
  Metrics& metrics;
  WorkPool& pool;              ///< For hashing and encrypting bodies.
  KeyService* keys = nullptr;  ///< For SSE-S3 and SSE-KMS; null: there are none.
  KeyNews* news = nullptr;     ///< Of `credentials`; null: no other gateway makes any.
};

struct Call;
struct Services;

/// Speaks S3: parses, authenticates, routes, runs the operation and answers, errors included. Also
/// GET, HEAD and OPTIONS of /healthz and /readyz, without authentication. Stateless between
/// requests. Thread-safe; each call runs on its connection's io thread.
class Gateway final : public HttpHandler {
 public:
  Gateway(GatewayDeps deps, GatewayOptions options);
  ~Gateway() override;

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

  /// From now on the limits are of so many gateways together, this one among them.
  void share_limits(std::uint32_t gateways);
  /// Puts access logs as they are due, until it is cancelled.
  Task<void> run_logs(Timers& timers);
  /// Puts what is left of them; no request is under way any more.
  Task<void> end_logs();

  /// What its operations work with; lives as long as the gateway. For another protocol over the
  /// same accounts, filer and memory budget.
  [[nodiscard]] Services& services() { return *services_; }

 private:
  class Probe;

  Task<void> answer(HttpExchange exchange);
  Task<void> answer_behind(HttpExchange exchange);
  void account(const Call& call, MonoTime started);

  std::unique_ptr<Services> services_;
  std::unique_ptr<Probe> probe_;
};

}  // namespace kelp::s3
