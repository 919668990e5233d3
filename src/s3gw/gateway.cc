#include "s3gw/gateway.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"
#include "s3gw/authorize.h"
#include "s3gw/call.h"
#include "s3gw/call_record.h"
#include "s3gw/client_address.h"
#include "s3gw/core/error_xml.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "s3gw/core/router.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/query_request.h"
#include "s3gw/request_id.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kIdleBuffers = 32;

spdlog::logger& log() {
  static spdlog::logger& room = logger("s3gw");
  return room;
}

/// Some answers come before anybody is asked who they are: they tell nothing.
bool is_open(Operation operation) {
  return operation == Operation::kPreflight || operation == Operation::kPostObject;
}

S3Result<void> admit(Call& call, const AuthOptions& options) {
  const AuthRequest request{.method = call.http.method,
                            .target = call.http.target,
                            .headers = call.http.headers,
                            .virtual_bucket = call.request.virtual_hosted
                                                  ? std::string_view(call.request.bucket)
                                                  : std::string_view()};
  const GatewayDeps& deps = call.services.deps;
  KELP_S3_TRY(call.auth, authenticate(request, deps.credentials, deps.clock.wall(), options));
  if (!call.auth.hoisted.empty()) {
    call.with_hoisted.assign(call.http.headers.begin(), call.http.headers.end());
    for (const auto& [name, value] : call.auth.hoisted) call.with_hoisted.push_back({name, value});
    call.headers = call.with_hoisted;
  }
  return {};
}

bool is_website(const GatewayOptions& options, const HttpRequest& http) {
  const auto& domains = options.website_domains;
  if (domains.empty()) return false;
  return bucket_of_host(find_header(http.headers, "host").value_or(""), domains).has_value();
}

/// Whether `bucket` can have the name it has; whoever makes one is told what is wrong with it.
bool can_be_there(Operation operation, std::string_view bucket) {
  return bucket.empty() || plausible_bucket_name(bucket) || operation == Operation::kCreateBucket ||
         operation == Operation::kWriteGetObjectResponse;
}

/// From the request's head to its answer, or to the error that is to be sent.
Task<S3Result<void>> run(Call& call, MonoTime started) {
  std::optional<RequestLimits::Permit> of_key;
  const std::string_view host = find_header(call.http.headers, "host").value_or("");
  if (is_website(call.services.options, call.http)) co_return co_await website(call, host);
  KELP_S3_CO_TRY(call.request,
                 parse_request(call.http.target, host, call.services.options.domains));
  const bool has_copy_source =
      call.http.method == "PUT" && call.header("x-amz-copy-source").has_value();
  KELP_S3_CO_TRY(const Operation operation, route(call.http.method, call.request, has_copy_source));
  call.operation = operation;
  if (!can_be_there(operation, call.request.bucket)) {
    co_return std::unexpected(
        S3Error{S3Code::kNoSuchBucket, {}, {{"BucketName", call.request.bucket}}});
  }
  RequestLimits& limits = call.services.limits;
  const auto of_bucket = limits.enter_bucket(call.request.bucket, started);
  if (!of_bucket) co_return s3_error(S3Code::kSlowDown);
  if (operation != Operation::kPreflight && call.header("origin")) co_await find_cors(call);
  if (!is_open(operation)) {
    const AuthOptions options{.region = call.services.options.region,
                              .header_v2 = call.services.options.signature_v2,
                              .external = call.services.options.external_urls};
    S3Result<void> admitted = admit(call, options);
    if (!admitted && co_await known_by_now(call.services.deps.news, admitted.error().code)) {
      admitted = admit(call, options);
    }
    KELP_S3_CO_CHECK(admitted);
    const Credential* const key = call.auth.credential;
    of_key = limits.enter_key(key == nullptr ? std::string_view() : key->access_key, started);
    if (!of_key) co_return s3_error(S3Code::kSlowDown);
    KELP_S3_CO_CHECK(co_await authorize(call));
  }
  co_return co_await handler_of(operation)(call);
}

}  // namespace

