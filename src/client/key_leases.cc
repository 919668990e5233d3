#include "client/key_leases.h"

#include <algorithm>
#include <ranges>

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
      tasks_(std::move(executor)),
      leases_(1) {
  KELP_ASSERT(options_.keys > 0, "a lease needs a key");
}

KeyLeases::~KeyLeases() {
  KELP_ASSERT(unfinished_.empty(), "a ProvisionalKey outlives its KeyLeases");
}

Task<Result<LeasedFid>> KeyLeases::next(std::uint64_t bytes, std::string storage_class) {
  for (int round = 0; round < kFetchRounds; ++round) {
    Wanted missing;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) co_return Error(Errc::kCancelled, "key leases: shutting down");
      missing = wanted(bytes, storage_class);
      if (const auto batch = usable(missing)) {
        auto leased = take(batch, bytes);
        if (wants_spare(missing.of->open[missing.large])) start_background();
        co_return leased;
      }
    }
    KELP_CO_CHECK(co_await fetch_or_wait(missing));
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
  for (const Leases& each : leases_) std::ranges::for_each(each.open, look_at);
  look_at(unfinished_);
  return oldest;
}

Task<Result<void>> KeyLeases::prepare() {
  const Wanted common{&leases_.front()};
  co_return co_await fetch_or_wait(common);
}

void KeyLeases::report_failed(VolumeId volume) {
  const std::lock_guard lock(mutex_);
  std::erase_if(failures_, [volume](const Failure& f) { return f.volume == volume; });
  failures_.push_back({volume, clock_.mono() + options_.failure_memory});
  std::vector<std::shared_ptr<Batch>> failed;
  for (const Leases& each : leases_) {
    for (const auto& batch : each.open | std::views::join) {
      if (batch->lease.volume == volume) failed.push_back(batch);
    }
  }
  for (auto& batch : failed) retire(std::move(batch));
}

void KeyLeases::forget() {
  const std::lock_guard lock(mutex_);
  retire_all();
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
    retire_all();
    reserved = std::exchange(settled_, {});
  }
  for (const auto& [volume, bytes] : reserved) {
    // A master that is gone has no reservation either.
    [[maybe_unused]] const auto ignored = co_await master_.release(volume, bytes);
  }
}

bool KeyLeases::lie_alike(std::string_view storage_class, std::string_view other) const {
  const std::lock_guard lock(mutex_);
  return collection_of(storage_class) == collection_of(other);
}

std::string_view KeyLeases::collection_of(std::string_view storage_class) const {
  const bool apart = std::ranges::find(classes_, storage_class) != classes_.end();
  return apart ? storage_class : std::string_view();
}

KeyLeases::Wanted KeyLeases::wanted(std::uint64_t bytes, std::string_view storage_class) {
  const std::string_view collection = collection_of(storage_class);
  auto of = std::ranges::find(leases_, collection, &Leases::collection);
  if (of == leases_.end()) {
    leases_.push_back({std::string(collection), {}, 0});
    of = std::prev(leases_.end());
  }
  return {&*of, of->large_from != 0 && bytes >= of->large_from, bytes};
}

std::shared_ptr<KeyLeases::Batch> KeyLeases::usable(const Wanted& wanted) {
  const MonoTime latest = clock_.mono() + options_.expiry_margin;
  Batches& open = wanted.of->open[wanted.large];
  while (!open.empty()) {
    const auto& front = open.front();
    if (front->handed < front->lease.key_count && front->bytes_left >= wanted.bytes &&
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

bool KeyLeases::wants_spare(const Batches& open) const {
  if (closed_ || fetching_ || open.size() != 1 || clock_.mono() < spare_after_) return false;
  const Batch& last = *open.front();
  return last.handed > last.lease.key_count / 2 || last.bytes_left < last.lease.bytes / 2;
}

std::optional<KeyLeases::Wanted> KeyLeases::spare() {
  for (Leases& each : leases_) {
    for (const bool large : {true, false}) {
      if (wants_spare(each.open[large])) return Wanted{&each, large};
    }
  }
  return std::nullopt;
}

void KeyLeases::retire_all() {
  for (Leases& each : leases_) {
    for (Batches& open : each.open) {
      while (!open.empty()) retire(open.front());
    }
  }
}

void KeyLeases::retire(std::shared_ptr<Batch> batch) {
  for (Leases& each : leases_) {
    for (Batches& open : each.open) std::erase(open, batch);
  }
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

Task<Result<void>> KeyLeases::fetch_or_wait(Wanted wanted) {
  std::unique_lock lock(mutex_);
  if (!fetching_) {
    fetching_ = true;
    lock.unlock();
    co_return co_await fetch(wanted);
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

Task<Result<void>> KeyLeases::fetch(Wanted wanted) {
  LeaseRequest request;
  request.key_count = options_.keys;
  request.bytes = std::max(wanted.bytes, options_.bytes);
  request.collection = wanted.of->collection;
  request.large = wanted.large;
  {
    const std::lock_guard lock(mutex_);
    request.exclude = failed_now();
  }
  const MonoTime asked = clock_.mono();
  auto lease = co_await master_.lease(request);
  if (!lease.has_value() && lease.error().code() == Errc::kNoSpace &&
      request.bytes > wanted.bytes) {
    // Not enough for many; this one may still fit.
    request.key_count = 1;
    request.bytes = wanted.bytes;
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
      wanted.of->large_from = lease->large_from;
      classes_ = std::exchange(lease->classes, {});
      const bool dated_only = lease->lifetime == std::chrono::milliseconds{};
      const MonoTime expires =
          asked + (dated_only ? lease->expires - clock_.wall() : lease->lifetime);
      wanted.of->open[wanted.large].push_back(std::make_shared<Batch>(*std::move(lease), expires));
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
    std::optional<Wanted> spare;
    {
      const std::lock_guard lock(mutex_);
      settled = std::exchange(settled_, {});
      spare = this->spare();
      if (settled.empty() && !spare) {
        background_ = false;
        co_return;
      }
      if (spare) fetching_ = true;
    }
    if (spare) {
      const auto fetched = co_await fetch(*spare);
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
