#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "filer/notify_pump.h"
#include "kelp/result.h"
#include "notify/core/target_config.h"

namespace kelp::server {

/// The keys of a [s3.notify.NAME] table, for errors.
inline constexpr std::string_view kNotifyFields =
    "type, url, secret, auth_token, ca_file, brokers, topic, key, format, user, password, tls and "
    "timeout";

/// Sets what the TOML key `name` means. False: there is no such key. kInvalidArgument when `text`
/// cannot be read.
[[nodiscard]] Result<bool> set_notify_value(notify::TargetConfig& to, std::string_view name,
                                            const std::string& text);

/// Each as a [s3.notify.NAME] table, without what is secret.
[[nodiscard]] std::string print_notify(std::span<const notify::TargetConfig> targets);

/// One pump for each target. `holder`: as CollectorOptions::holder.
[[nodiscard]] Result<std::vector<std::unique_ptr<NotifyPump>>> make_pumps(
    std::span<const notify::TargetConfig> targets, const NotifySeams& seams, std::uint64_t holder);

}  // namespace kelp::server
