#pragma once

#include <chrono>

#include "s3gw/call.h"

namespace kelp::s3 {

/// Tells all who want to know of a call that ended just now - audit log, trace, the access log and
/// the metrics of its bucket. `started`: when its head was there; `took`: from then on.
void tell(const Call& call, MonoTime started, std::chrono::nanoseconds took);

}  // namespace kelp::s3
