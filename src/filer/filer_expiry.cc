// Lifecycle: FilerService's calls that do what a bucket's rules demand.

#include <fmt/format.h>

#include <utility>

#include "filer/core/expiry.h"
#include "filer/core/manifest.h"
#include "filer/filer_service.h"

namespace kelp {
namespace {

constexpr std::size_t kMaxDoomed = 1000;

void count(const Doomed& doomed, const Result<DeleteOutcome>& outcome, Expired& done) {
  using enum lifecycle::Act;
  if (!outcome && outcome.error().reason() == Reason::kObjectLocked) {
    ++done.locked;
  } else if (!outcome || !outcome->existed) {
    ++done.changed;
  } else {
    ++(doomed.act == kExpire          ? done.expired
       : doomed.act == kRemoveVersion ? done.removed
                                      : done.markers);
  }
}

}  // namespace

Error judged_otherwise() {
  return Error(Errc::kConflict, "the rules of the bucket are others now",
               Reason::kConditionConflict);
}

Task<Result<Expired>> FilerService::expire(Expire request) {
  if (request.doomed.size() > kMaxDoomed) {
    co_return Error(Errc::kInvalidArgument, fmt::format("{} versions; at most {} expire at once",
                                                        request.doomed.size(), kMaxDoomed));
  }
  std::vector<DeleteTarget> targets;
  targets.reserve(request.doomed.size());
  for (const Doomed& doomed : request.doomed) {
    DeleteTarget& target = targets.emplace_back();
    target.key = doomed.key;
    target.conditions.origin.cause = EventCause::kExpiration;
    if (doomed.act != lifecycle::Act::kExpire) target.version_id = doomed.version_id;
  }
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
    PlanDeletes make = [&, bucket = in.bucket, now = clock_.wall()](RowPlan& rows) {
      return plan_expiry(rows, bucket, request, targets, now);
    };
    auto done = co_await delete_once(std::move(in), targets, std::move(make), false);
    if (!done && lost_race(done.error())) continue;
    KELP_CO_CHECK(done);
    Expired counts;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      count(request.doomed[i], done->outcomes[i], counts);
    }
    co_return counts;
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<bool>> FilerService::move_class(MoveClass request) {
  ClassChange how{.now = clock_.wall(), .most_chunks = options_.most_chunks};
  if (request.chunks && is_long(*request.chunks, options_.most_chunks)) {
    KELP_CO_TRY(how.manifest, co_await ids_.next());
  }
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
    std::function<Result<std::optional<ObjectEntry>>(RowPlan&)> make = [&](RowPlan& rows) {
      return plan_move(rows, in.bucket, request, how);
    };
    KELP_CO_TRY(auto planned, co_await plan(make, false));
    if (!planned.value) co_return false;
    note(in.bucket, {EventKind::kPut, {.cause = EventCause::kTransition}}, request.moved.key,
         *planned.value, planned.batch);
    planned.batch.conditions.push_back(
        KvCondition::equals(std::move(in.row_key), std::move(in.row)));
    const Result<void> committed = co_await kv_.commit(std::move(planned.batch));
    if (committed) co_return true;
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<void>> FilerService::expire_upload(UploadName name, KvRow rules) {
  return abort_upload(std::move(name), std::move(rules));
}

}  // namespace kelp
