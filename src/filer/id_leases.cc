#include "filer/id_leases.h"

#include <algorithm>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

constexpr int kMaxAttempts = 100;

}  // namespace

std::optional<std::uint64_t> IdLeases::take(std::uint64_t above) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = std::max(next_, above + 1);
  if (id >= end_) return std::nullopt;
  next_ = id + 1;
  return id;
}

Task<Result<std::uint64_t>> IdLeases::next(std::uint64_t above) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (const auto id = take(above)) co_return *id;
    KELP_CO_CHECK(co_await lease(above));
  }
  co_return Error(Errc::kUnavailable, "others keep taking the ids that were leased");
}

Task<Result<void>> IdLeases::lease(std::uint64_t above) {
  KELP_CO_TRY(auto row, co_await kv_.get(keys::ids()));
  std::uint64_t begin = 1;
  if (row) {
    KELP_CO_TRY(begin, decode_number(*row, "ids"));
  }
  begin = std::max(begin, above + 1);
  KvBatch batch;
  batch.conditions.push_back(KvCondition::unchanged(keys::ids(), std::move(row)));
  batch.writes.push_back(KvWrite::put(keys::ids(), encode_number(begin + lease_ids_)));
  const Result<void> committed = co_await kv_.commit(std::move(batch));
  if (!committed) {
    // Somebody else leased meanwhile, perhaps for us.
    if (committed.error().code() == Errc::kPrecondition) co_return Result<void>();
    co_return committed.error();
  }
  const std::lock_guard lock(mutex_);
  // Ids only rise: of two leases taken at once, the later one may have been put to use first.
  if (begin >= end_ && (next_ >= end_ || above + 1 >= end_)) {
    next_ = begin;
    end_ = begin + lease_ids_;
  }
  co_return Result<void>();
}

}  // namespace kelp
