#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filer/core/inventory.h"
#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp::inventory {

/// What a list is made of.
struct Source {
  BucketEntry bucket;
  Config config;
  lifecycle::Calendar calendar;
  std::optional<lifecycle::Rules> rules;  ///< The bucket's, where a column tells of them.
  std::size_t known_keys = 4096;          ///< Of objects, held in memory beside versions.
};

/// Reads the lines of a list: the versions of a bucket as all were at one point in time, that of
/// the first call. First those that are in rows of objects, then those in rows of versions, each in
/// the order of keys. Blocks; one call at a time; must die before its store.
class Scan {
 public:
  explicit Scan(Source source) : source_(std::move(source)) {}

  /// Appends the lines of the next `rows` rows; false at the end.
  [[nodiscard]] Result<bool> read(KvStore& store, std::size_t rows, std::string& csv);
  /// Lines so far.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 private:
  enum class At : std::uint8_t { kBegin, kObjects, kVersions, kEnd };

  void begin(KvStore& store);
  [[nodiscard]] Result<void> take_object(std::string& csv);
  [[nodiscard]] Result<void> take_version(std::string& csv);
  [[nodiscard]] Result<bool> has_object(const std::string& key);
  void add(std::string_view key, const ObjectEntry& entry, bool is_latest, std::string& csv);
  [[nodiscard]] bool within(const std::string& rows) const;

  Source source_;
  At at_ = At::kBegin;
  std::unique_ptr<KvCursor> cursor_;
  std::string objects_;   ///< What the rows of objects begin with.
  std::string versions_;  ///< The same of versions.
  std::string last_key_;  ///< Of a version, once there was one.
  bool any_version_ = false;
  std::vector<std::string> known_;  ///< Keys that have a row of an object, from some key on,
  bool known_to_end_ = false;       ///< to the last one of all.
  std::uint64_t lines_ = 0;
};

}  // namespace kelp::inventory
