// Renames: FilerService's calls that give objects other keys.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/moves.h"
#include "filer/filer_service.h"

namespace kelp {
namespace {

constexpr int kMaxNumbers = 100;
constexpr std::uint32_t kMaxRenames = 1000;
// Of a commit: what every engine takes, and no more than delays the commits of others.
constexpr std::uint32_t kMovesPerCommit = 50;
constexpr std::size_t kBytesPerCommit = 1 << 20;
constexpr std::size_t kMaxTokenBytes = 64;

/// The moves of the next commit, and how far they go.
struct NextMoves {
  std::vector<Move> moves;
  bool truncated = false;  ///< There were more keys.
};

/// The first keys of `request`. kInvalidArgument when already the first one would be too long.
Result<NextMoves> next_moves(KvStore& store, const BucketEntry& bucket, const RenamePrefix& request,
                             std::uint32_t most) {
  ListObjects list;
  list.bucket = request.bucket;
  list.prefix = request.from;
  list.start_after = request.start_after;
  list.limit = most;
  KELP_TRY(ListedPage page, kelp::list_objects(store, bucket, list));
  NextMoves next{.moves = {}, .truncated = page.truncated};
  for (ListedObject& object : page.objects) {
    std::string to = request.to + object.key.substr(request.from.size());
    if (const auto good = check_object_key(to); !good) {
      if (next.moves.empty()) return good.error();
      next.truncated = true;
      break;
    }
    next.moves.push_back({.from = std::move(object.key), .to = std::move(to)});
  }
  return next;
}

}  // namespace

Task<Result<WriteOutcome>> FilerService::rename_object(RenameObject request) {
  KELP_CO_CHECK(check_object_key(request.from.key));
  KELP_CO_CHECK(check_object_key(request.to.key));
  if (request.from.version_id || request.to.version_id) {
    co_return Error(Errc::kInvalidArgument, "only the current version of a key is renamed");
  }
  if (request.token.id.size() > kMaxTokenBytes) {
    co_return Error(Errc::kInvalidArgument, "a rename's token has more than 64 bytes");
  }
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    const auto outcome = co_await rename_once(request);
    if (outcome || !lost_race(outcome.error())) co_return outcome;
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<DoneRename>> FilerService::find_rename(FindRename request) {
  KELP_CO_TRY(const FoundBucket in, co_await find_bucket(std::move(request.bucket)));
  KELP_CO_TRY(RememberedRename before, co_await remembered(in, std::move(request.token)));
  if (!before.done) co_return DoneRename{};
  co_return DoneRename{std::move(before.done->digest), before.done->outcome};
}

Task<Result<FilerService::RememberedRename>> FilerService::remembered(const FoundBucket& in,
                                                                      std::string token) {
  RememberedRename before;
  if (token.empty()) co_return before;
  before.row_key = keys::renamed(in.bucket.id, token);
  KELP_CO_TRY(before.row, co_await kv_.get(before.row_key));
  if (!before.row) co_return before;
  KELP_CO_TRY(before.done, decode_renamed(*before.row));
  if (clock_.wall() - before.done->finished > options_.finished_memory) before.done.reset();
  co_return before;
}

void FilerService::remember(const RememberedRename& before, const IdempotencyToken& token,
                            const WriteOutcome& outcome, KvBatch& batch) const {
  if (before.row_key.empty()) return;
  const RenamedRow row{.finished = clock_.wall(), .digest = token.digest, .outcome = outcome};
  batch.conditions.push_back(KvCondition::unchanged(before.row_key, before.row));
  batch.writes.push_back(KvWrite::put(before.row_key, encode_renamed(row)));
}

Task<Result<WriteOutcome>> FilerService::rename_once(RenameObject request) {
  KELP_CO_TRY(FoundBucket from, co_await find_bucket(request.from.bucket));
  FoundBucket to = from;  // One bucket is read once: the commit requires one row.
  if (request.to.bucket != request.from.bucket) {
    KELP_CO_TRY(to, co_await find_bucket(request.to.bucket));
  }
  if (from.bucket.owner_id != to.bucket.owner_id) {
    co_return Error(Errc::kPermissionDenied, "the buckets have different owners");
  }
  KELP_CO_TRY(const RememberedRename before, co_await remembered(to, request.token.id));
  if (before.done && before.done->digest == request.token.digest) {
    co_return before.done->outcome;
  }
  if (before.done) {
    co_return Error(Errc::kConflict, "another rename had this token", Reason::kConditionConflict);
  }
  if (from.row_key == to.row_key && request.from.key == request.to.key) {
    co_return co_await rename_to_itself(std::move(from), std::move(request), before);
  }
  BesidesMoves besides = [&](const WriteOutcome& outcome, KvBatch& batch) {
    remember(before, request.token, outcome, batch);
  };
  std::vector<Move> one;
  one.push_back({.from = std::move(request.from.key),
                 .from_version = request.from_version,
                 .to = std::move(request.to.key),
                 .conditions = std::move(request.conditions)});
  KELP_CO_TRY(const MovesDone done, co_await move_once(from, to, std::move(one), besides));
  if (done.refused) co_return *done.refused;
  co_return done.last;
}

/// Only looks, and remembers its token.
Task<Result<WriteOutcome>> FilerService::rename_to_itself(FoundBucket in, RenameObject request,
                                                          const RememberedRename& before) {
  std::function<Result<WriteOutcome>(RowPlan&)> look = [&](RowPlan& rows) -> Result<WriteOutcome> {
    KELP_TRY(const KeyVersions key, KeyVersions::read(rows, in.bucket, request.from.key));
    KELP_CHECK(check_source(key, request.from_version));
    KELP_CHECK(check_conditions(request.conditions, key.current()));
    const ObjectEntry& entry = key.current().entry;
    return WriteOutcome{entry.version, entry.modified, shown_version_id(in.bucket, entry)};
  };
  KELP_CO_TRY(auto planned, co_await plan(look));
  if (!before.row_key.empty()) {
    remember(before, request.token, planned.value, planned.batch);
    KELP_CO_CHECK(co_await kv_.commit(std::move(planned.batch)));
  }
  co_return planned.value;
}

/// One attempt to commit the first of `moves`, at least one, and as many more as fit into a commit.
/// What is not there any more, or not as it must be, is passed over.
Task<Result<FilerService::MovesDone>> FilerService::move_once(FoundBucket from, FoundBucket to,
                                                              std::vector<Move> moves,
                                                              BesidesMoves besides) {
  std::vector<MoveNumbers> numbers(moves.size());
  std::uint64_t above = 0;
  struct Plan {
    std::vector<std::pair<std::size_t, PlannedMove>> moved;  ///< With the index of its move.
    MovesDone done;
  };
  std::function<Result<Plan>(RowPlan&)> make = [&](RowPlan& rows) -> Result<Plan> {
    Plan plan;
    std::size_t cost = 0;
    for (std::size_t i = 0; i < moves.size() && cost < kBytesPerCommit; ++i) {
      plan.done.looked_at = i + 1;
      auto move = MovePlan::read(rows, from.bucket, to.bucket, moves[i]);
      if (!move && move.error().reason() == Reason::kNone) return move.error();
      if (!move) {
        plan.done.refused = move.error();
        continue;
      }
      above = std::max(above, move->newest());
      if (above >= numbers[i].version) continue;
      KELP_TRY(PlannedMove planned, move->plan(numbers[i], clock_.wall()));
      cost += planned.cost;
      plan.moved.emplace_back(i, std::move(planned));
    }
    return plan;
  };
  for (int attempt = 0; attempt < kMaxNumbers; ++attempt) {
    for (MoveNumbers& each : numbers) {
      KELP_CO_TRY(each.version, co_await ids_.next(above));
      KELP_CO_TRY(each.marker, co_await ids_.next(each.version));
    }
    const std::uint64_t lowest = numbers.front().version;
    KELP_CO_TRY(auto planned, co_await plan(make, moves.size() == 1));
    if (above >= lowest) continue;
    Plan& made = planned.value;
    if (made.moved.empty()) co_return std::move(made.done);

    KvBatch& batch = planned.batch;
    const bool one_bucket = from.row_key == to.row_key;
    UsageChange from_usage;
    UsageChange to_usage;
    for (const auto& [index, move] : made.moved) {
      EventOrigin origin = moves[index].conditions.origin;
      origin.cause = EventCause::kRename;
      note(to.bucket, {EventKind::kPut, origin}, moves[index].to, move.entry, batch);
      note(from.bucket, {move.gone.kind, origin}, moves[index].from, move.gone.entry, batch);
      (one_bucket ? to_usage : from_usage) = (one_bucket ? to_usage : from_usage) + move.gone.usage;
      to_usage = to_usage + move.usage;
    }
    if (needs_room(to.bucket, to_usage)) {
      KELP_CO_CHECK(co_await require_room_now(to.bucket, to_usage, batch));
    }
    add_usage(to.bucket, to_usage, options_.counter_shard, batch);
    add_usage(from.bucket, from_usage, options_.counter_shard, batch);
    batch.conditions.push_back(KvCondition::equals(to.row_key, to.row));
    if (!one_bucket) batch.conditions.push_back(KvCondition::equals(from.row_key, from.row));
    const ObjectEntry& last = made.moved.back().second.entry;
    made.done.last = {last.version, last.modified, new_version_id(to.bucket, last)};
    made.done.moved = made.moved.size();
    if (besides) besides(made.done.last, batch);
    KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
    co_return std::move(made.done);
  }
  co_return Error(Errc::kUnavailable, "others keep making versions of the keys");
}

Task<Result<RenamedPrefix>> FilerService::rename_prefix(RenamePrefix request) {
  if (request.from.empty() || request.to.empty() || request.from.starts_with(request.to) ||
      request.to.starts_with(request.from)) {
    co_return Error(Errc::kInvalidArgument, "one of the prefixes is, or begins with, the other");
  }
  std::uint32_t left = std::clamp(request.limit, 1U, kMaxRenames);
  RenamedPrefix renamed;
  int lost = 0;
  for (renamed.more = true; renamed.more && left > 0;) {
    KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
    std::move_only_function<Result<NextMoves>(KvStore&)> look =
        [&, most = std::min(left, kMovesPerCommit)](KvStore& store) {
          return next_moves(store, in.bucket, request, most);
        };
    KELP_CO_TRY(NextMoves next, co_await kv_.read<NextMoves>(std::move(look)));
    renamed.more = next.truncated;
    if (next.moves.empty()) break;
    const auto done = co_await move_once(in, in, next.moves, {});
    if (!done && lost_race(done.error()) && ++lost < options_.max_attempts) {
      renamed.more = true;
      continue;
    }
    KELP_CO_CHECK(done);
    renamed.objects += done->moved;
    renamed.more = renamed.more || done->looked_at < next.moves.size();
    request.start_after = next.moves[done->looked_at - 1].from;
    renamed.next = request.start_after;
    left -= static_cast<std::uint32_t>(done->looked_at);
  }
  co_return renamed;
}

}  // namespace kelp
