#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/namespace.h"

namespace kelp {

/// Asks for a bucket together with some of its settings.
struct GetBucketSettings {
  std::string bucket;
  std::vector<std::string> names;
};

/// A bucket and settings of it, each as it was at some moment of the call.
struct BucketWithSettings {
  BucketEntry bucket;
  std::vector<std::optional<std::string>> values;  ///< In the order of the names; nothing: not set.
};

/// Which settings of a bucket to list: those whose names begin with `prefix`, behind `start_after`.
struct ListBucketSettings {
  std::string bucket;
  std::string prefix;
  std::string start_after;    ///< A whole name; empty: from the first one.
  std::uint32_t limit = 100;  ///< At most 1,000; of 4 MiB of values a page is full, too.
};

/// A page of settings, by name.
struct ListedBucketSettings {
  std::vector<BucketSetting> settings;  ///< Without the bucket's name.
  bool truncated = false;
};

}  // namespace kelp
