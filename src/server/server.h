#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "os/file_io.h"
#include "server/config.h"
#include "server/data_dir.h"

namespace kelp::server {

/// Where a server listens, as address:port; empty: it does not.
struct Addresses {
  std::string s3;
  std::string s3_tls;
  std::string files;  ///< Files over HTTP and WebDAV.
  std::string files_tls;
  std::string admin;
  std::string master_http;
  std::string volume_http;
  std::string rpc;  ///< Of a cluster's daemon, or for operators.
};

/// Master, volume server, filer and S3 gateway in one process, bound to each other by calls.
class Server {
 public:
  /// Opens the stores and listens; takes requests when this returns. `io` and `clock` must outlive
  /// the server. Errors: those of the rooms, with what they were about.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const Config& config,
                                                             const ClusterIdentity& identity,
                                                             FileIo& io, Clock& clock);
  /// stop(), when it was not called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const Addresses& addresses() const;
  /// Reads certificate and key again for new connections, and the key ring of encryption, and logs
  /// how that went: the old ones stay when it fails. A change of the files is found within half a
  /// minute without this. Blocks.
  void reload_tls();
  /// Readiness fails at once; requests have server.drain_grace to end; then background work and
  /// stores are closed. Blocks; not from an io thread.
  void stop();

 private:
  struct Rooms;
  explicit Server(std::unique_ptr<Rooms> rooms);
  std::unique_ptr<Rooms> rooms_;
};

}  // namespace kelp::server
