#include "kv/rocks_cursor.h"

#include <algorithm>

namespace kelp {
namespace {

constexpr int kSeeksWithoutStep = 15;

}  // namespace

RocksCursor::RocksCursor(const RocksTables& tables, KvRange range,
                         const rocksdb::Snapshot* snapshot)
    : range_(std::move(range)), lower_(range_.begin), upper_(range_.end) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.fill_cache = snapshot == nullptr;
  if (!range_.begin.empty()) options.iterate_lower_bound = &lower_;
  if (!range_.end.empty()) options.iterate_upper_bound = &upper_;
  iterator_.reset(tables.db->NewIterator(options, tables.of(range_.begin)));
}

// A seek costs as much as ten steps, and a listing often skips no more than the row it is at. Where
// one step was not enough, the next skips are mostly as long: they go without.
void RocksCursor::seek(std::string_view key) {
  key = std::max<std::string_view>(key, range_.begin);
  if (iterator_->Valid() && to_view(iterator_->key()) < key && seeks_without_step_-- == 0) {
    iterator_->Next();
    if (!iterator_->Valid() || to_view(iterator_->key()) >= key) {
      seeks_without_step_ = 0;
      return;
    }
    seeks_without_step_ = kSeeksWithoutStep;
  }
  iterator_->Seek(to_slice(key));
}

Result<void> RocksCursor::status() const {
  const rocksdb::Status status = iterator_->status();
  if (status.ok()) return {};
  return to_error(status, "scan");
}

bool RocksSpanCursor::fits(const RocksTables& tables, const KvRange& range) {
  const std::string& bulk = tables.bulk_begin;
  const std::string& behind = tables.bulk_end;
  const bool touches = range.begin < behind && (range.end.empty() || range.end > bulk);
  const bool within = range.begin >= bulk && !range.end.empty() && range.end <= behind;
  return touches && !within;
}

RocksSpanCursor::RocksSpanCursor(const RocksTables& tables, const KvRange& range)
    : tables_(tables), snapshot_(tables.db->GetSnapshot()) {
  const std::string& bulk = tables.bulk_begin;
  const std::string& behind = tables.bulk_end;
  for (const KvRange& table : {KvRange{"", bulk}, KvRange{bulk, behind}, KvRange{behind, ""}}) {
    KvRange part{std::max(table.begin, range.begin), table.end};
    if (part.end.empty() || (!range.end.empty() && range.end < part.end)) part.end = range.end;
    if (!part.end.empty() && part.begin >= part.end) continue;
    auto rows = std::make_unique<RocksCursor>(tables, part, snapshot_);
    parts_.push_back({std::move(part), std::move(rows)});
  }
}

RocksSpanCursor::~RocksSpanCursor() {
  parts_.clear();
  tables_.db->ReleaseSnapshot(snapshot_);
}

void RocksSpanCursor::seek(std::string_view key) {
  const auto ends_behind = [key](const Part& part) {
    return part.range.end.empty() || key < part.range.end;
  };
  const auto part = std::ranges::find_if(parts_, ends_behind);
  at_ = static_cast<std::size_t>(part == parts_.end() ? parts_.size() - 1 : part - parts_.begin());
  parts_[at_].rows->seek(key);
  skip_ended();
}

void RocksSpanCursor::next() {
  parts_[at_].rows->next();
  skip_ended();
}

void RocksSpanCursor::skip_ended() {
  while (!valid() && status() && at_ + 1 < parts_.size()) {
    ++at_;
    parts_[at_].rows->seek(parts_[at_].range.begin);
  }
}

}  // namespace kelp
