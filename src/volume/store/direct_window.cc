#include "volume/store/direct_window.h"

#include <algorithm>
#include <new>

#include "base/assert.h"

namespace kelp {

void DirectWindow::Free::operator()(std::byte* bytes) const {
  ::operator delete[](bytes, std::align_val_t{kDirectAlignment});
}

Result<DirectWindow> DirectWindow::open(FileIo& io, const std::string& path) {
  KELP_TRY(auto file, io.open(path, OpenMode::kReadDirect));
  return DirectWindow(std::shared_ptr<File>(std::move(file)));
}

DirectWindow::DirectWindow(std::shared_ptr<File> file)
    : file_(std::move(file)),
      buffer_(
          static_cast<std::byte*>(::operator new[](kBytes, std::align_val_t{kDirectAlignment}))) {}

Result<ByteSpan> DirectWindow::at(std::uint64_t offset, std::size_t bytes) {
  KELP_ASSERT(bytes <= kMostBytes, "a window is longer than what is asked of it");
  if (offset < begin_ || offset + bytes > begin_ + filled_) {
    const std::uint64_t begin = offset / kDirectAlignment * kDirectAlignment;
    const std::uint64_t end =
        (offset + bytes + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
    auto loaded = load(begin, kBytes);
    if (!loaded.has_value()) loaded = load(begin, end - begin);
    KELP_CHECK(loaded);
  }
  const std::size_t skip = std::min<std::size_t>(offset - begin_, filled_);
  return ByteSpan(buffer_.get(), filled_).subspan(skip, std::min(bytes, filled_ - skip));
}

Result<void> DirectWindow::load(std::uint64_t begin, std::size_t bytes) {
  filled_ = 0;
  begin_ = begin;
  KELP_TRY(filled_, file_->read_at(begin, MutableByteSpan(buffer_.get(), bytes)));
  return {};
}

LogStream::LogStream(std::shared_ptr<File> log, std::shared_ptr<File> direct)
    : log_(std::move(log)) {
  if (direct != nullptr) window_.emplace(std::move(direct));
}

Result<std::size_t> LogStream::read_at(std::uint64_t offset, MutableByteSpan buffer) {
  if (!window_.has_value()) return log_->read_at(offset, buffer);
  std::size_t done = 0;
  while (done < buffer.size()) {
    const std::size_t wanted = std::min(buffer.size() - done, DirectWindow::kMostBytes);
    KELP_TRY(const ByteSpan piece, window_->at(offset + done, wanted));
    std::ranges::copy(piece, buffer.subspan(done).begin());
    done += piece.size();
    if (piece.size() < wanted) break;
  }
  return done;
}

}  // namespace kelp
