#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mount/bucket.h"
#include "mount/core/read_window.h"
#include "mount/spool.h"

namespace kelp::mount {

/// What open files need.
struct FileNeeds {
  Bucket& bucket;
  SpoolRoom& spools;
  const Clock& clock;
  std::uint64_t read_ahead_bytes = 0;
};

/// Where one program reads in a file, and what was fetched ahead of it.
class ReadCursor {
 public:
  explicit ReadCursor(std::uint64_t read_ahead_bytes) : window_(read_ahead_bytes) {}

 private:
  friend class OpenFile;
  std::mutex mutex_;
  ReadWindow window_;
  std::uint64_t begin_ = 0;  ///< Where `bytes_` begins in the file.
  std::string bytes_;
  std::string etag_;  ///< Whose bytes they are.
};

/// A file that programs of this machine have open, all of them the same version of it: what the
/// bucket has, or, from the first write on, a copy in a spool that goes up when it is flushed.
/// Thread-safe.
class OpenFile {
 public:
  /// `facts` as the bucket has it; without an ETag a new, empty file that is not there yet.
  OpenFile(const FileNeeds& needs, std::string key, ObjectFacts facts);

  /// What it looks like. Never waits for the gateway.
  struct Seen {
    std::string etag;
    std::uint64_t size_bytes = 0;
    WallTime modified{};
    bool unsaved = false;  ///< The bucket does not have what is here.
  };
  [[nodiscard]] Seen seen() const;
  [[nodiscard]] bool unsaved() const { return seen().unsaved; }
  /// With the metadata; may wait for an upload.
  [[nodiscard]] ObjectFacts facts();
  /// Reads at `offset`; less than the buffer only at the end of the file.
  /// Errors  ESTALE: somebody replaced or removed the object meanwhile.
  Outcome<std::size_t> read(ReadCursor& cursor, std::uint64_t offset, MutableByteSpan buffer);

  /// Writes at `offset`, or at the end when there is none. A file that grows goes up part by part.
  /// Errors  ENOSPC: the spools are full; and those of the upload, which flush() will have too.
  Outcome<void> write(std::optional<std::uint64_t> offset, ByteSpan bytes);
  Outcome<void> truncate(std::uint64_t size);
  /// After this the bucket has what is here. What was made of an object's content goes up only if
  /// that object is still there: ESTALE.
  Outcome<void> flush();

  /// Changes metadata and time by `change`; at once when the bucket has the file, else with it.
  Outcome<void> change_facts(const std::function<Outcome<void>(ObjectFacts&)>& change);

  /// Renames the object, after a flush of what is unsaved. Errors as Bucket::rename().
  Outcome<void> rename_to(const std::string& to, bool keep_target);
  /// Removes the object. Whoever has it open may read on, when it is small or was written here.
  Outcome<void> remove();
  /// The object will be replaced: keeps its bytes, when they are few, for whoever has it open.
  void keep_for_readers();
  /// It was replaced or removed: nothing goes up any more.
  void replaced();

  std::size_t handles = 0;  ///< Its FileSystem's, under the lock of that.

 private:
  /// What has gone up of a file that grows.
  struct Upload {
    std::string id;
    ObjectFacts facts;  ///< As they were when it began.
    bool facts_changed = false;
    std::uint64_t sent_bytes = 0;
    std::vector<UploadedPart> parts = {};
  };

  Outcome<void> own_content();
  Outcome<void> make_empty();
  Outcome<void> write_spool(std::uint64_t offset, ByteSpan bytes);
  Outcome<void> send_part(std::uint64_t bytes);
  Outcome<void> restart_upload();
  void abandon_upload();
  void keep_locked();
  void publish();
  Outcome<void> flush_locked();
  Outcome<std::string> send_all(const WriteCondition& condition);
  Outcome<std::string> complete(const WriteCondition& condition);
  [[nodiscard]] Body body_of(std::uint64_t offset, std::uint64_t bytes);

  const FileNeeds needs_;
  mutable std::mutex seen_mutex_;  ///< Held for moments.
  Seen seen_;
  std::mutex mutex_;  ///< Of all below; held through uploads.
  std::string key_;
  ObjectFacts facts_;
  std::unique_ptr<Spool> spool_;
  std::optional<Upload> upload_;
  std::optional<Errno> failed_;  ///< Of an upload that cannot be finished.
  bool dirty_ = false;
  bool derived_ = false;  ///< The spool began as the object's content.
  bool growing_ = false;  ///< All writes were at the end so far.
  bool removed_ = false;
};

}  // namespace kelp::mount
