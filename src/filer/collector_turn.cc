#include "filer/collector_turn.h"

#include <utility>

#include "filer/core/rows.h"

namespace kelp {

Task<Result<bool>> take_turn(KvAsync& kv, CollectorTurn turn, WallTime now) {
  const std::string key = std::move(turn.row);
  KELP_CO_TRY(auto row, co_await kv.get(key));
  if (row) {
    KELP_CO_TRY(const CollectorRow taken, decode_collector(*row));
    if (taken.holder != turn.holder && taken.until > now) co_return false;
  }
  KvBatch batch;
  batch.conditions.push_back(KvCondition::unchanged(key, std::move(row)));
  batch.writes.push_back(KvWrite::put(key, encode_collector({turn.holder, now + turn.length})));
  const Result<void> committed = co_await kv.commit(std::move(batch));
  if (committed) co_return true;
  if (committed.error().code() == Errc::kPrecondition) co_return false;
  co_return committed.error();
}

Task<Result<bool>> HeldTurn::is_ours(Clock& clock) {
  constexpr std::chrono::seconds kTurn{60};
  if (holder_ == 0) co_return true;
  const MonoTime now = clock.mono();
  if (now < prolong_at_) co_return true;
  const CollectorTurn turn{holder_, kTurn, row_};
  KELP_CO_TRY(const bool ours, co_await take_turn(kv_, turn, clock.wall()));
  prolong_at_ = ours ? now + kTurn / 3 : MonoTime{};
  co_return ours;
}

}  // namespace kelp
