#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "net/tls_network.h"
#include "os/file_io.h"
#include "server/config.h"

namespace kelp::server {

/// Whether connections among daemons are TLS: by cluster.tls_cert, or by
/// KELP_CLUSTER_TLS_CERT_PEM.
[[nodiscard]] bool uses_cluster_tls(const Config& config);

/// How a process reaches the other daemons and is reached by them: over TCP, or over TLS among the
/// members of a closed circle when the configuration says so (docs/operations/cluster-tls.md).
class InternalNetwork {
 public:
  /// Certificate, key and authorities are read from the files of cluster.tls_…, else out of the
  /// variables KELP_CLUSTER_TLS_CERT_PEM, _KEY_PEM and _CA_PEM of `environment`; all three or none.
  /// The seams must outlive it. kInvalidArgument for one that is missing or cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<InternalNetwork>> open(
      const Config& config, FileIo& io, const Clock& clock, Metrics& metrics,
      const std::vector<std::pair<std::string, std::string>>& environment);
  /// With the environment of the process.
  [[nodiscard]] static Result<std::unique_ptr<InternalNetwork>> open(const Config& config,
                                                                     FileIo& io, const Clock& clock,
                                                                     Metrics& metrics);

  [[nodiscard]] Network& get() { return *network_; }
  /// To be watched for a renewed certificate; none when there is nothing that could change.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }
  /// Reads the files again, for connections from now on. What cannot be used is logged, and what
  /// was before stays. Blocks.
  void reload();

 private:
  explicit InternalNetwork(FileIo& io) : io_(io) {}
  Result<TlsContext> read_files() const;

  FileIo& io_;
  std::vector<std::string> files_;  ///< Certificate, key, authorities.
  std::unique_ptr<Network> network_;
  TlsNetwork* tls_ = nullptr;  ///< The same, if it is one.
};

}  // namespace kelp::server
