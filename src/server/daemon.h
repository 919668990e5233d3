#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "os/file_io.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/server.h"

namespace kelp::server {

/// Which daemon of a cluster a process is.
enum class Role : std::uint8_t { kMaster, kVolume, kFiler, kS3 };

/// "master", "volume", "filer", "s3".
[[nodiscard]] std::string_view name_of(Role role);

/// One daemon of a cluster: the same rooms as in `kelp server`, bound to the others over rpc.
class Daemon {
 public:
  /// Opens what the role keeps and listens. A volume server, a filer and a gateway start whether or
  /// not a master answers yet, and say in /readyz what they wait for. `io` and `clock` must outlive
  /// it. Errors: those of the rooms.
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> start(Role role, const Config& config,
                                                             const ClusterIdentity& identity,
                                                             FileIo& io, Clock& clock);
  /// stop(), when it was not called.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] const Addresses& addresses() const;
  /// Re-reads the gateway's certificate, and serves the disks that `config` lists now
  /// (VolumeDisks::reload). Nothing else of it is looked at. Blocks; not from an io thread.
  void reload(const Config& config);
  /// As Server::stop.
  void stop();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kelp::server
