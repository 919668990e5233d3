#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "lifecycle/rules.h"

namespace kelp::lifecycle {

/// How long a day is: for tests, which cannot wait for one.
struct Calendar {
  std::chrono::nanoseconds day = std::chrono::days(1);

  /// `days` days after `from`. Of real days: the next midnight UTC then.
  [[nodiscard]] WallTime after(WallTime from, std::uint32_t days) const;
};

/// Something is to be done from `at` on.
struct Due {
  WallTime at;
  const Rule* rule = nullptr;  ///< By this one; lives as long as the rules.
  std::string_view to = {};    ///< Of a move: the storage class; lives as long, too.
  std::uint32_t newer = 0;     ///< It holds with so many newer versions that are not current.
};

/// When an object that was made at `made` and is the current version of its key expires, and by
/// which rule; nothing: never.
[[nodiscard]] std::optional<Due> expiry(const Rules& rules, const Subject& subject, WallTime made,
                                        const Calendar& calendar);

/// When a delete marker goes that is all that is left of its key.
[[nodiscard]] std::optional<Due> marker_expiry(const Rules& rules, std::string_view key,
                                               WallTime made, const Calendar& calendar);

/// When a version goes that is not current since `since`, with `newer` newer ones that are not
/// either.
[[nodiscard]] std::optional<Due> noncurrent_expiry(const Rules& rules, const Subject& subject,
                                                   WallTime since, std::uint32_t newer,
                                                   const Calendar& calendar);

/// To which class an object that is current and of class `from` has to move by `now`: of all that
/// are due the lowest, below the one it is of.
[[nodiscard]] std::optional<Due> move(const Rules& rules, const Subject& subject,
                                      std::string_view from, WallTime made,
                                      const Calendar& calendar, WallTime now);
/// The same of a version that is not current since `since`.
[[nodiscard]] std::optional<Due> noncurrent_move(const Rules& rules, const Subject& subject,
                                                 std::string_view from, WallTime since,
                                                 std::uint32_t newer, const Calendar& calendar,
                                                 WallTime now);

/// When an upload that began at `began` is aborted.
[[nodiscard]] std::optional<Due> upload_expiry(const Rules& rules, std::string_view key,
                                               WallTime began, const Calendar& calendar);

}  // namespace kelp::lifecycle
