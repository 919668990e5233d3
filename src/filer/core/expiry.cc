#include "filer/core/expiry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/key_floor.h"
#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/manifest.h"
#include "filer/core/object_lock.h"

namespace kelp {
namespace {

using lifecycle::Act;
using lifecycle::KeyJudge;
using lifecycle::Verdict;

/// A cursor over one kind of rows of a bucket.
class Rows {
 public:
  Rows(KvStore& store, KvRange range)
      : end_(range.end), cursor_(store.cursor({std::move(range.begin), end_})) {}

  void seek(const std::string& row) { cursor_->seek(row); }
  void next() { cursor_->next(); }
  [[nodiscard]] bool valid() const { return cursor_->valid(); }
  [[nodiscard]] std::string_view row_key() const { return cursor_->key(); }
  [[nodiscard]] std::string_view value() const { return cursor_->value(); }
  [[nodiscard]] Result<void> status() const { return cursor_->status(); }
  [[nodiscard]] KvRow row() const { return {std::string(row_key()), std::string(value())}; }

 private:
  std::string end_;
  std::unique_ptr<KvCursor> cursor_;
};

/// Walks the versions of a bucket's keys, key by key. The two kinds of rows are of two points in
/// time; what that makes of a key that changes between them, its commit refuses.
class VersionWalk {
 public:
  VersionWalk(KvStore& store, const RuledBucket& ruled, const JudgedAt& at,
              const ExpiryLimits& limits)
      : bucket_(ruled.bucket),
        rules_(ruled.rules),
        now_(at.now),
        limits_(limits),
        judge_(ruled.rules, at.calendar, at.now),
        objects_(store, keys::within(keys::object(bucket_.id, ""))) {
    if (bucket_.versioning != Versioning::kNever) {
      versions_.emplace(store, keys::within(keys::versions_of(bucket_.id)));
    }
  }

  /// Until the limits; false at the bucket's end, else next_key() is where to go on.
  Result<bool> run(std::string from, ExpiryPage& page) {
    page_ = &page;
    KELP_CHECK(seek(from));
    while (find_key()) {
      if (page.rows >= limits_.rows || is_full()) return true;
      const auto wanted = rules_.next_key(key_);
      if (!wanted) return false;
      if (*wanted != key_) {
        from = *wanted;
        KELP_CHECK(seek(from));
        continue;
      }
      KELP_TRY(const bool whole, judge_key());
      if (!whole) {
        page.cut = true;
        return true;
      }
    }
    return false;
  }
  [[nodiscard]] const std::string& next_key() const { return key_; }

 private:
  Result<void> seek(const std::string& key) {
    objects_.seek(keys::object(bucket_.id, key));
    if (versions_) {
      versions_->seek(keys::versions_of_key(bucket_.id, key));
      KELP_CHECK(read_version());
    }
    return check();
  }
  Result<void> check() const {
    KELP_CHECK(objects_.status());
    if (versions_) {
      KELP_CHECK(versions_->status());
    }
    return {};
  }
  /// Reads the key of the version row that is next.
  Result<void> read_version() {
    version_.reset();
    if (!versions_->valid()) return {};
    KELP_TRY(version_, keys::parse_version(versions_->row_key()));
    return {};
  }
  /// Sets the next key; false: there is none.
  bool find_key() {
    if (!objects_.valid() && !version_) return false;
    if (objects_.valid()) key_ = objects_.row_key().substr(keys::object(bucket_.id, "").size());
    if (version_ && (!objects_.valid() || version_->key < key_)) key_ = version_->key;
    return true;
  }
  [[nodiscard]] bool at_object() const {
    constexpr std::size_t kFront = 1 + sizeof(BucketId::value);
    return objects_.valid() && objects_.row_key().substr(kFront) == key_;
  }

  [[nodiscard]] bool is_full() const {
    return page_->doomed.size() >= limits_.doomed || page_->moves.size() >= limits_.moves;
  }

