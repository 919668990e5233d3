#include "lifecycle/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "lifecycle/config_nodes.h"

namespace kelp::lifecycle {
namespace {

using Node = pugi::xml_node;

Error unknown(const Node& node) {
  return Error(Errc::kUnimplemented,
               fmt::format("lifecycle: the element {} is not known", node.name()));
}

Error malformed(std::string_view what) {
  return Error(Errc::kCorruption, fmt::format("lifecycle: {} is malformed", what));
}

template <typename T>
Result<T> number_of(const Node& node) {
  const std::string text = text_of(node);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return malformed(node.name());
  return value;
}

Result<std::uint32_t> days_of(const Node& node) {
  KELP_TRY(const auto days, number_of<std::uint64_t>(node));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(days, kMaxDays));
}

/// A day, "2030-01-01T00:00:00.000Z": dates are midnights.
Result<WallTime> date_of(const Node& node) {
  const std::string text = text_of(node);
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  const auto read = [&text](std::size_t at, std::size_t length, auto& value) {
    const char* const end = text.data() + at + length;
    return std::from_chars(text.data() + at, end, value).ptr == end;
  };
  const bool good = text.size() > 10 && text.substr(10).starts_with("T00:00:00") &&
                    text[4] == '-' && text[7] == '-' && read(0, 4, year) && read(5, 2, month) &&
                    read(8, 2, day);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!good || !date.ok()) return malformed("a date");
  // Later ones cannot be told in nanoseconds.
  constexpr std::chrono::sys_days kLast{std::chrono::year(2261) / 1 / 1};
  return WallTime(std::min(std::chrono::sys_days(date), kLast));
}

Result<void> read_tag(const Node& node, Filter& filter) {
  auto& [key, value] = filter.tags.emplace_back();
  for (const Node child : node.children()) {
    if (is(child, "Key")) {
      key = text_of(child);
    } else if (is(child, "Value")) {
      value = text_of(child);
    } else {
      return unknown(child);
    }
  }
  return {};
}

/// Reads what a Filter or its And says.
Result<void> read_filter(const Node& node, Filter& filter) {
  for (const Node child : node.children()) {
    if (is(child, "Prefix")) {
      filter.prefix = text_of(child);
    } else if (is(child, "Tag")) {
      KELP_CHECK(read_tag(child, filter));
    } else if (is(child, "ObjectSizeGreaterThan")) {
      KELP_TRY(filter.larger_than, number_of<std::uint64_t>(child));
    } else if (is(child, "ObjectSizeLessThan")) {
      KELP_TRY(filter.smaller_than, number_of<std::uint64_t>(child));
    } else if (is(child, "And")) {
      KELP_CHECK(read_filter(child, filter));
    } else {
      return unknown(child);
    }
  }
  return {};
}

Result<void> read_expiration(const Node& node, Rule& rule) {
  for (const Node child : node.children()) {
    if (is(child, "Days")) {
      KELP_TRY(const std::uint32_t days, days_of(child));
      rule.expires = When{.days = days, .date = {}};
    } else if (is(child, "Date")) {
      KELP_TRY(const WallTime date, date_of(child));
      rule.expires = When{.days = 0, .date = date};
    } else if (is(child, "ExpiredObjectDeleteMarker")) {
      rule.expired_markers = text_of(child) == "true";
    } else {
      return unknown(child);
    }
  }
  return {};
}

/// Reads what an action says of when, and to which class, when it is one that moves.
Result<void> read_noncurrent(const Node& node, Noncurrent& noncurrent, std::string* to) {
  for (const Node child : node.children()) {
    if (is(child, "NoncurrentDays")) {
      KELP_TRY(noncurrent.days, days_of(child));
    } else if (is(child, "NewerNoncurrentVersions")) {
      KELP_TRY(noncurrent.newer, number_of<std::uint32_t>(child));
    } else if (to != nullptr && is(child, "StorageClass")) {
      *to = text_of(child);
    } else {
      return unknown(child);
    }
  }
  return {};
}

Result<void> read_move(const Node& node, Move& move) {
  for (const Node child : node.children()) {
    if (is(child, "Days")) {
      KELP_TRY(move.when.days, days_of(child));
    } else if (is(child, "Date")) {
      KELP_TRY(move.when.date, date_of(child));
    } else if (is(child, "StorageClass")) {
      move.to = text_of(child);
    } else {
      return unknown(child);
    }
  }
  return {};
}

