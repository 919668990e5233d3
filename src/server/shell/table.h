#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kelp::server {

/// A column of a table: which member of each row, and how it is shown.
struct Column {
  enum class Show : std::uint8_t { kPlain, kBytes };
  std::string_view key;  ///< Also the heading; underscores become blanks.
  Show show = Show::kPlain;
};

/// Objects as an aligned table with headings; numbers stand to the right. A member that is missing
/// or null is "-", a list is joined with commas. "(none)" without rows.
[[nodiscard]] std::string table_text(const boost::json::array& rows,
                                     std::span<const Column> columns);

}  // namespace kelp::server
