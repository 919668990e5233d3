#include "policy/context.h"

#include <algorithm>

namespace kelp::policy {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

void Context::add(std::string_view key, std::string value) {
  values_of(key).push_back(std::move(value));
}

void Context::add_empty(std::string_view key) {
  (void)values_of(key);
}

Context::Values& Context::values_of(std::string_view key) {
  std::string name = lower_case(key);
  const auto at = std::ranges::find(entries_, name, &std::pair<std::string, Values>::first);
  if (at != entries_.end()) return at->second;
  return entries_.emplace_back(std::move(name), Values{}).second;
}

const Context::Values* Context::find(std::string_view lower_key) const {
  const auto at = std::ranges::find(entries_, lower_key, &std::pair<std::string, Values>::first);
  return at == entries_.end() ? nullptr : &at->second;
}

}  // namespace kelp::policy
