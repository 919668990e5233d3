#include "policy/json_text.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <set>
#include <string>
#include <vector>

namespace kelp::policy {
namespace {

constexpr std::size_t kDepth = 32;

/// Sees the names of every object and ends the parse at one that comes twice.
struct NamesOnce {
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;
  using Code = boost::system::error_code;
  using Text = boost::json::string_view;

  bool on_object_begin(Code&) {
    names.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, Code&) {
    names.pop_back();
    return true;
  }
  bool on_key_part(Text part, std::size_t, Code&) {
    key += part;
    return true;
  }
  bool on_key(Text part, std::size_t, Code& code) {
    key += part;
    if (names.back().insert(std::exchange(key, {})).second) return true;
    code = boost::json::error::exception;
    return false;
  }
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_string_part(Text, std::size_t, Code&) { return true; }
  bool on_string(Text, std::size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return true; }
  bool on_uint64(std::uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  std::vector<std::set<std::string>> names;
  std::string key;
};

}  // namespace

Result<boost::json::object> parse_json_object(std::string_view text) {
  const auto refused =
      Error(Errc::kInvalidArgument, "Policies must be valid JSON and the first byte must be '{'");
  if (!text.starts_with('{')) return refused;
  boost::json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code code;
  boost::json::basic_parser<NamesOnce> names(options);
  if (names.write_some(false, text.data(), text.size(), code) != text.size() || code)
    return refused;
  auto value = boost::json::parse(text, code, {}, options);
  if (code || !value.is_object()) return refused;
  return std::move(value.as_object());
}

}  // namespace kelp::policy
