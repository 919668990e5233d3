#pragma once

#include <memory>
#include <string>

#include "filer/core/dump_format.h"
#include "kv/kv_store.h"
#include "os/file_io.h"
#include "server/config.h"
#include "server/data_dir.h"

namespace kelp::server {

/// A metadata store that a tool works on, while no filer needs to run.
struct MetaStore {
  DataDir data;  ///< Of the embedded engine: its folder is ours.
  std::unique_ptr<KvStore> store;
  std::string engine;  ///< "rocksdb", …
};

/// Which store, and what for.
struct MetaPlace {
  /// Empty: as configured; "postgresql://…", "http://…" or "https://…" (etcd), "redis://…" or
  /// "unix:…" (Redis); else the folder of a `kelp server` or `kelp filer`.
  std::string where;
  std::string password_file;  ///< As filer.engine_password_file, of that place.
  bool to_load = false;       ///< It is made when missing, and may be half loaded.
};

/// Opens it. kUnavailable when a process has the folder; kNotFound when there is nothing to read;
/// those of open_engine(). `io` and `clock` must outlive it.
[[nodiscard]] Result<MetaStore> open_meta_store(const Config& config, const MetaPlace& place,
                                                FileIo& io, Clock& clock);
/// The cluster that the configuration names.
[[nodiscard]] Result<ClusterIdentity> identity_of(const Config& config, FileIo& io);

/// Writes a file that is whole or not there: "-" is the standard output.
class DumpFile {
 public:
  /// kAlreadyExists when there is a file of that name.
  [[nodiscard]] static Result<DumpFile> create(FileIo& io, const std::string& path);
  [[nodiscard]] Result<void> write(std::string_view bytes);
  /// It is on stable storage, under its name.
  [[nodiscard]] Result<void> finish();
  /// Leaves nothing behind.
  void abandon();

 private:
  DumpFile(FileIo& io, std::string path) : io_(&io), path_(std::move(path)) {}
  FileIo* io_;
  std::string path_;
  std::unique_ptr<File> file_;  ///< Null: the standard output.
  std::uint64_t written_ = 0;
};

/// What stands in a dump.
struct DumpContent {
  DumpHeader header;
  DumpTotals totals;
};
/// The bytes of a file for a DumpReader. `file` must outlive it.
[[nodiscard]] DumpReader::Source source_of(File& file);
/// Reads and checks a whole dump. Errors of DumpReader.
[[nodiscard]] Result<DumpContent> verify_dump(FileIo& io, const std::string& path);

}  // namespace kelp::server
