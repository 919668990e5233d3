#include "s3gw/body_workers.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "async/completion.h"
#include "crypto/md5.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

/// A piece on its way through the queue; lives in process().
struct BodyWorkers::Piece {
  PayloadDecoder& decoder;
  ByteSink& sink;
  MutableByteSpan raw;
  Executor executor;
  std::function<void(Result<void>)> done = nullptr;
  ByteSpan data;           ///< What was decoded of `raw`.
  std::size_t stored = 0;  ///< So many of its bytes are in the sink.
  S3Result<void> outcome{};
};

class BodyWorkers::Queue : public std::enable_shared_from_this<Queue> {
 public:
  explicit Queue(WorkPool& pool) : pool_(pool), lanes_(md5_lanes()) {}

  /// On an io thread.
  void push(Piece& piece) {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(&piece);
    call_worker_soon();
  }

 private:
  /// Not a worker's time yet: what else is ready on the io thread may bring more pieces.
  void call_worker_soon() {
    if (!wants_worker() || calling_) return;
    calling_ = true;
    asio::post(waiting_.front()->executor, [self = shared_from_this()] { self->call_workers(); });
  }

  [[nodiscard]] bool wants_worker() const {
    return !waiting_.empty() && (workers_ == 0 || waiting_.size() >= lanes_);
  }

  void call_workers() {
    std::deque<Piece*> refused;
    {
      const std::scoped_lock lock(mutex_);
      calling_ = false;
      if (!wants_worker()) return;
      ++workers_;
    }
    if (pool_.try_post([self = shared_from_this()] { self->work(); })) return;
    {
      const std::scoped_lock lock(mutex_);
      --workers_;
      refused.swap(waiting_);
    }
    for (Piece* const piece : refused) {
      piece->outcome = s3_error(S3Code::kSlowDown);
      piece->done({});
    }
  }

  /// On a worker.
  void work() {
    std::vector<Piece*> pieces;
    {
      const std::scoped_lock lock(mutex_);
      const auto end =
          waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), lanes_));
      pieces.assign(waiting_.begin(), end);
      waiting_.erase(waiting_.begin(), end);
      call_worker_soon();
    }
    std::vector<Md5Input> hashed;
    for (Piece* const piece : pieces) decode(*piece, hashed);
    // MD5 is slow enough to hide that its bytes come from another core's cache.
    update_together(hashed);
    for (Piece* const piece : pieces) store(*piece);
    {
      const std::scoped_lock lock(mutex_);
      --workers_;
      call_worker_soon();
    }
    for (Piece* const piece : pieces) piece->done({});
  }

  static void decode(Piece& piece, std::vector<Md5Input>& hashed) {
    const auto data = piece.decoder.decode(piece.raw);
    if (!data) {
      piece.outcome = std::unexpected(data.error());
      return;
    }
    piece.data = *data;
    if (Md5* const md5 = piece.decoder.md5()) hashed.push_back({.stream = md5, .bytes = *data});
  }

  static void store(Piece& piece) {
    if (!piece.outcome) return;
    piece.decoder.add(piece.data);
    const auto stored = piece.sink.append_here(piece.data);
    if (stored) {
      piece.stored = *stored;
    } else {
      piece.outcome = std::unexpected(stored.error());
    }
  }

  WorkPool& pool_;
  const std::size_t lanes_;
  std::mutex mutex_;  ///< A leaf.
  std::deque<Piece*> waiting_;
  std::size_t workers_ = 0;  ///< Called and not yet done.
  bool calling_ = false;     ///< call_workers() is on its way.
};

BodyWorkers::BodyWorkers(WorkPool& pool) : queue_(std::make_shared<Queue>(pool)) {}

Task<S3Result<void>> BodyWorkers::process(PayloadDecoder& decoder, ByteSink& sink,
                                          MutableByteSpan raw) {
  KELP_S3_CO_CHECK(co_await sink.make_room());
  Piece piece{.decoder = decoder,
              .sink = sink,
              .raw = raw,
              .executor = co_await asio::this_coro::executor,
              .data = {}};
  auto start = [this, &piece](std::function<void(Result<void>)> done) {
    piece.done = std::move(done);
    queue_->push(piece);
  };
  [[maybe_unused]] const auto woken = co_await await_callback<Result<void>>(std::move(start));
  KELP_S3_CO_CHECK(piece.outcome);
  if (piece.stored == piece.data.size()) co_return S3Result<void>{};
  co_return co_await sink.append(piece.data.subspan(piece.stored));
}

}  // namespace kelp::s3
