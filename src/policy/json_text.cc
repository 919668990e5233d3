#include "policy/json_text.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/json_events.h"

namespace kelp::policy {
namespace {

constexpr std::size_t kDepth = 32;

/// Sees the names of every object and ends the parse at one that comes twice.
struct NamesOnce : JsonEvents {
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
