#include "webdav/webdav.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "base/log.h"
#include "crypto/digest.h"
#include "s3gw/auth_common.h"
#include "s3gw/call_record.h"
#include "s3gw/client_address.h"
#include "s3gw/core/header_text.h"
#include "s3gw/request_id.h"
#include "webdav/core/guard.h"
#include "webdav/core/operation.h"
#include "webdav/dressed_response.h"
#include "webdav/ops/handlers.h"
#include "webdav/visit.h"

namespace kelp::webdav {
namespace {

/// A method: its name for metrics too.
struct Method {
  std::string_view name;
  Handler handler;
};
constexpr std::array<Method, 12> kMethods{{{"GET", get},
                                           {"HEAD", get},
                                           {"PUT", put},
                                           {"POST", post},
                                           {"DELETE", remove},
                                           {"MKCOL", mkcol},
                                           {"COPY", copy},
                                           {"MOVE", move},
                                           {"PROPFIND", propfind},
                                           {"PROPPATCH", proppatch},
                                           {"LOCK", lock},
                                           {"UNLOCK", unlock}}};

spdlog::logger& log() {
  static spdlog::logger& room = logger("webdav");
  return room;
}

/// For who did not say who it is, or said it wrong.
Failure challenge() {
  Failure refusal{401, "say who you are: an access key as the name, its secret as the password"};
  refusal.headers = {{"WWW-Authenticate", "Basic realm=\"Kelp\", charset=\"UTF-8\""}};
  refusal.code = s3::S3Code::kAccessDenied;
  return refusal;
}

/// Whose password came along: nobody's without one. A name that nobody has costs the same
/// comparison. A temporary key needs its token in x-amz-security-token.
Task<Outcome<void>> authenticate(Visit& visit) {
  const s3::GatewayDeps& deps = visit.call.services.deps;
  const auto header = visit.call.header("authorization");
  if (!header) co_return Outcome<void>{};
  const auto given = parse_basic(*header);
  if (!given) co_return std::unexpected(challenge());
  const std::string_view token = visit.call.header("x-amz-security-token").value_or("");
  auto known = s3::find_credential(deps.credentials, given->user, token);
  if (!known && co_await s3::known_by_now(deps.news, known.error().code)) {
    known = s3::find_credential(deps.credentials, given->user, token);
  }
  const std::string_view secret = known ? std::string_view((*known)->secret_key) : "?";
  const bool fits = equal_constant_time(view(sha256(secret)), view(sha256(given->password)));
  if (!known || !fits || !s3::check_token(**known, token, deps.clock.wall())) {
    co_return std::unexpected(challenge());
  }
  visit.call.auth.held = *std::move(known);
  visit.call.auth.credential = visit.call.auth.held.get();
  co_return Outcome<void>{};
}

Task<void> answer_options(Visit& visit) {
  HttpResponse head = s3::begin_response(visit.call, 200);
  head.add("DAV", "1, 2");
  head.add("MS-Author-Via", "DAV");
  head.add("Allow", known_methods());
  head.add("Accept-Ranges", "bytes");
  co_await reply(visit, std::move(head), {});
}

/// What the request is about, for whoever is told of it.
void aim_at(Visit& visit, Place place) {
  visit.place = std::move(place);
  visit.call.operation = operation_of(visit.call.http.method, visit.place);
  visit.aim(visit.place.bucket, key_of(visit.place));
}

Failure too_many() {
  return as_failure(s3::S3Error{s3::S3Code::kSlowDown, {}, {}});
}

bool changes_nothing(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PROPFIND";
}

/// From the request's head to its answer, or to the failure that is to be sent.
Task<Outcome<void>> run(Visit& visit, MonoTime started) {
  const HttpRequest& http = visit.call.http;
  if (from_foreign_page(http.method, http.headers)) {
    co_return failed(403, "pages of other sites may not change anything here");
  }
  // Says nothing that is not public, and clients ask it before they are asked who they are.
  if (http.method == "OPTIONS") {
    co_await answer_options(visit);
    co_return Outcome<void>{};
  }
  auto place = parse_place(visit.call.request.raw_path);
  if (place) aim_at(visit, *place);
  s3::RequestLimits& limits = visit.call.services.limits;
  const auto of_bucket = limits.enter_bucket(visit.call.request.bucket, started);
  if (!of_bucket) co_return std::unexpected(too_many());
  KELP_DAV_CO_CHECK(co_await authenticate(visit));
  const s3::Credential* const key = visit.call.auth.credential;
  // No policy lets in nobody to what lies outside of buckets.
  if (key == nullptr && visit.place.bucket.empty()) co_return std::unexpected(challenge());
  const auto of_key =
      limits.enter_key(key == nullptr ? std::string_view() : key->access_key, started);
  if (!of_key) co_return std::unexpected(too_many());
  const Handler handler = handler_of(http.method);
  if (handler == nullptr) {
    Failure refusal{405, "no such method"};
    refusal.headers = {{"Allow", std::string(known_methods())}};
    co_return std::unexpected(std::move(refusal));
  }
  const std::size_t mark = visit.call.request.raw_path.size();
  const std::string_view query = http.target.substr(std::min(mark + 1, http.target.size()));
  KELP_DAV_CO_CHECK(std::move(place));
  KELP_DAV_CO_TRY(visit.query, s3::Query::parse(query));
  if (!changes_nothing(http.method)) {
    KELP_DAV_CO_CHECK(co_await check_if(visit));
  }
  co_return co_await handler(visit);
}

/// Our own failures, once.
void log_failure(const Visit& visit, const Failure& failure) {
  if (failure.status < 500 || failure.status == 501) return;
  log().warn("request_failed request_id={} method={} status={} detail={}", visit.call.request_id(),
             log_value(visit.call.http.method), failure.status,
             log_value(failure.detail.empty() ? failure.text : failure.detail));
}

}  // namespace

Handler handler_of(std::string_view method) {
  const auto* const found = std::ranges::find(kMethods, method, &Method::name);
  return found == kMethods.end() ? nullptr : found->handler;
}

std::string_view known_methods() {
  static const std::string kNames = [] {
    std::string list = "OPTIONS";
    for (const Method& method : kMethods) list.append(", ").append(method.name);
    return list;
  }();
  return kNames;
}

/// What lives as long as the handler.
struct WebDav::Inside {
  Inside(s3::Services& shared, WebDavOptions options)
      : services(shared),
        seconds(shared.deps.metrics.histogram(
            "kelp_webdav_request_duration_seconds",
            "From a request's head to the end of its answer.",
            {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10})) {
    site.options = std::move(options);
  }

