#include "os/file_io.h"

#include <fmt/core.h>

#include <array>

namespace kelp {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_and_sync(FileIo& io, const std::string& path,
                            const std::function<Result<void>(File&)>& write) {
  KELP_TRY(const auto file, io.open(path, OpenMode::kCreate));
  KELP_CHECK(file->truncate(0));  // a crash may have left an older one
  KELP_CHECK(write(*file));
  return file->sync();
}

}  // namespace

Result<void> replace_file(FileIo& io, const std::string& path,
                          const std::function<Result<void>(File&)>& write) {
  const std::string temporary = path + ".tmp";
  auto written = write_and_sync(io, temporary, write);
  if (written.has_value()) written = io.rename(temporary, path);
  if (!written.has_value()) {
    (void)io.remove(temporary);  // best effort: the next write truncates it anyway
    return written;
  }
  return io.sync_dir(folder_of(path));
}

Result<void> write_file_atomically(FileIo& io, const std::string& path, std::string_view content) {
  auto write = [content](File& file) {
    const ByteSpan piece = as_bytes(content);
    return file.write_at(0, std::span(&piece, 1));
  };
  return replace_file(io, path, write);
}

Result<std::string> read_whole_file(FileIo& io, const std::string& path,
                                    std::uint64_t limit_bytes) {
  KELP_TRY(const auto file, io.open(path, OpenMode::kRead));
  KELP_TRY(const std::uint64_t size, file->size());
  if (size > limit_bytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} has {} bytes, at most {} are read", path, size, limit_bytes));
  }
  std::string content(size, '\0');
  KELP_TRY(const std::size_t got,
           file->read_at(0, std::as_writable_bytes(std::span(content.data(), content.size()))));
  content.resize(got);
  return content;
}

}  // namespace kelp
