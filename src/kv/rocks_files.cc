#include "kv/rocks_files.h"

#include <rocksdb/file_system.h>

#include <utility>

namespace kelp {
namespace {

thread_local bool may_wait = true;

rocksdb::IOStatus to_io_status(const Error& error) {
  if (error.code() == Errc::kNotFound) return rocksdb::IOStatus::PathNotFound(error.detail());
  return rocksdb::IOStatus::IOError(error.detail());
}

rocksdb::IOStatus not_there() {
  return rocksdb::status_to_io_status(rocksdb::Status::Incomplete("not in the page cache"));
}

/// A table or a blob file.
class ReadFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit ReadFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  rocksdb::IOStatus Read(std::uint64_t offset, std::size_t bytes, const rocksdb::IOOptions&,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext*) const override {
    const MutableByteSpan buffer(reinterpret_cast<std::byte*>(scratch), bytes);
    *result = rocksdb::Slice();
    if (!may_wait) {
      const Result<bool> there = file_->try_read_at(offset, buffer);
      if (!there) return to_io_status(there.error());
      // The end of the file counts as missing too: whoever may wait finds out.
      if (!*there) return not_there();
      *result = rocksdb::Slice(scratch, bytes);
      return rocksdb::IOStatus::OK();
    }
    const Result<std::size_t> got = file_->read_at(offset, buffer);
    if (!got) return to_io_status(got.error());
    *result = rocksdb::Slice(scratch, *got);
    return rocksdb::IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
};

class Files final : public rocksdb::FileSystemWrapper {
 public:
  Files(const std::shared_ptr<rocksdb::FileSystem>& below, std::shared_ptr<FileIo> io)
      : FileSystemWrapper(below), io_(std::move(io)) {}

  [[nodiscard]] const char* Name() const override { return "KelpFiles"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions&,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext*) override {
    Result<std::unique_ptr<File>> opened = io_->open(path, OpenMode::kRead);
    if (!opened) return to_io_status(opened.error());
    *file = std::make_unique<ReadFile>(*std::move(opened));
    return rocksdb::IOStatus::OK();
  }

 private:
  std::shared_ptr<FileIo> io_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_rocks_env(std::shared_ptr<FileIo> io) {
  return rocksdb::NewCompositeEnv(
      std::make_shared<Files>(rocksdb::FileSystem::Default(), std::move(io)));
}

NoWait::NoWait() : before_(std::exchange(may_wait, false)) {}

NoWait::~NoWait() {
  may_wait = before_;
}

}  // namespace kelp
