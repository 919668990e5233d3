#include "s3gw/ops/file_part.h"

#include <algorithm>
#include <cstring>

#include "s3gw/core/form_data.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

}  // namespace

void FilePart::scan() {
  const FileBytes found = scan_file(std::string_view(held_).substr(given_), delimiter_);
  data_ = found.data;
  ended_ = found.ended;
  scanned_ = true;
}

Task<Result<std::size_t>> FilePart::read_some(MutableByteSpan buffer) {
  if (!scanned_) scan();
  while (data_ == 0 && !ended_) {
    held_.erase(0, given_);
    given_ = 0;
    const std::size_t kept = held_.size();
    held_.resize(kept + kReadBytes);
    const MutableByteSpan room = std::as_writable_bytes(std::span(held_)).subspan(kept);
    const Result<std::size_t> bytes = co_await body_.read_some(room);
    held_.resize(kept + bytes.value_or(0));
    if (!bytes) co_return bytes;
    if (*bytes == 0) {
      broken_ = true;
      co_return Error(Errc::kInvalidArgument, "the form ends within its file");
    }
    scan();
  }
  const std::size_t now = std::min(data_, buffer.size());
  std::memcpy(buffer.data(), held_.data() + given_, now);
  given_ += now;
  data_ -= now;
  co_return now;
}

Task<S3Result<void>> FilePart::finish() {
  std::size_t behind = held_.size() - given_ - delimiter_.size();
  std::string dropped(kMaxFormBytes, '\0');
  for (;;) {
    if (behind > kMaxFormBytes) co_return s3_error(S3Code::kMalformedPOSTRequest);
    auto read = co_await body_.read_some(std::as_writable_bytes(std::span(dropped)));
    KELP_S3_CO_TRY(const std::size_t bytes, std::move(read));
    if (bytes == 0) co_return S3Result<void>{};
    behind += bytes;
  }
}

}  // namespace kelp::s3
