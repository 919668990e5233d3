#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/s3_error.h"

// multipart/form-data as a browser uploads with it (RFC 7578, RFC 2046 section 5.1): fields, then
// one file. What stands behind the file is ignored.

namespace kelp::s3 {

/// Most bytes of a form in front of its file, and behind it: "POST Object" of the S3 developer
/// guide.
inline constexpr std::size_t kMaxFormBytes = 20'480;

/// The boundary in a Content-Type of multipart/form-data. PreconditionFailed for another type, as
/// AWS answers; MalformedPOSTRequest without a good boundary.
[[nodiscard]] S3Result<std::string> form_boundary(std::string_view content_type);

/// A field of a form, `${filename}` not yet replaced.
struct FormField {
  std::string name;  ///< As sent.
  std::string value;
};

/// A form up to the first byte of its file.
struct FormHead {
  std::vector<FormField> fields;        ///< In order; names may repeat.
  std::optional<std::string> filename;  ///< As sent; nothing when the part names none.
  std::size_t file_begins = 0;          ///< Offset of the file's first byte.
};

/// Reads the fields in front of the part `file`.
///
/// `bytes`  the beginning of the body: kMaxFormBytes of it, or more, or all.
/// `whole`  whether that is all.
/// Errors   MalformedPOSTRequest; MaxPostPreDataLengthExceeded; InvalidArgument without a file.
[[nodiscard]] S3Result<FormHead> parse_form_head(std::string_view bytes, std::string_view boundary,
                                                 bool whole);

/// What ends a file: the line break that belongs to it, and the boundary.
[[nodiscard]] std::string file_delimiter(std::string_view boundary);

/// The front of some bytes of a file.
struct FileBytes {
  std::size_t data = 0;  ///< So many bytes are the file's for sure.
  bool ended = false;    ///< The delimiter follows them; else what follows may be its beginning.
};
/// Looks for the file's end.
[[nodiscard]] FileBytes scan_file(std::string_view bytes, std::string_view delimiter);

}  // namespace kelp::s3
