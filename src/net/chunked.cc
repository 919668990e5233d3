#include "net/chunked.h"

#include <limits>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr unsigned kSizeDigits = 16;
constexpr std::size_t kExtensionBytes = 256;
constexpr std::size_t kTrailerBytes = 8 * 1024;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

}  // namespace

Result<std::size_t> ChunkedDecoder::skip_framing(std::string_view bytes) {
  std::size_t read = 0;
  while (read < bytes.size() && data_left_ == 0 && state_ != State::kDone) {
    if (const char* wrong = step(bytes[read]); wrong != nullptr) {
      return Error(Errc::kInvalidArgument, wrong);
    }
    ++read;
  }
  return read;
}

void ChunkedDecoder::took(std::uint64_t bytes) {
  KELP_ASSERT(bytes <= data_left_, "more chunk data taken than there is");
  data_left_ -= bytes;
  if (data_left_ == 0) state_ = State::kDataCr;
}

const char* ChunkedDecoder::step(char c) {
  switch (state_) {
    case State::kSize:
    case State::kExtension:
      return size_step(c);
    case State::kSizeLf:
      if (c != '\n') return "a chunk's size line does not end in CRLF";
      data_left_ = size_;
      state_ = size_ == 0 ? State::kTrailerStart : State::kData;
      size_ = 0;
      size_digits_ = 0;
      line_bytes_ = 0;
      return nullptr;
    case State::kDataCr:
      if (c != '\r') return "a chunk's data do not end in CRLF";
      state_ = State::kDataLf;
      return nullptr;
    case State::kDataLf:
      if (c != '\n') return "a chunk's data do not end in CRLF";
      state_ = State::kSize;
      return nullptr;
    case State::kTrailerStart:
    case State::kTrailer:
    case State::kTrailerLf:
    case State::kEndLf:
      return trailer_step(c);
    case State::kData:
    case State::kDone:
      break;
  }
  return "a chunk's framing was read past its end";
}

const char* ChunkedDecoder::size_step(char c) {
  if (c == '\r') {
    if (size_digits_ == 0) return "a chunk has no size";
    state_ = State::kSizeLf;
    return nullptr;
  }
  if (state_ == State::kExtension) {
    if (is_control(c)) return "a chunk's extension holds a control byte";
    if (++line_bytes_ > kExtensionBytes) return "a chunk's extension is over 256 bytes";
    return nullptr;
  }
  if (c == ';' && size_digits_ > 0) {
    state_ = State::kExtension;
    return nullptr;
  }
  const int digit = hex_digit(c);
  if (digit < 0) return "a chunk's size is not hexadecimal";
  if (++size_digits_ > kSizeDigits) return "a chunk's size has over 16 digits";
  size_ = size_ * 16 + static_cast<unsigned>(digit);
  if (size_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return "a chunk's size is past 2^63";
  }
  return nullptr;
}

const char* ChunkedDecoder::trailer_step(char c) {
  if (++trailer_bytes_ > kTrailerBytes) return "the trailers are over 8 KiB";
  switch (state_) {
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kEndLf;
        return nullptr;
      }
      if (c == ' ' || c == '\t' || is_control(c)) return "a trailer line begins with a bad byte";
      state_ = State::kTrailer;
      return nullptr;
    case State::kTrailer:
      if (c == '\r') {
        state_ = State::kTrailerLf;
        return nullptr;
      }
      return is_control(c) ? "a trailer holds a control byte" : nullptr;
    case State::kTrailerLf:
      if (c != '\n') return "a trailer line does not end in CRLF";
      state_ = State::kTrailerStart;
      return nullptr;
    default:
      if (c != '\n') return "the body does not end in CRLF";
      state_ = State::kDone;
      return nullptr;
  }
}

}  // namespace kelp
