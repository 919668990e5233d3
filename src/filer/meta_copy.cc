#include "filer/meta_copy.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "filer/core/keys.h"

namespace kelp {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kBatchRows = 500;
constexpr std::size_t kBatchBytes = 1 << 20;
constexpr std::size_t kCommitsUnderWay = 4;

/// Everything that Kelp keeps but the name of the cluster.
std::vector<KvRange> all_but_cluster() {
  const KvRange all = keys::all_metadata();
  return {keys::within(std::string(1, kBulkPrefix)),
          keys::within(std::string(1, kJournalPrefix)),
          {all.begin, keys::cluster()},
          {keys::behind(keys::cluster()), all.end}};
}

/// Commits that wait for their answers, a few at once.
class Commits {
 public:
  explicit Commits(KvStore& store) : store_(store) {}
  ~Commits() { static_cast<void>(wait(0)); }
  Commits(const Commits&) = delete;
  Commits& operator=(const Commits&) = delete;

  /// Queues `batch`; fails as an earlier one did.
  Result<void> add(KvBatch batch) {
    KELP_CHECK(wait(kCommitsUnderWay - 1));
    {
      const std::lock_guard lock(mutex_);
      ++under_way_;
    }
    store_.commit(std::move(batch), [this](const Result<void>& outcome) {
      const std::lock_guard lock(mutex_);
      if (!outcome && !failure_) failure_ = outcome.error();
      --under_way_;
      ended_.notify_all();
    });
    return {};
  }

  /// Waits until no more than `left` are under way.
  Result<void> wait(std::size_t left) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return under_way_ <= left; });
    if (failure_) return *failure_;
    return {};
  }

 private:
  KvStore& store_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t under_way_ = 0;
  std::optional<Error> failure_;
};

/// Writes into a store that is half loaded, in the order in which it is told, many at once.
class Loading {
 public:
  explicit Loading(KvStore& to) : commits_(to) {}

  Result<void> add(KvWrite write) {
    bytes_ += write.key.size() + write.value.size();
    batch_.writes.push_back(std::move(write));
    if (batch_.writes.size() < kBatchRows && bytes_ < kBatchBytes) return {};
    return flush();
  }
  Result<void> finish() {
    KELP_CHECK(flush());
    return commits_.wait(0);
  }

 private:
  Result<void> flush() {
    if (batch_.writes.empty()) return {};
    batch_.conditions.push_back(KvCondition::present(keys::loading()));
    bytes_ = 0;
    return commits_.add(std::exchange(batch_, {}));
  }

  Commits commits_;
  KvBatch batch_;
  std::size_t bytes_ = 0;
};

Result<void> make_changes(KvStore& to, const ChangeSource& changes) {
  Loading loading(to);
  while (true) {
    KELP_TRY(auto change, changes());
    if (!change) return loading.finish();
    for (KvWrite& write : change->writes) {
      KELP_CHECK(loading.add(std::move(write)));
    }
  }
}

/// Marks the store as half loaded and leaves nothing else in it.
Result<void> begin_load(KvStore& to) {
  KELP_TRY(const auto half, to.get(keys::loading()));
  KvBatch batch;
  for (const KvRange& range : all_but_cluster()) {
    if (half) {
      batch.writes.push_back(KvWrite::remove_range(range.begin, range.end));
    } else {
      batch.conditions.push_back(KvCondition::empty_range(range.begin, range.end));
    }
  }
  batch.writes.push_back(KvWrite::put(keys::loading(), "a load is under way"));
  Commits commits(to);
  KELP_CHECK(commits.add(std::move(batch)));
  const auto begun = commits.wait(0);
  if (begun || begun.error().code() != Errc::kPrecondition) return begun;
  return Error(Errc::kAlreadyExists,
               "the store is not empty: metadata is loaded into an empty one");
}

Result<void> end_load(KvStore& to) {
  KvBatch batch;
  batch.conditions.push_back(KvCondition::present(keys::loading()));
  batch.writes.push_back(KvWrite::remove(keys::loading()));
  Commits commits(to);
  KELP_CHECK(commits.add(std::move(batch)));
  return commits.wait(0);
}

}  // namespace

