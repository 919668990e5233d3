#include "notify/core/target_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace kelp::notify {
namespace {

constexpr std::size_t kMaxName = 64;

Error refuse(const TargetConfig& target, std::string_view why) {
  return {Errc::kInvalidArgument, fmt::format("s3.notify.{}: {}", target.name, why)};
}

bool is_good_name(std::string_view name) {
  const auto fits = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '_');
  };
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, fits);
}

bool prints(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

/// The fields that one type has and another does not.
struct Given {
  std::string_view name;
  bool given;
  std::string_view types;  ///< Of which it is.
};

Result<void> check_fields(const TargetConfig& target) {
  const TargetConfig none;
  const Given fields[] = {{"url", !target.url.empty(), "webhook redis"},
                          {"secret", !target.secret.empty(), "webhook"},
                          {"auth_token", !target.auth_token.empty(), "webhook"},
                          {"ca_file", !target.ca_file.empty(), "webhook kafka"},
                          {"brokers", !target.brokers.empty(), "kafka"},
                          {"topic", !target.topic.empty(), "kafka"},
                          {"tls", target.tls, "kafka"},
                          {"key", !target.key.empty(), "redis"},
                          {"format", target.format != none.format, "redis"},
                          {"user", !target.user.empty(), "redis kafka"},
                          {"password", !target.password.empty(), "redis kafka"}};
  for (const Given& field : fields) {
    if (!field.given || field.types.find(target.type) != std::string_view::npos) continue;
    return refuse(target, fmt::format("a {} has no {}", target.type, field.name));
  }
  return {};
}

/// `://user:password@`, which would be printed and logged.
bool has_password(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view rest = url.substr(scheme + 3);
  const std::string_view place = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = place.rfind('@');
  return at != std::string_view::npos && place.find(':') < at;
}

Result<void> check_webhook(const TargetConfig& target) {
  if (!target.url.starts_with("http://") && !target.url.starts_with("https://")) {
    return refuse(target, "url begins with http:// or https://");
  }
  if (!prints(target.url)) return refuse(target, "url has characters that no url has");
  if (!prints(target.auth_token)) return refuse(target, "auth_token fits into no header");
  return {};
}

Result<void> check_redis(const TargetConfig& target) {
  if (!target.url.starts_with("redis://") && !target.url.starts_with("unix:/")) {
    return refuse(target, "url begins with redis:// or unix:/");
  }
  if (target.key.empty()) return refuse(target, "key is missing");
  if (target.format == "list" || target.format == "stream" || target.format == "channel") return {};
  return refuse(target, "format is list, stream or channel");
}

Result<void> check_kafka(const TargetConfig& target) {
  if (target.brokers.empty()) return refuse(target, "brokers is missing");
  if (target.topic.empty()) return refuse(target, "topic is missing");
  return {};
}

Result<void> check_target(const TargetConfig& target) {
  if (!is_good_name(target.name)) {
    return refuse(target, "a name has 1 to 64 letters, digits, hyphens and underscores");
  }
  if (target.timeout < std::chrono::milliseconds(100) || target.timeout > std::chrono::minutes(1)) {
    return refuse(target, "timeout lies between 100ms and 1m");
  }
  if (target.type != "webhook" && target.type != "redis" && target.type != "kafka") {
    return refuse(target, "type is webhook, redis or kafka");
  }
  KELP_CHECK(check_fields(target));
  if (has_password(target.url)) {
    return refuse(target,
                  "url holds a password, which would be printed: give it in a key of its own");
  }
  if (target.type == "webhook") return check_webhook(target);
  return target.type == "redis" ? check_redis(target) : check_kafka(target);
}

}  // namespace

Result<void> check_targets(const std::vector<TargetConfig>& targets) {
  std::set<std::string_view> names;
  for (const TargetConfig& target : targets) {
    KELP_CHECK(check_target(target));
    if (!names.insert(target.name).second) return refuse(target, "it is there twice");
  }
  return {};
}

}  // namespace kelp::notify
