#include "client/key_leases.h"

#include <algorithm>

#include "async/completion.h"
#include "base/assert.h"
#include "base/log.h"
#include "crypto/random.h"

namespace kelp {
namespace {

/// The master looked for a volume, and there is none.
bool found_none(const Error& error) {
  return error.code() == Errc::kNoSpace ||
         (error.code() == Errc::kUnavailable && error.reason() != Reason::kNotLeader);
}

}  // namespace

/// A lease and what became of its keys. Guarded by the owner's mutex.
struct ProvisionalKey::Batch {
  Batch(WriteLease taken, MonoTime end)
      : lease(std::move(taken)),
        expires(end),
        bytes_left(lease.bytes),
        done(lease.key_count, false) {}

  [[nodiscard]] NeedleKey key(std::uint32_t index) const {
    return NeedleKey{lease.first_key.value + index};
  }
  /// Something of it is provisional: not handed out yet, or its upload goes on.
  [[nodiscard]] bool provisional() const {
    return lowest < handed || (!retired && handed < lease.key_count);
  }

  WriteLease lease;
  MonoTime expires;  ///< By our own clock, that no one can set.
  std::uint64_t bytes_left;
  std::vector<bool> done;     ///< By index; of those handed out.
  std::uint32_t handed = 0;   ///< Indexes below were handed out.
  std::uint32_t lowest = 0;   ///< Indexes below are done.
  std::uint32_t pending = 0;  ///< Handed out and not done.
  bool retired = false;       ///< Nothing more is handed out.
};

namespace {
/// A waiter whose lease others emptied asks again; so often means far more waiters than keys.
constexpr int kFetchRounds = 64;
constexpr std::chrono::seconds kSpareRetry{1};
}  // namespace

void ProvisionalKey::release() {
  if (owner_ == nullptr) return;
  std::exchange(owner_, nullptr)->finished(batch_, index_);
  batch_.reset();
}

KeyLeases::KeyLeases(MasterClient& master, Clock& clock, Executor executor, KeyLeaseOptions options)
    : master_(master),
      clock_(clock),
      executor_(executor),
      options_(options),
      tasks_(std::move(executor)) {
  KELP_ASSERT(options_.keys > 0, "a lease needs a key");
}

KeyLeases::~KeyLeases() {
  KELP_ASSERT(unfinished_.empty(), "a ProvisionalKey outlives its KeyLeases");
}

Task<Result<LeasedFid>> KeyLeases::next(std::uint64_t bytes) {
  for (int round = 0; round < kFetchRounds; ++round) {
    bool large = false;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) co_return Error(Errc::kCancelled, "key leases: shutting down");
      large = is_large(bytes);
      if (const auto batch = usable(bytes, large)) {
        auto leased = take(batch, bytes);
        if (wants_spare(large)) start_background();
        co_return leased;
      }
    }
    KELP_CO_CHECK(co_await fetch_or_wait(bytes, large));
  }
  co_return Error(Errc::kResourceExhausted, "key leases: others take every key that is leased");
}

NeedleKey KeyLeases::oldest_provisional() const {
  const std::lock_guard lock(mutex_);
  NeedleKey oldest = seen_end_;
  const auto look_at = [&oldest](const auto& batches) {
    for (const auto& batch : batches) {
      if (batch->provisional()) oldest = std::min(oldest, batch->key(batch->lowest));
    }
  };
  for (const auto& open : open_) look_at(open);
  look_at(unfinished_);
  return oldest;
}

Task<Result<void>> KeyLeases::prepare() {
  co_return co_await fetch_or_wait(1, false);
}

void KeyLeases::report_failed(VolumeId volume) {
  const std::lock_guard lock(mutex_);
  std::erase_if(failures_, [volume](const Failure& f) { return f.volume == volume; });
  failures_.push_back({volume, clock_.mono() + options_.failure_memory});
  std::vector<std::shared_ptr<Batch>> failed;
  for (const auto& open : open_) {
    for (const auto& batch : open) {
      if (batch->lease.volume == volume) failed.push_back(batch);
    }
  }
  for (auto& batch : failed) retire(std::move(batch));
}

