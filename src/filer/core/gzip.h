#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

/// Packs text as a gzip file (RFC 1952) while it comes. In memory; on one thread at a time.
class GzipWriter {
 public:
  GzipWriter();
  ~GzipWriter();
  GzipWriter(GzipWriter&&) noexcept;
  GzipWriter& operator=(GzipWriter&&) noexcept;

  /// Adds text. kResourceExhausted when there is no memory.
  [[nodiscard]] Result<void> add(std::string_view text);
  /// The bytes of the file that are there so far.
  [[nodiscard]] std::size_t bytes() const { return packed_.size(); }
  /// Ends the file and gives it away; nothing is added behind that.
  [[nodiscard]] Result<std::string> finish();

 private:
  struct Stream;
  [[nodiscard]] Result<void> run(std::string_view text, bool last);

  std::unique_ptr<Stream> stream_;
  std::string packed_;
};

}  // namespace kelp
