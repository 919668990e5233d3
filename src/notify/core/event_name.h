#pragma once

#include <string_view>

#include "wire/events.h"

namespace kelp::notify {

/// What S3 calls an event of the log, without "s3:": "ObjectCreated:Put". Empty when S3 has no name
/// for it, and nobody is told.
///
/// Source   "Supported event types for SQS, SNS, and Lambda", S3 user guide.
[[nodiscard]] std::string_view event_name(const ObjectEvent& event);

}  // namespace kelp::notify
