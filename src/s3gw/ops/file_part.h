#pragma once

#include <cstdint>
#include <string>

#include "net/http.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// The file of a form as a body of its own: ends where the form's boundary stands. One user at a
/// time; io thread of the connection.
class FilePart final : public BodyReader {
 public:
  /// `body`       the form's, read up to what `begun` holds. Must outlive this.
  /// `begun`      the first bytes of the file, and perhaps more.
  /// `delimiter`  file_delimiter().
  FilePart(BodyReader& body, std::string begun, std::string delimiter)
      : body_(body), held_(std::move(begun)), delimiter_(std::move(delimiter)) {}

  /// As BodyReader; kInvalidArgument when the form ends before the file does (see broken()).
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override;

  /// Whether the form ended without the boundary.
  [[nodiscard]] bool broken() const { return broken_; }

  /// Reads what stands behind the file, which counts for nothing. Call after the last read_some().
  /// MalformedPOSTRequest when that is more than a form may have.
  [[nodiscard]] Task<S3Result<void>> finish();

 private:
  /// Looks for the end in what is held.
  void scan();

  BodyReader& body_;
  std::string held_;  ///< From `given_` on: not yet given out.
  std::string delimiter_;
  std::size_t given_ = 0;
  std::size_t data_ = 0;  ///< So many bytes behind `given_` are the file's.
  bool scanned_ = false;
  bool ended_ = false;
  bool broken_ = false;
};

}  // namespace kelp::s3
