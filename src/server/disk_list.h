#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"

namespace kelp::server {

/// One of the directories of a volume server, as it is configured. TOML only: [[volume.disk]].
struct VolumeDiskConfig {
  std::string path;                      ///< Laid out as DIR of a server that keeps one directory.
  std::vector<std::string> tags;         ///< Beside volume.tags.
  std::optional<std::uint64_t> reserve;  ///< Free bytes that writes leave; none: volume.reserve.
  std::uint16_t port = 0;                ///< Of its rpc; 0: the next free one from volume.listen's.
  friend bool operator==(const VolumeDiskConfig&, const VolumeDiskConfig&) = default;
};

/// Sets what the TOML key `name` means. False: there is no such key. kInvalidArgument when `text`
/// cannot be read.
[[nodiscard]] Result<bool> set_disk_value(VolumeDiskConfig& to, std::string_view name,
                                          const std::string& text);

/// kInvalidArgument, naming the disk and the key, for a path that is missing, not absolute or there
/// twice, for a port that is there twice, for values out of range.
[[nodiscard]] Result<void> check_disks(std::span<const VolumeDiskConfig> disks);

/// Each as a [[volume.disk]] table.
[[nodiscard]] std::string print_disks(std::span<const VolumeDiskConfig> disks);

/// A directory to be served, and how.
struct VolumeDiskPlace {
  std::string path;
  std::vector<std::string> tags;  ///< All, with its machine's.
  std::uint64_t reserve = 0;
  std::uint16_t port = 0;  ///< As VolumeDiskConfig::port.
  /// One of several, maybe: it must be there already, and its metrics say its path.
  bool listed = false;
  friend bool operator==(const VolumeDiskPlace&, const VolumeDiskPlace&) = default;
};

struct Config;

/// Whether what clients read from it often is kept in volume.cache.
[[nodiscard]] bool is_cached(const VolumeDiskPlace& place, const Config& config);

/// The directories that a volume server serves: those of [[volume.disk]], else DIR. Of several,
/// each says in a tag which machine it is in: volume.host, else `machine`.
[[nodiscard]] std::vector<VolumeDiskPlace> disk_places(const Config& config,
                                                       std::string_view machine);

}  // namespace kelp::server
