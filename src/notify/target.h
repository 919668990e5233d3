#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "notify/core/target_config.h"

namespace kelp::notify {

/// A message for a target.
struct Message {
  std::string key;   ///< "BUCKET/KEY", raw bytes: the messages of one are in order.
  std::string id;    ///< The same each time it is sent; others have others, for whoever asks.
  std::string name;  ///< event_name(), or "TestEvent".
  std::string body;  ///< JSON.
};

/// Takes messages. Its calls block: at most about the target's timeout for one message that is not
/// taken. Thread-safe.
class Target {
 public:
  virtual ~Target() = default;
  /// Hands over `messages` in their order until one is not taken. `taken` becomes the number of
  /// those that were, for sure; what failed may have arrived, too.
  /// kUnavailable: nobody is there, or nothing was answered in time. kPermissionDenied,
  /// kInvalidArgument: it is there and does not take this one. kCancelled after stop().
  virtual Result<void> send(std::span<const Message> messages, std::size_t& taken) = 0;
  /// How many send() may run at once so that it is worth it.
  [[nodiscard]] virtual std::size_t lanes() const { return 1; }
  /// From now on calls end soon, with kCancelled.
  void stop() { stopped_ = true; }

 protected:
  [[nodiscard]] const std::atomic<bool>& stopped() const { return stopped_; }

 private:
  std::atomic<bool> stopped_ = false;
};

/// The target of a configuration that was checked. Connects to nothing yet. `clock` must outlive
/// it. kInvalidArgument for a type that this build does not have.
[[nodiscard]] Result<std::unique_ptr<Target>> open_target(TargetConfig config, const Clock& clock);

/// Of open_target(), by type.
[[nodiscard]] Result<std::unique_ptr<Target>> open_webhook(TargetConfig config, const Clock& clock);
/// kInvalidArgument when the url says no server.
[[nodiscard]] Result<std::unique_ptr<Target>> open_redis(TargetConfig config);

/// kInvalidArgument never; what librdkafka refuses is found when it connects.
[[nodiscard]] Result<std::unique_ptr<Target>> open_kafka(TargetConfig config);

/// "t=1700000000,v1=HEX": what X-Kelp-Signature says of a body; HEX is the HMAC-SHA-256 by `secret`
/// of the seconds, a full stop and the body.
[[nodiscard]] std::string webhook_signature(std::string_view secret, std::string_view body,
                                            WallTime now);

}  // namespace kelp::notify
