#include "iam/web_keys.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "policy/json_text.h"

namespace kelp::iam {
namespace {

constexpr std::size_t kMaxBytes = 256 << 10;
constexpr long kTimeoutMs = 5000;
constexpr std::chrono::minutes kKeep{10};
constexpr std::chrono::seconds kLookAgain{30};
constexpr std::size_t kMostKept = 1000;

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* out) {
  auto& text = *static_cast<std::string*>(out);
  if (text.size() + size * count > kMaxBytes) return 0;
  text.append(bytes, size * count);
  return size * count;
}

std::string address_text(const curl_sockaddr& to) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = nullptr;
  if (to.family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(&to.addr)->sin_addr;
  } else if (to.family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(&to.addr)->sin6_addr;
  }
  if (bytes == nullptr || ::inet_ntop(to.family, bytes, text, sizeof(text)) == nullptr) return {};
  return text;
}

struct Gate {
  const policy::OutgoingRules& rules;
  std::string refused;  ///< The last address that was tried, when it was refused.
};

/// A socket for an address that a name was found to have: there is no second resolution behind it.
curl_socket_t open_socket(void* gate, curlsocktype, curl_sockaddr* to) {
  Gate& its = *static_cast<Gate*>(gate);
  const std::string address = address_text(*to);
  if (!policy::may_call(its.rules, address)) {
    its.refused = address;
    return CURL_SOCKET_BAD;
  }
  its.refused.clear();
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

struct EndCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

bool has_key(const std::vector<WebKey>& keys, const std::string& id) {
  return id.empty() || std::ranges::any_of(keys, [&](const WebKey& key) { return key.id == id; });
}

}  // namespace

Result<std::string> fetch(const std::string& url, const policy::OutgoingRules& rules) {
  const std::unique_ptr<CURL, EndCurl> curl(curl_easy_init());
  if (curl == nullptr) return Error(Errc::kResourceExhausted, "no memory for a connection");
  std::string body;
  Gate gate{rules, {}};
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETDATA, &gate);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode done = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (done == CURLE_UNSUPPORTED_PROTOCOL) {
    return Error(Errc::kInvalidArgument, fmt::format("{} is not https", url));
  }
  if (done != CURLE_OK && !gate.refused.empty()) {
    return Error(
        Errc::kPermissionDenied,
        fmt::format("{} is at {}, which may not be called (s3.outgoing_allow)", url, gate.refused));
  }
  if (done != CURLE_OK) {
    return Error(Errc::kUnavailable, fmt::format("{}: {}", url, curl_easy_strerror(done)));
  }
  if (status != 200) {
    return Error(Errc::kUnavailable, fmt::format("{} answers {}", url, status));
  }
  return body;
}

Task<Result<std::vector<WebKey>>> WebKeys::keys_of(std::string url, std::string key_id) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = kept_.find(url);
    if (at != kept_.end()) {
      const auto age = clock_.mono() - at->second.since;
      const auto& keys = at->second.keys;
      if (age < kLookAgain || (age < kKeep && keys && has_key(*keys, key_id))) co_return keys;
    }
  }
  auto work = [this, url] { return read(url); };
  auto keys = co_await offload<std::vector<WebKey>>(pool_, std::move(work));
  // Too many at once is no word of the provider's.
  if (!keys && keys.error().code() == Errc::kResourceExhausted) co_return keys;
  const std::lock_guard lock(mutex_);
  if (kept_.size() >= kMostKept) kept_.clear();
  kept_.insert_or_assign(url, Kept{clock_.mono(), keys});
  co_return keys;
}

/// Where the keys are is what the provider's own address says.
Result<std::vector<WebKey>> WebKeys::read(const std::string& url) const {
  const std::string_view scheme = scheme_of(url);
  const bool slash = url.ends_with('/');
  KELP_TRY(const std::string about, fetch_(fmt::format("{}{}{}.well-known/openid-configuration",
                                                       scheme, url, slash ? "" : "/")));
  KELP_TRY(const boost::json::object description, policy::parse_json_object(about));
  const boost::json::value* keys = description.if_contains("jwks_uri");
  const boost::json::value* issuer = description.if_contains("issuer");
  const std::string expected = fmt::format("{}{}", scheme, url);
  if (keys == nullptr || !keys->is_string() || issuer == nullptr || !issuer->is_string() ||
      std::string_view(issuer->as_string()) != expected) {
    return Error(Errc::kUnavailable, fmt::format("{} does not say where its keys are", url));
  }
  const std::string at(keys->as_string());
  // A provider elsewhere does not make us ask this machine.
  if (!at.starts_with(scheme) || scheme_of(at.substr(scheme.size())) != scheme) {
    return Error(Errc::kUnavailable, fmt::format("{} has its keys at {}", url, at));
  }
  KELP_TRY(const std::string text, fetch_(at));
  return parse_web_keys(text);
}

}  // namespace kelp::iam
