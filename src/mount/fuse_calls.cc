#include "mount/fuse_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>

#include "mount/core/extended.h"

namespace kelp::mount {
namespace {

// Attributes and names may be so old; open() asks anew in any case.
constexpr double kFreshSeconds = 1.0;
constexpr std::uint32_t kBlockBytes = 4096;
constexpr std::uint64_t kStatfsBytes = 1ULL << 50;
constexpr std::size_t kMaxNameBytes = 255;

FuseWorld& world() {
  return *static_cast<FuseWorld*>(fuse_get_context()->private_data);
}
FileSystem& files() {
  return world().files;
}
Handle& handle_in(const fuse_file_info* info) {
  return *reinterpret_cast<Handle*>(info->fh);
}

template <typename T>
int number_of(const Outcome<T>& outcome) {
  return outcome ? 0 : -outcome.error().number;
}

timespec as_timespec(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.time_since_epoch().count(), .tv_nsec = (time - seconds).count()};
}

void fill(const Attributes& attributes, struct stat* out) {
  *out = {};
  const mode_t mode = attributes.directory ? S_IFDIR | 0777 : S_IFREG | 0666;
  out->st_mode = mode & ~world().umask;
  out->st_nlink = 1;
  out->st_uid = world().uid;
  out->st_gid = world().gid;
  out->st_size = static_cast<off_t>(attributes.size_bytes);
  out->st_blksize = 128 << 10;
  out->st_blocks = static_cast<blkcnt_t>((attributes.size_bytes + 511) / 512);
  out->st_atim = out->st_mtim = out->st_ctim = as_timespec(attributes.modified);
}

void* begin(fuse_conn_info* connection, fuse_config* config) {
  // Attributes do not come with a listing: times are metadata.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS);
  config->attr_timeout = kFreshSeconds;
  config->entry_timeout = kFreshSeconds;
  config->negative_timeout = 0;
  config->hard_remove = 1;
  config->nullpath_ok = 1;
  return fuse_get_context()->private_data;
}

int get_attributes(const char* path, struct stat* out, fuse_file_info* info) {
  if (info != nullptr) {
    fill(FileSystem::attributes(handle_in(info)), out);
    return 0;
  }
  const auto attributes = files().attributes(path);
  if (attributes) fill(*attributes, out);
  return number_of(attributes);
}

// Reads of a directory come without its path.
int open_directory(const char* path, fuse_file_info* info) {
  info->fh = reinterpret_cast<std::uint64_t>(new std::string(path));
  return 0;
}
int close_directory(const char* /*path*/, fuse_file_info* info) {
  const std::unique_ptr<std::string> path(reinterpret_cast<std::string*>(info->fh));
  return 0;
}

int read_directory(const char* /*path*/, void* out, fuse_fill_dir_t add, off_t /*offset*/,
                   fuse_file_info* info, fuse_readdir_flags /*flags*/) {
  const auto entries = files().list(*reinterpret_cast<std::string*>(info->fh));
  if (!entries) return number_of(entries);
  constexpr auto kPlain = static_cast<fuse_fill_dir_flags>(0);
  struct stat kind{};
  kind.st_mode = S_IFDIR;
  for (const char* name : {".", ".."}) {
    if (add(out, name, &kind, 0, kPlain) != 0) return -ENOMEM;
  }
  for (const DirectoryEntry& entry : *entries) {
    kind.st_mode = entry.directory ? S_IFDIR : S_IFREG;
    if (add(out, entry.name.c_str(), &kind, 0, kPlain) != 0) return -ENOMEM;
  }
  return 0;
}

int give_handle(Outcome<std::unique_ptr<Handle>> handle, fuse_file_info* info) {
  if (!handle) return number_of(handle);
  // Nothing of a file stays in the kernel: it has one cache for all versions (docs/adr/0010).
  info->direct_io = 1;
  info->fh = reinterpret_cast<std::uint64_t>(handle->release());
  return 0;
}

int open_file(const char* path, fuse_file_info* info) {
  const int failed = give_handle(files().open(path, info->flags), info);
  // What was opened may not be what the kernel last looked at.
  if (failed == 0) fuse_invalidate_path(fuse_get_context()->fuse, path);
  return failed;
}

int create_file(const char* path, mode_t /*mode*/, fuse_file_info* info) {
  return give_handle(files().create(path, info->flags), info);
}

int read_file(const char* /*path*/, char* out, std::size_t bytes, off_t offset,
              fuse_file_info* info) {
  Handle& handle = handle_in(info);
  const auto done = handle.file->read(handle.cursor, static_cast<std::uint64_t>(offset),
                                      {reinterpret_cast<std::byte*>(out), bytes});
  return done ? static_cast<int>(*done) : number_of(done);
}

int write_file(const char* /*path*/, const char* from, std::size_t bytes, off_t offset,
               fuse_file_info* info) {
  Handle& handle = handle_in(info);
  std::optional<std::uint64_t> at;
  // The kernel's idea of the end may be old.
  if (!handle.appends) at = static_cast<std::uint64_t>(offset);
  const auto done = handle.file->write(at, as_bytes({from, bytes}));
  return done ? static_cast<int>(bytes) : number_of(done);
}

int flush_file(const char* /*path*/, fuse_file_info* info) {
  Handle& handle = handle_in(info);
  return handle.writes ? number_of(handle.file->flush()) : 0;
}

int sync_file(const char* path, int /*data_only*/, fuse_file_info* info) {
  return flush_file(path, info);
}

int close_file(const char* /*path*/, fuse_file_info* info) {
  files().close(std::unique_ptr<Handle>(&handle_in(info)));
  return 0;
}

int truncate_file(const char* path, off_t size, fuse_file_info* info) {
  const auto bytes = static_cast<std::uint64_t>(size);
  if (info != nullptr) return number_of(handle_in(info).file->truncate(bytes));
  return number_of(files().truncate(path, bytes));
}

int set_times(const char* path, const timespec times[2], fuse_file_info* info) {
  if (times[1].tv_nsec == UTIME_OMIT) return 0;
  const bool now = times[1].tv_nsec == UTIME_NOW;
  timespec time = times[1];
  if (now) clock_gettime(CLOCK_REALTIME, &time);
  const WallTime modified(std::chrono::seconds(time.tv_sec) +
                          std::chrono::nanoseconds(time.tv_nsec));
  const auto change = [modified](ObjectFacts& facts) -> Outcome<void> {
    facts.modified = modified;
    return {};
  };
  if (info != nullptr) return number_of(handle_in(info).file->change_facts(change));
  return number_of(files().change_facts(path, change));
}

// Modes and owners are those of the mount's options.
int change_mode(const char* /*path*/, mode_t /*mode*/, fuse_file_info* /*info*/) {
  return 0;
}
int change_owner(const char* /*path*/, uid_t /*uid*/, gid_t /*gid*/, fuse_file_info* /*info*/) {
  return 0;
}

int remove_file(const char* path) {
  return number_of(files().remove(path));
}
int make_directory(const char* path, mode_t /*mode*/) {
  return number_of(files().make_directory(path));
}
int remove_directory(const char* path) {
  return number_of(files().remove_directory(path));
}
int rename_entry(const char* from, const char* to, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return -EINVAL;
  return number_of(files().rename(from, to, flags != 0));
}

/// As getxattr(2) gives text to who asks for its size first.
int give_text(std::string_view text, char* out, std::size_t room) {
  if (room == 0) return static_cast<int>(text.size());
  if (text.size() > room) return -ERANGE;
  std::ranges::copy(text, out);
  return static_cast<int>(text.size());
}

int get_extended(const char* path, const char* name, char* out, std::size_t room) {
  const auto wanted = metadata_name(name);
  if (!wanted) return wanted.error() == Errno{EINVAL} ? -ENODATA : number_of(wanted);
  const auto facts = files().facts(path);
  if (!facts) return facts.error() == Errno{EISDIR} ? -ENODATA : number_of(facts);
  const auto found = facts->metadata.find(*wanted);
  return found == facts->metadata.end() ? -ENODATA : give_text(found->second, out, room);
}

int list_extended(const char* path, char* out, std::size_t room) {
  const auto facts = files().facts(path);
  if (!facts) return facts.error() == Errno{EISDIR} ? 0 : number_of(facts);
  std::string names;
  for (const auto& [name, value] : facts->metadata) {
    if (metadata_name("user." + name)) names.append("user.").append(name).push_back('\0');
  }
  return give_text(names, out, room);
}

int set_extended(const char* path, const char* name, const char* value, std::size_t bytes,
                 int flags) {
  const auto wanted = metadata_name(name);
  if (!wanted) return number_of(wanted);
  const std::string text(value, bytes);
  if (const auto fits = check_metadata_value(text); !fits) return number_of(fits);
  return number_of(files().change_facts(path, [&](ObjectFacts& facts) -> Outcome<void> {
    const bool there = facts.metadata.contains(*wanted);
    if (there && flags == XATTR_CREATE) return Errno{EEXIST};
    if (!there && flags == XATTR_REPLACE) return Errno{ENODATA};
    facts.metadata.insert_or_assign(*wanted, text);
    return {};
  }));
}

int remove_extended(const char* path, const char* name) {
  const auto wanted = metadata_name(name);
  if (!wanted) return number_of(wanted);
  return number_of(files().change_facts(path, [&](ObjectFacts& facts) -> Outcome<void> {
    if (facts.metadata.erase(*wanted) == 0) return Errno{ENODATA};
    return {};
  }));
}

int file_system_facts(const char* /*path*/, struct statvfs* out) {
  *out = {};
  out->f_bsize = out->f_frsize = kBlockBytes;
  out->f_blocks = out->f_bfree = out->f_bavail = kStatfsBytes / kBlockBytes;
  out->f_namemax = kMaxNameBytes;
  return 0;
}

}  // namespace

fuse_operations fuse_calls() {
  fuse_operations calls{};
  calls.init = begin;
  calls.getattr = get_attributes;
  calls.opendir = open_directory;
  calls.readdir = read_directory;
  calls.releasedir = close_directory;
  calls.open = open_file;
  calls.create = create_file;
  calls.read = read_file;
  calls.write = write_file;
  calls.flush = flush_file;
  calls.fsync = sync_file;
  calls.release = close_file;
  calls.truncate = truncate_file;
  calls.utimens = set_times;
  calls.chmod = change_mode;
  calls.chown = change_owner;
  calls.unlink = remove_file;
  calls.mkdir = make_directory;
  calls.rmdir = remove_directory;
  calls.rename = rename_entry;
  calls.getxattr = get_extended;
  calls.listxattr = list_extended;
  calls.setxattr = set_extended;
  calls.removexattr = remove_extended;
  calls.statfs = file_system_facts;
  return calls;
}

}  // namespace kelp::mount
