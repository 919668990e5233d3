#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "kelp/result.h"

namespace kelp::s3 {

/// What one of something may do at most; 0: no limit.
struct Limit {
  std::uint32_t per_second = 0;  ///< Requests; as many at once as a second has.
  std::uint32_t at_once = 0;     ///< Requests under way.
  [[nodiscard]] bool any() const { return per_second != 0 || at_once != 0; }
  friend bool operator==(const Limit&, const Limit&) = default;
};

/// What a gateway takes.
struct LimitOptions {
  Limit gateway;  ///< All requests together.
  Limit bucket;   ///< Of each bucket.
  Limit key;      ///< Of each access key.
  friend bool operator==(const LimitOptions&, const LimitOptions&) = default;
};
/// "key.per_second=100", "bucket.at_once=64", "gateway.per_second=5000": each once at most, numbers
/// from 1 to 10,000,000. kInvalidArgument otherwise.
[[nodiscard]] Result<LimitOptions> parse_limits(std::span<const std::string> words);

/// Counts requests against their limits. Each gateway counts its own, against its share of them.
/// Nothing queues: what is too
/// much is refused at once, so that a client that asks too often takes nothing from the others.
/// Thread-safe; a check costs less than 0.3 us.
class RequestLimits {
  struct Counted;

 public:
  /// A request under way; moves. Ends it when it dies.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept = default;
    Permit& operator=(Permit&& other) noexcept {
      counted_.swap(other.counted_);  // what this one was ends with the other
      return *this;
    }
    ~Permit() { end(); }

   private:
    friend class RequestLimits;
    explicit Permit(std::shared_ptr<Counted> counted) : counted_(std::move(counted)) {}
    void end();
    std::shared_ptr<Counted> counted_;
  };

  explicit RequestLimits(const LimitOptions& options);

  /// From now on the limits are of so many gateways together (at least 1, as at first), of which
  /// this one has an equal share, rounded up.
  void share(std::uint32_t gateways);

  // The request begins now; nothing when it would be one too many.

  [[nodiscard]] std::optional<Permit> enter_gateway(MonoTime now);
  /// Also of a bucket that is not there.
  [[nodiscard]] std::optional<Permit> enter_bucket(std::string_view bucket, MonoTime now);
  /// `access_key` proven, or others could use it up.
  [[nodiscard]] std::optional<Permit> enter_key(std::string_view access_key, MonoTime now);

 private:
  struct Counted {
    std::atomic<std::int64_t> next{0};  ///< Nanoseconds: when the rate is kept again.
    std::atomic<std::uint32_t> running{0};
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  /// Those of one kind, by name. Names that are too many share a count.
  class Names {
   public:
    std::shared_ptr<Counted> find(std::string_view name, MonoTime now);

   private:
    static constexpr std::size_t kMost = 4096;
    struct Shard {
      std::mutex mutex;
      std::unordered_map<std::string, std::shared_ptr<Counted>, Hash, std::equal_to<>> counted;
      std::shared_ptr<Counted> others = std::make_shared<Counted>();
      MonoTime swept;
    };
    static void sweep(Shard& shard, MonoTime now);
    std::array<Shard, 16> shards_;
  };

  [[nodiscard]] std::optional<Permit> enter(std::shared_ptr<Counted> counted, const Limit& limit,
                                            MonoTime now) const;

  const LimitOptions options_;
  std::atomic<std::uint32_t> gateways_{1};
  std::shared_ptr<Counted> gateway_ = std::make_shared<Counted>();
  Names buckets_;
  Names keys_;
};

}  // namespace kelp::s3