  /// Counters are looked up once, at a method's first answer of a kind.
  prometheus::Counter& counter(std::string_view method, int status) {
    const auto* const known = std::ranges::find(kMethods, method, &Method::name);
    const auto row = static_cast<std::size_t>(known - kMethods.begin());
    const std::size_t column = static_cast<std::size_t>(std::clamp(status / 100, 2, 5)) - 2;
    std::atomic<prometheus::Counter*>& slot = requests[row][column];
    prometheus::Counter* found = slot.load(std::memory_order_acquire);
    if (found == nullptr) {
      const std::string_view name = known == kMethods.end() ? "other" : known->name;
      found = &services.deps.metrics.counter(
          "kelp_webdav_requests_total", "Requests answered.",
          {{"method", std::string(name)}, {"status", std::to_string(column + 2) + "xx"}});
      slot.store(found, std::memory_order_release);
    }
    return *found;
  }

  void account(const Visit& visit, MonoTime started) {
    const s3::Call& call = visit.call;
    const auto took = services.deps.clock.mono() - started;
    seconds.Observe(std::chrono::duration<double>(took).count());
    counter(call.http.method, call.status).Increment();
    s3::tell(call, started, took);
    if (!log().should_log(spdlog::level::debug)) return;
    log().debug("request method={} path={} status={} bytes_in={} bytes_out={} us={} request_id={}",
                log_value(call.http.method), log_value(call.request.raw_path), call.status,
                call.bytes_in, call.bytes_out,
                std::chrono::duration_cast<std::chrono::microseconds>(took).count(),
                call.request_id());
  }

  s3::Services& services;
  Site site;
  prometheus::Histogram& seconds;
  std::array<std::array<std::atomic<prometheus::Counter*>, 4>, kMethods.size() + 1> requests{};
};

WebDav::WebDav(s3::Services& services, WebDavOptions options)
    : inside_(std::make_unique<Inside>(services, std::move(options))) {}

WebDav::~WebDav() = default;

Task<void> WebDav::handle(HttpExchange exchange) {
  const auto& proxies = inside_->services.options.trusted_proxies;
  if (proxies.empty()) co_return co_await answer(exchange);
  const HttpRequest request = s3::behind_proxies(exchange.request, proxies);
  const HttpExchange told{.request = request, .body = exchange.body, .response = exchange.response};
  co_await answer(told);
}

Task<void> WebDav::answer(HttpExchange exchange) {
  const MonoTime started = inside_->services.deps.clock.mono();
  DressedResponse response(exchange.response);
  Visit visit{.site = inside_->site,
              .call = {.services = inside_->services,
                       .http = exchange.request,
                       .body = exchange.body,
                       .response = response,
                       .id = s3::next_request_id(),
                       .headers = exchange.request.headers,
                       .service = "files"}};
  visit.call.request.raw_path =
      exchange.request.target.substr(0, exchange.request.target.find('?'));
  const auto permit = inside_->services.limits.enter_gateway(started);
  Outcome<void> outcome = std::unexpected(too_many());
  if (permit) outcome = co_await run(visit, started);
  const bool nobody = visit.call.auth.credential == nullptr;
  if (!outcome && nobody && outcome.error().code == s3::S3Code::kAccessDenied) {
    outcome = std::unexpected(challenge());
  }
  if (!outcome) {
    log_failure(visit, outcome.error());
    // An answer that has begun is cut short: the peer sees the loss by its length.
    if (!response.started()) co_await reply_failure(visit, std::move(outcome).error());
  }
  inside_->account(visit, started);
}

std::pair<std::string, std::string> WebDav::refusal(int, const Error& error) {
  return {"text/plain; charset=utf-8", error.detail() + "\n"};
}

}  // namespace kelp::webdav
