// The calls of FileSystem that change names.

#include <algorithm>

#include "mount/file_system.h"

namespace kelp::mount {

Outcome<void> FileSystem::remove(std::string_view path) {
  KELP_TRY(const std::string key, key_of(prefix_, path));
  const auto file = find(key);
  if (file == nullptr) return needs_.bucket.remove(key);
  KELP_CHECK(file->remove());
  const std::scoped_lock lock(mutex_);
  if (const auto at = open_.find(key); at != open_.end() && at->second == file) open_.erase(at);
  return {};
}

Outcome<void> FileSystem::make_directory(std::string_view path) {
  KELP_TRY(const std::string key, key_of(prefix_, std::string(path) + "/"));
  return needs_.bucket.put_marker(key);
}

Outcome<void> FileSystem::remove_directory(std::string_view path) {
  KELP_TRY(const std::string key, key_of(prefix_, path));
  KELP_TRY(const bool full, has_below(below(key), true));
  if (full) return Errno{ENOTEMPTY};
  // One without a marker went with its last file.
  return needs_.bucket.remove(below(key));
}

Outcome<void> FileSystem::rename(std::string_view from, std::string_view to, bool keep_target) {
  KELP_TRY(const std::string from_key, key_of(prefix_, from));
  KELP_TRY(const std::string to_key, key_of(prefix_, to));
  if (from_key == to_key) return {};
  KELP_TRY(const Attributes what, attributes(from));
  if (!what.directory) return rename_file(from_key, to_key, keep_target);
  const auto target = attributes(to);
  if (target) {
    if (keep_target) return Errno{EEXIST};
    if (!target->directory) return Errno{ENOTDIR};
    KELP_TRY(const bool full, has_below(below(to_key), true));
    if (full) return Errno{ENOTEMPTY};
  } else if (target.error() != Errno{ENOENT}) {
    return target.error();
  }
  return rename_directory(below(from_key), below(to_key));
}

Outcome<void> FileSystem::rename_file(const std::string& from, const std::string& to,
                                      bool keep_target) {
  KELP_TRY(const std::shared_ptr<OpenFile> file, file_at(from));
  const std::shared_ptr<OpenFile> target = find(to);
  if (target != nullptr && keep_target && target->unsaved()) return Errno{EEXIST};
  if (target != nullptr && !keep_target) target->keep_for_readers();
  KELP_CHECK(file->rename_to(to, keep_target));
  if (target != nullptr) target->replaced();
  const std::scoped_lock lock(mutex_);
  const auto at = open_.find(from);
  const bool open = at != open_.end() && at->second == file;
  if (open) open_.erase(at);
  open_.erase(to);
  if (open) open_.emplace(to, file);
  return {};
}

Outcome<void> FileSystem::rename_directory(const std::string& from, const std::string& to) {
  for (const std::string& key : unsaved_below(from)) {
    if (const auto file = find(key)) {
      KELP_CHECK(file->flush());
    }
  }
  Bucket::ListWish wish{.prefix = from};
  // The marker goes last: until then a directory is there to be renamed again.
  bool marker = false;
  do {
    KELP_TRY(const ListedKeys page, needs_.bucket.list(wish));
    for (const std::string& key : page.keys) {
      if (key == from) {
        marker = true;
        continue;
      }
      KELP_CHECK(rename_file(key, to + key.substr(from.size()), false));
    }
    wish.next = page.next;
  } while (!wish.next.empty());
  if (marker) return rename_file(from, to, false);
  return {};
}

}  // namespace kelp::mount
