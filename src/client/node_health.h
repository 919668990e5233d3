#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kelp/error.h"
#include "wire/lease.h"

namespace kelp {

/// Whether an error says that the node itself is in trouble, not only what was asked for.
[[nodiscard]] bool node_failed(const Error& error);

/// How quickly each volume server answered lately, and who failed: whom to ask first, and when to
/// ask a second one too. Thread-safe (a leaf mutex).
class NodeHealth {
 public:
  /// `address` answered in `took`.
  void answered(const std::string& address, std::chrono::nanoseconds took);
  /// `address` did not answer, or could not: it is asked last for a while.
  void failed(const std::string& address, MonoTime now);
  /// Whether it failed within that while.
  [[nodiscard]] bool failing(const std::string& address, MonoTime now) const;
  /// `members` in the order in which to ask them: those that failed lately last, those much slower
  /// than the quickest before them, the others by turns (`turn`).
  [[nodiscard]] std::vector<VolumeMember> rank(std::vector<VolumeMember> members,
                                               std::uint64_t turn, MonoTime now) const;
  /// After so long without an answer of `address` a second member is asked: what 99 of its last 100
  /// answers took, within [2 ms, 500 ms].
  [[nodiscard]] std::chrono::nanoseconds patience(const std::string& address) const;

 private:
  static constexpr std::size_t kSamples = 128;
  struct Node {
    std::array<std::int64_t, kSamples> took{};  ///< Nanoseconds, the newest over the oldest.
    std::size_t count = 0;
    std::int64_t median = 0;   ///< Of the samples, renewed every 16.
    std::int64_t slowest = 0;  ///< The 99th of 100, likewise.
    MonoTime failed_until{};
  };
  static void renew(Node& node);

  mutable std::mutex mutex_;
  std::map<std::string, Node> nodes_;
};

}  // namespace kelp
