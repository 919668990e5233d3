#include "filer/core/moves.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "filer/core/keys.h"
#include "filer/core/object_lock.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

/// Whether the current version of a key stays below the delete marker that takes its place.
bool stays_below(const BucketEntry& bucket, const ObjectEntry& current) {
  return bucket.versioning == Versioning::kEnabled ||
         (bucket.versioning == Versioning::kSuspended && current.has_id);
}

}  // namespace

Result<void> check_source(const KeyVersions& source, std::uint64_t wanted_version) {
  if (!source.current().row) {
    return Error(Errc::kNotFound, "nothing to rename", Reason::kNoSuchKey);
  }
  if (wanted_version == 0 || source.newest() == wanted_version) return {};
  return Error(Errc::kConflict, "what was to be renamed has changed", Reason::kConditionConflict);
}

Result<MovePlan> MovePlan::read(RowPlan& rows, const BucketEntry& from, const BucketEntry& to,
                                const Move& move) {
  KELP_TRY(KeyVersions source, KeyVersions::read(rows, from, move.from));
  KELP_CHECK(check_source(source, move.from_version));
  KELP_TRY(KeyVersions target, KeyVersions::read(rows, to, move.to));
  KELP_CHECK(check_conditions(move.conditions, target.current()));
  KELP_CHECK(target.order_events());
  return MovePlan(rows, from, to, move.from, std::move(source), std::move(target));
}

std::uint64_t MovePlan::newest() const {
  return std::max(source_.newest(), target_.newest());
}

/// What the version under the old key keeps, `entry` gets besides.
Result<void> MovePlan::copy_body(ObjectEntry& entry) {
  Layout& layout = entry.layout;
  if (layout.inline_id != 0) {
    KELP_TRY(auto body, rows_->get(keys::body(layout.inline_id)));
    if (!body) {
      return Error(Errc::kCorruption, fmt::format("inline body {} is missing", layout.inline_id));
    }
    KELP_CHECK(open_body(layout.inline_id, *body));
    layout.inline_id = entry.version;
    seal_body(layout.inline_id, *body);
    rows_->put(keys::body(layout.inline_id), *std::move(body));
    return {};
  }
  if (layout.chunks.empty()) return {};
  KELP_TRY(const auto fresh,
           share_version(*rows_, *from_, from_key_, source_.newest(), layout.chunks));
  KELP_ASSERT(fresh.empty(), "a version names its own needles");
  return source_.refresh();
}

Result<PlannedMove> MovePlan::plan(MoveNumbers numbers, WallTime now) {
  const CurrentObject& current = source_.current();
  PlannedMove planned{.entry = current.entry, .gone = {}, .usage = {}};
  planned.cost = current.row->size();
  ObjectEntry& entry = planned.entry;
  entry.version = numbers.version;
  entry.modified = later_than(target_.newest_modified(), now);
  if (!to_->lock.enabled) entry.headers.lock = {};
  KELP_CHECK(settle_lock(*to_, entry));
  if (stays_below(*from_, current.entry)) {
    entry.layout.annotations = {};  // They are the version's that stays.
    if (entry.layout.inline_id != 0) planned.cost += entry.size_bytes;
    KELP_CHECK(copy_body(entry));
  } else {
    source_.give_away_body();
  }
  KELP_TRY(planned.gone, remove_current(source_, *from_, numbers.marker, now));
  KELP_TRY(planned.usage, target_.put(entry, now));
  return planned;
}

}  // namespace kelp