void KeyLeases::forget() {
  const std::lock_guard lock(mutex_);
  for (auto& open : open_) {
    while (!open.empty()) retire(open.front());
  }
}

Task<void> KeyLeases::close() {
  std::vector<std::pair<VolumeId, std::uint64_t>> reserved;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  // What was posted before `closed_` runs before this.
  const auto executor = executor_;
  auto flush = [executor](std::function<void(bool)> done) {
    asio::post(executor, [done = std::move(done)] { done(true); });
  };
  co_await await_callback<bool>(std::move(flush));
  co_await tasks_.join();
  {
    const std::lock_guard lock(mutex_);
    for (auto& open : open_) {
      while (!open.empty()) retire(open.front());
    }
    reserved = std::exchange(settled_, {});
  }
  for (const auto& [volume, bytes] : reserved) {
    // A master that is gone has no reservation either.
    [[maybe_unused]] const auto ignored = co_await master_.release(volume, bytes);
  }
}

bool KeyLeases::is_large(std::uint64_t bytes) const {
  return large_from_ != 0 && bytes >= large_from_;
}

std::shared_ptr<KeyLeases::Batch> KeyLeases::usable(std::uint64_t bytes, bool large) {
  const MonoTime latest = clock_.mono() + options_.expiry_margin;
  while (!open_[large].empty()) {
    const auto& front = open_[large].front();
    if (front->handed < front->lease.key_count && front->bytes_left >= bytes &&
        front->expires > latest) {
      return front;
    }
    retire(front);
  }
  return nullptr;
}

LeasedFid KeyLeases::take(const std::shared_ptr<Batch>& batch, std::uint64_t bytes) {
  const std::uint32_t index = batch->handed++;
  batch->bytes_left -= bytes;
  ++batch->pending;
  const auto& members = batch->lease.members;
  const bool in_process = members.size() == 1 && members.front().address.empty();
  return {{batch->lease.volume, batch->key(index), cookie()},
          batch->lease.generation,
          batch->lease.token,
          in_process ? std::vector<VolumeMember>() : members,
          batch->lease.scheme,
          ProvisionalKey(this, batch, index)};
}

Cookie KeyLeases::cookie() {
  if (cookies_left_ == 0) {
    random_bytes(std::as_writable_bytes(std::span(cookies_)));
    cookies_left_ = cookies_.size();
  }
  return Cookie{cookies_[--cookies_left_]};
}

std::vector<VolumeId> KeyLeases::failed_now() {
  const MonoTime now = clock_.mono();
  std::erase_if(failures_, [now](const Failure& f) { return f.until <= now; });
  std::vector<VolumeId> volumes;
  for (const Failure& failure : failures_) volumes.push_back(failure.volume);
  return volumes;
}

bool KeyLeases::wants_spare(bool large) const {
  const auto& open = open_[large];
  if (closed_ || fetching_ || open.size() != 1 || clock_.mono() < spare_after_) return false;
  const Batch& last = *open.front();
  return last.handed > last.lease.key_count / 2 || last.bytes_left < last.lease.bytes / 2;
}

void KeyLeases::retire(std::shared_ptr<Batch> batch) {
  for (auto& open : open_) std::erase(open, batch);
  batch->retired = true;
  if (batch->pending > 0) {
    unfinished_.push_back(std::move(batch));
  } else {
    settle(*batch);
  }
}

void KeyLeases::settle(const Batch& batch) {
  settled_.emplace_back(batch.lease.volume, batch.lease.bytes);
  if (!closed_) start_background();
}

