#include "s3gw/core/cors.h"

#include <algorithm>
#include <array>

#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

constexpr std::array<std::string_view, 5> kMethods{"GET", "PUT", "HEAD", "POST", "DELETE"};
constexpr std::size_t kMaxAskedHeaders = 100;  // more than any page has
constexpr std::string_view kAllow = "Access-Control-Allow-";

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), ascii_lower);
  return lower;
}

/// `pattern` has one wildcard at most, which stands for any text, also for none.
bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  const std::string_view tail = pattern.substr(star + 1);
  return text.size() + 1 >= pattern.size() && text.starts_with(pattern.substr(0, star)) &&
         text.ends_with(tail);
}

/// The rule's origin that fits; null when none does.
const Element* origin_of(const Element& rule, std::string_view origin) {
  for (const Element* allowed : rule.all("AllowedOrigin")) {
    if (matches(allowed->text, origin)) return allowed;
  }
  return nullptr;
}

bool allows_method(const Element& rule, std::string_view method) {
  return std::ranges::any_of(rule.all("AllowedMethod"),
                             [&](const Element* allowed) { return allowed->text == method; });
}

/// As matches(), where case means nothing. `lower` is in lower case.
bool matches_lower(std::string_view pattern, std::string_view lower) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return equals_lower(pattern, lower);
  const std::string_view tail = pattern.substr(star + 1);
  return lower.size() + 1 >= pattern.size() &&
         equals_lower(pattern.substr(0, star), lower.substr(0, star)) &&
         equals_lower(tail, lower.substr(lower.size() - tail.size()));
}

bool allows_header(const std::vector<const Element*>& allowed, std::string_view lower) {
  return std::ranges::any_of(
      allowed, [&](const Element* pattern) { return matches_lower(pattern->text, lower); });
}

/// The headers that were asked for, in lower case; nothing when the rule refuses one.
std::optional<std::vector<std::string>> allowed_headers(const Element& rule,
                                                        std::string_view asked) {
  const std::vector<const Element*> allowed = rule.all("AllowedHeader");
  std::vector<std::string> headers;
  while (!asked.empty()) {
    const std::string_view header = trimmed(cut(asked, ','));
    if (header.empty()) continue;
    headers.push_back(lowered(header));
    if (headers.size() > kMaxAskedHeaders || !allows_header(allowed, headers.back())) {
      return std::nullopt;
    }
  }
  return headers;
}

void add_joined(const std::vector<std::string>& values, std::string name, CorsHeaders& headers) {
  std::string joined;
  for (const std::string& value : values) joined += (joined.empty() ? "" : ", ") + value;
  if (!joined.empty()) headers.emplace_back(std::move(name), std::move(joined));
}

std::vector<std::string> texts(const Element& rule, std::string_view name) {
  std::vector<std::string> found;
  for (const Element* element : rule.all(name)) found.push_back(element->text);
  return found;
}

}  // namespace

bool is_cors_method(std::string_view method) {
  return std::ranges::find(kMethods, method) != kMethods.end();
}

std::optional<CorsHeaders> cors_headers(const Element& document, const CorsAsk& ask) {
  for (const Element& rule : document.inside) {
    const Element* const origin = origin_of(rule, ask.origin);
    if (origin == nullptr || !allows_method(rule, ask.method)) continue;
    const auto asked = allowed_headers(rule, ask.headers);
    if (!asked) continue;
    CorsHeaders headers;
    const std::string allow(kAllow);
    const bool anybody = origin->text == "*";
    headers.emplace_back(allow + "Origin", anybody ? "*" : ask.origin);
    add_joined(texts(rule, "AllowedMethod"), allow + "Methods", headers);
    add_joined(*asked, allow + "Headers", headers);
    add_joined(texts(rule, "ExposeHeader"), "Access-Control-Expose-Headers", headers);
    if (rule.has("MaxAgeSeconds")) {
      headers.emplace_back("Access-Control-Max-Age", rule.text_of("MaxAgeSeconds"));
    }
    if (!anybody) headers.emplace_back(allow + "Credentials", "true");
    headers.emplace_back("Vary",
                         "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    return headers;
  }
  return std::nullopt;
}

}  // namespace kelp::s3
