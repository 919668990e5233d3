#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mount/open_file.h"

namespace kelp::mount {

/// What stat(2) says of an entry.
struct Attributes {
  bool directory = false;
  std::uint64_t size_bytes = 0;
  WallTime modified{};
};

/// A name in a directory.
struct DirectoryEntry {
  std::string name;
  bool directory = false;
};

/// What an open(2) gave a program.
struct Handle {
  std::shared_ptr<OpenFile> file;
  ReadCursor cursor;
  bool writes = false;
  bool appends = false;
};

/// Paths: what stands where, what is open, and what is done to it. A path is "/" or "/a/b" without
/// a slash at its end, as libfuse has them; it is a file if there is a key like that, else a
/// directory (src/mount/core/names.h). Blocks; thread-safe.
class FileSystem {
 public:
  FileSystem(const FileNeeds& needs, std::string prefix);

  /// ENOENT.
  Outcome<Attributes> attributes(std::string_view path);
  [[nodiscard]] static Attributes attributes(Handle& handle);
  /// What a directory holds, in no order. Keys that no name can show are counted in a line of the
  /// log. Empty for one that is not there.
  Outcome<std::vector<DirectoryEntry>> list(std::string_view path);

  /// Opens a file that is there; `flags` as of open(2).
  /// Errors  ESTALE: it is not there any more; the kernel looks again.
  Outcome<std::unique_ptr<Handle>> open(std::string_view path, int flags);
  /// Opens a file, and makes it when it is not there: with O_EXCL at once (EEXIST), else with its
  /// first flush.
  Outcome<std::unique_ptr<Handle>> create(std::string_view path, int flags);
  /// Takes an open file back. What could not be saved is lost, and logged.
  void close(std::unique_ptr<Handle> handle);

  /// The mount ends: logs what is lost with it.
  void end();

  Outcome<void> truncate(std::string_view path, std::uint64_t size);
  /// Metadata or time of a file; of a directory nothing is kept, and no error.
  Outcome<void> change_facts(std::string_view path,
                             const std::function<Outcome<void>(ObjectFacts&)>& change);
  /// What is known of a file; EISDIR.
  Outcome<ObjectFacts> facts(std::string_view path);

  Outcome<void> remove(std::string_view path);
  Outcome<void> make_directory(std::string_view path);
  /// ENOTEMPTY.
  Outcome<void> remove_directory(std::string_view path);
  /// A file in one commit; a directory key by key, so that after a failure part of it is renamed.
  /// `keep_target`  EEXIST when there is something.
  Outcome<void> rename(std::string_view from, std::string_view to, bool keep_target);

 private:
  using Table = std::map<std::string, std::shared_ptr<OpenFile>, std::less<>>;

  std::shared_ptr<OpenFile> find(const std::string& key);
  /// The open file, or one that is in no table.
  Outcome<std::shared_ptr<OpenFile>> file_at(const std::string& key);
  /// A handle of the file that is open and unsaved; null when there is none.
  std::unique_ptr<Handle> join_unsaved(const std::string& key, int flags);
  /// A handle of what the bucket has now; of a new OpenFile when it is not open in that version.
  std::unique_ptr<Handle> adopt(const std::string& key, ObjectFacts facts, int flags);
  std::unique_ptr<Handle> handle_of(std::shared_ptr<OpenFile> file, int flags);
  Outcome<std::unique_ptr<Handle>> truncated(std::unique_ptr<Handle> handle, int flags);
  std::vector<std::string> unsaved_below(const std::string& prefix);
  /// Whether the directory is there; `but_marker`: whether it holds anything.
  Outcome<bool> has_below(const std::string& prefix, bool but_marker);
  Outcome<void> rename_file(const std::string& from, const std::string& to, bool keep_target);
  Outcome<void> rename_directory(const std::string& from, const std::string& to);

  const FileNeeds needs_;
  const std::string prefix_;
  const WallTime began_;
  std::mutex mutex_;  ///< Of `open_` only; never held while waiting for the gateway.
  Table open_;
};

}  // namespace kelp::mount