void KeyLeases::finished(const std::shared_ptr<Batch>& batch, std::uint32_t index) {
  const std::lock_guard lock(mutex_);
  batch->done[index] = true;
  --batch->pending;
  while (batch->lowest < batch->handed && batch->done[batch->lowest]) ++batch->lowest;
  if (batch->retired && batch->pending == 0) {
    std::erase(unfinished_, batch);
    settle(*batch);
  }
}

Task<Result<void>> KeyLeases::fetch_or_wait(std::uint64_t bytes, bool large) {
  std::unique_lock lock(mutex_);
  if (!fetching_) {
    fetching_ = true;
    lock.unlock();
    co_return co_await fetch(bytes, large);
  }
  lock.unlock();
  auto start = [this](std::function<void(bool)> done) {
    {
      const std::lock_guard waiting(mutex_);
      if (fetching_) return waiters_.push_back(std::move(done));
    }
    done(true);
  };
  co_await await_callback<bool>(std::move(start));
  co_return Result<void>();
}

Task<Result<void>> KeyLeases::fetch(std::uint64_t bytes, bool large) {
  LeaseRequest request;
  request.key_count = options_.keys;
  request.bytes = std::max(bytes, options_.bytes);
  request.large = large;
  {
    const std::lock_guard lock(mutex_);
    request.exclude = failed_now();
  }
  const MonoTime asked = clock_.mono();
  auto lease = co_await master_.lease(request);
  if (!lease.has_value() && lease.error().code() == Errc::kNoSpace && request.bytes > bytes) {
    // Not enough for many; this one may still fit.
    request.key_count = 1;
    request.bytes = bytes;
    lease = co_await master_.lease(request);
  }
  if (!lease.has_value() && !request.exclude.empty() && found_none(lease.error())) {
    request.exclude.clear();  // rather a volume that failed lately than none
    lease = co_await master_.lease(request);
  }
  std::vector<std::function<void(bool)>> waiters;
  Result<void> outcome;
  {
    const std::lock_guard lock(mutex_);
    fetching_ = false;
    waiters = std::exchange(waiters_, {});
    if (lease.has_value() && lease->first_key < seen_end_) {
      // Of a master that was stopped, and answers before it learns that others led meanwhile: keys
      // that nobody else has, but whose time may be over. They are left alone; next() asks again.
      logger("client").warn("lease_outdated first_key={}", lease->first_key.value);
    } else if (lease.has_value()) {
      seen_end_ = NeedleKey{lease->first_key.value + lease->key_count};
      large_from_ = lease->large_from;
      const bool dated_only = lease->lifetime == std::chrono::milliseconds{};
      const MonoTime expires =
          asked + (dated_only ? lease->expires - clock_.wall() : lease->lifetime);
      open_[large].push_back(std::make_shared<Batch>(*std::move(lease), expires));
    } else {
      spare_after_ = clock_.mono() + kSpareRetry;
      outcome = std::move(lease).error();
    }
  }
  for (const auto& waiter : waiters) waiter(true);
  co_return outcome;
}

void KeyLeases::start_background() {
  if (std::exchange(background_, true)) return;
  asio::post(executor_, [this] { tasks_.spawn(work_in_background()); });
}

Task<void> KeyLeases::work_in_background() {
  while (true) {
    std::vector<std::pair<VolumeId, std::uint64_t>> settled;
    bool spare = false;
    bool large = false;
    {
      const std::lock_guard lock(mutex_);
      settled = std::exchange(settled_, {});
      large = wants_spare(true);
      spare = large || wants_spare(false);
      if (settled.empty() && !spare) {
        background_ = false;
        co_return;
      }
      if (spare) fetching_ = true;
    }
    if (spare) {
      const auto fetched = co_await fetch(1, large);
      if (!fetched.has_value()) {
        logger("client").warn("key_lease_failed error={}", log_value(fetched.error().message()));
      }
    }
    for (const auto& [volume, bytes] : settled) {
      // Nothing depends on it: a reservation that is not given back expires.
      [[maybe_unused]] const auto ignored = co_await master_.release(volume, bytes);
    }
  }
}

}  // namespace kelp