  /// False: it was left half way, as the page is full.
  Result<bool> judge_key() {
    judge_.begin(key_);
    head_.reset();
    kept_.reset();
    newer_.clear();
    if (at_object()) {
      KELP_TRY(const auto none, take(objects_.value()));
      if (none) return Error(Errc::kCorruption, "a version that is newer than the current one");
    }
    bool first = !at_object();
    while (version_ && version_->key == key_) {
      if (is_full()) return false;
      KELP_TRY(const auto verdict, take(versions_->value()));
      if (first) {
        head_ = versions_->row();
      } else if (verdict) {
        KELP_CHECK(doom_older(*verdict));
      }
      if (!first && newer_.size() < rules_.most_newer) newer_.push_back(versions_->row());
      first = false;
      versions_->next();
      KELP_CHECK(read_version());
    }
    if (const auto verdict = judge_.end()) doom_head(*verdict);
    if (at_object()) objects_.next();
    KELP_CHECK(check());
    return true;
  }

  Result<std::optional<Verdict>> take(std::string_view row) {
    ++page_->rows;
    if (rules_.any_tags) {
      KELP_TRY(const ObjectEntry entry, decode_entry(row));
      return judge_.take({.modified = entry.modified,
                          .size_bytes = entry.size_bytes,
                          .delete_marker = entry.delete_marker,
                          .storage_class = entry.headers.storage_class,
                          .tags = &entry.headers.tags});
    }
    KELP_TRY(const ListedEntry entry, decode_listed(row));
    return judge_.take({.modified = entry.modified,
                        .size_bytes = entry.size_bytes,
                        .delete_marker = entry.delete_marker,
                        .storage_class = entry.storage_class});
  }

  /// The version row that is next.
  Result<void> doom_older(const Verdict& verdict) {
    KELP_TRY(const ObjectEntry entry, decode_entry(versions_->value()));
    const bool moves = verdict.act == Act::kMove;
    if (!moves && !check_removal(entry.headers.lock, false, now_)) {
      ++page_->locked;
      return {};
    }
    if (!kept_ || kept_->size() < 1 + verdict.due.newer) {
      auto besides = std::make_shared<std::vector<KvRow>>();
      besides->push_back(head());
      for (std::size_t i = 0; i < verdict.due.newer && i < newer_.size(); ++i) {
        besides->push_back(newer_[i]);
      }
      kept_ = std::move(besides);
    }
    auto& found = moves ? page_->moves : page_->doomed;
    found.push_back({.act = verdict.act,
                     .key = key_,
                     .version_id = version_id_of(entry),
                     .row = versions_->row(),
                     .besides = kept_,
                     .to = std::string(verdict.due.to)});
    return {};
  }

  void doom_head(const Verdict& verdict) {
    const bool moves = verdict.act == Act::kMove;
    Doomed& doomed = (moves ? page_->moves : page_->doomed).emplace_back();
    doomed.act = verdict.act;
    doomed.to = verdict.due.to;
    doomed.key = key_;
    doomed.row = head();
    if (const auto marker = decode_listed(doomed.row.second)) {
      doomed.version_id = version_id_of(*marker);
    }
  }

  [[nodiscard]] KvRow head() const { return head_ ? *head_ : objects_.row(); }

