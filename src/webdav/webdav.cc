#include "webdav/webdav.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "s3gw/core/header_text.h"
#include "webdav/core/guard.h"
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

/// Sixteen hex digits, as the gateway's requests have.
std::array<char, 16> new_request_id() {
  std::uint64_t id = random_u64();
  std::array<char, 16> text{};
  for (char& digit : text) {
    digit = "0123456789ABCDEF"[id >> 60];
    id <<= 4;
  }
  return text;
}

/// Whose password came along. A name that nobody has costs the same comparison.
Outcome<std::shared_ptr<const s3::Credential>> authenticate(const Visit& visit) {
  Failure refusal{401, "say who you are: an access key as the name, its secret as the password"};
  refusal.headers = {{"WWW-Authenticate", "Basic realm=\"Kelp\", charset=\"UTF-8\""}};
  const auto header = visit.call.header("authorization");
  const auto given = header ? parse_basic(*header) : std::nullopt;
  if (!given) return std::unexpected(std::move(refusal));
  auto known = visit.call.services.deps.credentials.hold(given->user, {});
  const std::string_view secret = known != nullptr ? std::string_view(known->secret_key) : "?";
  const bool fits = equal_constant_time(view(sha256(secret)), view(sha256(given->password)));
  if (known == nullptr || !fits) return std::unexpected(std::move(refusal));
  // Nobody asks policies here: who needs one may nothing.
  if (!s3::acts_as_root(*known)) {
    return std::unexpected(Failure{403, "only an account's own key, not a user's, may use files"});
  }
  return known;
}

Task<void> answer_options(Visit& visit) {
  HttpResponse head = s3::begin_response(visit.call, 200);
  head.add("DAV", "1, 2");
  head.add("MS-Author-Via", "DAV");
  head.add("Allow", known_methods());
  head.add("Accept-Ranges", "bytes");
  co_await reply(visit, std::move(head), {});
}

bool changes_nothing(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PROPFIND";
}

/// From the request's head to its answer, or to the failure that is to be sent.
Task<Outcome<void>> run(Visit& visit) {
  const HttpRequest& http = visit.call.http;
  if (from_foreign_page(http.method, http.headers)) {
    co_return failed(403, "pages of other sites may not change anything here");
  }
  // Says nothing that is not public, and clients ask it before they are asked who they are.
  if (http.method == "OPTIONS") {
    co_await answer_options(visit);
    co_return Outcome<void>{};
  }
  KELP_DAV_CO_TRY(visit.call.auth.held, authenticate(visit));
  visit.call.auth.credential = visit.call.auth.held.get();
  const Handler handler = handler_of(http.method);
  if (handler == nullptr) {
    Failure refusal{405, "no such method"};
    refusal.headers = {{"Allow", std::string(known_methods())}};
    co_return std::unexpected(std::move(refusal));
  }
  const std::size_t mark = visit.call.request.raw_path.size();
  const std::string_view query = http.target.substr(std::min(mark + 1, http.target.size()));
  KELP_DAV_CO_TRY(visit.place, parse_place(visit.call.request.raw_path));
  KELP_DAV_CO_TRY(visit.call.request.query, s3::Query::parse(query));
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
  const MonoTime started = inside_->services.deps.clock.mono();
  DressedResponse response(exchange.response);
  Visit visit{.site = inside_->site,
              .call = {.services = inside_->services,
                       .http = exchange.request,
                       .body = exchange.body,
                       .response = response,
                       .id = new_request_id(),
                       .headers = exchange.request.headers}};
  visit.call.request.raw_path =
      exchange.request.target.substr(0, exchange.request.target.find('?'));
  Outcome<void> outcome = co_await run(visit);
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
