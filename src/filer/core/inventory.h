#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kelp/result.h"
#include "lifecycle/due.h"
#include "wire/entry.h"
#include "wire/inventory_fields.h"

// Inventories: lists of what is in a bucket, as objects of another one. What a configuration asks
// for, when a list is due, and how its parts read. Pure.
// Source: S3 User Guide, "Cataloging and analyzing your data with S3 Inventory" and "Locating your
// inventory list".

namespace kelp::inventory {

/// Names of the bucket's settings that hold configurations begin with this; the id follows.
inline constexpr std::string_view kSettings = "inventory/";
/// The same of what became of each (State).
inline constexpr std::string_view kStates = "inventory-state/";

/// The columns that a configuration may ask for, in the order in which lists have them.
enum class Field : std::uint8_t {
  kSize,
  kLastModifiedDate,
  kETag,
  kStorageClass,
  kIsMultipartUploaded,
  kReplicationStatus,
  kEncryptionStatus,
  kObjectLockRetainUntilDate,
  kObjectLockMode,
  kObjectLockLegalHoldStatus,
  kIntelligentTieringAccessTier,
  kBucketKeyStatus,
  kChecksumAlgorithm,
  kObjectAccessControlList,
  kObjectOwner,
  kLifecycleExpirationDate,
};
inline constexpr std::size_t kFields = kInventoryFields.size();

/// A configuration.
struct Config {
  std::string id;
  bool enabled = false;
  bool all_versions = false;
  bool weekly = false;
  std::string format;       ///< "CSV", or one that lists cannot be made in.
  std::string prefix;       ///< Of the keys that are listed.
  std::string destination;  ///< The bucket that lists are put into.
  std::string folder;       ///< What their keys begin with; a slash follows unless it is empty.
  std::string encryption;   ///< As x-amz-server-side-encryption says it; empty: the bucket's.
  std::string kms_key;
  std::bitset<kFields> fields;

  [[nodiscard]] bool has(Field field) const { return fields[static_cast<std::size_t>(field)]; }
};

/// Reads what is inside of the root of a configuration, as it is kept
/// (docs/formats/metadata-keys.md). kCorruption; kUnimplemented for an element or a word that is
/// not known.
[[nodiscard]] Result<Config> parse_config(std::string_view kept);

/// What became of a configuration, as a setting keeps it.
struct State {
  WallTime done;            ///< When the last list that is whole was begun; 0: there was none.
  WallTime attempt;         ///< When one was begun that is not whole; 0: there is none.
  std::uint32_t files = 0;  ///< Data files that it may have put.
  friend bool operator==(const State&, const State&) = default;
};
/// "DONE ATTEMPT FILES", nanoseconds since 1970.
[[nodiscard]] std::string encode_state(const State& state);
/// One that cannot be read is as none: a list is made once more.
[[nodiscard]] State decode_state(std::string_view text);

/// Whether a list is due: the day, or the week from a Sunday on, is another one than that of the
/// last list, in UTC. With days of another length: when so much time passed.
[[nodiscard]] bool is_due(const Config& config, const State& state, WallTime now,
                          const lifecycle::Calendar& calendar);

/// The names of the columns, "Bucket, Key, …".
[[nodiscard]] std::string schema(const Config& config);

/// A version, as a line tells of it.
struct Line {
  const BucketEntry& bucket;
  std::string_view key;
  const ObjectEntry& entry;
  bool is_latest = true;
  const lifecycle::Rules* rules = nullptr;  ///< Of the bucket; null: none.
};
/// Appends it to a CSV file: every value in quotes, the key percent-encoded but for its slashes.
void append_line(const Config& config, const Line& line, const lifecycle::Calendar& calendar,
                 std::string& out);

/// A list by its bucket, its configuration and when it was begun: the keys of its parts.
struct Name {
  std::string source;
  BucketId source_id;
  Config config;
  WallTime began;

  /// PREFIX/SOURCE/ID/
  [[nodiscard]] std::string folder() const;
  /// The `index`-th data file, from 0: a name that no other list has.
  [[nodiscard]] std::string data(std::uint32_t index) const;
  [[nodiscard]] std::string manifest() const;
  [[nodiscard]] std::string checksum() const;
  [[nodiscard]] std::string symlink() const;
};

/// A data file that was put.
struct DataFile {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string md5;  ///< Hex.
};
/// manifest.json.
[[nodiscard]] std::string manifest_json(const Name& name, const std::vector<DataFile>& files);
/// symlink.txt.
[[nodiscard]] std::string symlink_text(const Name& name, const std::vector<DataFile>& files);

}  // namespace kelp::inventory
