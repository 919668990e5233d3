#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Messages of the answer. Source: "Appendix: SelectObjectContent Response", S3 API reference.

namespace kelp::select {

/// What was read so far.
struct Progress {
  std::uint64_t scanned_bytes = 0;    ///< Of the object.
  std::uint64_t processed_bytes = 0;  ///< Of what it was unpacked to.
  std::uint64_t returned_bytes = 0;   ///< Of records.
};

/// Appends a message with records, or a piece of them.
void append_records(std::string_view records, std::string& out);
/// Appends what keeps the connection alive.
void append_continuation(std::string& out);
/// Appends what was read so far.
void append_progress(const Progress& progress, std::string& out);
/// The same, at the end.
void append_stats(const Progress& progress, std::string& out);
/// Appends the message that says that all went well: the last one.
void append_end(std::string& out);
/// Appends the message that says that it did not: the last one.
void append_error(std::string_view code, std::string_view message, std::string& out);

}  // namespace kelp::select
