// RestoreObject: an archived object can be read for some days.

#include <algorithm>

#include "s3gw/archive.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/restore.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr int kMaxAttempts = 3;

/// For how long, from `now` on, as AWS counts: days from when it is there, to the next midnight.
RestoredCopy copy_for(const Call& call, std::uint32_t days, WallTime now) {
  const GatewayOptions& options = call.services.options;
  const std::uint32_t counted = std::min(days, lifecycle::kMaxDays);
  RestoredCopy copy;
  // At once is at once for gateways whose clocks are behind, too.
  if (options.restore_time.count() > 0) copy.ready = now + options.restore_time;
  copy.until = options.lifecycle_calendar.after(std::max(now, copy.ready), counted);
  return copy;
}

/// One attempt: the version that is read and judged is the one that is restored.
Task<S3Result<Result<RestoreOutcome>>> try_restore(Call& call, RestoreOrder order) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, false));
  const ObjectEntry& entry = found.entry;
  if (entry.headers.storage_class == "INTELLIGENT_TIERING") {
    co_return s3_error(S3Code::kObjectAlreadyInActiveTierError);  // No tier of it is archived here.
  }
  if (!is_archive(call, entry.headers.storage_class)) {
    co_return std::unexpected(invalid_object_state(
        entry, "Restore is not allowed for the object's current storage class"));
  }
  KELP_S3_CO_CHECK(check_tier(order.tier, entry.headers.storage_class));
  KELP_S3_CO_TRY(const auto version, version_parameter(call));
  const WallTime now = call.services.deps.clock.wall();
  RestoreObject request{
      .name = {.bucket = call.request.bucket, .key = call.request.key, .version_id = version},
      .version = entry.version,
      .now = now,
      .copy = copy_for(call, order.days, now),
      .origin = origin_of(call, EventCause::kPost)};
  co_return co_await call.services.deps.filer.restore_object(std::move(request));
}

}  // namespace

Task<S3Result<void>> restore_object(Call& call) {
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const RestoreOrder order, parse_restore(std::move(body)));
  for (int attempt = 1;; ++attempt) {
    KELP_S3_CO_TRY(const Result<RestoreOutcome> outcome, co_await try_restore(call, order));
    if (outcome) {
      HttpResponse head = begin_response(call, outcome->extended ? 200 : 202);
      add_version_id(outcome->version_id, head);
      co_await reply(call, std::move(head), {});
      co_return S3Result<void>{};
    }
    const Error& error = outcome.error();
    if (error.code() == Errc::kAlreadyExists) {
      co_return s3_error(S3Code::kRestoreAlreadyInProgress);
    }
    const bool changed = error.reason() == Reason::kConditionConflict ||
                         error.reason() == Reason::kNoSuchKey ||
                         error.reason() == Reason::kNoSuchVersion;
    if (!changed || attempt == kMaxAttempts) co_return std::unexpected(from_error(error));
  }
}

}  // namespace kelp::s3
