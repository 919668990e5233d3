#pragma once

#include <cstdint>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

/// Decodes the framing of Transfer-Encoding: chunked (RFC 9112 section 7.1), strictly. Only framing
/// goes through it; the data between may go straight from the socket to where it is wanted:
///
///   skip_framing() what has arrived; while data_left(), take that many bytes and tell took();
///   until done().
///
/// Pure. Refused: line ends other than CRLF, sizes of more than 16 digits or past 2^63, extensions
/// over 256 bytes or with control bytes, trailers over 8 KiB. Trailers are skipped.
class ChunkedDecoder {
 public:
  /// Reads framing from the front of `bytes` until data, the end of the body or the end of `bytes`.
  /// Returns the bytes read. kInvalidArgument when the framing is broken; the decoder is of no
  /// further use then.
  [[nodiscard]] Result<std::size_t> skip_framing(std::string_view bytes);
  /// Bytes of data that follow next; while it is not 0, skip_framing() takes nothing.
  [[nodiscard]] std::uint64_t data_left() const { return data_left_; }
  /// `bytes` of data, at most data_left(), were taken.
  void took(std::uint64_t bytes);
  /// The last chunk and its trailers were read.
  [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
  enum class State : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailer,
    kTrailerLf,
    kEndLf,
    kDone,
  };
  /// Takes one byte in `state_`; returns what is wrong, or nullptr.
  [[nodiscard]] const char* step(char c);
  [[nodiscard]] const char* size_step(char c);
  [[nodiscard]] const char* trailer_step(char c);

  State state_ = State::kSize;
  std::uint64_t size_ = 0;
  unsigned size_digits_ = 0;
  std::size_t line_bytes_ = 0;     ///< Of the extension.
  std::size_t trailer_bytes_ = 0;  ///< Of all trailer lines.
  std::uint64_t data_left_ = 0;
};

}  // namespace kelp
