#include "notify/core/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <ranges>

namespace kelp::notify {
namespace {

constexpr std::string_view kWrapper = "NotificationConfiguration";
constexpr std::array<std::string_view, 3> kArnElements{"Topic", "Queue", "CloudFunction"};

bool is_named(const pugi::xml_node& node, std::string_view name) {
  return std::string_view(node.name()) == name;
}

/// "prefix" of "Prefix".
bool is_word(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

void read_filter(const pugi::xml_node& filter, Rule& rule) {
  for (const pugi::xml_node& one : filter.child("S3Key").children("FilterRule")) {
    std::string& value =
        is_word(one.child("Name").text().get(), "prefix") ? rule.prefix : rule.suffix;
    value = one.child("Value").text().get();
  }
}

/// Nothing of an element that sends to no target of ours: EventBridge.
std::optional<Rule> read_rule(const pugi::xml_node& node) {
  Rule rule;
  bool has_arn = false;
  for (const pugi::xml_node& child : node.children()) {
    if (is_named(child, "Id")) {
      rule.id = child.text().get();
    } else if (is_named(child, "Event")) {
      rule.events.emplace_back(child.text().get());
    } else if (is_named(child, "Filter")) {
      read_filter(child, rule);
    } else if (std::ranges::find(kArnElements, child.name()) != kArnElements.end()) {
      has_arn = true;
      rule.target = target_of_arn(child.text().get()).value_or(std::string_view());
    }
  }
  if (!has_arn) return std::nullopt;
  return rule;
}

}  // namespace

// AWS has the service third and what it calls by name last, behind region and account; others put
// the name where AWS has the account, and then what kind it is.
std::optional<std::string_view> target_of_arn(std::string_view arn) {
  std::vector<std::string_view> fields;
  for (const auto field : std::views::split(arn, ':')) fields.emplace_back(field);
  if (fields.size() < 6 || fields[0] != "arn") return std::nullopt;
  const bool aws = fields[1].starts_with("aws");
  const std::string_view service = fields[2];
  std::string_view name = aws ? fields[5] : fields[4];
  if (aws && service == "lambda") {
    if (fields.size() < 7 || fields[5] != "function") return std::nullopt;
    name = fields[6];
  }
  const bool known = service == "sqs" || service == "sns" || service == "lambda";
  if (!known || name.empty()) return std::nullopt;
  return name;
}

Result<std::vector<Rule>> parse_rules(std::string_view setting) {
  const std::string text = fmt::format("<{0}>{1}</{0}>", kWrapper, setting);
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(
      text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
  if (!parsed) {
    return Error(Errc::kCorruption,
                 fmt::format("a bucket's notification setting: {}", parsed.description()));
  }
  std::vector<Rule> rules;
  for (const pugi::xml_node& node : document.document_element().children()) {
    if (auto rule = read_rule(node)) rules.push_back(*std::move(rule));
  }
  return rules;
}

bool covers(std::string_view pattern, std::string_view name) {
  constexpr std::string_view kService = "s3:";
  if (!pattern.starts_with(kService)) return false;
  pattern.remove_prefix(kService.size());
  if (!pattern.ends_with('*')) return pattern == name;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

const Rule* rule_for(const std::vector<Rule>& rules, std::string_view name, std::string_view key) {
  const auto fits = [&](const Rule& rule) {
    return key.starts_with(rule.prefix) && key.ends_with(rule.suffix) &&
           std::ranges::any_of(rule.events,
                               [&](const std::string& event) { return covers(event, name); });
  };
  const auto found = std::ranges::find_if(rules, fits);
  return found == rules.end() ? nullptr : &*found;
}

std::vector<std::string> targets_of(const std::vector<Rule>& rules) {
  std::vector<std::string> names;
  for (const Rule& rule : rules) {
    if (!rule.target.empty()) names.push_back(rule.target);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::unique(names);
  names.erase(twice.begin(), twice.end());
  return names;
}

}  // namespace kelp::notify
