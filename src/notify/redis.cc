// Messages into Redis: the end of a list, a stream, or whoever listens to a channel.

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <vector>

#include "notify/target.h"

namespace kelp::notify {
namespace {

constexpr int kDefaultPort = 6379;

struct EndContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct EndReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, EndReply>;
using Words = std::vector<std::string_view>;

/// Where a server is.
struct Place {
  std::string path;  ///< Of a socket; or:
  std::string host;
  int port = kDefaultPort;
  std::string database;
};

Result<Place> parse_place(std::string_view url) {
  Place place;
  if (url.starts_with("unix:/")) {
    place.path = url.substr(5);
    return place;
  }
  url.remove_prefix(std::min(url.size(), std::string_view("redis://").size()));
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    place.database = url.substr(slash + 1);
    url = url.substr(0, slash);
  }
  const std::size_t colon = url.rfind(':');
  place.host = url.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view port = url.substr(colon + 1);
    const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), place.port);
    const bool whole = code == std::errc{} && end == port.data() + port.size();
    if (!whole || place.port < 1 || place.port > 65535) place.host.clear();
  }
  if (place.host.empty()) {
    return Error(Errc::kInvalidArgument, "url is redis://host:port or redis://host:port/database");
  }
  return place;
}

timeval time_of(std::chrono::nanoseconds length) {
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(length).count();
  return {whole / 1'000'000, whole % 1'000'000};
}

/// One connection, one call at a time: so all messages are in one order.
class RedisTarget final : public Target {
 public:
  RedisTarget(TargetConfig config, Place place)
      : config_(std::move(config)), place_(std::move(place)) {}

  Result<void> send(std::span<const Message> messages, std::size_t& taken) override {
    const std::scoped_lock lock(mutex_);
    taken = 0;
    if (stopped()) return Error(Errc::kCancelled, "this server stops");
    if (context_ == nullptr) {
      KELP_CHECK(connect());
    }
    auto sent = send_all(messages);
    // Else answers to the rest would be taken for those to others.
    if (!sent) context_.reset();
    taken = sent ? messages.size() : 0;
    return sent;
  }

 private:
  [[nodiscard]] Words words_of(const Message& message) const {
    if (config_.format == "channel") return {"PUBLISH", config_.key, message.body};
    if (config_.format == "list") return {"RPUSH", config_.key, message.body};
    return {"XADD",      config_.key, "*",        "event",   message.name, "key",
            message.key, "id",        message.id, "message", message.body};
  }

  /// All or none: were one refused and the next one taken, their order would be another one.
  Result<void> send_all(std::span<const Message> messages) {
    queue({"MULTI"});
    for (const Message& message : messages) queue(words_of(message));
    queue({"EXEC"});
    for (std::size_t i = 0; i <= messages.size(); ++i) {
      KELP_CHECK(answer());
    }
    return answer();
  }

  void queue(const Words& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(),
                           lengths.data());
  }

  /// The next answer. A server that is full, loads or is a replica only says so of itself.
  Result<void> answer() {
    void* raw = nullptr;
    const int done = redisGetReply(context_.get(), &raw);
    const Reply reply(static_cast<redisReply*>(raw));
    if (done != REDIS_OK || reply == nullptr) {
      return Error(Errc::kUnavailable, fmt::format("Redis: {}", context_->errstr));
    }
    KELP_CHECK(check(*reply));
    for (std::size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; ++i) {
      KELP_CHECK(check(*reply->element[i]));
    }
    return {};
  }
  static Result<void> check(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ERROR) return {};
    return Error(Errc::kUnavailable,
                 fmt::format("Redis: {}", std::string_view(reply.str, reply.len)));
  }

  Result<void> ask(const Words& words) {
    queue(words);
    return answer();
  }

  Result<void> connect() {
    const timeval patience = time_of(config_.timeout);
    context_.reset(place_.path.empty()
                       ? redisConnectWithTimeout(place_.host.c_str(), place_.port, patience)
                       : redisConnectUnixWithTimeout(place_.path.c_str(), patience));
    if (context_ == nullptr) return Error(Errc::kResourceExhausted, "no memory for a connection");
    Result<void> ready;
    if (context_->err != 0) {
      ready = Error(Errc::kUnavailable, fmt::format("Redis: {}", context_->errstr));
    } else {
      redisSetTimeout(context_.get(), patience);
      ready = introduce();
    }
    if (!ready) context_.reset();
    return ready;
  }

  Result<void> introduce() {
    if (!config_.password.empty()) {
      Words words{"AUTH"};
      if (!config_.user.empty()) words.emplace_back(config_.user);
      words.emplace_back(config_.password);
      KELP_CHECK(ask(words));
    }
    if (!place_.database.empty()) {
      KELP_CHECK(ask({"SELECT", place_.database}));
    }
    return {};
  }

  const TargetConfig config_;
  const Place place_;
  std::mutex mutex_;
  std::unique_ptr<redisContext, EndContext> context_;
};

}  // namespace

Result<std::unique_ptr<Target>> open_redis(TargetConfig config) {
  auto place = parse_place(config.url);
  if (!place) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("s3.notify.{}: {}", config.name, place.error().detail()));
  }
  return std::make_unique<RedisTarget>(std::move(config), *std::move(place));
}

}  // namespace kelp::notify
