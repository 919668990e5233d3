#pragma once

#include <string_view>

namespace kelp::server {

/// Whether a supervisor asked to be told: then SIGHUP comes from it, and not from a terminal that
/// went away.
[[nodiscard]] bool has_supervisor();

/// Tells the supervisor that started this process how it is doing, when the supervisor asked for it
/// with NOTIFY_SOCKET (systemd's Type=notify): "READY=1" once requests are taken, "STOPPING=1" when
/// it ends. Does nothing without the variable, and never fails: who cannot be told finds out by
/// waiting. Source: sd_notify(3).
void tell_supervisor(std::string_view state);

}  // namespace kelp::server
