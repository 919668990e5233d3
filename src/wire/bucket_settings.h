#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wire/entry.h"

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

}  // namespace kelp
