#include "s3gw/core/conditions.h"

#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"

namespace kelp::s3 {
namespace {

using std::chrono::sys_seconds;

ReadConditions find_conditions(std::span<const HttpHeader> headers, std::string_view prefix) {
  ReadConditions found;
  for (const HttpHeader& header : headers) {
    if (!starts_with_lower(header.name, prefix)) continue;
    const std::string_view name = header.name.substr(prefix.size());
    if (equals_lower(name, "match")) found.if_match = header.value;
    if (equals_lower(name, "none-match")) found.if_none_match = header.value;
    if (equals_lower(name, "modified-since")) found.if_modified_since = header.value;
    if (equals_lower(name, "unmodified-since")) found.if_unmodified_since = header.value;
  }
  return found;
}

std::optional<sys_seconds> date_of(const std::optional<std::string_view>& text) {
  return text ? parse_http_date(*text) : std::nullopt;
}

}  // namespace

ReadConditions read_conditions(std::span<const HttpHeader> headers) {
  return find_conditions(headers, "if-");
}

ReadConditions copy_source_conditions(std::span<const HttpHeader> headers) {
  return find_conditions(headers, "x-amz-copy-source-if-");
}

ReadConditions rename_source_conditions(std::span<const HttpHeader> headers) {
  return find_conditions(headers, "x-amz-rename-source-if-");
}

bool etag_list_matches(std::string_view list, std::string_view etag, bool weak) {
  if (trimmed(list) == "*") return true;
  while (!list.empty()) {
    std::string_view tag = trimmed(cut(list, ','));
    if (tag.starts_with("W/")) {
      if (!weak) continue;
      tag.remove_prefix(2);
    }
    if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') {
      tag = tag.substr(1, tag.size() - 2);
    }
    if (!tag.empty() && tag == etag) return true;
  }
  return false;
}

ConditionOutcome evaluate(const ReadConditions& conditions, const Validators& object) {
  const auto modified = std::chrono::floor<std::chrono::seconds>(object.modified);
  if (conditions.if_match) {
    if (!etag_list_matches(*conditions.if_match, object.etag, false)) {
      return {ConditionResult::kPreconditionFailed, "If-Match"};
    }
  } else if (const auto date = date_of(conditions.if_unmodified_since); date && modified > *date) {
    return {ConditionResult::kPreconditionFailed, "If-Unmodified-Since"};
  }
  if (conditions.if_none_match) {
    if (etag_list_matches(*conditions.if_none_match, object.etag, true)) {
      return {ConditionResult::kNotModified, "If-None-Match"};
    }
  } else if (const auto date = date_of(conditions.if_modified_since); date && modified <= *date) {
    return {ConditionResult::kNotModified, "If-Modified-Since"};
  }
  return {};
}

}  // namespace kelp::s3
