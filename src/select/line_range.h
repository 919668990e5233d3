#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "select/request.h"

namespace kelp::select {

/// A stretch of an object; `end` is behind its last byte.
struct ByteStretch {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The bytes that a request's range means in an object of `object_bytes`; nothing when there are
/// none, or it ends before it begins.
[[nodiscard]] std::optional<ByteStretch> resolve(const ScanRange& range,
                                                 std::uint64_t object_bytes);

/// Lets those records through that begin in a stretch, whole: what comes before the first one and
/// behind the last one goes. Records end with a delimiter that stands nowhere else.
class LineRange {
 public:
  LineRange(std::string delimiter, ByteStretch stretch);
  /// Where the bytes begin that filter() wants to see: a delimiter in front of the stretch tells
  /// that a record begins there.
  [[nodiscard]] std::uint64_t read_from() const { return position_; }
  /// What of the next bytes belongs to the records.
  [[nodiscard]] std::string_view filter(std::string_view bytes);
  /// Whether the last record is through.
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  /// How far the next delimiter goes that ends at `least` or later; all of `bytes`: there is none.
  std::optional<std::size_t> find_end(std::string_view bytes, std::uint64_t least);

  const std::string delimiter_;
  const ByteStretch stretch_;
  std::uint64_t position_;  ///< Of the next byte in the object.
  std::string tail_;        ///< The last bytes that could begin a delimiter.
  bool skipping_;
  bool complete_ = false;
};

}  // namespace kelp::select