Result<void> read_abort(const Node& node, Rule& rule) {
  for (const Node child : node.children()) {
    if (!is(child, "DaysAfterInitiation")) return unknown(child);
    KELP_TRY(rule.abort_days, days_of(child));
  }
  return {};
}

/// Nothing of a rule that is not enabled.
Result<std::optional<Rule>> read_rule(const Node& node) {
  Rule rule;
  bool enabled = false;
  for (const Node child : node.children()) {
    if (is(child, "ID")) {
      rule.id = text_of(child);
    } else if (is(child, "Prefix")) {
      rule.filter.prefix = text_of(child);
    } else if (is(child, "Filter")) {
      KELP_CHECK(read_filter(child, rule.filter));
    } else if (is(child, "Status")) {
      enabled = text_of(child) == "Enabled";
    } else if (is(child, "Expiration")) {
      KELP_CHECK(read_expiration(child, rule));
    } else if (is(child, "NoncurrentVersionExpiration")) {
      KELP_CHECK(read_noncurrent(child, rule.noncurrent.emplace(), nullptr));
    } else if (is(child, "AbortIncompleteMultipartUpload")) {
      KELP_CHECK(read_abort(child, rule));
    } else if (is(child, "Transition")) {
      KELP_CHECK(read_move(child, rule.moves.emplace_back()));
    } else if (is(child, "NoncurrentVersionTransition")) {
      NoncurrentMove& move = rule.noncurrent_moves.emplace_back();
      KELP_CHECK(read_noncurrent(child, move.when, &move.to));
    } else {
      return unknown(child);
    }
  }
  if (!enabled) return std::nullopt;
  return rule;
}

void add(Rule rule, Rules& rules) {
  const bool moves = !rule.moves.empty() || !rule.noncurrent_moves.empty();
  const bool about_objects = rule.expires || rule.expired_markers || rule.noncurrent || moves;
  if (!about_objects && !rule.abort_days) return;
  rules.any_objects |= about_objects;
  rules.any_uploads |= rule.abort_days.has_value();
  rules.any_tags |= !rule.filter.tags.empty();
  if (rule.noncurrent) rules.most_newer = std::max(rules.most_newer, rule.noncurrent->newer);
  for (const NoncurrentMove& move : rule.noncurrent_moves) {
    rules.most_newer = std::max(rules.most_newer, move.when.newer);
  }
  rules.rules.push_back(std::move(rule));
}

}  // namespace

bool Filter::matches(const Subject& subject) const {
  if (!subject.key.starts_with(prefix)) return false;
  if (larger_than && subject.size_bytes <= *larger_than) return false;
  if (smaller_than && subject.size_bytes >= *smaller_than) return false;
  return std::ranges::all_of(tags, [&subject](const auto& tag) {
    return subject.tags != nullptr && std::ranges::find(*subject.tags, tag) != subject.tags->end();
  });
}

int rank_of(std::string_view storage_class) {
  constexpr std::string_view kDown[] = {
      "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"};
  const auto* const at = std::ranges::find(kDown, storage_class);
  return at == std::end(kDown) ? 0 : static_cast<int>(at - std::begin(kDown)) + 1;
}

std::optional<std::string_view> Rules::next_key(std::string_view key) const {
  std::optional<std::string_view> next;
  for (const Rule& rule : rules) {
    const std::string_view prefix = rule.filter.prefix;
    if (key.starts_with(prefix)) return key;
    if (prefix > key && (!next || prefix < *next)) next = prefix;
  }
  return next;
}

Result<Rules> parse_rules(std::string_view kept) {
  pugi::xml_document document;
  // A prefix may be a space.
  const unsigned flags = pugi::parse_default | pugi::parse_ws_pcdata | pugi::parse_fragment;
  if (!document.load_buffer(kept.data(), kept.size(), flags, pugi::encoding_utf8)) {
    return malformed("the XML");
  }
  Rules rules;
  for (const Node child : document.children()) {
    if (is(child, "TransitionDefaultMinimumObjectSize")) {
      rules.smallest_varies = text_of(child) == "varies_by_storage_class";
      continue;
    }
    if (!is(child, "Rule")) return unknown(child);
    KELP_TRY(auto rule, read_rule(child));
    if (rule) add(*std::move(rule), rules);
  }
  return rules;
}

}  // namespace kelp::lifecycle
