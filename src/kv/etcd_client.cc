#include "kv/etcd_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

namespace kelp {
namespace {

namespace json = boost::json;

constexpr long kConnectMs = 1000;
constexpr std::size_t kAnswerMs = 4000;       // Of a small request.
constexpr std::size_t kBytesPerMs = 4 << 10;  // Slower than this is not an answer.

// gRPC status codes, as the gateway passes them on.
constexpr std::int64_t kGrpcInvalidArgument = 3;
constexpr std::int64_t kGrpcPermissionDenied = 7;
constexpr std::int64_t kGrpcResourceExhausted = 8;
constexpr std::int64_t kGrpcFailedPrecondition = 9;
constexpr std::int64_t kGrpcOutOfRange = 11;
constexpr std::int64_t kGrpcUnauthenticated = 16;

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(bytes, size * count);
  return size * count;
}

/// What etcd refused, and why.
Error error_of(const std::string& body) {
  boost::system::error_code broken;
  const json::value answer = json::parse(body, broken);
  std::int64_t code = 0;
  std::string text;
  if (!broken && answer.is_object()) {
    const json::object& fields = answer.as_object();
    if (const json::value* number = fields.if_contains("code"); number && number->is_int64()) {
      code = number->as_int64();
    }
    if (const json::value* message = fields.if_contains("error"); message && message->is_string()) {
      text = message->as_string();
    }
  }
  const std::string detail = "etcd: " + (text.empty() ? body.substr(0, 200) : text);
  switch (code) {
    case kGrpcInvalidArgument:
    case kGrpcFailedPrecondition:
      return {Errc::kInvalidArgument, detail};
    case kGrpcPermissionDenied:
      return {Errc::kPermissionDenied, detail};
    case kGrpcResourceExhausted:
      if (text.contains("larger than max")) return {Errc::kInvalidArgument, detail};
      if (text.contains("space exceeded")) return {Errc::kNoSpace, detail};
      return {Errc::kUnavailable, detail};  // It has too much to do.
    case kGrpcOutOfRange:
      return {Errc::kUnavailable, detail};
    case kGrpcUnauthenticated:
      return {Errc::kUnauthenticated, detail};
    default:
      return {Errc::kIo, detail};
  }
}

}  // namespace

Result<std::shared_ptr<EtcdMembers>> parse_etcd_members(const RemoteKvOptions& options) {
  auto members = std::make_shared<EtcdMembers>();
  members->password = options.password;
  for (std::string_view rest = options.url; !rest.empty();) {
    std::string url(rest.substr(0, rest.find(',')));
    rest.remove_prefix(std::min(url.size() + 1, rest.size()));
    while (url.ends_with('/')) url.pop_back();
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
      return Error(Errc::kInvalidArgument, "etcd: '" + url + "' is not http://host:port");
    }
    const std::size_t host = url.find("://") + 3;
    if (const std::size_t at = url.rfind('@'); at != std::string::npos) {
      members->user = url.substr(host, at - host);
      url.erase(host, at + 1 - host);
    }
    members->urls.push_back(std::move(url));
  }
  if (!members->urls.empty()) return members;
  return Error(Errc::kInvalidArgument, "etcd: no url is given");
}

struct EtcdClient::Handle {
  CURL* curl = curl_easy_init();
  ~Handle() { curl_easy_cleanup(curl); }
};

EtcdClient::EtcdClient(std::shared_ptr<EtcdMembers> members)
    : members_(std::move(members)), handle_(std::make_unique<Handle>()) {
  curl_easy_setopt(handle_->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_->curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(handle_->curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(handle_->curl, CURLOPT_TCP_NODELAY, 1L);
}

EtcdClient::~EtcdClient() = default;

Result<EtcdClient::Reply> EtcdClient::exchange(const std::string& url, const std::string* body) {
  Reply reply;
  CURL* curl = handle_->curl;
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Expect:");
  if (!token_.empty()) headers = curl_slist_append(headers, ("Authorization: " + token_).c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.body);
  const std::size_t sent_bytes = body == nullptr ? 0 : body->size();
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(kAnswerMs + sent_bytes / kBytesPerMs));
  if (body != nullptr) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(sent_bytes));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->c_str());
  } else {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  }
  const CURLcode done = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  if (done != CURLE_OK) {
    return Error(Errc::kIo, fmt::format("etcd: {}: {}", url, curl_easy_strerror(done)));
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  return reply;
}

Result<void> EtcdClient::authenticate(std::size_t member) {
  token_.clear();
  const std::string body =
      json::serialize(json::object{{"name", members_->user}, {"password", members_->password}});
  KELP_TRY(const Reply reply, exchange(members_->urls[member] + "/v3/auth/authenticate", &body));
  if (reply.status != 200) {
    const Error error = error_of(reply.body);
    if (error.code() != Errc::kInvalidArgument) return Error(Errc::kUnavailable, error.detail());
    return Error(Errc::kUnauthenticated, "etcd: the user or the password is wrong");
  }
  boost::system::error_code broken;
  const json::value answer = json::parse(reply.body, broken);
  const json::value* token =
      !broken && answer.is_object() ? answer.as_object().if_contains("token") : nullptr;
  if (token == nullptr || !token->is_string()) return Error(Errc::kIo, "etcd: no token");
  token_ = token->as_string();
  return {};
}

Result<json::object> EtcdClient::call(std::string_view path, const std::string& body) {
  const std::size_t member = members_->current.load() % members_->urls.size();
  const auto go_on = [this, member] {
    std::size_t seen = member;
    members_->current.compare_exchange_strong(seen, (member + 1) % members_->urls.size());
  };
  const std::string url = members_->urls[member] + std::string(path);
  for (bool again = true;; again = false) {
    if (token_.empty() && !members_->user.empty()) {
      KELP_CHECK(authenticate(member));
    }
    const auto reply = exchange(url, &body);
    if (!reply) {
      go_on();
      return reply.error();
    }
    if (reply->status == 200) {
      boost::system::error_code broken;
      json::value answer = json::parse(reply->body, broken);
      if (!broken && answer.is_object()) return std::move(answer.as_object());
      go_on();
      return Error(Errc::kIo, "etcd: an answer that is not JSON");
    }
    const Error error = error_of(reply->body);
    if (error.code() == Errc::kUnauthenticated && again && !members_->user.empty()) {
      token_.clear();  // it expired; nothing was done
      continue;
    }
    if (error.code() == Errc::kIo) go_on();
    return error;
  }
}

Result<std::string> EtcdClient::metrics() {
  const std::size_t member = members_->current.load() % members_->urls.size();
  KELP_TRY(Reply reply, exchange(members_->urls[member] + "/metrics", nullptr));
  if (reply.status != 200) return Error(Errc::kNotFound, "etcd: no metrics");
  return std::move(reply.body);
}

}  // namespace kelp
