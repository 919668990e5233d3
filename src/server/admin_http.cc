#include "server/admin_http.h"

#include <fmt/format.h>

#include "base/log.h"

namespace kelp::server {
namespace {

struct Answer {
  int status = 200;
  std::string body;
  std::string_view type = "text/plain; charset=utf-8";
};

}  // namespace

Task<void> AdminHttp::handle(HttpExchange exchange) {
  const std::string_view target = exchange.request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  const bool head = exchange.request.method == "HEAD";
  if (path == "/trace" && trace_ != nullptr && exchange.request.method == "GET") {
    co_return co_await trace_->handle(exchange);
  }
  Answer answer;
  if (!head && exchange.request.method != "GET") {
    answer = {405, "only GET and HEAD here\n"};
  } else if (path == "/metrics") {
    process_.look();
    answer = {200, metrics_.text(), "text/plain; version=0.0.4; charset=utf-8"};
  } else if (path == "/healthz") {
    answer.body = "ok\n";
  } else if (path == "/readyz") {
    Readiness found = co_await look_();
    answer = {found.ready ? 200 : 503, std::move(found.text)};
  } else {
    answer = {404, "here are /metrics, /healthz and /readyz\n"};
  }
  HttpResponse response(answer.status);
  response.add("Content-Type", answer.type);
  response.add("Cache-Control", "no-store");
  // A peer that went away is nobody's concern here.
  if (head) {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send_head(std::move(response), answer.body.size());
  } else {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send(std::move(response), std::move(answer.body));
  }
}

std::pair<std::string, std::string> AdminHttp::refusal(int status, const Error& error) {
  return {"text/plain; charset=utf-8", fmt::format("{}: {}\n", status, log_value(error.detail()))};
}

}  // namespace kelp::server
