#include "catalog/catalog.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "base/log.h"
#include "catalog/core/token.h"
#include "catalog/visit.h"
#include "s3gw/client_address.h"
#include "s3gw/core/header_text.h"
#include "s3gw/gateway.h"
#include "s3gw/request_id.h"
#include "s3gw/request_record.h"

namespace kelp::catalog {
namespace {

constexpr std::array<Handler, kActionCount> kHandlers{
    get_config,       get_token,      list_namespaces,   create_namespace, load_namespace,
    namespace_exists, drop_namespace, update_properties, list_tables,      create_table,
    register_table,   load_table,     table_exists,      commit_table,     drop_table,
    rename_table,     report_metrics};

spdlog::logger& log() {
  static spdlog::logger& room = logger("catalog");
  return room;
}

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

/// Whether a request is the catalog's: below its path, and not of a bucket that the Host names.
bool is_ours(const HttpRequest& http, const s3::GatewayOptions& options) {
  if (!http.target.starts_with(kBasePath)) return false;
  const std::string_view host = s3::find_header(http.headers, "host").value_or("");
  return !s3::bucket_of_host(host, options.domains) &&
         !s3::bucket_of_host(host, options.website_domains);
}

Failure too_many() {
  return {503, "ServiceUnavailableException", "too many requests: try again soon"};
}

/// From the request's head to its answer.
Task<Outcome<Reply>> run(Visit& visit, MonoTime started) {
  const std::string_view path = path_of(visit.http.target);
  KELP_CATALOG_CO_TRY(visit.place, parse_place(visit.http.method, path));
  visit.action = visit.place.action;
  const std::string_view rest = visit.http.target.substr(path.size());
  KELP_CATALOG_CO_TRY(visit.query,
                      s3::Query::parse(rest.substr(std::min<std::size_t>(1, rest.size()))));
  s3::RequestLimits& limits = visit.services.limits;
  std::optional<s3::RequestLimits::Permit> of_key;
  const bool known_first = *visit.action != Action::kGetToken && !signs_body(visit);
  if (known_first) {
    KELP_CATALOG_CO_CHECK(co_await authenticate(visit));
  }
  KELP_CATALOG_CO_CHECK(co_await read_body(visit));
  if (*visit.action != Action::kGetToken) {
    if (!known_first) {
      KELP_CATALOG_CO_CHECK(co_await authenticate(visit));
    }
    of_key = limits.enter_key(visit.auth.credential->access_key, started);
    if (!of_key) co_return std::unexpected(too_many());
  }
  const auto of_bucket = limits.enter_bucket(visit.place.warehouse.bucket, started);
  if (!of_bucket) co_return std::unexpected(too_many());
  co_return co_await kHandlers[static_cast<std::size_t>(*visit.action)](visit);
}

/// Our own failures, once.
void log_failure(const Visit& visit, const Failure& failure) {
  if (failure.status < 500 || failure.status == 501) return;
  log().warn("request_failed request_id={} action={} status={} detail={}", visit.id,
             visit.action ? name_of(*visit.action) : "Unknown", failure.status,
             log_value(failure.detail.empty() ? failure.message : failure.detail));
}

Task<void> send(ResponseWriter& response, const Visit& visit, Reply reply) {
  HttpResponse head(reply.status);
  head.add("Server", "Kelp");
  head.add("x-amz-request-id", visit.id);
  head.add("Cache-Control", "no-store");
  if (reply.status == 503) head.add("Retry-After", std::uint64_t{1});
  if (reply.status == 401) head.add("WWW-Authenticate", "Bearer realm=\"Kelp\"");
  if (reply.status == 204) {
    (void)co_await response.send(std::move(head), {});
    co_return;
  }
  head.add("Content-Type", "application/json");
  if (visit.http.method == "HEAD") {
    (void)co_await response.send_head(std::move(head), reply.json.size());
  } else {
    (void)co_await response.send(std::move(head), std::move(reply.json));
  }
}

}  // namespace

/// What lives as long as the handler.
struct Catalog::Inside {
  Inside(s3::Services& shared, std::string_view cluster_secret)
      : services(shared),
        key(token_key(cluster_secret)),
        seconds(shared.deps.metrics.histogram(
            "kelp_catalog_request_duration_seconds",
            "From a request's head to the end of its answer.",
            {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10})) {}

