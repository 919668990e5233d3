#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/readiness.h"
#include "server/volume_disk.h"

namespace kelp::server {

/// The directories of a volume server. One that fails, or is not there, leaves the others alone
/// (docs/adr/0012-directories.md). On the world's executor, unless it says otherwise.
class VolumeDisks {
 public:
  explicit VolumeDisks(VolumeDiskWorld world);
  VolumeDisks(const VolumeDisks&) = delete;
  VolumeDisks& operator=(const VolumeDisks&) = delete;

  /// Opens every place. What goes wrong with one is logged; it is left out until reload().
  /// kUnavailable when none can be opened, or the only one's own error.
  Task<Result<void>> open(std::vector<VolumeDiskPlace> places);
  /// Makes `places` what is served. Those that work and are listed as before go on untouched; those
  /// that are not listed any more are closed; those that are new, changed, failed or were not there
  /// are opened, with whatever node id is in them by now. Closing has server.drain_grace.
  Task<void> reload(std::vector<VolumeDiskPlace> places);
  /// Closes all of them.
  Task<void> close(MonoTime grace);

  /// Where they listen, with commas; after open().
  [[nodiscard]] std::string addresses() const;
  /// The same of their HTTP.
  [[nodiscard]] std::string http_addresses() const;
  /// Ready as long as one of them takes part in the cluster; names those that do not. Thread-safe.
  [[nodiscard]] Readiness look() const;

 private:
  /// A place that is to be served.
  struct Slot {
    VolumeDiskPlace place;
    std::uint16_t offset = 0;          ///< From the ports of volume.listen and volume.address.
    std::uint16_t http_offset = 0;     ///< The same of HTTP, which has no port of the place's own.
    std::unique_ptr<VolumeDisk> disk;  ///< Null: it could not be opened.
    std::optional<Error> error;        ///< Why.
  };

  Task<void> open_all(std::vector<VolumeDiskPlace> places);
  Task<void> open_one(Slot& slot);
  Task<void> close_one(std::string path, MonoTime grace);
  Slot& add(const VolumeDiskPlace& place);
  [[nodiscard]] VolumeDisk::Addresses addresses_of(const Slot& slot) const;
  [[nodiscard]] std::string listed(std::string (*of)(const VolumeDisk&)) const;

  const VolumeDiskWorld world_;
  mutable std::mutex mutex_;           ///< Taken to change slots_, and to read it elsewhere.
  std::map<std::string, Slot> slots_;  ///< By path.
};

}  // namespace kelp::server
