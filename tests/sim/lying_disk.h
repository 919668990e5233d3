#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/sim_disk.h"

namespace kelp::test {

/// A disk that says "synced" and forgets, for some calls: the storm must notice.
class LyingDisk final : public FileIo {
 public:
  LyingDisk(SimDisk& disk, bool files, bool directories)
      : disk_(disk), files_(files), directories_(directories) {}
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    KELP_TRY(auto file, disk_.open(path, mode));
    if (!files_) return file;
    return std::unique_ptr<File>(std::make_unique<LyingFile>(std::move(file)));
  }
  Result<std::vector<std::string>> list(const std::string& dir) override { return disk_.list(dir); }
  Result<void> make_dirs(const std::string& dir) override { return disk_.make_dirs(dir); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return disk_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return disk_.remove(path); }
  Result<bool> exists(const std::string& path) override { return disk_.exists(path); }
  Result<void> sync_dir(const std::string& dir) override {
    return directories_ ? Result<void>() : disk_.sync_dir(dir);
  }
  Result<std::unique_ptr<DirLock>> lock_dir(const std::string& dir) override {
    return disk_.lock_dir(dir);
  }
  Result<DiskSpace> space(const std::string& dir) override { return disk_.space(dir); }

 private:
  class LyingFile final : public File {
   public:
    explicit LyingFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer) override {
      return file_->read_at(offset, buffer);
    }
    Result<bool> try_read_at(std::uint64_t offset, MutableByteSpan buffer) override {
      return file_->try_read_at(offset, buffer);
    }
    Result<void> write_at(std::uint64_t offset, std::span<const ByteSpan> pieces) override {
      return file_->write_at(offset, pieces);
    }
    Result<void> sync() override { return {}; }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override {
      return file_->punch_hole(offset, length);
    }

   private:
    std::unique_ptr<File> file_;
  };
  SimDisk& disk_;
  const bool files_;
  const bool directories_;
};

}  // namespace kelp::test