MetaWalk::MetaWalk(KvStore& store) {
  const KvRange range = journal_and_rows();
  cursor_ = store.cursor(range);
  cursor_->seek(range.begin);
  skip();
}

Result<JournalPosition> MetaWalk::position() {
  KELP_TRY(JournalPosition position, read_position(*cursor_));
  cursor_->seek(journal_and_rows().begin);
  skip();
  return position;
}

void MetaWalk::next() {
  cursor_->next();
  skip();
}

void MetaWalk::skip() {
  while (cursor_->valid() && !is_dumped(cursor_->key())) {
    if (cursor_->key().starts_with(kJournalPrefix)) {
      cursor_->seek(keys::all_metadata().begin);
    } else {
      cursor_->next();
    }
  }
}

Result<std::string> DumpSource::next() {
  if (!writer_) {
    KELP_CHECK(begin(header_));
    writer_.emplace(header_);
  }
  while (!ended_ && writer_->ready_bytes() < kPieceBytes) {
    KELP_TRY(const bool more, add_some(*writer_));
    if (more) continue;
    static_cast<void>(writer_->finish());
    ended_ = true;
  }
  return writer_->take();
}

Result<void> MetaDump::begin(DumpHeader& header) {
  KELP_TRY(header.position, rows_.position());
  return {};
}

Result<bool> MetaDump::add_some(DumpWriter& writer) {
  if (!rows_.valid()) {
    KELP_CHECK(rows_.status());
    return false;
  }
  writer.add(rows_.key(), rows_.value());
  rows_.next();
  return true;
}

Result<void> MetaIncrement::begin(DumpHeader& header) {
  KELP_TRY(records_, JournalWalk::open(store_, since_));
  header.position = records_->position();
  header.since = std::move(since_);
  return {};
}

Result<bool> MetaIncrement::add_some(DumpWriter& writer) {
  KELP_TRY(const auto rows, records_->next());
  for (const JournalRow& row : rows) {
    writer.add(keys::increment_row(++rows_), encode_journal_row(row));
  }
  return !rows.empty();
}

Result<DumpTotals> sum_rows(KvStore& store) {
  DumpSum sum;
  MetaWalk rows(store);
  for (; rows.valid(); rows.next()) sum.add(rows.key(), rows.value());
  KELP_CHECK(rows.status());
  return sum.finish();
}

Result<DumpTotals> load_rows(KvStore& to, const RowSource& rows, const ChangeSource& changes) {
  KELP_CHECK(begin_load(to));
  DumpSum sum;
  Loading loading(to);
  while (true) {
    KELP_TRY(std::vector<KvRow> some, rows());
    if (some.empty()) break;
    for (auto& [key, value] : some) {
      if (!is_dumped(key)) continue;
      sum.add(key, value);
      KELP_CHECK(loading.add(KvWrite::put(std::move(key), std::move(value))));
    }
  }
  KELP_CHECK(loading.finish());
  const DumpTotals loaded = sum.finish();
  KELP_TRY(const DumpTotals found, sum_rows(to));
  if (found != loaded) {
    return Error(Errc::kCorruption,
                 fmt::format("{} rows of {} bytes were loaded, {} of {} are there or some differ",
                             loaded.rows, loaded.bytes, found.rows, found.bytes));
  }
  if (!changes) {
    KELP_CHECK(end_load(to));
    return loaded;
  }
  KELP_CHECK(make_changes(to, changes));
  KELP_TRY(const DumpTotals changed, sum_rows(to));
  KELP_CHECK(end_load(to));
  return changed;
}

Result<void> check_loaded(KvStore& store) {
  KELP_TRY(const auto half, store.get(keys::loading()));
  if (!half) return {};
  return Error(Errc::kInvalidArgument,
               "the metadata was loaded only in part: load it again with kelp meta");
}

}  // namespace kelp
