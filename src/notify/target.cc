#include "notify/target.h"

#include <fmt/format.h>

namespace kelp::notify {

Result<std::unique_ptr<Target>> open_target(TargetConfig config, const Clock& clock) {
  if (config.type == "webhook") return open_webhook(std::move(config), clock);
  if (config.type == "redis") return open_redis(std::move(config));
  if (config.type == "kafka") return open_kafka(std::move(config));
  return Error(Errc::kInvalidArgument,
               fmt::format("s3.notify.{}: this build has no {}", config.name, config.type));
}

}  // namespace kelp::notify
