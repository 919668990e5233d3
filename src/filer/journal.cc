#include "filer/journal.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "crypto/random.h"
#include "filer/core/journal_format.h"
#include "filer/core/journal_log.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

constexpr int kMaxAttempts = 10;
constexpr std::size_t kRowsPerCut = 5'000;
// Two commits of one process may be queued in another order than they were stamped: by far less.
constexpr std::chrono::nanoseconds kStampSlack = std::chrono::minutes(1);

Result<void> commit_now(KvStore& store, KvBatch batch) {
  const auto done = std::make_shared<std::promise<Result<void>>>();
  store.commit(std::move(batch), [done](Result<void> outcome) { done->set_value(outcome); });
  return done->get_future().get();
}

/// Switches the journal on, under a new name, or off; nothing when somebody else was faster.
KvBatch switch_batch(const std::optional<std::string>& row, bool on) {
  KvBatch batch;
  batch.conditions.push_back(KvCondition::unchanged(keys::journal(), row));
  KvRange all = keys::within(keys::journal());
  batch.writes.push_back(KvWrite::remove_range(std::move(all.begin), std::move(all.end)));
  if (on) {
    batch.writes.push_back(KvWrite::put(keys::journal(), encode_number(random_u64() | 1)));
  }
  return batch;
}

/// The row that says which journal there is, as `on` wants it.
Result<std::optional<std::string>> switch_journal(KvStore& store, bool on) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    KELP_TRY(const auto row, store.get(keys::journal()));
    if (row.has_value() == on) return row;
    const auto done = commit_now(store, switch_batch(row, on));
    if (done) {
      logger("filer").warn("journal_switched on={}", on);
    } else if (done.error().code() != Errc::kPrecondition) {
      return done.error();
    }
  }
  return Error(Errc::kUnavailable, "others keep switching the journal on and off");
}

/// The last stamp that was given in an unshared store.
Result<std::uint64_t> last_stamp(KvStore& store) {
  const auto rows = store.cursor(journal_and_rows());
  KELP_TRY(const JournalPosition end, read_position(*rows));
  std::uint64_t last = 0;
  for (const auto& [stream, number] : end.read) {
    KELP_TRY(const auto row, store.get(keys::journal_row(end.journal, stream, number)));
    if (!row) continue;  // All of it was cut off.
    KELP_TRY(const JournalPiece piece, decode_piece(*row));
    last = std::max(last, piece.stamp);
  }
  return last;
}

class JournaledKv final : public KvStore {
 public:
  JournaledKv(std::unique_ptr<KvStore> inner, const JournalOptions& options, const Clock& clock,
              std::optional<std::string> row)
      : options_(options), clock_(clock), row_(std::move(row)), inner_(std::move(inner)) {}

  /// Before the first commit.
  Result<void> prepare() {
    if (row_) {
      KELP_TRY(journal_, decode_number(*row_, "the journal's id"));
    }
    if (options_.shared) return {};
    KELP_TRY(const std::uint64_t last, last_stamp(*inner_));
    stamp_ = last + static_cast<std::uint64_t>(kStampSlack.count());
    return {};
  }

