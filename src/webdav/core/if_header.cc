#include "webdav/core/if_header.h"

#include <algorithm>

#include "s3gw/core/header_text.h"

namespace kelp::webdav {
namespace {

constexpr std::size_t kMaxConditions = 64;

/// Cuts the header's tokens off its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] char peek() {
    rest_ = s3::trimmed(rest_);
    return rest_.empty() ? '\0' : rest_.front();
  }
  void skip() { rest_.remove_prefix(1); }
  /// Whether a `Not` stands next, which is taken.
  bool take_not() {
    if (!s3::starts_with_lower(rest_, "not")) return false;
    rest_.remove_prefix(3);
    return true;
  }
  /// What stands between the opening character that is next and `close`.
  Outcome<std::string> enclosed(char close) {
    skip();
    const std::size_t end = rest_.find(close);
    if (end == rest_.npos || end == 0) return failed(400, "If: an opening bracket is not closed");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }

 private:
  std::string_view rest_;
};

Outcome<IfList> parse_list(Reader& in, const std::string& resource, std::size_t& conditions) {
  IfList list{.resource = resource, .all = {}};
  in.skip();
  while (in.peek() != ')') {
    IfCondition condition;
    condition.negated = in.take_not();
    const char next = in.peek();
    if (next != '<' && next != '[') return failed(400, "If: neither a lock token nor an ETag");
    condition.is_etag = next == '[';
    KELP_DAV_TRY(condition.value, in.enclosed(condition.is_etag ? ']' : '>'));
    if (++conditions > kMaxConditions) return failed(400, "If: more than 64 conditions");
    list.all.push_back(std::move(condition));
  }
  in.skip();
  if (list.all.empty()) return failed(400, "If: an empty list");
  return list;
}

bool holds(const IfCondition& condition, const ResourceState& state) {
  const bool matches = condition.is_etag
                           ? condition.value == state.etag
                           : std::ranges::find(state.tokens, condition.value) != state.tokens.end();
  return matches != condition.negated;
}

}  // namespace

Outcome<std::vector<IfList>> parse_if(std::string_view header) {
  Reader in(header);
  std::vector<IfList> lists;
  std::string resource;
  std::size_t conditions = 0;
  const bool tagged = in.peek() == '<';
  while (in.peek() != '\0') {
    if (in.peek() == '<') {
      if (!tagged) return failed(400, "If: a tag behind a list without one");
      KELP_DAV_TRY(resource, in.enclosed('>'));
    }
    if (in.peek() != '(') return failed(400, "If: a list must follow");
    while (in.peek() == '(') {
      KELP_DAV_TRY(IfList list, parse_list(in, resource, conditions));
      lists.push_back(std::move(list));
    }
  }
  if (lists.empty()) return failed(400, "If: no list");
  return lists;
}

bool evaluate(std::span<const IfList> lists, std::span<const ResourceState> states) {
  for (std::size_t i = 0; i < lists.size() && i < states.size(); ++i) {
    const auto fits = [&](const IfCondition& condition) { return holds(condition, states[i]); };
    if (std::ranges::all_of(lists[i].all, fits)) return true;
  }
  return false;
}

std::vector<std::string> submitted_tokens(std::span<const IfList> lists) {
  std::vector<std::string> tokens;
  for (const IfList& list : lists) {
    for (const IfCondition& condition : list.all) {
      if (!condition.is_etag && !condition.negated) tokens.push_back(condition.value);
    }
  }
  return tokens;
}

}  // namespace kelp::webdav
