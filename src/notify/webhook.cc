// Messages as HTTP requests: one POST each, signed, over connections that are kept.

#include <curl/curl.h>
#include <fmt/format.h>

#include <mutex>
#include <vector>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "notify/target.h"

namespace kelp::notify {
namespace {

constexpr std::size_t kLanes = 4;
constexpr std::size_t kMostHeard = 64 << 10;  // Of an answer, which nobody reads.

struct EndCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using Curl = std::unique_ptr<CURL, EndCurl>;
struct EndList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Lines = std::unique_ptr<curl_slist, EndList>;

void add(Lines& lines, const std::string& line) {
  curl_slist* const longer = curl_slist_append(lines.get(), line.c_str());
  if (longer == nullptr) return;
  static_cast<void>(lines.release());
  lines.reset(longer);
}

std::size_t hear(char* /*unused*/, std::size_t size, std::size_t count, void* heard) {
  auto& bytes = *static_cast<std::size_t*>(heard);
  bytes += size * count;
  return bytes > kMostHeard ? 0 : size * count;
}

/// Not 0: give up. Called about once a second.
int watch(void* stopped, curl_off_t /*unused*/, curl_off_t /*unused*/, curl_off_t /*unused*/,
          curl_off_t /*unused*/) {
  return *static_cast<const std::atomic<bool>*>(stopped) ? 1 : 0;
}

/// Without what may be secret in a path.
std::string place_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  return url.substr(0, url.find_first_of("/?#", scheme == std::string::npos ? 0 : scheme + 3));
}

class Webhook final : public Target {
 public:
  Webhook(TargetConfig config, const Clock& clock) : config_(std::move(config)), clock_(clock) {}

  Result<void> send(std::span<const Message> messages, std::size_t& taken) override {
    Curl curl = take_handle();
    if (curl == nullptr) return Error(Errc::kResourceExhausted, "no memory for a connection");
    for (taken = 0; taken < messages.size(); ++taken) {
      KELP_CHECK(post(curl.get(), messages[taken]));
    }
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(curl));
    return {};
  }
  [[nodiscard]] std::size_t lanes() const override { return kLanes; }

 private:
  Curl take_handle() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return Curl(curl_easy_init());
    Curl curl = std::move(idle_.back());
    idle_.pop_back();
    return curl;
  }

  [[nodiscard]] Lines lines_of(const Message& message) const {
    Lines lines;
    add(lines, "Content-Type: application/json");
    add(lines, "Expect:");
    add(lines, "X-Kelp-Event: " + message.name);
    add(lines, "X-Kelp-Delivery: " + message.id);
    if (!config_.secret.empty()) {
      add(lines,
          "X-Kelp-Signature: " + webhook_signature(config_.secret, message.body, clock_.wall()));
    }
    if (!config_.auth_token.empty()) {
      const bool has_scheme = config_.auth_token.find(' ') != std::string::npos;
      add(lines,
          fmt::format("Authorization: {}{}", has_scheme ? "" : "Bearer ", config_.auth_token));
    }
    return lines;
  }

  Result<void> post(CURL* curl, const Message& message) {
    if (stopped()) return Error(Errc::kCancelled, "this server stops");
    std::size_t heard = 0;
    const Lines lines = lines_of(message);
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(config_.timeout);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, config_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Kelp");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
    if (!config_.ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, config_.ca_file.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, message.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(message.body.size()));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines.get());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &hear);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &heard);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stopped());
    const CURLcode done = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return outcome(done, status);
  }

  /// A status counts as soon as it is whole, whatever follows it.
  [[nodiscard]] Result<void> outcome(CURLcode done, long status) const {
    if (status >= 200 && status < 300) return {};
    if (stopped()) return Error(Errc::kCancelled, "this server stops");
    if (done != CURLE_OK && status == 0) {
      return Error(Errc::kUnavailable,
                   fmt::format("{}: {}", place_of(config_.url), curl_easy_strerror(done)));
    }
    // Those that a proxy or a full server answers say nothing of the message.
    const bool busy = status == 408 || status == 429 || status >= 500;
    return Error(busy ? Errc::kUnavailable : Errc::kPermissionDenied,
                 fmt::format("{} answers {}", place_of(config_.url), status));
  }

  const TargetConfig config_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<Curl> idle_;  ///< With their connections; at most as many as calls at once.
};

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view body, WallTime now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const Sha256 sum = hmac_sha256(secret, fmt::format("{}.{}", seconds, body));
  return fmt::format("t={},v1={}", seconds, hex_encode(view(sum)));
}

Result<std::unique_ptr<Target>> open_webhook(TargetConfig config, const Clock& clock) {
  return std::make_unique<Webhook>(std::move(config), clock);
}

}  // namespace kelp::notify
