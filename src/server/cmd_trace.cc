#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "base/config_value.h"
#include "base/log.h"
#include "net/network.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/commands.h"
#include "server/trace_http.h"

namespace kelp::server {
namespace {

constexpr std::chrono::minutes kTokenLife{10};  // It is looked at once, at the beginning.
constexpr long kConnectMillis = 5000;
constexpr std::chrono::seconds kSilent{15};  // A gateway with nothing to tell says so every 2 s.

struct TraceFlags {
  ConfigFlags config;
  s3::TraceFilter filter;
  std::string address;
  std::string slower;
  bool errors = false;
  bool json = false;
};

/// What arrives, cut into lines and printed.
struct Output {
  bool json = false;
  std::string partial;
  std::string refusal;  ///< The body of an answer that is none of lines.
  CURL* curl = nullptr;
  const Clock* clock = nullptr;
  MonoTime heard;  ///< When something last arrived.
};

std::string_view text_of(const boost::json::object& line, std::string_view name) {
  const auto* const value = line.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : "";
}

std::int64_t number_of(const boost::json::object& line, std::string_view name) {
  const auto* const value = line.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

/// For a person: time, status, operation, target, bytes, milliseconds, who and from where.
std::string readable(std::string_view json) {
  boost::system::error_code broken;
  const auto value = boost::json::parse(json, broken);
  if (broken || !value.is_object()) return std::string(json);
  const boost::json::object& line = value.get_object();
  if (line.contains("dropped")) {
    return fmt::format("… {} requests were not shown: too many at once",
                       number_of(line, "dropped"));
  }
  const std::string_view error = text_of(line, "error");
  const std::string_view key = text_of(line, "access_key");
  std::string out = fmt::format(
      "{} {}{}{} {} {} {} in={} out={} {:.3f}ms {} {}", text_of(line, "time"),
      number_of(line, "status"), error.empty() ? "" : " ", error, text_of(line, "operation"),
      text_of(line, "method"), log_value(text_of(line, "target")), number_of(line, "bytes_in"),
      number_of(line, "bytes_out"), static_cast<double>(number_of(line, "duration_us")) / 1000,
      key.empty() ? "anonymous" : log_value(key), text_of(line, "remote"));
  const auto* const headers = line.if_contains("headers");
  if (headers == nullptr || !headers->is_array()) return out;
  for (const auto& pair : headers->get_array()) {
    const auto& words = pair.as_array();
    out += fmt::format("\n    {}: {}", log_value(words.at(0).as_string()),
                       log_value(words.at(1).as_string()));
  }
  return out;
}

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* to) {
  Output& out = *static_cast<Output*>(to);
  out.heard = out.clock->mono();
  const std::string_view piece(bytes, size * count);
  long status = 0;
  curl_easy_getinfo(out.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    out.refusal += piece.substr(0, 1024);
    return piece.size();
  }
  out.partial += piece;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = out.partial.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    const std::string_view line = std::string_view(out.partial).substr(begin, end - begin);
    if (!line.empty()) fmt::print("{}\n", out.json ? std::string(line) : readable(line));
  }
  out.partial.erase(0, begin);
  return std::fflush(stdout) == 0 ? piece.size() : 0;
}

/// Ends the transfer when the gateway is silent. A limit on its speed would not do: a sign of life
/// is one byte.
int is_silent(void* to, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Output& out = *static_cast<const Output*>(to);
  return out.clock->mono() - out.heard > kSilent ? 1 : 0;
}

Result<std::string> place(const TraceFlags& flags, const Config& config) {
  KELP_TRY(HostPort at,
           parse_host_port(flags.address.empty() ? config.admin_listen : flags.address));
  // A gateway that listens everywhere is asked on loopback.
  if (at.host == "0.0.0.0") at.host = "127.0.0.1";
  if (at.host == "::") at.host = "::1";
  const bool six = at.host.contains(':');
  return fmt::format("http://{}{}{}:{}/trace?{}", six ? "[" : "", at.host, six ? "]" : "", at.port,
                     trace_query(flags.filter));
}

Result<void> follow(TraceFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const Config& config = loaded.config;
  if (!flags.slower.empty()) {
    KELP_TRY(flags.filter.slower, parse_duration(flags.slower));
  }
  if (flags.errors) flags.filter.status_from = 400;
  const auto io = make_posix_file_io();
  const std::string file =
      config.cluster.file.empty() ? config.dir + "/cluster" : config.cluster.file;
  KELP_TRY(const ClusterIdentity identity, read_cluster_file(*io, file, KeyPair{}));
  KELP_TRY(const std::string url, place(flags, config));
  const SystemClock clock;
  const std::string proof =
      "Authorization: Kelp " + sign_trace(identity.cluster_secret, clock.wall() + kTokenLife);

  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> lines(
      curl_slist_append(nullptr, proof.c_str()), &curl_slist_free_all);
  if (curl == nullptr || lines == nullptr) return Error(Errc::kResourceExhausted, "no memory");
  Output out{.json = flags.json, .curl = curl.get(), .clock = &clock, .heard = clock.mono()};
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectMillis);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &is_silent);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &out);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, lines.get());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &out);
  const CURLcode done = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 404) {
    return Error(Errc::kNotFound, "no gateway listens there: ask the admin port of one");
  }
  if (status != 0 && status != 200) {
    while (out.refusal.ends_with('\n')) out.refusal.pop_back();
    return Error(Errc::kPermissionDenied, fmt::format("answers {}: {}", status, out.refusal));
  }
  if (done == CURLE_ABORTED_BY_CALLBACK) {
    return Error(Errc::kUnavailable, fmt::format("the gateway is silent for {}", kSilent));
  }
  return Error(Errc::kUnavailable,
               done == CURLE_OK ? "the gateway has ended the trace" : curl_easy_strerror(done));
}

}  // namespace

void add_trace_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "trace", "Show the S3 requests of a running gateway, as they end, until this is ended");
  const auto flags = std::make_shared<TraceFlags>();
  flags->config.add_to(*command);
  s3::TraceFilter& filter = flags->filter;
  command->add_option("--address", flags->address,
                      "address:port of the gateway's admin listener (default: admin.listen)");
  command->add_option("--bucket", filter.bucket, "only of this bucket");
  command->add_option("--prefix", filter.prefix, "only of keys that begin so");
  command->add_option("--operation", filter.operation, "only this one, e.g. PutObject");
  command->add_option("--access-key", filter.access_key, "only by this key");
  command->add_flag("--errors", flags->errors, "only those that were answered 400 or more");
  command->add_option("--slower", flags->slower, "only those that took so long, e.g. 100ms");
  command->add_flag("--headers", filter.headers, "with the requests' headers; secrets are hidden");
  command->add_flag("--json", flags->json, "lines of JSON instead of text");
  command->callback([flags, &exit_code] {
    const auto ended = follow(*flags);
    if (!ended) exit_code = fail(ended.error());
  });
}

}  // namespace kelp::server
