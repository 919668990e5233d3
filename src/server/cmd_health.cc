#include <fmt/format.h>

#include "async/runtime.h"
#include "net/http_client.h"
#include "net/network.h"
#include "server/commands.h"

namespace kelp::server {
namespace {

constexpr std::chrono::seconds kTimeout{5};

struct HealthFlags {
  ConfigFlags config;
  std::string address;
  bool ready = false;
};

Task<void> ask(HostPort address, std::string target, Result<HttpClientResponse>& answer) {
  answer = co_await http_get(address.host, address.port, target, kTimeout);
}

/// What a healthy server said.
Result<std::string> probe(const HealthFlags& flags) {
  std::string listen = flags.address;
  if (listen.empty()) {
    KELP_TRY(const LoadedConfig loaded, flags.config.load());
    listen = loaded.config.admin_listen;
  }
  KELP_TRY(HostPort address, parse_host_port(listen));
  // A server that listens everywhere is asked on loopback.
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  Result<HttpClientResponse> answer = Error(Errc::kInternal, "no answer");
  Runtime runtime(1);
  runtime.run(ask(address, flags.ready ? "/readyz" : "/healthz", answer));
  runtime.stop();
  if (!answer.has_value()) {
    return Error(answer.error().code(), fmt::format("{}: {}", listen, answer.error().detail()));
  }
  if (answer->status == 200) return answer->body;
  while (answer->body.ends_with('\n')) answer->body.pop_back();
  return Error(Errc::kUnavailable,
               fmt::format("{} answers {}: {}", listen, answer->status, answer->body));
}

}  // namespace

void add_health_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("health", "Ask a running server how it is; exit code 0 or 1");
  const auto flags = std::make_shared<HealthFlags>();
  flags->config.add_to(*command);
  command->add_option("--address", flags->address,
                      "address:port of its admin or S3 listener (default: admin.listen)");
  command->add_flag("--ready", flags->ready, "whether it takes requests, not only lives");
  command->callback([flags, &exit_code] {
    const auto healthy = probe(*flags);
    if (!healthy.has_value()) {
      exit_code = fail(healthy.error());
      return;
    }
    fmt::print("{}", *healthy);
  });
}

}  // namespace kelp::server
