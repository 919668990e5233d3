#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "wire/entry.h"
#include "wire/event_origin.h"
#include "wire/namespace.h"

namespace kelp {

/// For how long an archived version can be read: its restored copy, as S3 calls it. The bytes
/// themselves do not move.
struct RestoredCopy {
  WallTime ready;  ///< From then on; the epoch: at once.
  WallTime until;  ///< To then.
  [[nodiscard]] bool under_way(WallTime now) const { return now < ready && now < until; }
  [[nodiscard]] bool readable(WallTime now) const { return now >= ready && now < until; }
  friend bool operator==(const RestoredCopy&, const RestoredCopy&) = default;
};

/// The name under which ObjectHeaders::standard keeps it (docs/formats/entry.md).
inline constexpr std::string_view kRestoreHeader = "x-amz-restore";

/// What a version's headers say; nothing: it was never restored. What is no such text is nothing.
[[nodiscard]] std::optional<RestoredCopy> restored_copy(const ObjectHeaders& headers);
/// Says so instead of what was said before.
void set_restored_copy(ObjectHeaders& headers, const RestoredCopy& copy);
/// For what is made of a version and is none of its copies.
void drop_restored_copy(ObjectHeaders& headers);

/// Lets an archived version be read for a time.
struct RestoreObject {
  ObjectKey name;
  std::uint64_t version = 0;  ///< Its number, as its entry was read.
  WallTime now;               ///< Of who asks, and who is asked to read it later.
  RestoredCopy copy;
  EventOrigin origin = {};
};

/// What came of it.
struct RestoreOutcome {
  bool extended = false;  ///< It could be read already; its time is another one now.
  /// Its id, or kNullVersion; nothing in a bucket that never had versions.
  std::optional<std::uint64_t> version_id;
};

}  // namespace kelp
