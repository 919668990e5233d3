#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lifecycle/due.h"

namespace kelp::lifecycle {

/// A version of a key, or a delete marker.
struct Version {
  WallTime modified;
  std::uint64_t size_bytes = 0;
  bool delete_marker = false;
  std::string_view storage_class;  ///< Empty: STANDARD.
  const Tags* tags = nullptr;      ///< Null: none. Only needed when a rule looks at them.
};

/// What is to be done.
enum class Act : std::uint8_t {
  kExpire,         ///< The current version is deleted, as if a client did it without a version id.
  kRemoveVersion,  ///< One that is not current goes, an object or a delete marker.
  kRemoveMarker,   ///< The delete marker goes that is all that is left of the key.
  kMove,           ///< To another storage class: Due::to.
};

/// It is due now.
struct Verdict {
  Act act{};
  Due due;
};

/// Judges the versions of keys, one after the other. `rules` must outlive it.
class KeyJudge {
 public:
  KeyJudge(const Rules& rules, Calendar calendar, WallTime now)
      : rules_(rules), calendar_(calendar), now_(now) {}

  /// The versions that follow are of this key, which must outlive them; the current one is first.
  void begin(std::string_view key);
  /// The next older version: what is to be done with it, when it is not the first one.
  [[nodiscard]] std::optional<Verdict> take(const Version& version);
  /// There are no more: what is to be done with the first one.
  [[nodiscard]] std::optional<Verdict> end();

 private:
  [[nodiscard]] std::optional<Verdict> judge_first(const Version& version,
                                                   const Subject& subject) const;
  [[nodiscard]] std::optional<Verdict> when_due(Act act, const std::optional<Due>& due) const;

  const Rules& rules_;
  const Calendar calendar_;
  const WallTime now_;
  std::string_view key_;
  std::optional<Verdict> first_;  ///< Of the first one, if it stays alone when that is a marker.
  std::uint64_t older_ = 0;       ///< Versions behind the first one.
  bool any_ = false;
  WallTime newer_modified_;  ///< Of the version that was taken last.
};

}  // namespace kelp::lifecycle
