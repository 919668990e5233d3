#include "server/internal_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/log.h"
#include "server/config_load.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr std::array<const char*, 3> kVariables{
    "KELP_CLUSTER_TLS_CERT_PEM", "KELP_CLUSTER_TLS_KEY_PEM", "KELP_CLUSTER_TLS_CA_PEM"};

using Environment = std::vector<std::pair<std::string, std::string>>;

std::string value_of(const Environment& environment, std::string_view name) {
  const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
  return found == environment.end() ? "" : found->second;
}

/// Out of the variables; nothing when none of them is set.
Result<TlsContext> context_of(const Environment& environment) {
  std::array<std::string, kVariables.size()> texts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i] = value_of(environment, kVariables[i]);
  }
  const auto missing = std::ranges::count(texts, "");
  if (missing == static_cast<std::ptrdiff_t>(texts.size())) return TlsContext();
  if (missing > 0) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("TLS among daemons needs {}, {} and {}: {} of them are not set",
                             kVariables[0], kVariables[1], kVariables[2], missing));
  }
  auto context = make_member_context({texts[0], texts[1], texts[2]});
  if (context) return context;
  return Error(Errc::kInvalidArgument,
               "KELP_CLUSTER_TLS_…_PEM: " + std::string(context.error().detail()));
}

}  // namespace

bool uses_cluster_tls(const Config& config) {
  return !config.cluster.tls_cert.empty() || std::getenv(kVariables[0]) != nullptr;
}

Result<TlsContext> InternalNetwork::read_files() const {
  std::array<std::string, 3> texts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    KELP_TRY(texts[i], read_whole_file(io_, files_[i], kMostBytes));
  }
  auto context = make_member_context({texts[0], texts[1], texts[2]});
  if (context) return context;
  return Error(Errc::kInvalidArgument, fmt::format("cluster.tls_… ({}, {}, {}): {}", files_[0],
                                                   files_[1], files_[2], context.error().detail()));
}

Result<std::unique_ptr<InternalNetwork>> InternalNetwork::open(const Config& config, FileIo& io,
                                                               const Clock& clock, Metrics& metrics,
                                                               const Environment& environment) {
  std::unique_ptr<InternalNetwork> made(new InternalNetwork(io));
  const ClusterConfig& cluster = config.cluster;
  TlsContext context;
  if (!cluster.tls_cert.empty()) {
    made->files_ = {cluster.tls_cert, cluster.tls_key, cluster.tls_ca};
    KELP_TRY(context, made->read_files());
  } else {
    KELP_TRY(context, context_of(environment));
  }
  if (!context) {
    made->network_ = make_tcp_network();
    return made;
  }
  auto tls = std::make_unique<TlsNetwork>(make_tcp_network(), std::move(context), cluster.tls_name,
                                          clock, metrics);
  made->tls_ = tls.get();
  made->network_ = std::move(tls);
  return made;
}

Result<std::unique_ptr<InternalNetwork>> InternalNetwork::open(const Config& config, FileIo& io,
                                                               const Clock& clock,
                                                               Metrics& metrics) {
  return open(config, io, clock, metrics, process_environment());
}

void InternalNetwork::reload() {
  if (files_.empty()) return;
  auto fresh = read_files();
  if (!fresh) {
    logger("server").error("cluster_tls_reload_failed error={}",
                           log_value(fresh.error().message()));
    return;
  }
  tls_->use(*std::move(fresh));
  logger("server").info("cluster_tls_reloaded certificate={}", log_value(files_.front()));
}

}  // namespace kelp::server
