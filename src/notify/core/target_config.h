#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"

namespace kelp::notify {

/// A target as an operator configured it: the table [s3.notify.NAME].
struct TargetConfig {
  std::string name;
  std::string type;                  ///< "webhook", "redis" or "kafka".
  std::string url;                   ///< Of webhook and redis.
  std::string secret;                ///< Of webhook: signs each message; empty: none is.
  std::string auth_token;            ///< Of webhook: the Authorization header; empty: none.
  std::string ca_file;               ///< PEM; empty: what the system trusts.
  std::vector<std::string> brokers;  ///< Of kafka: host:port.
  std::string topic;                 ///< Of kafka.
  std::string key;                   ///< Of redis: the list, stream or channel.
  std::string format = "list";       ///< Of redis: "list", "stream" or "channel".
  std::string user;                  ///< Of redis and kafka.
  std::string password;              ///< Of them.
  bool tls = false;                  ///< Of kafka.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);  ///< Of a message, 100ms to 1m.
  friend bool operator==(const TargetConfig&, const TargetConfig&) = default;
};

/// kInvalidArgument, naming the target and what is wrong with it: a name of other characters than
/// letters, digits, `-` and `_`, one that is there twice, a field that is missing, that its type
/// does not have or that cannot be.
[[nodiscard]] Result<void> check_targets(const std::vector<TargetConfig>& targets);

}  // namespace kelp::notify
