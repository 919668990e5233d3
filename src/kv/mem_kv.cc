#include "kv/mem_kv.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>

#include "kv/remote_link.h"

namespace kelp {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;

Rows::const_iterator end_of(const Rows& rows, std::string_view end) {
  return end.empty() ? rows.end() : rows.lower_bound(end);
}

/// Holds the rows as they were; the store copies them before it changes what a cursor still holds.
class MemCursor final : public KvCursor {
 public:
  MemCursor(std::shared_ptr<const Rows> rows, KvRange range)
      : rows_(std::move(rows)),
        range_(std::move(range)),
        end_(end_of(*rows_, range_.end)),
        at_(end_) {}

  void seek(std::string_view key) override {
    const std::string_view from = std::max<std::string_view>(key, range_.begin);
    at_ = !range_.end.empty() && from >= range_.end ? end_ : rows_->lower_bound(from);
  }
  void next() override { ++at_; }
  [[nodiscard]] bool valid() const override { return at_ != end_; }
  [[nodiscard]] std::string_view key() const override { return at_->first; }
  [[nodiscard]] std::string_view value() const override { return at_->second; }
  [[nodiscard]] Result<void> status() const override { return {}; }

 private:
  std::shared_ptr<const Rows> rows_;
  KvRange range_;
  Rows::const_iterator end_;
  Rows::const_iterator at_;
};

class MemKv final : public KvStore {
 public:
  explicit MemKv(char stamped_prefix) : stamped_prefix_(stamped_prefix) {}

  Result<std::optional<std::string>> get(std::string_view key) override { return find(key); }

  std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) override {
    return find(key);
  }

  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    const std::shared_ptr<const Rows> rows = snapshot();
    std::vector<KvRow> found;
    if (!range.end.empty() && range.begin >= range.end) return found;
    const auto begin = rows->lower_bound(range.begin);
    const auto end = end_of(*rows, range.end);
    if (direction == KvDirection::kForward) {
      for (auto row = begin; row != end && found.size() < limit; ++row) found.push_back(*row);
    } else {
      for (auto row = end; row != begin && found.size() < limit;) found.push_back(*--row);
    }
    return found;
  }

  std::unique_ptr<KvCursor> cursor(const KvRange& range) override {
    return std::make_unique<MemCursor>(snapshot(), range);
  }

  void commit(KvBatch batch, CommitDone done) override { done(apply(std::move(batch))); }

  [[nodiscard]] Stats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  std::optional<std::string> find(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    const auto row = rows_->find(key);
    if (row == rows_->end()) return std::nullopt;
    return row->second;
  }

  std::shared_ptr<const Rows> snapshot() const {
    const std::lock_guard lock(mutex_);
    return rows_;
  }

  Result<void> apply(KvBatch batch) {
    KELP_CHECK(check_limits(batch));
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < batch.conditions.size(); ++i) {
      if (!holds(batch.conditions[i])) return condition_failed(batch.conditions[i], i);
    }
    // Only the store adds holders, and under the mutex: 1 means that no reader has the rows.
    if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
    number_rows(batch, last_number_);
    for (KvWrite& write : batch.writes) change(write);
    ++stats_.commits;
    ++stats_.syncs;
    return {};
  }

  [[nodiscard]] bool holds(const KvCondition& condition) const {
    if (condition.kind == KvCondition::Kind::kEmptyRange) {
      const auto first = rows_->lower_bound(condition.key);
      return first == rows_->end() || first->first >= condition.value;
    }
    const auto row = rows_->find(condition.key);
    const bool present = row != rows_->end();
    switch (condition.kind) {
      case KvCondition::Kind::kAbsent:
        return !present;
      case KvCondition::Kind::kEquals:
        return present && row->second == condition.value;
      case KvCondition::Kind::kAtMost:
        return counter_at_most(present ? std::optional(row->second) : std::nullopt,
                               condition.value);
      default:
        return present;
    }
  }

  void change(KvWrite& write) {
    switch (write.kind) {
      case KvWrite::Kind::kPut:
        if (is_stamped(write, stamped_prefix_)) {
          const std::uint64_t stamp = std::byteswap(++last_stamp_);
          write.value.append(reinterpret_cast<const char*>(&stamp), sizeof stamp);
        }
        rows_->insert_or_assign(std::move(write.key), std::move(write.value));
        break;
      case KvWrite::Kind::kDelete:
        rows_->erase(write.key);
        break;
      case KvWrite::Kind::kDeleteRange:
        if (write.key < write.value) {
          rows_->erase(rows_->lower_bound(write.key), rows_->lower_bound(write.value));
        }
        break;
      case KvWrite::Kind::kAdd:
        add(std::move(write.key), write.delta);
        break;
    }
  }

  void add(std::string key, std::int64_t delta) {
    const auto row = rows_->find(key);
    if (row == rows_->end()) {
      rows_->emplace(std::move(key), encode_counter(delta));
    } else if (const auto counter = decode_counter(row->second)) {
      row->second = encode_counter(add_wrapping(*counter, delta));
    }
  }

  const char stamped_prefix_;
  mutable std::mutex mutex_;
  std::shared_ptr<Rows> rows_ = std::make_shared<Rows>();
  std::uint64_t last_number_ = 0;
  std::uint64_t last_stamp_ = 0;
  Stats stats_;
};

}  // namespace

std::unique_ptr<KvStore> make_mem_kv(char stamped_prefix) {
  return std::make_unique<MemKv>(stamped_prefix);
}

}  // namespace kelp
