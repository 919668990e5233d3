#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>

namespace kelp {
namespace {

constexpr std::size_t kLogValueBytes = 256;

std::shared_ptr<spdlog::sinks::sink> shared_sink() {
  static const auto kSink = [] {
    auto made = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l room=%n %v");
    return made;
  }();
  return kSink;
}

}  // namespace

spdlog::logger& logger(std::string_view room) {
  const std::string name(room);
  if (auto found = spdlog::get(name)) return *found;
  auto made = std::make_shared<spdlog::logger>(name, shared_sink());
  made->set_level(spdlog::get_level());
  made->flush_on(spdlog::level::warn);
  try {
    spdlog::register_logger(made);
  } catch (const spdlog::spdlog_ex&) {  // another thread made it first
  }
  return *spdlog::get(name);
}

Result<void> set_log_level(std::string_view level) {
  for (const auto known : {"trace", "debug", "info", "warn", "error"}) {
    if (level == known) {
      spdlog::set_level(spdlog::level::from_str(std::string(level)));
      return {};
    }
  }
  return Error(
      Errc::kInvalidArgument,
      fmt::format("log level '{}': known are trace, debug, info, warn, error", log_value(level)));
}

std::string log_value(std::string_view value) {
  const bool cut = value.size() > kLogValueBytes;
  value = value.substr(0, kLogValueBytes);
  const auto plain = [](char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && c != 0x7f;
  };
  if (!cut && !value.empty() && std::ranges::all_of(value, plain)) return std::string(value);
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text.push_back('\\');
      text.push_back(c);
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      text.push_back(c);
    }
  }
  text += cut ? "…\"" : "\"";
  return text;
}

}  // namespace kelp
