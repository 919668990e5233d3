#include "server/notify_targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/config_value.h"
#include "notify/target.h"
#include "server/toml_text.h"

namespace kelp::server {
namespace {

using notify::TargetConfig;

/// The member that a key names and that is text; null: none.
std::string* text_named(TargetConfig& of, std::string_view name) {
  const std::pair<std::string_view, std::string*> known[] = {
      {"type", &of.type},        {"url", &of.url},         {"secret", &of.secret},
      {"topic", &of.topic},      {"ca_file", &of.ca_file}, {"auth_token", &of.auth_token},
      {"key", &of.key},          {"format", &of.format},   {"user", &of.user},
      {"password", &of.password}};
  for (const auto& [key, text] : known) {
    if (key == name) return text;
  }
  return nullptr;
}

}  // namespace

Result<bool> set_notify_value(TargetConfig& to, std::string_view name, const std::string& text) {
  if (std::string* const member = text_named(to, name)) {
    *member = text;
  } else if (name == "brokers") {
    to.brokers = split_words(text);
  } else if (name == "tls") {
    if (text != "true" && text != "false") {
      return Error(Errc::kInvalidArgument, "tls is true or false");
    }
    to.tls = text == "true";
  } else if (name == "timeout") {
    KELP_TRY(to.timeout, parse_duration(text));
  } else {
    return false;
  }
  return true;
}

std::string print_notify(std::span<const TargetConfig> targets) {
  std::string out;
  const TargetConfig none;
  for (const TargetConfig& target : targets) {
    out += fmt::format("\n[s3.notify.{}]\ntype = {}\n", target.name, toml_quoted(target.type));
    for (const std::string_view key : {"url", "ca_file", "topic", "key", "user"}) {
      TargetConfig copy = target;
      const std::string& text = *text_named(copy, key);
      if (!text.empty()) out += fmt::format("{} = {}\n", key, toml_quoted(text));
    }
    if (target.format != none.format) {
      out += fmt::format("format = {}\n", toml_quoted(target.format));
    }
    if (!target.brokers.empty()) out += fmt::format("brokers = {}\n", toml_value(target.brokers));
    if (target.tls) out += "tls = true\n";
    out += fmt::format("timeout = {}\n", toml_value(target.timeout));
    for (const std::string_view key : {"secret", "auth_token", "password"}) {
      TargetConfig copy = target;
      if (!text_named(copy, key)->empty()) out += fmt::format("# {} is not shown\n", key);
    }
  }
  return out;
}

Result<std::vector<std::unique_ptr<NotifyPump>>> make_pumps(std::span<const TargetConfig> targets,
                                                            const NotifySeams& seams,
                                                            std::uint64_t holder) {
  std::vector<std::unique_ptr<NotifyPump>> pumps;
  for (const TargetConfig& config : targets) {
    KELP_TRY(auto target, notify::open_target(config, seams.clock));
    NotifyPumpOptions options;
    options.target = config.name;
    options.holder = holder;
    pumps.push_back(std::make_unique<NotifyPump>(seams, std::move(target), std::move(options)));
  }
  return pumps;
}

}  // namespace kelp::server
