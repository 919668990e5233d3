#include "catalog/captured.h"

#include <algorithm>
#include <cstring>

#include "s3gw/core/header_text.h"

namespace kelp::catalog {

Task<Result<std::size_t>> GivenBody::read_some(MutableByteSpan buffer) {
  const std::size_t bytes = std::min(buffer.size(), left_.size());
  std::ranges::copy(as_bytes(left_.substr(0, bytes)), buffer.begin());
  left_.remove_prefix(bytes);
  co_return bytes;
}

std::string_view Captured::line(std::string_view name) const {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    std::string_view each = s3::cut(rest, '\n');
    if (each.ends_with('\r')) each.remove_suffix(1);
    if (s3::cut(each, ':') == name) return s3::trimmed(each);
  }
  return {};
}

Captured::Trouble Captured::trouble() const {
  if (trouble_ != Trouble::kNone || !announced_ || *announced_ == text_.size()) return trouble_;
  return Trouble::kCut;
}

Result<void> Captured::make_room(std::size_t bytes) {
  if (bytes > limit_bytes_) {
    trouble_ = Trouble::kTooLarge;
    return Error(Errc::kResourceExhausted, "the object is too large");
  }
  auto room = memory_.reserve(bytes);
  if (!room) {
    trouble_ = Trouble::kNoMemory;
    return Error(Errc::kResourceExhausted, "no memory for the object");
  }
  room_ = *std::move(room);
  text_.reserve(bytes);
  return {};
}

Task<Result<void>> Captured::send(HttpResponse head, std::string body) {
  lines_ = head.lines();
  if (body.empty()) co_return Result<void>{};
  KELP_CO_CHECK(make_room(body.size()));
  text_ = std::move(body);
  co_return Result<void>{};
}

Task<Result<void>> Captured::send_head(HttpResponse head, std::optional<std::uint64_t> /*bytes*/) {
  lines_ = head.lines();
  co_return Result<void>{};
}

void Captured::start(HttpResponse head, std::optional<std::uint64_t> bytes) {
  lines_ = head.lines();
  announced_ = bytes.value_or(0);
  (void)make_room(static_cast<std::size_t>(*announced_));
}

Task<Result<void>> Captured::write(ByteSpan bytes) {
  if (trouble_ != Trouble::kNone || text_.size() + bytes.size() > limit_bytes_) {
    co_return Error(Errc::kResourceExhausted, "the object cannot be kept");
  }
  text_.append(as_text(bytes));
  co_return Result<void>{};
}

Task<Result<void>> Captured::write_pages(PinnedPages /*pages*/) {
  co_return Error(Errc::kUnimplemented, "pages are not taken");
}

Task<Result<void>> Captured::finish() {
  co_return Result<void>{};
}

}  // namespace kelp::catalog
