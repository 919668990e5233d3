#include "s3gw/request_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace kelp::s3 {
namespace {

constexpr std::uint32_t kMost = 10'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds(MonoTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// The number that `name` stands for; null when it is none.
std::uint32_t* find_limit(LimitOptions& options, std::string_view name) {
  const std::size_t dot = std::min(name.find('.'), name.size());
  const std::string_view of = name.substr(0, dot);
  Limit* const limit = of == "gateway"  ? &options.gateway
                       : of == "bucket" ? &options.bucket
                       : of == "key"    ? &options.key
                                        : nullptr;
  if (limit == nullptr) return nullptr;
  const std::string_view what = name.substr(dot);
  if (what == ".per_second") return &limit->per_second;
  return what == ".at_once" ? &limit->at_once : nullptr;
}

/// Of a limit, rounded up: a share is never 0, which would be none.
std::uint32_t share_of(std::uint32_t limit, std::uint32_t gateways) {
  return limit / gateways + (limit % gateways == 0 ? 0 : 1);
}

}  // namespace

Result<LimitOptions> parse_limits(std::span<const std::string> words) {
  LimitOptions options;
  for (const std::string& word : words) {
    const std::size_t equals = std::min(word.find('='), word.size());
    std::uint32_t* const limit = find_limit(options, std::string_view(word).substr(0, equals));
    if (limit == nullptr) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("'{}': gateway, bucket or key, then .per_second= or .at_once=, and "
                               "a number",
                               word));
    }
    if (*limit != 0) return Error(Errc::kInvalidArgument, fmt::format("'{}' is there twice", word));
    const char* const begin = word.data() + std::min(equals + 1, word.size());
    const auto [end, code] = std::from_chars(begin, word.data() + word.size(), *limit);
    if (code != std::errc{} || end != word.data() + word.size() || *limit < 1 || *limit > kMost) {
      return Error(Errc::kInvalidArgument, fmt::format("'{}': a number from 1 to {}", word, kMost));
    }
  }
  return options;
}

RequestLimits::RequestLimits(const LimitOptions& options) : options_(options) {}

void RequestLimits::share(std::uint32_t gateways) {
  gateways_.store(std::max(gateways, 1U), std::memory_order_relaxed);
}

void RequestLimits::Permit::end() {
  if (counted_ != nullptr) counted_->running.fetch_sub(1, std::memory_order_relaxed);
}

std::optional<RequestLimits::Permit> RequestLimits::enter_gateway(MonoTime now) {
  return enter(options_.gateway.any() ? gateway_ : nullptr, options_.gateway, now);
}

std::optional<RequestLimits::Permit> RequestLimits::enter_bucket(std::string_view bucket,
                                                                 MonoTime now) {
  const bool counts = options_.bucket.any() && !bucket.empty();
  return enter(counts ? buckets_.find(bucket, now) : nullptr, options_.bucket, now);
}

std::optional<RequestLimits::Permit> RequestLimits::enter_key(std::string_view access_key,
                                                              MonoTime now) {
  const bool counts = options_.key.any() && !access_key.empty();
  return enter(counts ? keys_.find(access_key, now) : nullptr, options_.key, now);
}

// The rate by the generic cell rate algorithm (ITU-T I.371): `next` runs ahead of now by what was
// taken of the second that may come at once.
std::optional<RequestLimits::Permit> RequestLimits::enter(std::shared_ptr<Counted> counted,
                                                          const Limit& limit, MonoTime now) const {
  if (counted == nullptr) return Permit();
  const std::uint32_t gateways = gateways_.load(std::memory_order_relaxed);
  const std::uint32_t before = counted->running.fetch_add(1, std::memory_order_relaxed);
  Permit permit(counted);
  if (limit.at_once != 0 && before >= share_of(limit.at_once, gateways)) return std::nullopt;
  if (limit.per_second == 0) return permit;
  const std::int64_t step = kSecond / share_of(limit.per_second, gateways);
  const std::int64_t time = nanoseconds(now);
  std::int64_t next = counted->next.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t from = std::max(next, time);
    if (from + step > time + kSecond) return std::nullopt;
    if (counted->next.compare_exchange_weak(next, from + step, std::memory_order_relaxed)) {
      return permit;
    }
  }
}

std::shared_ptr<RequestLimits::Counted> RequestLimits::Names::find(std::string_view name,
                                                                   MonoTime now) {
  Shard& shard = shards_[Hash{}(name) % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  const auto known = shard.counted.find(name);
  if (known != shard.counted.end()) return known->second;
  if (shard.counted.size() >= kMost) sweep(shard, now);
  if (shard.counted.size() >= kMost) return shard.others;
  auto counted = std::make_shared<Counted>();
  shard.counted.emplace(name, counted);
  return counted;
}

/// Forgets whoever would count from zero again.
void RequestLimits::Names::sweep(Shard& shard, MonoTime now) {
  constexpr std::chrono::milliseconds kPause{100};
  if (now - shard.swept < kPause) return;
  shard.swept = now;
  const std::int64_t time = nanoseconds(now);
  std::erase_if(shard.counted, [time](const auto& entry) {
    const Counted& counted = *entry.second;
    return counted.running.load(std::memory_order_relaxed) == 0 &&
           counted.next.load(std::memory_order_relaxed) <= time;
  });
}

}  // namespace kelp::s3
