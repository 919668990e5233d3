#pragma once

#include <cstdint>

#include "base/clock.h"

namespace kelp {

/// Who may remove a version before its time. Values are stored: never renumber.
enum class RetentionMode : std::uint8_t {
  kNone = 0,
  kGovernance = 1,  ///< Who bypasses it.
  kCompliance = 2   ///< Nobody.
};
/// What was said of a legal hold. Values are stored: never renumber.
enum class LegalHold : std::uint8_t { kNever = 0, kOff = 1, kOn = 2 };

/// Until when a version is kept.
struct Retention {
  RetentionMode mode = RetentionMode::kNone;
  WallTime until;  ///< Only with a mode.
  friend bool operator==(const Retention&, const Retention&) = default;
};

/// What keeps a version from being removed: either of the two.
struct ObjectLock {
  Retention retention;
  LegalHold hold = LegalHold::kNever;
  /// Anything was ever said.
  [[nodiscard]] bool any() const {
    return retention.mode != RetentionMode::kNone || hold != LegalHold::kNever;
  }
  friend bool operator==(const ObjectLock&, const ObjectLock&) = default;
};

/// Whether versions of a bucket can be locked, and how those are that nobody says anything of.
struct BucketLock {
  bool enabled = false;                       ///< Never taken back; older versions are kept.
  RetentionMode mode = RetentionMode::kNone;  ///< kNone: there is no default, the periods are 0.
  std::uint32_t days = 0;                     ///< From when the version was made;
  std::uint32_t years = 0;                    ///< either of the two is not 0.
  friend bool operator==(const BucketLock&, const BucketLock&) = default;
};

}  // namespace kelp
