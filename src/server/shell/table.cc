#include "server/shell/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "server/cluster_text.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value, Column::Show show) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.as_string().empty() ? "-" : value.as_string().c_str();
  if (value.is_bool()) return value.as_bool() ? "yes" : "no";
  if (value.is_array()) {
    std::string out;
    for (const json::value& each : value.as_array()) {
      out += (out.empty() ? "" : ",") + text_of(each, show);
    }
    return out.empty() ? "-" : out;
  }
  if (show == Column::Show::kBytes && value.is_number()) {
    return bytes_text(value.to_number<std::uint64_t>());
  }
  return json::serialize(value);
}

/// Columns as wide in characters, not bytes: names may be UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

/// One column, its heading first.
struct Cells {
  std::vector<std::string> texts;
  std::size_t width = 0;
  bool numbers = true;

  void add(std::string text, bool number) {
    width = std::max(width, width_of(text));
    numbers = numbers && number;
    texts.push_back(std::move(text));
  }
};

Cells cells_of(const json::array& rows, const Column& column) {
  Cells cells;
  std::string heading(column.key);
  std::ranges::replace(heading, '_', ' ');
  cells.add(std::move(heading), true);
  for (const json::value& row : rows) {
    const json::value* found = row.as_object().if_contains(column.key);
    const json::value value = found == nullptr ? json::value() : *found;
    cells.add(text_of(value, column.show), value.is_number() || value.is_null());
  }
  return cells;
}

}  // namespace

std::string table_text(const json::array& rows, std::span<const Column> columns) {
  if (rows.empty()) return "(none)\n";
  std::vector<Cells> table;
  for (const Column& column : columns) table.push_back(cells_of(rows, column));
  std::string out;
  for (std::size_t line = 0; line <= rows.size(); ++line) {
    std::string text;
    for (const Cells& cells : table) {
      const std::string& cell = cells.texts[line];
      const std::string blanks(cells.width - width_of(cell), ' ');
      text += (text.empty() ? "" : "  ");
      text += cells.numbers ? blanks + cell : cell + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

}  // namespace kelp::server
