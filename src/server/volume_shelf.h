#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "filer/core/rebuild.h"
#include "server/offline.h"
#include "volume/offline_volume.h"
#include "wire/packed_place.h"

namespace kelp::server {

/// The needles of all volumes of stopped servers. Of a volume's copies those of the newest
/// generation count; a needle that was removed from one of them is removed. Blocks.
class VolumeShelf {
 public:
  /// Opens what lies at `paths` (lock_volumes()) and goes over it. A log that cannot be read, or
  /// not to its end, is told in troubles(). Errors of lock_volumes(). `io` must outlive it.
  [[nodiscard]] static Result<VolumeShelf> open(FileIo& io, const std::vector<std::string>& paths);

  /// What is alive; of a striped needle, or one in an extent, only when enough shards are here.
  [[nodiscard]] std::vector<FoundNeedle> needles() const;
  /// The whole body of a needle, every checksum compared, from any copy or enough shards that are
  /// sound. kCorruption, kIo: what the last one said.
  [[nodiscard]] Result<std::string> read(const FileId& fid) const;

  [[nodiscard]] std::size_t logs() const { return volumes_.size(); }
  [[nodiscard]] const std::vector<std::string>& troubles() const { return troubles_; }

 private:
  /// Where a needle, or a shard of it, lies.
  struct Place {
    std::uint32_t volume = 0;  ///< Of volumes_.
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  struct Shelved {
    FoundNeedle needle;
    EcScheme scheme;
    std::vector<Place> places;
    std::uint32_t shards = 0;  ///< Bits of those that are here.
    bool packed = false;       ///< The places are of stubs.
  };
  using Name = std::pair<VolumeId, NeedleKey>;

  void take(FileIo& io, const VolumesFolder& folder);
  void walk(std::uint32_t index);
  void shelve(std::uint32_t index, const LogStep& step);
  [[nodiscard]] Result<std::string> read_whole(const Shelved& shelved) const;
  [[nodiscard]] Result<std::string> read_striped(const Shelved& shelved) const;
  [[nodiscard]] Result<PackedPlace> find_packed(const Shelved& shelved) const;
  [[nodiscard]] Result<std::string> read_packed(const Shelved& shelved) const;
  [[nodiscard]] bool enough_shards(const Shelved& shelved) const;

  std::vector<VolumesFolder> folders_;  ///< Locked.
  std::vector<OfflineVolume> volumes_;
  std::map<Name, Shelved> needles_;
  std::map<VolumeId, std::unordered_set<std::uint64_t>> removed_;
  /// The extent that was put together last: its needles are read one after the other.
  mutable std::pair<Name, std::string> extent_;
  std::vector<std::string> troubles_;
};

}  // namespace kelp::server