/// The gateway's metrics; handles are looked up once, at an operation's first request.
class Gateway::Probe {
 public:
  explicit Probe(Metrics& metrics)
      : metrics_(metrics),
        seconds_(metrics.histogram(
            "kelp_s3_request_duration_seconds", "From a request's head to the end of its answer.",
            {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10})),
        bytes_in_(metrics.counter("kelp_s3_received_bytes_total", "Bytes of request bodies.")),
        bytes_out_(metrics.counter("kelp_s3_sent_bytes_total", "Bytes of answer bodies.")),
        gateways_(metrics.gauge("kelp_s3_limit_gateways",
                                "Gateways that have the limits of requests together.")) {
    gateways_.Set(1);
  }

  void share_limits(std::uint32_t gateways) { gateways_.Set(gateways); }

  void count(const Call& call, double seconds) {
    const std::size_t row =
        call.operation ? static_cast<std::size_t>(*call.operation) : kOperationCount;
    const std::size_t column = static_cast<std::size_t>(std::clamp(call.status / 100, 2, 5)) - 2;
    std::atomic<prometheus::Counter*>& slot = requests_[row][column];
    prometheus::Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {
      const std::string_view name = call.operation ? name_of(*call.operation) : "Unknown";
      counter = &metrics_.counter(
          "kelp_s3_requests_total", "Requests answered.",
          {{"operation", std::string(name)}, {"status", std::to_string(column + 2) + "xx"}});
      slot.store(counter, std::memory_order_release);
    }
    counter->Increment();
    seconds_.Observe(seconds);
    if (call.bytes_in > 0) bytes_in_.Increment(static_cast<double>(call.bytes_in));
    if (call.bytes_out > 0) bytes_out_.Increment(static_cast<double>(call.bytes_out));
  }

 private:
  Metrics& metrics_;
  prometheus::Histogram& seconds_;
  prometheus::Counter& bytes_in_;
  prometheus::Counter& bytes_out_;
  prometheus::Gauge& gateways_;
  std::array<std::array<std::atomic<prometheus::Counter*>, 4>, kOperationCount + 1> requests_{};
};

Gateway::Gateway(GatewayDeps deps, GatewayOptions options)
    : probe_(std::make_unique<Probe>(deps.metrics)) {
  std::string host(24, '\0');
  random_bytes(std::as_writable_bytes(std::span(host)));
  // A gateway without room for one stream could serve nothing.
  const std::size_t budget = std::max<std::size_t>(options.body_memory_bytes, 4 << 20);
  const LimitOptions limits = options.limits;
  const std::chrono::nanoseconds period = options.access_log_period;
  const std::size_t buckets = options.bucket_metrics;
  services_ = std::unique_ptr<Services>(
      new Services{.deps = deps,
                   .options = std::move(options),
                   .buffers = BufferPool(budget, kIdleBuffers),
                   .body_workers = BodyWorkers(deps.pool),
                   .bucket_access = BucketAccessCache(deps.filer, deps.clock),
                   .host_id = base64_encode(host),
                   .limits = RequestLimits(limits),
                   .access_logs = AccessLogs(deps.metrics, period),
                   .bucket_metrics = BucketMetrics(deps.metrics, buckets)});
}

Gateway::~Gateway() = default;

void Gateway::share_limits(std::uint32_t gateways) {
  services_->limits.share(gateways);
  probe_->share_limits(gateways);
}

namespace {

/// The path, when it is /healthz or /readyz; else nothing.
std::optional<std::string_view> health_path(const HttpRequest& request) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (path != "/healthz" && path != "/readyz") return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS") {
    return std::nullopt;
  }
  return path;
}

/// Our own failures, once, with what was seen inside; 501 is an answer, not a failure.
void log_failure(const Call& call, const S3Error& error) {
  const S3ErrorText text = text_of(error.code);
  if (text.status < 500 || text.status == 501) return;
  log().warn("request_failed request_id={} op={} code={} detail={}", call.request_id(),
             call.operation ? name_of(*call.operation) : "Unknown", text.code,
             log_value(error.detail.empty() ? message_of(error) : error.detail));
}

