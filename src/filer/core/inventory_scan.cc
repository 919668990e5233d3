#include "filer/core/inventory_scan.h"

#include <algorithm>
#include <utility>

#include "filer/core/keys.h"

namespace kelp::inventory {
void Scan::begin(KvStore& store) {
  const BucketId bucket = source_.bucket.id;
  const std::string& prefix = source_.config.prefix;
  objects_ = keys::object(bucket, prefix);
  versions_ = keys::versions_of(bucket, prefix);
  // One cursor, one point in time: rows of versions stand behind all those of objects.
  cursor_ = store.cursor({objects_, keys::behind(versions_)});
  cursor_->seek(objects_);
  at_ = At::kObjects;
}

bool Scan::within(const std::string& rows) const {
  return cursor_->valid() && cursor_->key().starts_with(rows);
}

Result<bool> Scan::read(KvStore& store, std::size_t rows, std::string& csv) {
  if (at_ == At::kBegin) begin(store);
  for (std::size_t count = 0; count < rows && at_ != At::kEnd; ++count) {
    if (at_ == At::kObjects && within(objects_)) {
      KELP_CHECK(take_object(csv));
    } else if (at_ == At::kObjects) {
      KELP_CHECK(cursor_->status());
      const bool versions = source_.bucket.versioning != Versioning::kNever;
      at_ = versions ? At::kVersions : At::kEnd;
      if (versions) cursor_->seek(versions_);
    } else if (within(versions_)) {
      KELP_CHECK(take_version(csv));
    } else {
      at_ = At::kEnd;
    }
  }
  KELP_CHECK(cursor_->status());
  if (at_ == At::kEnd) cursor_.reset();
  return at_ != At::kEnd;
}

Result<void> Scan::take_object(std::string& csv) {
  KELP_TRY(const keys::ObjectRowKey row, keys::parse_object(cursor_->key()));
  KELP_TRY(const ObjectEntry entry, decode_entry(cursor_->value()));
  add(row.key, entry, true, csv);
  cursor_->next();
  return {};
}

Result<void> Scan::take_version(std::string& csv) {
  KELP_TRY(const keys::VersionRowKey row, keys::parse_version(cursor_->key()));
  const bool newest = !any_version_ || row.key != last_key_;
  bool is_latest = false;
  if (newest) {
    KELP_TRY(const bool older, has_object(row.key));
    is_latest = !older;
  }
  any_version_ = true;
  last_key_ = row.key;
  const bool listed = source_.config.all_versions || is_latest;
  if (listed) {
    KELP_TRY(const ObjectEntry entry, decode_entry(cursor_->value()));
    add(row.key, entry, is_latest, csv);
  }
  cursor_->next();
  return {};
}

/// Keys ascend from call to call. Leaves the cursor where it was.
Result<bool> Scan::has_object(const std::string& key) {
  if (!known_to_end_ && (known_.empty() || key > known_.back())) {
    const std::string here(cursor_->key());
    known_.clear();
    cursor_->seek(keys::object(source_.bucket.id, key));
    for (; known_.size() < source_.known_keys && within(objects_); cursor_->next()) {
      KELP_TRY(const keys::ObjectRowKey row, keys::parse_object(cursor_->key()));
      known_.emplace_back(row.key);
    }
    KELP_CHECK(cursor_->status());
    known_to_end_ = known_.size() < source_.known_keys;
    cursor_->seek(here);
  }
  return std::ranges::binary_search(known_, key);
}

void Scan::add(std::string_view key, const ObjectEntry& entry, bool is_latest, std::string& csv) {
  if (entry.delete_marker && !source_.config.all_versions) return;
  const Line line{source_.bucket, key, entry, is_latest, source_.rules ? &*source_.rules : nullptr};
  append_line(source_.config, line, source_.calendar, csv);
  ++lines_;
}

}  // namespace kelp::inventory
