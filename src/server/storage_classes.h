#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "master/core/placement.h"

namespace kelp::server {

/// How the objects of a storage class lie, as it is configured: STANDARD by settings, the others in
/// TOML only: [[master.class]], the same on all masters.
struct StorageClassConfig {
  std::string name = "STANDARD";       ///< As S3 has it.
  std::string spread = "000";          ///< Copies in other data centres, racks, nodes.
  std::string large;                   ///< "ec(4,2)": how large needles lie; empty: in copies.
  std::uint64_t large_from = 1 << 20;  ///< Bytes of a large needle, 64 KiB to 8 MiB.
  std::string seal;                    ///< "ec(4,2)": what full volumes become; empty: copies.
  std::string tag;                     ///< Of the volume servers that keep them; empty: of any.
};

/// Sets what the TOML key `name` means. False: there is no such key. kInvalidArgument when `text`
/// cannot be read.
[[nodiscard]] Result<bool> set_class_value(StorageClassConfig& to, std::string_view name,
                                           const std::string& text);

/// kInvalidArgument, naming the class and the key, for names that S3 does not have, for one that is
/// there twice, and for values out of range.
[[nodiscard]] Result<void> check_classes(std::span<const StorageClassConfig> classes);

/// Each as a [[master.class]] table.
[[nodiscard]] std::string print_classes(std::span<const StorageClassConfig> classes);

/// What the master places by. `from` was checked.
[[nodiscard]] master::StorageLayout layout_of(const StorageClassConfig& from);

}  // namespace kelp::server
