#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kelp/result.h"

namespace kelp::lifecycle {

/// Tags by their keys.
using Tags = std::vector<std::pair<std::string, std::string>>;

/// What a rule looks at in an object; views.
struct Subject {
  std::string_view key;
  std::uint64_t size_bytes = 0;  ///< Of a delete marker 0.
  const Tags* tags = nullptr;    ///< Null: none.
};

/// Which objects a rule is about: all of what is said must hold.
struct Filter {
  std::string prefix;
  Tags tags;
  std::optional<std::uint64_t> larger_than;
  std::optional<std::uint64_t> smaller_than;

  [[nodiscard]] bool matches(const Subject& subject) const;
};

/// After so many days, or from a date on.
struct When {
  std::uint32_t days = 0;
  std::optional<WallTime> date;
};

/// How long what is no more current stays.
struct Noncurrent {
  std::uint32_t days = 0;
  std::uint32_t newer = 0;  ///< And while no more than so many newer ones, not current, are there.
};

/// A current version moves to another storage class.
struct Move {
  When when;
  std::string to;
};
/// One that is not current does.
struct NoncurrentMove {
  Noncurrent when;
  std::string to;
};

/// A rule that is enabled.
struct Rule {
  std::string id;
  Filter filter;
  std::optional<When> expires;
  bool expired_markers = false;  ///< Delete markers go that are all that is left of their key.
  std::optional<Noncurrent> noncurrent;
  std::optional<std::uint32_t> abort_days;  ///< Of uploads, from when they began.
  std::vector<Move> moves;
  std::vector<NoncurrentMove> noncurrent_moves;
};

/// The rules of a bucket, of which at least one is enabled and does something, or none.
struct Rules {
  std::vector<Rule> rules;
  bool any_tags = false;         ///< A rule looks at tags.
  bool any_uploads = false;      ///< A rule aborts uploads.
  bool any_objects = false;      ///< A rule removes or moves versions.
  std::uint32_t most_newer = 0;  ///< The highest Noncurrent::newer.
  /// Smaller objects move to no other class but, when it varies, to the archives; of rules that say
  /// nothing about sizes.
  bool smallest_varies = false;

  /// Of keys from `key` on, the first one that could begin with a rule's prefix; nothing when no
  /// other key does. A view of `key` or of a rule.
  [[nodiscard]] std::optional<std::string_view> next_key(std::string_view key) const;
};

/// Objects of fewer bytes do not move unless their rule says so.
inline constexpr std::uint64_t kSmallestMoved = 128 << 10;

/// How far down a storage class stands: objects move down only. STANDARD, or a name that is not
/// known: 0.
[[nodiscard]] int rank_of(std::string_view storage_class);

/// The name of the bucket's setting that holds the configuration.
inline constexpr std::string_view kSetting = "lifecycle";

/// Longer ones are as this: 200 years, so that every moment can be told.
inline constexpr std::uint32_t kMaxDays = 73'000;

/// Reads what is inside of the root of a configuration, as it is kept
/// (docs/formats/metadata-keys.md). Errors: kCorruption; kUnimplemented for an element that is not
/// known.
[[nodiscard]] Result<Rules> parse_rules(std::string_view kept);

}  // namespace kelp::lifecycle
