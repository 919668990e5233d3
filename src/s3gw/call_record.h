#pragma once

#include <chrono>

#include "s3gw/call.h"
#include "s3gw/core/trace_line.h"
#include "s3gw/request_record.h"

namespace kelp::s3 {

/// What there is to tell of a call that ended just now. Views of the call.
[[nodiscard]] RequestRecord record_of(const Call& call, std::chrono::nanoseconds took);

/// What a trace shows of its head; `started`: when that was there. Views of the call.
[[nodiscard]] TracedHead head_of(const Call& call, MonoTime started);

/// The bucket that the call is about, as it is known; null: none is.
[[nodiscard]] BucketAccessPtr access_of(const Call& call);

/// Adds the call to the access log of its bucket, which has one; `started`: when its head was
/// there.
void log_access(const Call& call, const RequestRecord& record, const BucketAccess& access,
                MonoTime started);

}  // namespace kelp::s3
