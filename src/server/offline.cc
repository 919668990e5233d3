#include "server/offline.h"

#include <fmt/format.h>

#include "async/runtime.h"
#include "base/metrics.h"
#include "filer/core/keys.h"
#include "kv/rocks_kv.h"
#include "os/system_clock.h"
#include "server/data_dir.h"
#include "volume/store/volume_file.h"
#include "volume/volume_service.h"

namespace kelp::server {
namespace {

Task<void> run_fsck(KvStore& store, WorkPool& pool, VolumeAdmin& volumes, FsckOptions options,
                    Result<FsckReport>& report) {
  report = co_await fsck(store, pool, volumes, options);
}

}  // namespace

Result<FsckReport> fsck_directory(FileIo& io, const std::string& dir, FsckOptions options) {
  KELP_TRY(const DataDir data, open_data_dir(io, dir, KeyPair{}, false));
  const SystemClock clock;
  Metrics metrics;
  Runtime runtime(1);
  const auto pool = make_thread_pool({.threads = 4});
  RocksKvOptions kv_options;
  kv_options.path = filer_dir(dir);
  kv_options.bulk_prefix = kBulkPrefix;
  kv_options.bulk_prefixes = kBulkPrefixes;
  KELP_TRY(const auto kv, open_rocks_kv(std::move(kv_options)));
  VolumeServiceOptions volume_options;
  volume_options.directory = volume_dir(dir);
  volume_options.cluster_id = data.identity.cluster_id;
  auto refuse = [](const OpenNeedle&) {
    return Result<void>(Error(Errc::kPermissionDenied, "fsck writes nothing"));
  };
  VolumeServiceParts parts{io, *pool, clock, metrics, std::move(refuse)};
  KELP_TRY(const auto volumes, VolumeService::start(std::move(volume_options), std::move(parts)));
  Result<FsckReport> report = Error(Errc::kInternal, "fsck did not run");
  runtime.run(run_fsck(*kv, *pool, *volumes, options, report));
  return report;
}

Result<VolumesFolder> lock_volumes(FileIo& io, const std::string& path) {
  VolumesFolder folder;
  const bool one = VolumeFile::volume_of(path).has_value();
  if (one) {
    const auto slash = path.rfind('/');
    folder.directory = slash == std::string::npos ? "." : path.substr(0, slash);
    folder.logs = {path};
  } else {
    KELP_TRY(const bool server, io.exists(volume_dir(path)));
    folder.directory = server ? volume_dir(path) : path;
  }
  const std::string above = folder.directory + "/..";
  KELP_TRY(const bool owned, io.exists(above + "/cluster"));
  if (owned) {
    KELP_TRY(folder.data, open_data_dir(io, above, KeyPair{}, false));
  }
  if (one) return folder;
  KELP_TRY(const auto names, io.list(folder.directory));
  for (const std::string& name : names) {
    if (VolumeFile::volume_of(name)) folder.logs.push_back(folder.directory + "/" + name);
  }
  return folder;
}

}  // namespace kelp::server
