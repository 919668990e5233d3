#include "mount/file_system.h"

#include <fcntl.h>

#include <algorithm>

#include "base/log.h"

namespace kelp::mount {

FileSystem::FileSystem(const FileNeeds& needs, std::string prefix)
    : needs_(needs), prefix_(std::move(prefix)), began_(needs.clock.wall()) {}

std::shared_ptr<OpenFile> FileSystem::find(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : found->second;
}

Outcome<std::shared_ptr<OpenFile>> FileSystem::file_at(const std::string& key) {
  if (auto file = find(key)) return file;
  KELP_TRY(ObjectFacts facts, needs_.bucket.head(key));
  return std::make_shared<OpenFile>(needs_, key, std::move(facts));
}

std::unique_ptr<Handle> FileSystem::handle_of(std::shared_ptr<OpenFile> file, int flags) {
  ++file->handles;
  const int mode = flags & O_ACCMODE;
  return std::unique_ptr<Handle>(new Handle{.file = std::move(file),
                                            .cursor = ReadCursor(needs_.read_ahead_bytes),
                                            .writes = mode != O_RDONLY,
                                            .appends = (flags & O_APPEND) != 0});
}

std::unique_ptr<Handle> FileSystem::join_unsaved(const std::string& key, int flags) {
  const std::scoped_lock lock(mutex_);
  const auto found = open_.find(key);
  if (found == open_.end() || !found->second->unsaved()) return nullptr;
  return handle_of(found->second, flags);
}

std::unique_ptr<Handle> FileSystem::adopt(const std::string& key, ObjectFacts facts, int flags) {
  const std::scoped_lock lock(mutex_);
  auto& file = open_[key];
  // Who has the version before open keeps it, beside the new one.
  if (file == nullptr || (!file->unsaved() && file->seen().etag != facts.etag)) {
    file = std::make_shared<OpenFile>(needs_, key, std::move(facts));
  }
  return handle_of(file, flags);
}

std::vector<std::string> FileSystem::unsaved_below(const std::string& prefix) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> keys;
  for (auto at = open_.lower_bound(prefix); at != open_.end() && at->first.starts_with(prefix);
       ++at) {
    if (at->second->unsaved()) keys.push_back(at->first);
  }
  return keys;
}

Outcome<bool> FileSystem::has_below(const std::string& prefix, bool but_marker) {
  KELP_TRY(const ListedKeys listed, needs_.bucket.list({.prefix = prefix, .limit = 2}));
  const bool marker = !listed.keys.empty() && listed.keys.front() == prefix;
  if (listed.keys.size() > (but_marker && marker ? 1 : 0)) return true;
  return !unsaved_below(prefix).empty();
}

Outcome<Attributes> FileSystem::attributes(std::string_view path) {
  const Attributes directory{.directory = true, .size_bytes = 0, .modified = began_};
  if (path == "/") return directory;
  KELP_TRY(const std::string key, key_of(prefix_, path));
  if (const auto file = find(key)) {
    const OpenFile::Seen seen = file->seen();
    if (seen.unsaved) return Attributes{.size_bytes = seen.size_bytes, .modified = seen.modified};
  }
  const auto facts = needs_.bucket.head(key);
  if (facts) return Attributes{.size_bytes = facts->size_bytes, .modified = facts->modified};
  if (facts.error() != Errno{ENOENT}) return facts.error();
  KELP_TRY(const bool there, has_below(below(key), false));
  if (there) return directory;
  return Errno{ENOENT};
}

Attributes FileSystem::attributes(Handle& handle) {
  const OpenFile::Seen seen = handle.file->seen();
  return {.size_bytes = seen.size_bytes, .modified = seen.modified};
}

Outcome<std::vector<DirectoryEntry>> FileSystem::list(std::string_view path) {
  KELP_TRY(const std::string key, key_of(prefix_, path));
  const std::string prefix = below(key);
  std::map<std::string, bool> names;  // true: a directory
  std::size_t left_out = 0;
  const auto add = [&](std::string_view name, bool directory) {
    if (!can_be_name(name)) {
      ++left_out;
    } else if (const auto [at, fresh] = names.emplace(name, directory); !fresh) {
      // `a` and `a/b`: a path leads to the file.
      if (at->second != directory) ++left_out;
      at->second = at->second && directory;
    }
  };
  Bucket::ListWish wish{.prefix = prefix, .directory = true};
  do {
    KELP_TRY(const ListedKeys page, needs_.bucket.list(wish));
    for (const std::string& found : page.keys) {
      // The directory's own marker is no entry of it; the bucket's root has none.
      if (found != prefix || prefix.empty())
        add(std::string_view(found).substr(prefix.size()), false);
    }
    for (const std::string& found : page.prefixes) {
      add(std::string_view(found).substr(prefix.size(), found.size() - prefix.size() - 1), true);
    }
    wish.next = page.next;
  } while (!wish.next.empty());
  for (const std::string& found : unsaved_below(prefix)) {
    const std::string_view name = std::string_view(found).substr(prefix.size());
    if (!name.contains('/')) names.insert_or_assign(std::string(name), false);
  }
  if (left_out > 0) {
    logger("mount").warn("keys_left_out prefix={} count={}", log_value(prefix), left_out);
  }
  std::vector<DirectoryEntry> entries;
  entries.reserve(names.size());
  for (const auto& [name, directory] : names) entries.push_back({name, directory});
  return entries;
}

