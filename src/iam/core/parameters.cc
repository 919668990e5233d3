#include "iam/core/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/encoding.h"
#include "iam/core/names.h"
#include "policy/context.h"
#include "s3gw/core/header_text.h"

namespace kelp::iam {
namespace {

constexpr std::size_t kMaxParameters = 1000;

QueryError malformed(std::string message) {
  return {"MalformedInput", 400, std::move(message)};
}

/// Of every request, or of its signature.
bool is_common(std::string_view name) {
  static constexpr std::string_view kCommon[] = {
      "Action",           "Version",       "AWSAccessKeyId", "SignatureMethod",
      "SignatureVersion", "SecurityToken", "Timestamp"};
  return std::ranges::find(kCommon, name) != std::end(kCommon) || name.starts_with("X-Amz-");
}

}  // namespace

Outcome<Parameters> Parameters::parse(std::string_view form) {
  Parameters out;
  std::size_t count = 0;
  while (!form.empty()) {
    std::string_view value = s3::cut(form, '&');
    if (value.empty()) continue;
    if (++count > kMaxParameters) return malformed("The request has too many parameters.");
    auto name = url_decode(s3::cut(value, '='), true);
    auto text = url_decode(value, true);
    if (!name || !text) return malformed("The request has a broken escape.");
    if (!out.values_.emplace(*name, *std::move(text)).second) {
      return malformed(fmt::format("The parameter {} is there twice.", name->substr(0, 64)));
    }
  }
  return out;
}

const std::string* Parameters::find(std::string_view name) const {
  const auto at = values_.find(name);
  return at == values_.end() ? nullptr : &at->second;
}

std::string_view Parameters::get(std::string_view name) const {
  const std::string* found = find(name);
  return found == nullptr ? std::string_view() : std::string_view(*found);
}

Outcome<std::optional<std::uint32_t>> Parameters::number(std::string_view name, std::uint32_t low,
                                                         std::uint32_t high) const {
  const std::string* text = find(name);
  if (text == nullptr) return std::optional<std::uint32_t>();
  std::uint32_t value = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < low || value > high) {
    return validation_error(name, *text,
                            fmt::format("Member must be a number from {} to {}", low, high));
  }
  return std::optional(value);
}

Outcome<bool> Parameters::flag(std::string_view name, bool fallback) const {
  const std::string* text = find(name);
  if (text == nullptr) return fallback;
  if (*text == "true" || *text == "false") return *text == "true";
  return validation_error(name, *text, "Member must be true or false");
}

Outcome<std::vector<std::string>> Parameters::list(std::string_view name,
                                                   std::string_view leaf) const {
  std::vector<std::string> values;
  const std::string prefix = fmt::format("{}.member.", name);
  std::size_t there = 0;
  for (auto at = values_.lower_bound(prefix); at != values_.end(); ++at, ++there) {
    if (!at->first.starts_with(prefix)) break;
  }
  while (const std::string* value = find(fmt::format("{}{}{}", prefix, values.size() + 1, leaf))) {
    values.push_back(*value);
  }
  if (values.size() != there) {
    return malformed(fmt::format("The members of {} must be numbered from 1.", name));
  }
  return values;
}

Outcome<std::vector<Tag>> Parameters::tags(std::string_view name) const {
  std::vector<Tag> tags;
  std::set<std::string> keys;
  const std::string prefix = fmt::format("{}.member.", name);
  std::size_t there = 0;
  for (auto at = values_.lower_bound(prefix); at != values_.end(); ++at, ++there) {
    if (!at->first.starts_with(prefix)) break;
  }
  while (true) {
    const std::string at = fmt::format("{}{}", prefix, tags.size() + 1);
    const std::string* key = find(at + ".Key");
    const std::string* value = find(at + ".Value");
    if (key == nullptr) break;
    there -= value == nullptr ? 1 : 2;
    tags.push_back({*key, value == nullptr ? std::string() : *value});
    KELP_CHECK(check_tag(tags.back()));
    if (!keys.insert(policy::lower_case(*key)).second) {
      return invalid_input(
          "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
  }
  if (there != 0) {
    return malformed(fmt::format("The members of {} must be numbered from 1.", name));
  }
  if (tags.size() > kMaxTags) return limit_exceeded("TagsPerResource", kMaxTags);
  return tags;
}

Outcome<void> Parameters::check(std::string_view allowed) const {
  std::set<std::string_view> names;
  std::set<std::string_view> lists;
  while (!allowed.empty()) {
    std::string_view name = s3::cut(allowed, ' ');
    const char mark = name.empty() ? ' ' : name.back();
    if (mark == '!' || mark == '*') name.remove_suffix(1);
    (mark == '*' ? lists : names).insert(name);
    if (mark == '!' && find(name) == nullptr) return missing_parameter(name);
  }
  for (const auto& [name, value] : values_) {
    if (is_common(name) || names.contains(name)) continue;
    const std::string_view head = std::string_view(name).substr(0, name.find('.'));
    // An empty list travels as its name alone.
    if (lists.contains(head) && (head.size() < name.size() || value.empty())) continue;
    return validation_error(name, value, "Member is not known to this action");
  }
  return {};
}

}  // namespace kelp::iam