Task<void> answer_health(HttpExchange exchange, std::string_view path,
                         const GatewayOptions& options) {
  const bool asked = path == "/readyz" && options.ready;
  const int status = !asked || co_await options.ready() ? 200 : 503;
  HttpResponse head(status);
  head.add("Server", "Kelp");
  head.add("Content-Type", "text/plain");
  head.add("Cache-Control", "no-store");
  std::string body = status == 200 ? "ok\n" : "not ready\n";
  if (exchange.request.method == "HEAD") {
    (void)co_await exchange.response.send_head(std::move(head), body.size());
  } else {
    (void)co_await exchange.response.send(std::move(head), std::move(body));
  }
}

}  // namespace

Task<void> Gateway::handle(HttpExchange exchange) {
  const auto& proxies = services_->options.trusted_proxies;
  if (proxies.empty()) return answer(exchange);
  return answer_behind(exchange);
}

Task<void> Gateway::answer_behind(HttpExchange exchange) {
  const auto& proxies = services_->options.trusted_proxies;
  const HttpRequest request = behind_proxies(exchange.request, proxies);
  const HttpExchange told{.request = request, .body = exchange.body, .response = exchange.response};
  co_await answer(told);
}

Task<void> Gateway::answer(HttpExchange exchange) {
  if (const auto health = health_path(exchange.request)) {
    co_await answer_health(exchange, *health, services_->options);
    co_return;
  }
  const MonoTime started = services_->deps.clock.mono();
  const auto permit = services_->limits.enter_gateway(started);
  if (permit && services_->options.queries != nullptr && is_query(exchange.request) &&
      !is_website(services_->options, exchange.request)) {
    co_return co_await services_->options.queries->handle(exchange);
  }
  Call call{.services = *services_,
            .http = exchange.request,
            .body = exchange.body,
            .response = exchange.response,
            .id = next_request_id(),
            .headers = exchange.request.headers};
  S3Result<void> outcome = s3_error(S3Code::kSlowDown);
  if (permit) outcome = co_await run(call, started);
  if (!outcome) {
    log_failure(call, outcome.error());
    // An answer that has begun is cut short: the peer sees the loss by its length.
    if (!exchange.response.started()) co_await reply_error(call, std::move(outcome).error());
  }
  account(call, started);
}

Task<void> Gateway::run_logs(Timers& timers) {
  constexpr std::chrono::seconds kTurn{1};
  while (co_await timers.sleep_until(services_->deps.clock.mono() + kTurn)) {
    co_await services_->access_logs.deliver(*services_, false);
  }
}

Task<void> Gateway::end_logs() {
  co_await services_->access_logs.deliver(*services_, true);
}

void Gateway::account(const Call& call, MonoTime started) {
  const auto took = services_->deps.clock.mono() - started;
  probe_->count(call, std::chrono::duration<double>(took).count());
  tell(call, started, took);
  if (!log().should_log(spdlog::level::debug)) return;
  log().debug(
      "request method={} op={} path={} status={} bytes_in={} bytes_out={} us={} "
      "request_id={}",
      log_value(call.http.method), call.operation ? name_of(*call.operation) : "Unknown",
      log_value(call.request.raw_path), call.status, call.bytes_in, call.bytes_out,
      std::chrono::duration_cast<std::chrono::microseconds>(took).count(), call.request_id());
}

std::pair<std::string, std::string> Gateway::refusal(int status, const Error& error) {
  S3Error answer{S3Code::kInvalidRequest, {}, {}};
  switch (status) {
    case 408:
      answer.code = S3Code::kRequestTimeout;
      break;
    case 411:
      answer.code = S3Code::kMissingContentLength;
      break;
    case 413:
      answer.code = S3Code::kMaxMessageLengthExceeded;
      break;
    case 414:
      answer.code = S3Code::kInvalidURI;
      break;
    case 501:
      answer.code = S3Code::kNotImplemented;
      break;
    default:
      answer.message = "An error occurred when parsing the HTTP request.";
  }
  const std::array<char, 16> id = next_request_id();
  const ErrorContext context{.request_id = {id.data(), id.size()}, .host_id = services_->host_id};
  log().debug("refused request_id={} status={} reason={}", context.request_id, status,
              log_value(error.message()));
  return {"application/xml", error_xml(answer, context)};
}

}  // namespace kelp::s3