  const BucketEntry& bucket_;
  const lifecycle::Rules& rules_;
  const WallTime now_;
  const ExpiryLimits limits_;
  KeyJudge judge_;
  Rows objects_;
  std::optional<Rows> versions_;
  std::optional<keys::VersionRowKey> version_;  ///< Of the version row that is next.
  std::string key_;
  std::optional<KvRow> head_;  ///< When it is a version row.
  std::vector<KvRow> newer_;   ///< The first ones that are not current.
  std::shared_ptr<const std::vector<KvRow>> kept_;
  ExpiryPage* page_ = nullptr;
};

/// As VersionWalk::run(), of uploads; `from` is a row's key.
Result<std::string> walk_uploads(KvStore& store, const RuledBucket& ruled, std::string from,
                                 const JudgedAt& at, const ExpiryLimits& limits, ExpiryPage& page) {
  const KvRange all = keys::within(keys::uploads_of(ruled.bucket.id));
  Rows rows(store, all);
  for (rows.seek(from.empty() ? all.begin : from); rows.valid();) {
    if (page.rows >= limits.rows || page.uploads.size() >= limits.doomed) {
      return std::string(rows.row_key());
    }
    ++page.rows;
    KELP_TRY(keys::UploadRowKey name, keys::parse_upload(rows.row_key()));
    if (name.part_number != 0) {  // Left over, or there are very many.
      rows.next();
      continue;
    }
    KELP_TRY(const UploadRow upload, decode_upload(rows.value()));
    const auto due = lifecycle::upload_expiry(ruled.rules, name.key, upload.created, at.calendar);
    if (due && due->at <= at.now) {
      page.uploads.push_back(
          {ruled.bucket.name, std::move(name.key), upload_id_text(name.upload_id)});
    }
    rows.seek(keys::behind(std::string(rows.row_key())));
  }
  KELP_CHECK(rows.status());
  return std::string();
}

Result<std::optional<RuledBucket>> read_rules(KvStore& store, std::string_view row_key,
                                              std::string_view row) {
  KELP_TRY(BucketEntry bucket, decode_bucket(row));
  bucket.name = keys::bucket_name(row_key);
  std::string key = keys::setting(bucket.id, lifecycle::kSetting);
  KELP_TRY(auto setting, store.get(key));
  if (!setting) return std::nullopt;
  KELP_TRY(const std::string kept, decode_setting(*setting));
  KELP_TRY(lifecycle::Rules rules, lifecycle::parse_rules(kept));
  if (rules.rules.empty()) return std::nullopt;
  return RuledBucket{std::move(bucket), {std::move(key), *std::move(setting)}, std::move(rules)};
}

Error changed() {
  return Error(Errc::kConflict, "not what was judged any more", Reason::kConditionConflict);
}

/// Whether all that the judgement rests on is as it was, which becomes a condition. Versions are
/// made of the newest one only: while it stays, a marker that was alone is.
Result<bool> is_as_judged(RowPlan& rows, const BucketEntry& bucket, const Doomed& doomed) {
  const auto same = [&rows](const KvRow& judged) -> Result<bool> {
    KELP_TRY(const auto row, rows.get(judged.first));
    return row == judged.second;
  };
  KELP_TRY(const KeyVersions versions, KeyVersions::read(rows, bucket, doomed.key));
  const KvRow& newest = doomed.besides == nullptr ? doomed.row : doomed.besides->front();
  const FoundVersion& head = versions.head();
  bool good = head.row_key == newest.first && head.object.row == newest.second;
  if (good && doomed.besides != nullptr) {
    KELP_TRY(good, same(doomed.row));
    for (const KvRow& row : *doomed.besides) {
      if (!good) return false;
      KELP_TRY(good, same(row));
    }
  }
  return good;
}

}  // namespace

Result<FoundRules> find_rules(KvStore& store, const std::string& from, std::size_t most) {
  FoundRules answer;
  const KvRange all{keys::bucket(from), keys::behind(std::string(1, keys::kBucket))};
  const auto rows = store.cursor(all);
  std::size_t looked_at = 0;
  for (rows->seek(all.begin); rows->valid(); rows->next()) {
    const std::string_view name = keys::bucket_name(rows->key());
    if (looked_at++ == most) {
      answer.next = name;
      return answer;
    }
    auto ruled = read_rules(store, rows->key(), rows->value());
    // One bucket that cannot be understood keeps the others from nothing.
    const bool unknown = !ruled && (ruled.error().code() == Errc::kUnimplemented ||
                                    ruled.error().code() == Errc::kCorruption);
    if (!ruled && !unknown) return std::move(ruled).error();
    if (unknown) {
      answer.unknown.push_back(
          fmt::format("bucket={} error=\"{}\"", name, ruled.error().message()));
    } else if (*ruled) {
      answer.found = std::move(*ruled);
      return answer;
    }
  }
  KELP_CHECK(rows->status());
  return answer;
}

Result<ExpiryPage> find_doomed(KvStore& store, const RuledBucket& ruled, const LifecycleRow& place,
                               const JudgedAt& at, const ExpiryLimits& limits) {
  ExpiryPage page;
  page.next = place;
  page.next.bucket = ruled.bucket.name;
  const bool goes_on = place.bucket == ruled.bucket.name;
  const bool in_uploads = goes_on && place.in_uploads;
  page.next.after = goes_on ? place.after : std::string();
  page.next.in_uploads = in_uploads;
  if (!in_uploads && ruled.rules.any_objects) {
    VersionWalk walk(store, ruled, at, limits);
    KELP_TRY(const bool more, walk.run(page.next.after, page));
    page.next.after = more ? walk.next_key() : std::string();
    if (more) return page;
  }
  if (!in_uploads) page.next.after.clear();
  page.next.in_uploads = true;
  if (ruled.rules.any_uploads) {
    KELP_TRY(page.next.after,
             walk_uploads(store, ruled, std::move(page.next.after), at, limits, page));
    if (!page.next.after.empty()) return page;
  }
  page.next.bucket = ruled.bucket.name + '\0';
  page.next.in_uploads = false;
  page.next.after.clear();
  return page;
}

Result<std::optional<ObjectEntry>> plan_move(RowPlan& rows, const BucketEntry& bucket,
                                             const MoveClass& request, const ClassChange& how) {
  KELP_TRY(const auto rules, rows.get(request.rules_row.first));
  if (bucket.id != request.bucket_id || rules != request.rules_row.second) return changed();
  KELP_TRY(const bool as_judged, is_as_judged(rows, bucket, request.moved));
  if (!as_judged) return std::nullopt;
  KELP_TRY(KeyVersions versions, KeyVersions::read(rows, bucket, request.moved.key));
  KELP_TRY(FoundVersion version, versions.find(request.moved.version_id));
  if (version.object.row != request.moved.row.second) return std::nullopt;
  ObjectEntry& entry = version.object.entry;
  entry.headers.storage_class = request.moved.to;
  if (request.chunks) {
    KELP_TRY(auto floor, rows.get(keys::key_floor()));
    KELP_CHECK(require_above_floor(std::move(floor), *request.chunks, rows.rest()));
    drop_bytes(entry.layout, how.now, rows.rest());
    entry.layout.chunks = *request.chunks;
    if (is_long(entry.layout.chunks, how.most_chunks)) {
      fold(entry.layout.chunks, how.manifest, rows.rest());
    }
  }
  ObjectEntry moved = entry;
  versions.rewrite(std::move(version));
  return moved;
}

Result<PlannedDelete> plan_expiry(RowPlan& rows, const BucketEntry& bucket, const Expire& request,
                                  const std::vector<DeleteTarget>& targets, WallTime now) {
  KELP_TRY(const auto rules, rows.get(request.rules_row.first));
  if (bucket.id != request.bucket_id || rules != request.rules_row.second) return changed();
  // All of it before the plan changes a row.
  std::vector<bool> good;
  std::vector<DeleteTarget> still;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    KELP_TRY(const bool as_judged, is_as_judged(rows, bucket, request.doomed[i]));
    good.push_back(as_judged);
    if (as_judged) still.push_back(targets[i]);
  }
  KELP_TRY(PlannedDelete planned, plan_deletes(rows, bucket, still, now));
  if (planned.too_low != 0) return planned;
  std::vector<Result<DeleteOutcome>> outcomes;
  auto next = planned.outcomes.begin();
  for (const bool as_judged : good) {
    if (as_judged) {
      outcomes.push_back(std::move(*next++));
    } else {
      outcomes.emplace_back(changed());
    }
  }
  planned.outcomes = std::move(outcomes);
  return planned;
}

}  // namespace kelp
