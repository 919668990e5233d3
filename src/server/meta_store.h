#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filer/core/increment.h"
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

/// What stands in a dump or an increment.
struct DumpContent {
  DumpHeader header;
  DumpTotals totals;
  std::uint64_t changes = 0;  ///< Of an increment: how many commits; when the first and last were.
  WallTime first;
  WallTime last;
};
/// The bytes of a file for a DumpReader. `file` must outlive it.
[[nodiscard]] DumpReader::Source source_of(File& file);
/// Reads and checks a whole dump, or an increment. Errors of DumpReader.
[[nodiscard]] Result<DumpContent> verify_dump(FileIo& io, const std::string& path);
/// What stands in front of one. Errors of DumpReader::header().
[[nodiscard]] Result<DumpHeader> read_dump_header(FileIo& io, const std::string& path);
/// Reads and checks all of them, and that each begins where the one before it ends.
/// kInvalidArgument names the file that does not.
[[nodiscard]] Result<std::vector<DumpContent>> verify_chain(FileIo& io,
                                                            const std::vector<std::string>& paths);

/// Gives those files one after the other; a reader is good until the next one is asked for. `io`
/// must outlive it.
[[nodiscard]] ChainChanges::Open open_each(FileIo& io, std::deque<std::string> paths);

}  // namespace kelp::server
