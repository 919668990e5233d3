#include "master/http/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.h"

namespace kelp::master {

std::string_view HttpTarget::get(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::uint64_t> HttpTarget::number(std::string_view name, std::uint64_t otherwise) const {
  const std::string_view text = get(name);
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size()) return value;
  return Error(Errc::kInvalidArgument, fmt::format("{}={}: not a whole number", name, text));
}

Result<HttpTarget> parse_target(std::string_view target) {
  HttpTarget out;
  const std::size_t mark = std::min(target.find('?'), target.size());
  KELP_TRY(out.path, url_decode(target.substr(0, mark)));
  std::string_view rest = target.substr(std::min(mark + 1, target.size()));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    KELP_TRY(std::string name, url_decode(pair.substr(0, equals), true));
    KELP_TRY(out.query[std::move(name)],
             url_decode(pair.substr(std::min(equals + 1, pair.size())), true));
  }
  return out;
}

}  // namespace kelp::master