  /// Counters are looked up once, at an action's first answer of a kind.
  prometheus::Counter& counter(std::optional<Action> action, int status) {
    const std::size_t row = action ? static_cast<std::size_t>(*action) : kActionCount;
    const std::size_t column = static_cast<std::size_t>(std::clamp(status / 100, 2, 5)) - 2;
    std::atomic<prometheus::Counter*>& slot = requests[row][column];
    prometheus::Counter* found = slot.load(std::memory_order_acquire);
    if (found == nullptr) {
      const std::string_view name = action ? name_of(*action) : "Unknown";
      found = &services.deps.metrics.counter(
          "kelp_catalog_requests_total", "Requests of the Iceberg catalog answered.",
          {{"operation", std::string(name)}, {"status", std::to_string(column + 2) + "xx"}});
      slot.store(found, std::memory_order_release);
    }
    return *found;
  }

  void account(const Visit& visit, s3::RequestRecord record, MonoTime started) {
    record.service = "iceberg";
    record.took = services.deps.clock.mono() - started;
    record.began = services.deps.clock.wall() - record.took;
    record.request_id = visit.id;
    record.remote_address = visit.http.remote_address;
    record.secure = visit.http.secure;
    record.method = visit.http.method;
    record.user_agent = s3::find_header(visit.http.headers, "user-agent").value_or("");
    if (visit.action) record.operation = name_of(*visit.action);
    record.bucket = visit.place.warehouse.bucket;
    if (visit.auth.credential != nullptr) name_caller(*visit.auth.credential, record);
    record.bytes_in = visit.text.size();
    seconds.Observe(std::chrono::duration<double>(record.took).count());
    counter(visit.action, record.status).Increment();
    if (services.options.audit != nullptr) services.options.audit->take(record);
    if (services.options.trace != nullptr) services.options.trace->take(record);
    log().debug("request action={} path={} status={} request_id={}", record.operation,
                log_value(path_of(visit.http.target)), record.status, visit.id);
  }

  s3::Services& services;
  const Sha256 key;
  prometheus::Histogram& seconds;
  std::array<std::array<std::atomic<prometheus::Counter*>, 4>, kActionCount + 1> requests{};
};

Catalog::Catalog(s3::Gateway& gateway, std::string cluster_secret)
    : gateway_(gateway), inside_(std::make_unique<Inside>(gateway.services(), cluster_secret)) {}

Catalog::~Catalog() = default;

Task<void> Catalog::handle(HttpExchange exchange) {
  if (!is_ours(exchange.request, inside_->services.options)) return gateway_.handle(exchange);
  return answer(exchange);
}

Task<void> Catalog::answer(HttpExchange exchange) {
  s3::Services& services = inside_->services;
  const HttpRequest http = s3::behind_proxies(exchange.request, services.options.trusted_proxies);
  const MonoTime started = services.deps.clock.mono();
  const std::array<char, 16> id = s3::next_request_id();
  Visit visit{.services = services,
              .token_key = inside_->key,
              .http = http,
              .body = exchange.body,
              .id = std::string(id.begin(), id.end())};
  Outcome<Reply> outcome = std::unexpected(too_many());
  const auto permit = services.limits.enter_gateway(started);
  if (permit) outcome = co_await run(visit, started);
  s3::RequestRecord record;
  Reply reply;
  std::string code;
  if (outcome) {
    reply = *std::move(outcome);
  } else {
    log_failure(visit, outcome.error());
    reply = {.status = outcome.error().status, .json = error_json(outcome.error())};
    code = outcome.error().type;
  }
  record.status = reply.status;
  record.error_code = code;
  record.bytes_out = reply.json.size();
  co_await send(exchange.response, visit, std::move(reply));
  inside_->account(visit, record, started);
}

std::pair<std::string, std::string> Catalog::refusal(int status, const Error& error) {
  return gateway_.refusal(status, error);
}

}  // namespace kelp::catalog