Outcome<std::unique_ptr<Handle>> FileSystem::open(std::string_view path, int flags) {
  KELP_TRY(const std::string key, key_of(prefix_, path));
  auto handle = join_unsaved(key, flags);
  if (handle == nullptr) {
    auto facts = needs_.bucket.head(key);
    if (!facts) return Errno{facts.error().number == ENOENT ? ESTALE : facts.error().number};
    handle = adopt(key, *std::move(facts), flags);
  }
  return truncated(std::move(handle), flags);
}

Outcome<std::unique_ptr<Handle>> FileSystem::create(std::string_view path, int flags) {
  KELP_TRY(const std::string key, key_of(prefix_, path));
  const bool exclusive = (flags & O_EXCL) != 0;
  if (auto handle = join_unsaved(key, flags)) {
    if (!exclusive) return truncated(std::move(handle), flags);
    close(std::move(handle));
    return Errno{EEXIST};
  }
  ObjectFacts facts{.modified = needs_.clock.wall()};
  if (exclusive) {
    KELP_TRY(facts.etag, needs_.bucket.put(key, Body{}, facts, {.absent = true}));
  } else if ((flags & O_TRUNC) == 0) {
    auto there = needs_.bucket.head(key);
    if (there) {
      facts = *std::move(there);
    } else if (there.error() != Errno{ENOENT}) {
      return there.error();
    }
  }
  return adopt(key, std::move(facts), flags);
}

Outcome<std::unique_ptr<Handle>> FileSystem::truncated(std::unique_ptr<Handle> handle, int flags) {
  if ((flags & O_TRUNC) == 0) return handle;
  const auto done = handle->file->truncate(0);
  if (done) return handle;
  close(std::move(handle));
  return done.error();
}

void FileSystem::close(std::unique_ptr<Handle> handle) {
  const std::shared_ptr<OpenFile> file = std::move(handle->file);
  const std::scoped_lock lock(mutex_);
  if (--file->handles > 0) return;
  const auto at = std::ranges::find(open_, file, &Table::value_type::second);
  if (file->unsaved()) {
    logger("mount").error("contents_lost key={} bytes={}",
                          at == open_.end() ? "?" : log_value(at->first), file->seen().size_bytes);
  }
  if (at != open_.end()) open_.erase(at);
}

void FileSystem::end() {
  for (const std::string& key : unsaved_below({})) {
    logger("mount").error("contents_lost key={} why=unmounted", log_value(key));
  }
}

Outcome<void> FileSystem::truncate(std::string_view path, std::uint64_t size) {
  auto opened = open(path, O_WRONLY);
  if (!opened) return opened.error();
  auto done = (*opened)->file->truncate(size);
  if (done) done = (*opened)->file->flush();
  close(*std::move(opened));
  return done;
}

Outcome<void> FileSystem::change_facts(std::string_view path,
                                       const std::function<Outcome<void>(ObjectFacts&)>& change) {
  if (path == "/") return {};
  KELP_TRY(const std::string key, key_of(prefix_, path));
  const auto file = file_at(key);
  if (file) return (*file)->change_facts(change);
  if (file.error() != Errno{ENOENT}) return file.error();
  KELP_CHECK(attributes(path));
  return {};
}

Outcome<ObjectFacts> FileSystem::facts(std::string_view path) {
  if (path == "/") return Errno{EISDIR};
  KELP_TRY(const std::string key, key_of(prefix_, path));
  const auto file = find(key);
  if (file != nullptr && file->unsaved()) return file->facts();
  auto facts = needs_.bucket.head(key);
  if (facts || facts.error() != Errno{ENOENT}) return facts;
  KELP_CHECK(attributes(path));
  return Errno{EISDIR};
}

}  // namespace kelp::mount