  Result<std::optional<std::string>> get(std::string_view key) override { return inner_->get(key); }
  std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) override {
    return inner_->try_get(key);
  }
  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    return inner_->scan(range, limit, direction);
  }
  std::unique_ptr<KvCursor> cursor(const KvRange& range) override { return inner_->cursor(range); }
  [[nodiscard]] Result<void> writable() const override { return inner_->writable(); }
  [[nodiscard]] Stats stats() const override { return inner_->stats(); }

  void commit(KvBatch batch, CommitDone done) override {
    if (!options_.shared) {
      add_record(journal_, batch);
      return inner_->commit(std::move(batch), std::move(done));
    }
    auto shared = std::make_shared<Waiting>();
    shared->batch = std::move(batch);
    shared->done = std::move(done);
    try_commit(std::move(shared));
  }

 private:
  /// A commit to a store where others may switch the journal on and off.
  struct Waiting {
    KvBatch batch;
    CommitDone done;
    int attempts = 0;
  };

  /// Under the condition that the journal is what we take it for.
  void try_commit(std::shared_ptr<Waiting> waiting) {
    KvBatch batch = waiting->batch;
    const std::size_t ours = batch.conditions.size();
    std::uint64_t journal = 0;
    {
      const std::lock_guard lock(mutex_);
      batch.conditions.push_back(KvCondition::unchanged(keys::journal(), row_));
      journal = journal_;
    }
    const auto kind = batch.conditions.back().kind;
    if (journal != 0) add_record(journal, batch);
    inner_->commit(std::move(batch), [this, ours, kind, waiting](Result<void> outcome) {
      if (!failed_for_us(outcome, kind, ours)) return waiting->done(std::move(outcome));
      if (++waiting->attempts == kMaxAttempts) {
        return waiting->done(
            Error(Errc::kUnavailable, "others keep switching the journal on and off"));
      }
      if (const auto learned = learn(); !learned) {
        return waiting->done(Error(Errc::kUnavailable, learned.error().detail()));
      }
      try_commit(waiting);
    });
  }

  static bool failed_for_us(const Result<void>& outcome, KvCondition::Kind kind,
                            std::size_t index) {
    if (outcome || outcome.error().code() != Errc::kPrecondition) return false;
    const KvCondition condition{.kind = kind, .key = {}, .value = {}};
    return outcome.error().detail() == condition_failed(condition, index).detail();
  }

  /// What another process made of the journal. On the engine's thread, as it is rare.
  Result<void> learn() {
    KELP_TRY(auto row, inner_->get(keys::journal()));
    std::uint64_t journal = 0;
    if (row) {
      KELP_TRY(journal, decode_number(*row, "the journal's id"));
    }
    const std::lock_guard lock(mutex_);
    if (journal != journal_) {
      logger("filer").warn("journal_switched_by_another on={} configured={}", journal != 0,
                           options_.on);
    }
    row_ = std::move(row);
    journal_ = journal;
    return {};
  }

  void add_record(std::uint64_t journal, KvBatch& batch) {
    const std::string writes = encode_writes(batch.writes);
    if (writes.empty()) return;
    JournalPiece piece;
    piece.time = clock_.wall();
    piece.left = (writes.size() - 1) / kJournalPieceBytes;
    if (!options_.shared) piece.stamp = next_stamp(piece.time);
    for (std::size_t at = 0; at < writes.size(); at += kJournalPieceBytes, --piece.left) {
      piece.bytes = std::string_view(writes).substr(at, kJournalPieceBytes);
      std::string value = encode_piece(piece);
      if (!options_.shared) add_stamp(piece.stamp, value);
      batch.writes.push_back(
          KvWrite::append(keys::journal_stream(journal, options_.stream), std::move(value)));
    }
  }

  /// Rising from process to process, whatever the clock does.
  std::uint64_t next_stamp(WallTime now) {
    const auto ticks = static_cast<std::uint64_t>(now.time_since_epoch().count());
    std::uint64_t last = stamp_.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
      next = std::max(last + 1, ticks);
    } while (!stamp_.compare_exchange_weak(last, next, std::memory_order_relaxed));
    return next;
  }

  const JournalOptions options_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<std::string> row_;  ///< Guarded by mutex_ when shared, as the next.
  std::uint64_t journal_ = 0;       ///< What it names; 0: there is no journal.
  std::atomic<std::uint64_t> stamp_ = 0;
  const std::unique_ptr<KvStore> inner_;  ///< Last: its commits end before the rest goes.
};

}  // namespace

Result<std::unique_ptr<KvStore>> open_journal(std::unique_ptr<KvStore> inner,
                                              const JournalOptions& options, const Clock& clock) {
  KELP_TRY(auto row, switch_journal(*inner, options.on));
  if (!options.on && !options.shared) return inner;
  auto journaled = std::make_unique<JournaledKv>(std::move(inner), options, clock, std::move(row));
  KELP_CHECK(journaled->prepare());
  return std::unique_ptr<KvStore>(std::move(journaled));
}

Task<Result<std::uint64_t>> cut_old_journal(KvAsync& kv, WallTime before) {
  for (std::uint64_t cuts = 0;; ++cuts) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "cut of the journal cancelled");
    using Cut = std::optional<KvBatch>;
    std::move_only_function<Result<Cut>(KvStore&)> plan = [before](KvStore& store) {
      return cut_journal(store, before, kRowsPerCut);
    };
    KELP_CO_TRY(Cut cut, co_await kv.read<Cut>(std::move(plan)));
    if (!cut) co_return cuts;
    const Result<void> committed = co_await kv.commit(*std::move(cut));
    if (!committed && committed.error().code() != Errc::kPrecondition) co_return committed.error();
    if (!committed) co_return cuts;
  }
}

}  // namespace kelp
