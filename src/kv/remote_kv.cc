#include "kv/remote_kv.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "kv/remote_committer.h"

namespace kelp {
namespace {

constexpr std::size_t kIdleReaders = 16;
constexpr std::size_t kFirstPage = 64;  // Rows of a cursor's page; grows while it walks on.
constexpr std::size_t kLargestPage = 1024;
constexpr std::chrono::milliseconds kPause(50);

/// Waits without a clock of its own.
void pause() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, kPause, [] { return false; });
}

/// Whether it may help to connect anew.
bool worth_another(Errc code) {
  return code == Errc::kIo || code == Errc::kUnavailable;
}

/// Connections for reads: as many as are read from at once, a few kept.
class Readers {
 public:
  Readers(RemoteEngine& engine, std::chrono::nanoseconds patience, const Clock& clock)
      : engine_(engine), patience_(patience), clock_(clock) {}

  /// Reads with a connection; tries again, with another, what a lost one left unanswered.
  template <typename T, typename Read>
  Result<T> read(const Read& do_read) {
    return retry<T>([this, &do_read]() -> Result<T> {
      KELP_TRY(auto reader, take());
      Result<T> answer = do_read(*reader);
      if (answer || answer.error().code() != Errc::kIo) give_back(std::move(reader));
      return answer;
    });
  }

  /// A connection that sees this point in time.
  Result<std::unique_ptr<RemoteReader>> take_snapshot() {
    using Reader = std::unique_ptr<RemoteReader>;
    return retry<Reader>([this]() -> Result<Reader> {
      KELP_TRY(auto reader, take());
      KELP_CHECK(reader->begin_snapshot());
      return reader;
    });
  }

  void give_back(std::unique_ptr<RemoteReader> reader) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleReaders) idle_.push_back(std::move(reader));
  }

 private:
  template <typename T, typename Attempt>
  Result<T> retry(const Attempt& attempt) {
    const MonoTime until = clock_.mono() + patience_;
    while (true) {
      Result<T> answer = attempt();
      if (answer || !worth_another(answer.error().code())) return answer;
      if (clock_.mono() >= until) {
        return Error(Errc::kUnavailable,
                     "kv: the metadata engine does not answer: " + answer.error().detail());
      }
      const bool had_idle = drop_idle();
      if (!had_idle) pause();
    }
  }

  Result<std::unique_ptr<RemoteReader>> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto reader = std::move(idle_.back());
        idle_.pop_back();
        return reader;
      }
    }
    return engine_.make_reader();
  }

  /// What lost one connection most likely lost all.
  bool drop_idle() {
    std::vector<std::unique_ptr<RemoteReader>> dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(idle_);
    return !dropped.empty();
  }

  RemoteEngine& engine_;
  const std::chrono::nanoseconds patience_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<RemoteReader>> idle_;
};

/// Reads page by page through one connection that sees one point in time; when that breaks the
/// cursor has failed, for the point is gone.
class RemoteCursor final : public KvCursor {
 public:
  RemoteCursor(Readers& readers, KvRange range) : readers_(readers), range_(std::move(range)) {
    auto reader = readers_.take_snapshot();
    if (reader) {
      reader_ = std::move(*reader);
    } else {
      status_ = reader.error();
    }
  }
  ~RemoteCursor() override {
    if (reader_ == nullptr || !status_) return;
    reader_->end_snapshot();
    readers_.give_back(std::move(reader_));
  }
  RemoteCursor(const RemoteCursor&) = delete;
  RemoteCursor& operator=(const RemoteCursor&) = delete;

  void seek(std::string_view key) override {
    const std::string_view from = std::max<std::string_view>(key, range_.begin);
    const bool in_page =
        !page_.empty() && page_.front().first <= from && (from <= page_.back().first || last_page_);
    if (in_page) {
      at_ = static_cast<std::size_t>(std::ranges::lower_bound(page_, from, {}, &KvRow::first) -
                                     page_.begin());
      return;
    }
    page_rows_ = kFirstPage;
    load(std::string(from));
  }

  void next() override {
    if (++at_ < page_.size() || last_page_) return;
    page_rows_ = std::min(4 * page_rows_, kLargestPage);
    load(page_.back().first + '\0');
  }

  [[nodiscard]] bool valid() const override { return at_ < page_.size(); }
  [[nodiscard]] std::string_view key() const override { return page_[at_].first; }
  [[nodiscard]] std::string_view value() const override { return page_[at_].second; }
  [[nodiscard]] Result<void> status() const override { return status_; }

 private:
  void load(std::string from) {
    at_ = 0;
    page_.clear();
    last_page_ = true;
    if (!status_ || (!range_.end.empty() && from >= range_.end)) return;
    auto rows = reader_->scan({std::move(from), range_.end}, page_rows_, KvDirection::kForward);
    if (!rows) {
      // Not an answer of "nothing there": whoever walks must look at status().
      status_ = Error(Errc::kUnavailable, "kv: a walk broke off: " + rows.error().detail());
      return;
    }
    page_ = std::move(*rows);
    last_page_ = page_.size() < page_rows_;
  }

  Readers& readers_;
  const KvRange range_;
  std::unique_ptr<RemoteReader> reader_;
  Result<void> status_;
  std::vector<KvRow> page_;
  std::size_t at_ = 0;
  std::size_t page_rows_ = kFirstPage;
  bool last_page_ = false;
};

class RemoteKv final : public KvStore {
 public:
  RemoteKv(std::unique_ptr<RemoteEngine> engine, std::unique_ptr<RemoteLink> link,
           const RemoteKvOptions& options, const Clock& clock)
      : engine_(std::move(engine)),
        readers_(*engine_, options.patience, clock),
        committer_(std::move(link), options, clock) {}

  Result<std::optional<std::string>> get(std::string_view key) override {
    return readers_.read<std::optional<std::string>>(
        [key](RemoteReader& reader) { return reader.get(key); });
  }

  // Another process may have changed the row since we read it: only the engine knows.
  std::optional<Result<std::optional<std::string>>> try_get(std::string_view) override {
    return std::nullopt;
  }

  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    if (limit == 0 || (!range.end.empty() && range.begin >= range.end)) return std::vector<KvRow>();
    return readers_.read<std::vector<KvRow>>([&range, limit, direction](RemoteReader& reader) {
      return reader.scan(range, limit, direction);
    });
  }

  std::unique_ptr<KvCursor> cursor(const KvRange& range) override {
    return std::make_unique<RemoteCursor>(readers_, range);
  }

  void commit(KvBatch batch, CommitDone done) override {
    committer_.commit(std::move(batch), std::move(done));
  }
  [[nodiscard]] Result<void> writable() const override { return committer_.writable(); }
  [[nodiscard]] Stats stats() const override { return committer_.stats(); }

 private:
  const std::unique_ptr<RemoteEngine> engine_;
  Readers readers_;
  RemoteCommitter committer_;
};

}  // namespace

Result<std::unique_ptr<KvStore>> open_remote_kv(std::unique_ptr<RemoteEngine> engine,
                                                const RemoteKvOptions& options,
                                                const Clock& clock) {
  auto link = engine->make_link();
  const MonoTime until = clock.mono() + options.patience;
  while (true) {
    const auto opened = link->open();
    if (opened) break;
    if (!worth_another(opened.error().code()) || clock.mono() >= until) return opened.error();
    pause();
  }
  return std::unique_ptr<KvStore>(
      std::make_unique<RemoteKv>(std::move(engine), std::move(link), options, clock));
}

}  // namespace kelp
